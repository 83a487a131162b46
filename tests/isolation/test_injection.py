"""Statements injected into a tenant's request: run as the web's login, in a transaction with a tenant's context.

Each attempt tries to reach the rows of the other tenant; the context is the signed one, as on every installation with
its own roles.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import Error, connection, transaction

from gaps.models import Gap
from tenants.isolation.context import AccessContext, Purpose
from tenants.isolation.isolated_tables import access_by_table
from tenants.isolation.roles import database_roles
from tenants.isolation.signing import ContextSigner
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

ROLES = database_roles()


def _signer() -> ContextSigner:
    wrapper: Any = connection
    signer = wrapper._context_signer()
    assert isinstance(signer, ContextSigner)
    return signer


def _rows_seen(statement: str, tenant_id: UUID, table: str = "gaps_gap") -> int | str:
    """Run a statement, then count the other tenant's rows; return the count, or the refusal's error code."""
    savepoint = transaction.savepoint()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE tenant_id = %s', [tenant_id])
            return int(cursor.fetchone()[0])
    except Error as error:
        cause = error.__cause__
        return str(getattr(cause, "sqlstate", "")) or type(error).__name__
    finally:
        transaction.savepoint_rollback(savepoint)


def _attempts(victim: UUID) -> dict[str, str]:
    expiry = int(time.time()) + 3600
    assert ROLES is not None
    forged = ContextSigner(b"x" * 32).sign(f"app|{victim}", expires_at_s=expiry)
    return {
        "no attempt": "SELECT 1",
        "plain claim by set_config": f"SELECT set_config('stratibreak.context', 'app|{victim}', true)",
        "plain claim by SET LOCAL": f"SET LOCAL stratibreak.context = 'app|{victim}'",
        "claim without a mac": f"SET LOCAL stratibreak.context = 'app|{victim}|{expiry}|1|'",
        "claim signed with another key": f"SET LOCAL stratibreak.context = '{forged}'",
        "claim of an unknown key": f"SET LOCAL stratibreak.context = 'app|{victim}|{expiry}|99|{'0' * 64}'",
        "purpose of the platform": f"SET LOCAL stratibreak.context = 'platform||{expiry}|1|{'0' * 64}'",
        "garbage": "SET LOCAL stratibreak.context = '||||||''''||'",
        "numbers that overflow": f"SET LOCAL stratibreak.context = 'app|{victim}|{'9' * 40}|{'9' * 40}|x'",
        "emptied": "SET LOCAL stratibreak.context = ''",
        "role of the platform": f'SET LOCAL ROLE "{ROLES.platform}"',
        "role of the owner": f'SET LOCAL ROLE "{settings.DATABASES["default"]["OWNER"]["user"]}"',
        "role of the auth purpose": f'SET LOCAL ROLE "{ROLES.auth}"',
        "role by set_config": f"SELECT set_config('role', '{ROLES.auth}', true)",
        "no role": "RESET ROLE",
        "row security off": "SET LOCAL row_security = off",
        "session authorization": "SET SESSION AUTHORIZATION postgres",
        "policy dropped": "DROP POLICY tenant_isolation ON gaps_gap",
        "row security disabled": "ALTER TABLE gaps_gap DISABLE ROW LEVEL SECURITY",
        "function replaced": (
            "CREATE OR REPLACE FUNCTION stratibreak.current_tenant() RETURNS uuid LANGUAGE sql AS "
            f"$$ SELECT '{victim}'::uuid $$"
        ),
        "function shadowed in a schema of one's own": (
            "CREATE SCHEMA shadow; CREATE FUNCTION shadow.current_tenant() RETURNS uuid LANGUAGE sql AS "
            f"$$ SELECT '{victim}'::uuid $$"
        ),
        "search path": "SET LOCAL search_path = pg_temp, stratibreak, public",
        "temporary table": "CREATE TEMP TABLE gaps_gap AS SELECT 1",
        "temporary view": "CREATE TEMP VIEW context_key AS SELECT 1",
        "function in public": "CREATE FUNCTION public.leak() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "key read": "SELECT * FROM stratibreak.context_key",
        "file read": "SELECT pg_read_file('/etc/passwd')",
        "program run": "COPY (SELECT 1) TO PROGRAM 'true'",
        "rows copied to a file": "COPY gaps_gap TO '/tmp/leak'",
        "large object": "SELECT lo_from_bytea(0, 'x')",
        "tenant of a row changed": f"UPDATE gaps_gap SET tenant_id = '{victim}'",
        "foreign table": "CREATE EXTENSION postgres_fdw",
        "prepared claim": f"PREPARE p AS SELECT set_config('stratibreak.context', 'app|{victim}', true); EXECUTE p",
        "claim inside a block": (
            f"DO $$ BEGIN PERFORM set_config('stratibreak.context', 'app|{victim}|{expiry}|1|00', true); END $$"
        ),
    }


def test_no_injected_statement_reaches_another_tenant(ours: LookAlike, theirs: LookAlike) -> None:
    victim = theirs.tenant.pk
    with tenant_context(ours.tenant.pk):
        seen = {name: _rows_seen(statement, victim) for name, statement in _attempts(victim).items()}
        still_ours = Gap.objects.count()

    assert {name: outcome for name, outcome in seen.items() if isinstance(outcome, int) and outcome > 0} == {}
    assert still_ours > 0


REFUSED = {
    "temporary table": "CREATE TEMP TABLE mine (a int)",
    "temporary view": "CREATE TEMP VIEW mine AS SELECT 1",
    "table": "CREATE TABLE public.mine (a int)",
    "function": "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "function beside ours": "CREATE FUNCTION stratibreak.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "type": "CREATE TYPE public.mine AS (a int)",
    "view": "CREATE VIEW public.mine AS SELECT 1",
    "schema": "CREATE SCHEMA mine",
    "schema of the login": "RESET ROLE; CREATE SCHEMA mine",
    "trigger": "CREATE TRIGGER mine BEFORE INSERT ON gaps_gap EXECUTE FUNCTION stratibreak.refuse_audit_change()",
    "event trigger": "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION stratibreak.refuse_audit_change()",
    "rule": "CREATE RULE mine AS ON INSERT TO gaps_gap DO ALSO SELECT 1",
    "extension": "CREATE EXTENSION dblink",
    "publication": "CREATE PUBLICATION mine FOR ALL TABLES",
    "replication": "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')",
    "large object": "SELECT lo_from_bytea(0, 'x')",
    "contents of large objects": "SELECT * FROM pg_largeobject",
    "signing key": "SELECT * FROM stratibreak.context_key",
    "password hashes of logins": "SELECT rolpassword FROM pg_authid",
    "values known to the planner": "SELECT stavalues1 FROM pg_statistic",
    "file": "SELECT pg_read_file('PG_VERSION')",
    "folder": "SELECT pg_ls_dir('.')",
    "program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "role of the platform": "SET LOCAL ROLE stratibreak_platform",
    "role of the owner": "SET LOCAL ROLE stratibreak_owner",
    "role of the search": "SET LOCAL ROLE stratibreak_search",
    "membership": "GRANT stratibreak_platform TO CURRENT_USER",
    "another role's password": "ALTER ROLE stratibreak_platform PASSWORD 'x'",
    "settings of the database": "ALTER DATABASE postgres SET search_path = x",
    "activity tracked again": "RESET ROLE; ALTER ROLE CURRENT_USER SET track_activities = on",
    "triggers off": "SET session_replication_role = replica",
    "truncation": "TRUNCATE gaps_gap",
    "policy": "ALTER POLICY tenant_isolation ON gaps_gap USING (true)",
    "organisation deleted": "DELETE FROM tenants_tenant",
    "audit entry rewritten": "UPDATE tenants_auditentry SET reason = ''",
    "audit entry removed": "SET LOCAL stratibreak.audit_removal = 'on'; DELETE FROM tenants_auditentry",
    "person made an operator": "UPDATE tenants_user SET is_operator = true, tenant_id = NULL, role = ''",
    "functions of ours as the login": "RESET ROLE; SELECT stratibreak.refresh_statistics(ARRAY['gaps_gap'])",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_an_injected_statement_has_no_right_to(statement: str, ours: LookAlike) -> None:
    """Refused outright: the attempts above would also pass where a statement runs and happens to show nothing."""
    refused: list[str] = []
    with tenant_context(ours.tenant.pk), suppress(Error), transaction.atomic():
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        except Error as error:
            refused.append(getattr(error.__cause__, "sqlstate", ""))
            raise

    assert refused == ["42501"]


def test_the_attempts_would_show_a_leak(ours: LookAlike, theirs: LookAlike) -> None:
    """The same count, made with the victim's own token, sees the victim's rows: the test above can fail."""
    signer = _signer()
    token = signer.token(AccessContext(Purpose.APP, theirs.tenant.pk))
    with tenant_context(ours.tenant.pk):
        assert _rows_seen(f"SET LOCAL stratibreak.context = '{token}'", theirs.tenant.pk) != 0


def test_an_expired_token_opens_nothing(ours: LookAlike) -> None:
    signer = _signer()
    expired = signer.sign(f"app|{ours.tenant.pk}", expires_at_s=int(time.time()) - 1)
    with tenant_context(ours.tenant.pk):
        assert _rows_seen(f"SET LOCAL stratibreak.context = '{expired}'", ours.tenant.pk) == 0


def test_the_role_of_another_purpose_shows_no_row_of_any_table(ours: LookAlike) -> None:
    """Membership lets an injected statement take the auth role; its policies demand the auth purpose, signed."""
    assert ROLES is not None
    readable = [table for table, access in access_by_table().items() if "SELECT" in access.auth]
    seen = {}
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute(f'SET LOCAL ROLE "{ROLES.auth}"')
        for table in readable:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            seen[table] = cursor.fetchone()[0]

    assert {"tenants_user", "django_session"} <= set(seen)
    assert set(seen.values()) == {0}


def test_the_app_role_has_no_right_to_sessions_and_attempts(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        for table in ("django_session", "tenants_loginattempt"):
            with pytest.raises(Error, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f'SELECT * FROM "{table}"')


def test_copying_out_gives_the_own_rows_only(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor, cursor.copy("COPY gaps_gap TO STDOUT") as copy:
        text = b"".join(bytes(part) for part in copy).decode()

    assert str(ours.tenant.pk) in text
    assert str(theirs.tenant.pk) not in text


def test_other_sessions_do_not_show_their_statements(ours: LookAlike) -> None:
    """The token stands in the statement that opens a transaction, so the login's activity is not tracked."""
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SHOW track_activities")
        tracked = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%stratibreak.context%'")
        seen = cursor.fetchone()[0]

        cursor.execute("SHOW log_min_error_statement")  # nor does the server's log show a statement that fails
        logged = cursor.fetchone()[0]

    assert (tracked, seen, logged) == ("off", 0, "panic")


def test_the_login_alone_reads_nothing(world: Any) -> None:
    """A statement that runs outside any context, such as after an injected COMMIT, meets a login without rights."""
    denied = 0
    with psycopg.connect(**_login_parameters(), autocommit=True) as login:
        for table in access_by_table():
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(f'SELECT 1 FROM "{table}" LIMIT 1'.encode())
            denied += 1

    assert denied == len(access_by_table())


def test_statistics_of_the_planner_are_hidden(ours: LookAlike) -> None:
    """``pg_stats`` holds common values of columns; PostgreSQL hides it where row security is active."""
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stats WHERE schemaname = 'public' AND tablename = ANY(%s)",
            [[table for table, access in access_by_table().items() if access.tenant_column]],
        )
        assert cursor.fetchone()[0] == 0


def _login_parameters() -> dict[str, Any]:
    described = connection.settings_dict
    named = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    return {key: described[name] for key, name in named.items() if described[name]}
