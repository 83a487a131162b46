"""What every test starts from: the login of the web, no tenant chosen, and two tenants that look alike.

The two tenants are committed once per test database, so that every login sees them; what a test changes is rolled back.
A test marked ``transaction=True`` empties the database, and the next one that asks for the tenants makes them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connections

from tenants.audit.seal_keys import seal_keys
from tenants.domain import audit_sealing
from tenants.domain.audit_sealing import ServerMoment, server_moment
from tenants.domain.keys import KEY_CACHE
from tenants.isolation.checks import check_runtime_role
from tenants.isolation.context import current_context
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import auth_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike, build_look_alike_tenants
from tests.factories.tenants import TenantFactory
from tests.owner_rows import delete_tenant, empty_queue, insert_tenant

_world: list[LookAlike] = []
_left_over: list[Tenant] = []


def _make_tenant(**fields: Any) -> Tenant:
    with owner_access("test data"):
        return TenantFactory.create(**fields)


def _make_world() -> None:
    _world[:] = build_look_alike_tenants(_make_tenant)
    with owner_access(), patch.object(audit_sealing, "server_moment", _moment_of_this_database):
        for each in _world:
            audit_sealing.seal_tenant(each.tenant.pk, seal_keys())


def _moment_of_this_database() -> ServerMoment:
    """As if only this database were on the server: tests of other workers write in theirs, and nobody else in ours."""
    moment = server_moment()
    return replace(moment, xmin=moment.xmax)


def _world_exists() -> bool:
    with auth_context():
        return Tenant.objects.filter(pk=_world[0].tenant.pk).exists()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that empty the database last: ``world`` asks for its database too late for pytest-django to know."""
    items.sort(key=_empties_the_database)


def _empties_the_database(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in fixtures


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Make the test database as the owner; refuse a login that bypasses what the suite tests."""
    if not str(connections["default"].settings_dict["NAME"]).startswith("test_"):
        return  # no test of this run is marked django_db: there is no test database, and the real one is not ours
    with django_db_blocker.unblock():
        problems = check_runtime_role(None, databases=list(connections))
        assert problems == []
        _make_world()
        for connection in connections.all():
            connection.close()


@pytest.fixture
def world(request: pytest.FixtureRequest, django_db_blocker: Any) -> tuple[LookAlike, LookAlike]:
    """The two tenants, made again where a test before emptied the database."""
    is_transactional = _empties_the_database(request.node)
    request.getfixturevalue("transactional_db" if is_transactional else "db")
    if is_transactional and not _world_exists():
        _make_world()
    if not _world:
        pytest.fail("Mark the test with pytest.mark.django_db: there is no test database without it.")
    return _world[0], _world[1]


@pytest.fixture
def ours(world: tuple[LookAlike, LookAlike]) -> LookAlike:
    """The tenant a test works in."""
    return world[0]


@pytest.fixture
def theirs(world: tuple[LookAlike, LookAlike]) -> LookAlike:
    """The tenant that must not be seen, found or changed."""
    return world[1]


@pytest.fixture
def make_tenant(db: None) -> Callable[[str], Tenant]:
    """Make further, empty tenants, committed by the owner; they go when the next test makes some.

    Not at the end of this one: its transaction still holds the rows that refer to them.
    """
    while _left_over:
        delete_tenant(_left_over.pop())

    def make(name: str) -> Tenant:
        tenant = Tenant(name=name)
        insert_tenant(tenant)
        _left_over.append(tenant)
        return tenant

    return make


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Hash passwords quickly: their strength is not what these tests are about."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_key_remembered() -> None:
    """The two tenants outlive a test; what a process remembers of their keys for five minutes must not."""
    KEY_CACHE.drop()


@pytest.fixture(autouse=True)
def _no_jobs_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take away the jobs that a test has committed."""
    if not _empties_the_database(request.node):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    empty_queue()


@pytest.fixture(autouse=True)
def _no_context_left_behind() -> Iterator[None]:
    """Fail a test that leaves a context in force for the next one."""
    assert current_context() is None
    yield
    assert current_context() is None


# --- analyses that fail ---


class _Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def analysis_failures() -> list[str]:
    """What was logged of forecasters and rules that failed, for a test that makes one fail; see below."""
    return []


@pytest.fixture(autouse=True)
def _failed_analyses_fail_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """A forecaster that fails abstains in production, so that it hinders no other one. In a test it is a failure."""
    records = _Records()
    expected: list[str] | None = None
    if "analysis_failures" in request.fixturenames:
        expected = request.getfixturevalue("analysis_failures")
        records.messages = expected
    loggers = [logging.getLogger(f"predictions.domain.{module}") for module in ("forecasting", "settlement")]
    for logger in loggers:
        logger.addHandler(records)
    yield
    for logger in loggers:
        logger.removeHandler(records)
    if expected is None and records.messages:
        pytest.fail(f"failed in silence: {records.messages}")
