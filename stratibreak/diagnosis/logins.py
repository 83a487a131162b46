"""Whether the roles of the cluster are as provisioning makes them: what a login may become, do and is set to."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from tenants.isolation.postgresql.rows import rows
from tenants.isolation.provisioning import ATTRIBUTES, SETTINGS, login_roles, memberships
from tenants.isolation.roles import DatabaseRoles, database_roles

from .finding import Finding

PROVISION = "manage.py provision_database"

_ATTRIBUTES = """
  SELECT rolname, rolcanlogin, rolsuper, rolreplication, rolcreaterole, rolinherit, rolcreatedb, rolbypassrls
  FROM pg_roles WHERE rolname = ANY (%s)"""
_MEMBERSHIPS = "SELECT m.member::regrole::text, m.roleid::regrole::text FROM pg_auth_members m"
# A setting for one database comes before one for the role everywhere.
_SETTINGS = """
  SELECT r.rolname, s.setdatabase <> 0, c FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole,
    unnest(s.setconfig) c
  WHERE r.rolname = ANY (%s) AND (s.setdatabase = 0
    OR s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) ORDER BY 2"""
_RIGHTS = """
  SELECT r.rolname, has_database_privilege(r.rolname, current_database(), 'TEMPORARY'),
    has_database_privilege(r.rolname, current_database(), 'CREATE'), has_schema_privilege(r.rolname, 'public', 'CREATE')
  FROM pg_roles r WHERE r.rolname = ANY (%s)"""
_LARGE_OBJECTS = """
  SELECT r.rolname, count(*) FROM pg_roles r, pg_proc p
  WHERE r.rolname = ANY (%s) AND p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^(lo_|lowrite|loread)'
    AND has_function_privilege(r.oid, p.oid, 'EXECUTE') GROUP BY 1"""
_ATTRIBUTE_NAMES = ("LOGIN", "SUPERUSER", "REPLICATION", "CREATEROLE", "INHERIT", "CREATEDB", "BYPASSRLS")


def login_findings() -> Iterator[Finding]:
    """Name what differs from what provisioning makes; nothing is asked with a single database user."""
    roles = database_roles()
    if roles is None:
        yield Finding("logins", "one database user: it owns the tables and could take its own policies away")
        return
    logins = {kind: str(parameters["user"]) for kind, parameters in login_roles().items()}
    found = [
        *_attributes(roles, logins),
        *_memberships(roles, logins),
        *_settings(logins),
        *_rights(roles, logins),
        *_large_objects(roles, logins),
    ]
    yield from found or [Finding("logins", "as provisioned")]


def _wrong(state: str, mend: str = PROVISION) -> Finding:
    return Finding("logins", state, True, mend)


def _attributes(roles: DatabaseRoles, logins: dict[str, str]) -> Iterator[Finding]:
    expected = {name: f"LOGIN {ATTRIBUTES[kind]}".split() for kind, name in logins.items()}
    expected |= {name: ["INHERIT"] for name in roles.group_roles()}
    existing = {name: flags for name, *flags in rows(connection, _ATTRIBUTES, [list(expected)])}
    for name, wanted in expected.items():
        if name not in existing:
            yield _wrong(f"the role {name} does not exist")
            continue
        has = {word for word, is_on in zip(_ATTRIBUTE_NAMES, existing[name], strict=True) if is_on}
        if excess := sorted(has - set(wanted)):
            mend = f'ALTER ROLE "{name}" NO{" NO".join(excess)};  -- as a superuser'
            yield _wrong(f"{name} is {', '.join(excess)}", mend)
        if lacks := sorted({word for word in wanted if not word.startswith("NO")} - has):
            yield _wrong(
                f"{name} is not {', '.join(lacks)}", f'ALTER ROLE "{name}" {" ".join(lacks)};  -- as a superuser'
            )


def _memberships(roles: DatabaseRoles, logins: dict[str, str]) -> Iterator[Finding]:
    expected = {name: set(memberships(roles)[kind]) for kind, name in logins.items()}
    expected |= {name: set() for name in roles.group_roles()}
    existing: dict[str, set[str]] = {name: set() for name in expected}
    for member, role in rows(connection, _MEMBERSHIPS):
        if member.strip('"') in existing:
            existing[member.strip('"')].add(role.strip('"'))
    for name, wanted in expected.items():
        for role in sorted(existing[name] - wanted):
            yield _wrong(f"{name} may become {role}", f'REVOKE "{role}" FROM "{name}";  -- as a superuser')
        for role in sorted(wanted - existing[name]):
            yield _wrong(f"{name} may not become {role}")


def _settings(logins: dict[str, str]) -> Iterator[Finding]:
    everywhere: dict[tuple[str, str], str] = {}
    here: dict[tuple[str, str], str] = {}
    for name, is_here, text in rows(connection, _SETTINGS, [list(logins.values())]):
        setting, _, value = text.partition("=")
        (here if is_here else everywhere)[name, setting.lower()] = value
    database = connection.settings_dict["NAME"]
    for kind, name in logins.items():
        for setting, wanted in SETTINGS[kind].items():
            local = here.get((name, setting))
            if local is not None and local != wanted:
                mend = f'ALTER ROLE "{name}" IN DATABASE "{database}" RESET {setting};  -- as a superuser'
                yield _wrong(f"{name} has {setting} = {local} in this database, not {wanted}", mend)
            found = everywhere.get((name, setting))
            if wanted not in (found, local):
                yield _wrong(f"{name} has {setting} {f'= {found}' if found else 'unset'}, not {wanted}")


def _rights(roles: DatabaseRoles, logins: dict[str, str]) -> Iterator[Finding]:
    database = connection.settings_dict["NAME"]
    for name, may_temporary, may_create, may_create_tables in rows(connection, _RIGHTS, [_runtime(roles, logins)]):
        for allowed, privilege, place in (
            (may_temporary, "TEMPORARY", f'DATABASE "{database}"'),
            (may_create, "CREATE", f'DATABASE "{database}"'),
            (may_create_tables, "CREATE", "SCHEMA public"),
        ):
            if allowed:
                yield _wrong(
                    f"{name} has {privilege} on {place}", f'REVOKE {privilege} ON {place} FROM PUBLIC, "{name}";'
                )


def _large_objects(roles: DatabaseRoles, logins: dict[str, str]) -> Iterator[Finding]:
    for name, functions in rows(connection, _LARGE_OBJECTS, [_runtime(roles, logins)]):
        yield _wrong(f"{name} may call {functions} functions of large objects, which know no tenant")


def _runtime(roles: DatabaseRoles, logins: dict[str, str]) -> list[str]:
    return [*roles.group_roles(), *(logins[kind] for kind in ("LOGIN", "PLATFORM", "QUEUE") if kind in logins)]
