"""Our connection to a GitHub that is played, and the browsers of the people who look after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from integrations.domain.environment import Environment
from integrations.domain.locks import lock_key
from integrations.enums import IntegrationStatus
from integrations.models import Integration
from tenants.encryption.secret import Secret
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN, FakeGitHub
from tests.integrations.connectors.local_server import serving


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A GitHub of ours, on the loopback interface."""
    tool = FakeGitHub()
    with serving(tool):
        yield tool


def connect(one: LookAlike, **config: Any) -> Integration:
    """A connection to the played GitHub, in a project of its own."""
    with tenant_context(one.tenant.pk):
        integration = Integration(
            project=ProjectFactory.create(),
            name="Code",
            type="GITHUB",
            status=IntegrationStatus.ACTIVE,
            config={"repositories": [REPOSITORY], **config},
            credentials=Secret.of_json({"token": TOKEN}),
        )
        integration.save()
    return integration


@pytest.fixture
def played(ours: LookAlike, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> Played:
    """Our connection. What the doors ask goes to the played tool, by a clock that only moves when somebody sleeps."""
    found = Played(fake, ours.tenant.pk, connect(ours).pk)
    monkeypatch.setattr(Environment, "configured", lambda **_: found.environment())
    return found


@pytest.fixture
def foreign(theirs: LookAlike) -> Integration:
    """The same connection of the tenant that looks like ours."""
    return connect(theirs)


@pytest.fixture
def as_role(ours: LookAlike) -> Callable[[Role], ApiClient]:
    """Browsers of our people."""
    return lambda role: signed_in(ours.users[role])


@pytest.fixture
def manager(as_role: Callable[[Role], ApiClient]) -> ApiClient:
    """The browser of our project manager."""
    return as_role(Role.PROJECT_MANAGER)


@pytest.fixture
def held_by_a_worker(played: Played) -> Iterator[None]:
    """Another session, as another worker would have it, holds the lock of our connection."""
    parameters = connection.get_connection_params()
    address = {key: parameters[key] for key in ("host", "port", "user", "password", "dbname") if parameters.get(key)}
    with psycopg.connect(**address) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(played.tenant_id, played.integration_id)])
        yield


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None
