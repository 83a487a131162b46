"""The schema as it should be: all migrations in a database that is made for the purpose and dropped again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from psycopg.sql import SQL, Identifier

from tenants.isolation.context import AccessContext, Purpose, use_context
from tenants.isolation.postgresql.credentials import OWNER, connect_as
from tenants.isolation.provisioning import sync_access
from tenants.isolation.roles import credentials

from .catalogue import Catalogue, read_catalogue


class ScratchUnavailable(Exception):
    """A database to compare with cannot be made; the message says why."""


def expected_catalogue() -> Catalogue:
    """Apply every migration and the declared rights to a scratch database on the same server, and read it.

    As the owner, without touching the database in use. Raises ScratchUnavailable.
    """
    name = f"{connections[DEFAULT_DB_ALIAS].settings_dict['NAME']}_expected_{os.getpid()}"[-63:]
    context = AccessContext(Purpose.OWNER, reason="comparing the schema with the migrations")
    with _database(name), connect_as(OWNER), use_context(context), connection_to(name) as scratch:
        executor = MigrationExecutor(scratch)
        executor.migrate(executor.loader.graph.leaf_nodes())
        sync_access(scratch)
        return read_catalogue(scratch)


@contextmanager
def _database(name: str) -> Iterator[None]:
    try:
        server = psycopg.connect(**_maintenance_address(), autocommit=True)
        with server:
            server.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
            server.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
    except psycopg.Error as error:
        raise ScratchUnavailable(str(error).strip().splitlines()[0]) from error
    try:
        yield
    finally:
        with psycopg.connect(**_maintenance_address(), autocommit=True) as server:
            server.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def _maintenance_address() -> dict[str, Any]:
    """The owner's (or single user's) connection to the database in use, from which another one can be made."""
    used = connections[DEFAULT_DB_ALIAS].settings_dict
    single = {key: used[key.upper()] for key in ("host", "port", "user", "password") if used[key.upper()]}
    return {**(credentials("OWNER") or single), "dbname": used["NAME"]}


@contextmanager
def connection_to(name: str) -> Iterator[Any]:
    """Let a connection to another database of the same server stand in for the default one."""
    used = connections[DEFAULT_DB_ALIAS]
    scratch = connections.create_connection(DEFAULT_DB_ALIAS)
    scratch.settings_dict = {**scratch.settings_dict, "NAME": name}
    connections[DEFAULT_DB_ALIAS] = scratch
    try:
        yield scratch
    finally:
        connections[DEFAULT_DB_ALIAS] = used
        scratch.close()
