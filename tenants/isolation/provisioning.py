"""Roles of the cluster, rights on the database, and what each migrated table grants: idempotent, from data.

1. ``cluster_statements`` (superuser, ``manage.py provision_database``): group roles, logins, the empty database.
2. ``sync_access`` (owner, after every migrate): rights on the database, function bodies, signing key, policies and
   grants of every table.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from psycopg.sql import SQL, Identifier

from .isolated_tables import SHARED_READ_ONLY, access_by_table
from .policies import grant_statements, sync_policy_statements
from .postgresql.rows import rows
from .queue.schema import sync_queue
from .roles import DatabaseRoles, credentials, database_roles
from .search.checks import SEARCH_FUNCTION_NAMES
from .search.functions import sync_function_statements
from .search.words import WORD_FUNCTIONS, word_function_statements
from .signing import ContextSigner
from .sql import SCHEMA_STATEMENTS, function_statements

_LARGE_OBJECT_FUNCTIONS = """
  SELECT format('REVOKE EXECUTE ON FUNCTION pg_catalog.%I(%s) FROM PUBLIC', proname,
                pg_get_function_identity_arguments(oid))
  FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^(lo_|lowrite|loread)'"""


ATTRIBUTES = {
    # The owner inherits pg_database_owner, to which schema public belongs; the backup login pg_read_all_data.
    "LOGIN": "NOINHERIT NOCREATEDB NOBYPASSRLS",
    "PLATFORM": "NOINHERIT NOCREATEDB NOBYPASSRLS",
    "OWNER": "INHERIT CREATEDB NOBYPASSRLS",
    "BACKUP": "INHERIT NOCREATEDB BYPASSRLS",
    "QUEUE": "NOINHERIT NOCREATEDB NOBYPASSRLS",
}
_RUNTIME_SETTINGS = {
    # The token stands in the statement text: other sessions of the same login must not read it there.
    "track_activities": "off",
    # Nor is it to be found in the server's log, beside the first statement of a transaction that fails.
    "log_min_error_statement": "panic",
    "search_path": "public, pg_temp",
    "timezone": "UTC",
    "statement_timeout": "60s",
}
SETTINGS: dict[str, dict[str, str]] = {
    "LOGIN": _RUNTIME_SETTINGS,
    "PLATFORM": _RUNTIME_SETTINGS,
    # A migration that waits for a lock makes everybody behind it wait too: it gives up and is run again.
    "OWNER": {"lock_timeout": "10s"},
    "BACKUP": {},
    "QUEUE": {
        "track_activities": "off",
        "log_min_error_statement": "panic",
        "search_path": "queue, pg_temp",
        "timezone": "UTC",
    },
}
"""What provisioning sets for each login, and `doctor` compares."""


def memberships(roles: DatabaseRoles) -> dict[str, frozenset[str]]:
    """Return the roles that each kind of login is a member of: what an injected statement may become."""
    return {
        "LOGIN": frozenset({roles.app, roles.auth}),
        "PLATFORM": frozenset({roles.platform}),
        "OWNER": frozenset({roles.search}),  # only a member may hand a function over to a role, and replace it
        "BACKUP": frozenset({"pg_read_all_data"}),
        "QUEUE": frozenset(),  # the worker's own bookkeeping; the work itself is done by the login of the web
    }


def login_roles() -> dict[str, dict[str, Any]]:
    """Return the configured logins by kind (LOGIN, PLATFORM, OWNER, BACKUP, QUEUE) with their connection parameters."""
    default: Any = settings.DATABASES["default"]
    found: dict[str, dict[str, Any]] = {"LOGIN": {"user": default["USER"], "password": default["PASSWORD"]}}
    if "platform" in settings.DATABASES:
        platform: Any = settings.DATABASES["platform"]
        found["PLATFORM"] = {"user": platform["USER"], "password": platform["PASSWORD"]}
    for kind in ("OWNER", "BACKUP", "QUEUE"):
        if parameters := credentials(kind):
            found[kind] = parameters
    return found


def cluster_statements(roles: DatabaseRoles, logins: dict[str, dict[str, Any]]) -> list[str]:
    """Return the statements a superuser runs once per cluster, and again without harm."""
    statements = [_role_statement(role, "NOLOGIN NOCREATEDB NOBYPASSRLS") for role in roles.group_roles()]
    for kind, parameters in logins.items():
        user = parameters["user"]
        statements.append(_role_statement(user, f"LOGIN {ATTRIBUTES[kind]}", parameters))
        statements += [f'GRANT "{role}" TO "{user}"' for role in sorted(memberships(roles)[kind])]
        statements += [
            f'ALTER ROLE "{user}" SET {name} = {value if name == "search_path" else _literal(value)}'
            for name, value in SETTINGS[kind].items()
        ]
    if "OWNER" in logins:
        # `erase_tenant` empties tables leaf first; the checks of seven references a row would take 30 times as long.
        statements.append(f'GRANT SET ON PARAMETER session_replication_role TO "{logins["OWNER"]["user"]}"')
    return statements


def _role_statement(role: str, attributes: str, parameters: dict[str, Any] | None = None) -> str:
    password = (parameters or {}).get("password")
    secret = f" PASSWORD {_literal(password)}" if password else ""
    return (
        f"DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {_literal(role)}) "
        f'THEN CREATE ROLE "{role}"; END IF; END $do$; '
        f'ALTER ROLE "{role}" WITH NOSUPERUSER NOREPLICATION NOCREATEROLE {attributes}{secret}'
    )


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    if "\\" in escaped or "\0" in escaped:
        raise ValueError("Role names and passwords may not hold backslashes or NUL.")
    return f"'{escaped}'"


def database_statements(roles: DatabaseRoles, database: str, owner: str) -> list[str]:
    """Return the statements with which its owner closes a database to everybody but the roles."""
    return [
        f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC',
        f'GRANT CONNECT ON DATABASE "{database}" TO "{roles.app}", "{roles.auth}", "{roles.platform}"',
        *(f'GRANT CONNECT ON DATABASE "{database}" TO "{p["user"]}"' for p in login_roles().values()),
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f'GRANT ALL ON SCHEMA public TO "{owner}"',
    ]


def provision_cluster() -> None:
    """Create or mend the roles, as the superuser; one provisioning at a time.

    Two at once would collide on the same rows of pg_authid.
    """
    roles, superuser = database_roles(), credentials("SUPERUSER")
    if roles is None or superuser is None:
        raise ImproperlyConfigured("Provisioning needs DATABASE_OWNER_URL and DATABASE_SUPERUSER_URL.")
    with psycopg.connect(dbname="postgres", autocommit=True, **superuser) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('stratibreak provision'))")
        for statement in cluster_statements(roles, login_roles()):
            connection.execute(statement.encode())


def create_database(name: str) -> None:
    """Create the database for its owner, unless it exists."""
    owner = login_roles()["OWNER"]["user"]
    with psycopg.connect(dbname="postgres", autocommit=True, **(credentials("SUPERUSER") or {})) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(owner)))
        else:
            connection.execute(SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(name), Identifier(owner)))


def close_large_objects(name: str) -> None:
    """Take the large-object functions of a database from everybody: their contents know no tenant."""
    with psycopg.connect(dbname=name, autocommit=True, **(credentials("SUPERUSER") or {})) as connection:
        for (statement,) in connection.execute(_LARGE_OBJECT_FUNCTIONS).fetchall():
            connection.execute(statement.encode())


def sync_access(connection: Any) -> None:
    """Bring functions, signing key, policies and grants of the connected database to what the models declare."""
    roles = database_roles()
    signed = bool(settings.CONTEXT_SIGNING_KEY) and roles is not None
    existing = {name for (name,) in rows(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    owner = str((credentials("OWNER") or {}).get("user", ""))
    if roles:
        _check_queue_login(connection)
        for statement in database_statements(roles, connection.settings_dict["NAME"], owner):
            rows(connection, statement)
    for statement in (*SCHEMA_STATEMENTS, *function_statements(signed=signed), *word_function_statements()):
        rows(connection, statement)
    if signed:
        _store_signing_key(connection)
    _check_may_hand_over(connection, roles)
    for table, access in access_by_table().items():
        if table not in existing:
            continue
        statements = sync_policy_statements(access, roles, owner)
        if roles:
            statements += grant_statements(access, roles)
        for statement in statements:
            rows(connection, statement)
    present = {name for (name,) in rows(connection, SEARCH_FUNCTION_NAMES)}
    for statement in sync_function_statements(roles, existing, present):
        rows(connection, statement)
    if roles:
        for statement in _shared_grants(roles, existing):
            rows(connection, statement)
    sync_queue(connection, roles, owner)


def _check_may_hand_over(connection: Any, roles: DatabaseRoles | None) -> None:
    """Raise ImproperlyConfigured where the cluster was provisioned before there were search functions."""
    if roles is None:
        return
    [(is_member,)] = rows(connection, "SELECT pg_has_role(current_user, %s, 'MEMBER')", [roles.search])
    if not is_member:
        raise ImproperlyConfigured(
            f"The owner is no member of {roles.search}, which owns the search functions: "
            "run `manage.py provision_database` once more, then migrate."
        )


def _check_queue_login(connection: Any) -> None:
    """Raise ImproperlyConfigured where the cluster was provisioned before there was a queue."""
    user = (credentials("QUEUE") or {}).get("user")
    if user and not rows(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", [user]):
        raise ImproperlyConfigured(
            f"The login {user} of DATABASE_QUEUE_URL does not exist: "
            "run `manage.py provision_database` once more, then migrate."
        )


def _store_signing_key(connection: Any) -> None:
    signer = ContextSigner(settings.CONTEXT_SIGNING_KEY, settings.CONTEXT_SIGNING_KEY_VERSION)
    rows(
        connection,
        "INSERT INTO stratibreak.context_key (version, inner_pad, outer_pad) VALUES (%s, %s, %s) "
        "ON CONFLICT (version) DO UPDATE SET inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad",
        [signer.version, *signer.pads()],
    )


def _shared_grants(roles: DatabaseRoles, existing: set[str]) -> list[str]:
    logins = login_roles()
    readers = [
        roles.app,
        roles.auth,
        roles.platform,
        *(logins[k]["user"] for k in ("LOGIN", "PLATFORM") if k in logins),
    ]
    names = ", ".join(f'"{role}"' for role in readers)
    groups = f'"{roles.app}", "{roles.auth}", "{roles.platform}"'
    search = f'"{roles.search}"'
    return [
        f"GRANT USAGE ON SCHEMA public TO {names}, {search}",
        f"GRANT USAGE ON SCHEMA stratibreak TO {groups}",
        f"GRANT EXECUTE ON FUNCTION stratibreak.current_tenant(), stratibreak.has_purpose(text) TO {groups}, {search}",
        # Whoever writes a row evaluates the words of its index.
        f"GRANT EXECUTE ON FUNCTION {', '.join(WORD_FUNCTIONS)} TO {groups}, {search}",
        "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA stratibreak FROM PUBLIC",
        f'GRANT EXECUTE ON FUNCTION stratibreak.refresh_statistics(text[]) TO "{roles.app}"',
        *(f'GRANT SELECT ON TABLE "{table}" TO {names}' for table in SHARED_READ_ONLY if table in existing),
    ]
