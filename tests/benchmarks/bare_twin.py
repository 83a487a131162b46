"""The same application without isolation: what a request is compared with.

The twin is the same code over the same tables, with every layer of isolation taken away and the WHERE that a careful
developer would write put in its place:

1. Its connection is Django's own backend: a bare BEGIN, no context, no predicate of the compiler.
2. Its login bypasses the policies, and is otherwise set like the login of the web.
3. Its manager filters by the tenant, so the SQL is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
from django.conf import settings
from django.db import connection, connections, models
from django.db.backends.postgresql.base import DatabaseWrapper as StockWrapper

from tenants.isolation.context import current_tenant_id
from tenants.isolation.managers import TenantManager
from tests.benchmarks.turns import Work

LOGIN = "bench_without_policies"


def make_login() -> None:
    """Make the login that bypasses policies, with the settings of the web's login, in the current database."""
    superuser: dict[str, Any] = settings.DATABASES["default"]["SUPERUSER"]
    web = settings.DATABASES["default"]["USER"]
    parameters = {**superuser, "dbname": connection.settings_dict["NAME"]}
    with psycopg.connect(**parameters, autocommit=True) as admin:
        (exists,) = admin.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [LOGIN]).fetchone() or (0,)
        if not exists:
            admin.execute(f"CREATE ROLE {LOGIN} LOGIN BYPASSRLS".encode())
        found = admin.execute("SELECT unnest(rolconfig) FROM pg_roles WHERE rolname = %s", [web]).fetchall()
        for (entry,) in found:
            name, _, value = entry.partition("=")
            quoted = value if name == "search_path" else f"'{value}'"
            admin.execute(f"ALTER ROLE {LOGIN} SET {name} = {quoted}".encode())
        admin.execute(f'GRANT CONNECT ON DATABASE "{parameters["dbname"]}" TO {LOGIN}'.encode())
        admin.execute(f"GRANT USAGE ON SCHEMA public TO {LOGIN}".encode())
        admin.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {LOGIN}".encode())


def remove_login() -> None:
    """Take the login away again, as far as the current database is concerned."""
    superuser: dict[str, Any] = settings.DATABASES["default"]["SUPERUSER"]
    with psycopg.connect(**{**superuser, "dbname": connection.settings_dict["NAME"]}, autocommit=True) as admin:
        admin.execute(f"DROP OWNED BY {LOGIN}".encode())
        admin.execute(f"DROP ROLE {LOGIN}".encode())


@contextmanager
def bare_login() -> Iterator[None]:
    """The login, for as long as it is needed: it sees everything, so it must not stay."""
    make_login()
    try:
        yield
    finally:
        remove_login()


class _Twin(StockWrapper):
    """Django's own backend, which has no later: a statement goes out when it is made."""

    def execute_later(self, sql: str, params: Any) -> None:
        with self.cursor() as cursor:
            cursor.execute(sql, params)


def bare_connection() -> StockWrapper:
    """Django's own connection to the current database, under the login without policies."""
    described = {**connection.settings_dict, "ENGINE": "django.db.backends.postgresql", "USER": LOGIN, "PASSWORD": ""}
    return _Twin(described, alias="default")


@contextmanager
def using_connection(wrapper: Any) -> Iterator[None]:
    """Let everything use this connection; the one before comes back."""
    before = connections["default"]
    connections["default"] = wrapper
    try:
        yield
    finally:
        connections["default"] = before


@contextmanager
def as_the_twin(wrapper: StockWrapper) -> Iterator[None]:
    """Everything inside is done as the twin does it."""
    with using_connection(wrapper), patch.object(TenantManager, "get_queryset", _filtered):
        yield


def _filtered(manager: TenantManager[Any]) -> models.QuerySet[Any]:
    return models.Manager.get_queryset(manager).filter(tenant_id=current_tenant_id())


def with_layers(run: Callable[[], Any], wrapper: Any) -> Work:
    """The work over a connection of ours."""
    return Work(run, around=lambda: using_connection(wrapper), backend_pid=lambda: _backend_pid(wrapper))


def without_layers(run: Callable[[], Any], wrapper: StockWrapper) -> Work:
    """The work as the twin does it."""
    return Work(run, around=lambda: as_the_twin(wrapper), backend_pid=lambda: _backend_pid(wrapper))


def _backend_pid(wrapper: Any) -> int | None:
    raw = wrapper.connection
    return raw.info.backend_pid if raw is not None else None
