"""System checks that compare what the models declare with what the database does.

``manage.py check --database default`` runs them; the test session does too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core import checks
from django.db import DatabaseError, connections

from .isolated_tables import access_by_table
from .owner import owner_access
from .policies import expected_policies
from .postgresql.rows import rows
from .registry import FULL, TableAccess, isolated_models
from .roles import DatabaseRoles, credentials, database_roles
from .search.checks import search_differences
from .search.index import SearchIndex

_RUNTIME_ROLE = "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = session_user"
_SECURITY = """
  SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')"""
_POLICIES = """
  SELECT tablename, policyname, cmd, roles::text[], coalesce(qual, ''), coalesce(with_check, '')
  FROM pg_policies WHERE schemaname = 'public'"""
_GRANTS = """
  SELECT table_name, grantee, array_agg(privilege_type::text) FROM information_schema.role_table_grants
  WHERE table_schema = 'public' GROUP BY table_name, grantee"""
_KEYS = """
  SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, i.indisprimary, i.indisunique,
         array_to_json(ARRAY(SELECT a.attname FROM unnest(i.indkey::int[]) WITH ORDINALITY k(n, o)
                             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.o))
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')"""
_REFERENCES = """
  SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f'"""
_IDENTITY_TABLES = ("tenants_tenant", "tenants_user")


def register_checks() -> None:
    """Register the checks with Django (called once, when the app is ready)."""
    checks.register(check_runtime_role, checks.Tags.database)
    checks.register(check_catalogue, checks.Tags.database)
    checks.register(check_managers)


def check_managers(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Every tenant model is reached through the manager that refuses to answer without a tenant."""
    from .managers import TenantManager  # noqa: PLC0415  # needs loaded apps
    from .models import TenantModel  # noqa: PLC0415  # needs loaded apps

    return [
        checks.Error(
            f"{model._meta.label} has a manager without tenant scope: {manager.name}.",
            hint="Derive it from tenants.isolation.managers.TenantManager.",
            obj=model,
            id="tenants.E001",
        )
        for model in isolated_models()
        if issubclass(model, TenantModel)
        for manager in (*model._meta.managers, model._base_manager)
        # A further manager for the moment before the tenant is known is held to the auth purpose by the compiler.
        if not isinstance(manager, TenantManager) and not (model.auth_privileges and manager.name != "objects")
    ]


def check_runtime_role(app_configs: Any, databases: Iterable[str] | None = None, **kwargs: Any) -> list[Any]:
    """The logins of web and workers neither are superusers nor bypass policies."""
    found: list[Any] = []
    for alias in databases or ():
        try:
            [(is_superuser, bypasses)] = rows(connections[alias], _RUNTIME_ROLE)
        except DatabaseError as error:
            return [checks.Error(f"The database {alias!r} cannot be asked: {error}", id="tenants.E010")]
        if is_superuser or bypasses:
            found.append(
                checks.Error(
                    f"The login of the database {alias!r} is a superuser or bypasses row security.",
                    hint="Give DATABASE_URL a login made by `manage.py provision_database`.",
                    id="tenants.E011",
                )
            )
    return found


def check_catalogue(app_configs: Any, databases: Iterable[str] | None = None, **kwargs: Any) -> list[Any]:
    """Every isolated table has its forced policies, keys, tenant-leading indexes, references and grants."""
    if "default" not in (databases or ()):
        return []
    connection = connections["default"]
    if connection.in_atomic_block:
        return [
            checks.Error(message, hint="Run `manage.py migrate`.", id=code)
            for code, message in catalogue_differences(connection)
        ]
    with owner_access():
        return [
            checks.Error(message, hint="Run `manage.py migrate`.", id=code)
            for code, message in catalogue_differences(connection)
        ]


def catalogue_differences(connection: Any) -> list[tuple[str, str]]:
    """Return (check id, sentence) for every difference between the models and the connected database."""
    roles = database_roles()
    security = {table: (enabled, forced) for table, enabled, forced in rows(connection, _SECURITY)}
    found: list[tuple[str, str]] = []
    for table in access_by_table():
        if table not in security:
            found.append(("tenants.E020", f"The table {table} does not exist."))
        elif security[table] != (True, True):
            found.append(("tenants.E021", f"Row security of {table} is not enabled and forced."))
    found += _policy_differences(connection, roles)
    found += _key_differences(connection)
    found += _reference_differences(connection)
    found += search_differences(connection, roles)
    if roles:
        found += _grant_differences(connection, roles)
    return found


def _policy_differences(connection: Any, roles: DatabaseRoles | None) -> list[tuple[str, str]]:
    owner = str((credentials("OWNER") or {}).get("user", ""))
    existing: dict[str, dict[str, tuple[Any, ...]]] = {}
    for table, name, *rest in rows(connection, _POLICIES):
        existing.setdefault(table, {})[name] = tuple(rest)
    found = []
    for table, access in access_by_table().items():
        have = existing.get(table, {})
        expected = {policy.name: policy for policy in expected_policies(access, roles, owner)}
        if set(have) != set(expected):
            found.append(("tenants.E022", f"{table} has the policies {sorted(have)}, not {sorted(expected)}."))
            continue
        for name, policy in expected.items():
            command, speaks_to, using, check = have[name]
            same_role = speaks_to == [policy.role or "public"]
            tests = [_plain(test) for test in (using, check) if test]
            if command != policy.command or not same_role or any(test != _plain(policy.test) for test in tests):
                found.append(("tenants.E023", f"The policy {name} of {table} is not the declared one."))
    return found


def _plain(test: str) -> str:
    """Return a policy's test without what PostgreSQL adds when it prints one."""
    return test.replace('"', "").replace("(", "").replace(")", "").replace("::text", "").replace(" ", "")


def _key_differences(connection: Any) -> list[tuple[str, str]]:
    declared = access_by_table()
    # Its first column is an expression, which the checks of the search compare.
    searched = {i.name for model in isolated_models() for i in model._meta.indexes if isinstance(i, SearchIndex)}
    found = []
    for table, index, is_primary, is_unique, columns in rows(connection, _KEYS):
        access = declared.get(table.strip('"'))
        if access is None or access.tenant_column != "tenant_id" or table.strip('"') in _IDENTITY_TABLES:
            continue
        if columns[0] != "tenant_id" and index.strip('"') not in searched:
            kind = "primary key" if is_primary else "unique index" if is_unique else "index"
            found.append(("tenants.E024", f"The {kind} {index} of {table} does not begin with tenant_id."))
    return found


def _reference_differences(connection: Any) -> list[tuple[str, str]]:
    from .constraints import TenantReference  # noqa: PLC0415  # needs loaded apps

    existing = {(table.strip('"'), name) for table, name in rows(connection, _REFERENCES)}
    return [
        ("tenants.E025", f"The reference {constraint.name} of {model._meta.db_table} is missing.")
        for model in isolated_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, TenantReference) and (model._meta.db_table, constraint.name) not in existing
    ]


def _grant_differences(connection: Any, roles: DatabaseRoles) -> list[tuple[str, str]]:
    granted = {(table, grantee): set(found) for table, grantee, found in rows(connection, _GRANTS)}
    found = []
    for table, access in access_by_table().items():
        for role, expected in _expected_grants(access, roles):
            have = granted.get((table, role), set())
            if have != set(expected):
                wanted = ", ".join(sorted(expected)) or "nothing"
                may = ", ".join(sorted(have)) or "nothing"
                found.append(("tenants.E026", f"{role} may {may} on {table}, not {wanted}."))
        if granted.get((table, "PUBLIC"), set()) & set(FULL):
            found.append(("tenants.E027", f"Everybody has rights on {table}."))
    return found


def _expected_grants(access: TableAccess, roles: DatabaseRoles) -> list[tuple[str, frozenset[str]]]:
    nothing: frozenset[str] = frozenset()  # of whole tables; its columns are compared with the functions
    return [
        (roles.app, access.app),
        (roles.auth, access.auth),
        (roles.platform, access.platform),
        (roles.search, nothing),
    ]
