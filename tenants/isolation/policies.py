"""The policies and grants of every table, as data: migrations, provisioning and checks read the same.

A migration gives each table the closed default (forced row security, the tenant's policy for everybody, the owner's for
the owner).  ``sync_access_statements`` then narrows it to the roles: policies ``TO`` one role each, and grants.
"""

from __future__ import annotations

from dataclasses import dataclass

from .registry import FULL, READ, TableAccess
from .roles import DatabaseRoles, database_roles

CURRENT_TENANT = "stratibreak.current_tenant()"
ISOLATION_POLICY = "tenant_isolation"
OWNER_POLICY = "owner_access"
SEARCH_POLICY = "search_access"


@dataclass(frozen=True, slots=True)
class Policy:
    """One row-security policy: command (ALL, SELECT, INSERT), the role it speaks to ("" for everybody), its test."""

    name: str
    command: str
    role: str
    test: str

    def create_sql(self, table: str) -> str:
        clauses = ""
        if self.command != "INSERT":
            clauses += f" USING ({self.test})"
        if self.command != "SELECT":
            clauses += f" WITH CHECK ({self.test})"
        role = f'"{self.role}"' if self.role else "PUBLIC"
        return f'CREATE POLICY {self.name} ON "{table}" FOR {self.command} TO {role}{clauses}'


def tenant_test(tenant_column: str | None) -> str:
    """Return the test of the app purpose; a table without a tenant column shows it nothing."""
    return f'"{tenant_column}" = {CURRENT_TENANT}' if tenant_column else "false"


def base_security_statements(table: str, tenant_column: str | None) -> list[str]:
    """Return what a migration does to a new table: force row security and let in the chosen tenant and the owner."""
    statements = [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        Policy(ISOLATION_POLICY, "ALL", "", tenant_test(tenant_column)).create_sql(table),
    ]
    if database_roles() is not None:
        statements.append(f'CREATE POLICY {OWNER_POLICY} ON "{table}" TO CURRENT_USER USING (true) WITH CHECK (true)')
    return statements


def drop_security_statements(table: str) -> list[str]:
    """Return the way back of ``base_security_statements``, whatever policies the roles have added."""
    names = (ISOLATION_POLICY, OWNER_POLICY, "auth_access", "auth_insert", "platform_access", SEARCH_POLICY)
    return [
        *(f'DROP POLICY IF EXISTS {name} ON "{table}"' for name in names),
        f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
    ]


def expected_policies(access: TableAccess, roles: DatabaseRoles | None, owner: str) -> list[Policy]:
    """Return the policies a table must have, in the order of their names.

    With one database user the auth policy speaks to everybody: the purpose in the context still decides.
    """
    found = [Policy(ISOLATION_POLICY, "ALL", roles.app if roles else "", tenant_test(access.tenant_column))]
    if access.auth:
        found.append(_purpose_policy("auth", access.auth, roles.auth if roles else ""))
    if access.platform and roles:
        found.append(_purpose_policy("platform", access.platform, roles.platform))
    if access.search and roles:
        # Nobody can become this role; its functions choose the tenant themselves (see ``search/functions.py``).
        found.append(Policy(SEARCH_POLICY, "SELECT", roles.search, "true"))
    if roles:
        found.append(Policy(OWNER_POLICY, "ALL", owner, "true"))
    return sorted(found, key=lambda policy: policy.name)


def _purpose_policy(purpose: str, privileges: frozenset[str], role: str) -> Policy:
    command = {READ: "SELECT", frozenset({"INSERT"}): "INSERT"}.get(privileges, "ALL")
    return Policy(f"{purpose}_access", command, role, f"stratibreak.has_purpose('{purpose}')")


def grant_statements(access: TableAccess, roles: DatabaseRoles) -> list[str]:
    """Return the statements that give each role its privileges on a table and take every other."""
    table = access.table
    statements = [f'REVOKE ALL ON TABLE "{table}" FROM PUBLIC']
    for role, privileges in ((roles.app, access.app), (roles.auth, access.auth), (roles.platform, access.platform)):
        missing = FULL - privileges | {"TRUNCATE", "REFERENCES", "TRIGGER"}
        statements.append(f'REVOKE {", ".join(sorted(missing))} ON TABLE "{table}" FROM "{role}"')
        if privileges:
            statements.append(f'GRANT {", ".join(sorted(privileges))} ON TABLE "{table}" TO "{role}"')
    statements.append(f'REVOKE ALL ON TABLE "{table}" FROM "{roles.search}"')
    if access.search:
        columns = ", ".join(f'"{column}"' for column in sorted(access.search))
        statements.append(f'GRANT SELECT ({columns}) ON TABLE "{table}" TO "{roles.search}"')
    return statements


def sync_policy_statements(access: TableAccess, roles: DatabaseRoles | None, owner: str) -> list[str]:
    """Return the statements that leave exactly the expected policies on a table, forced."""
    table = access.table
    statements = [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
    ]
    dropped = (ISOLATION_POLICY, "auth_access", "platform_access", SEARCH_POLICY, *([OWNER_POLICY] if roles else []))
    for name in dropped:
        statements.append(f'DROP POLICY IF EXISTS {name} ON "{table}"')
    return statements + [policy.create_sql(table) for policy in expected_policies(access, roles, owner)]
