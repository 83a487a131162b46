"""The tables of procrastinate in a schema of their own: made, brought up to date, closed to all but two logins.

1. A new database gets the schema that the package ships; an older one the package's own migrations since. What is
   there is written in the comment on the schema: the name of the newest migration.
2. Five columns are ours: the tenant of a job, which is read from what it will run with, the id that it is shown by,
   when it was deferred and begun, and what it said at its end. So is the function that says whose job is next.
3. Row security is forced on all tables. The owner and the queue's login see all rows; the app sees none, and has two
   functions instead (see ``functions.py``). With a single database user the policies show a tenant its own jobs, and
   the worker says what it is for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import procrastinate.schema
from django.db import transaction

from ..postgresql.rows import rows
from ..roles import DatabaseRoles, credentials
from .fetching import FETCH_JOB, OWN_COLUMNS
from .functions import FUNCTION_NAMES, FUNCTIONS

SCHEMA = "queue"
TABLES = ("procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers")

_INSTALLED = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"
_OWN_COLUMNS = (
    "ALTER TABLE queue.procrastinate_jobs ADD COLUMN IF NOT EXISTS tenant_id uuid "
    "GENERATED ALWAYS AS ((args ->> 'tenant_id')::uuid) STORED",
    "ALTER TABLE queue.procrastinate_jobs ADD COLUMN IF NOT EXISTS deferred_at timestamptz NOT NULL DEFAULT now()",
    "ALTER TABLE queue.procrastinate_jobs ADD COLUMN IF NOT EXISTS note text NOT NULL DEFAULT ''",
    # The package's ids are counted over all organisations, so they are shown to none.
    "ALTER TABLE queue.procrastinate_jobs ADD COLUMN IF NOT EXISTS public_id uuid NOT NULL DEFAULT gen_random_uuid()",
    "CREATE INDEX IF NOT EXISTS jobs_by_tenant ON queue.procrastinate_jobs (tenant_id, queueing_lock)",
    *OWN_COLUMNS,
)
# Whoever fires a trigger of these tables, and from whatever search path, it works on these tables.
_CLOSE_SEARCH_PATHS = """
DO $do$ DECLARE found regprocedure; BEGIN
  FOR found IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'queue'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = queue, pg_temp', found);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', found);
  END LOOP;
END $do$"""
_POLICIES = ("owner_access", "queue_access", "tenant_isolation", "worker_access", "event_of_a_job")


def sync_queue(connection: Any, roles: DatabaseRoles | None, owner: str) -> None:
    """Bring the queue's schema, functions, policies and grants to what this release needs. As the owner."""
    _install(connection)
    login = str((credentials("QUEUE") or {}).get("user", ""))
    for statement in (
        *_OWN_COLUMNS,
        FETCH_JOB,
        _CLOSE_SEARCH_PATHS,
        *FUNCTIONS,
        *_policy_statements(roles, owner, login),
    ):
        rows(connection, statement)
    if roles:
        for statement in _grant_statements(roles, login):
            rows(connection, statement)


def _install(connection: Any) -> None:
    found = rows(connection, _INSTALLED, [SCHEMA])
    have = str(found[0][0] or "") if found else ""
    migrations = _migrations()
    missing = [path.read_text() for name, path in migrations.items() if have and name > have]
    scripts = missing if have else [procrastinate.schema.SchemaManager.get_schema()]
    if not scripts:
        return
    with transaction.atomic(using=connection.alias):
        rows(connection, "CREATE SCHEMA IF NOT EXISTS queue")
        rows(connection, "SET LOCAL search_path = queue, pg_temp")
        for script in scripts:
            rows(connection, script)
        rows(connection, f"COMMENT ON SCHEMA queue IS '{max(migrations)}'")
        rows(connection, "RESET search_path")


def _migrations() -> dict[str, Path]:
    """The migrations that the package ships, by name: their order is that of their names."""
    return {path.stem: path for path in Path(procrastinate.schema.SchemaManager.get_migrations_path()).glob("*.sql")}


def _policy_statements(roles: DatabaseRoles | None, owner: str, login: str) -> list[str]:
    statements = []
    for table in TABLES:
        statements += [
            f"ALTER TABLE queue.{table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE queue.{table} FORCE ROW LEVEL SECURITY",
            *(f"DROP POLICY IF EXISTS {name} ON queue.{table}" for name in _POLICIES),
        ]
        if roles:
            statements += [
                f'CREATE POLICY {name} ON queue.{table} TO "{user}" USING (true) WITH CHECK (true)'
                for name, user in (("owner_access", owner), ("queue_access", login))
                if user
            ]
        else:
            statements.append(
                f"CREATE POLICY worker_access ON queue.{table} USING (stratibreak.has_purpose('queue')) "
                "WITH CHECK (stratibreak.has_purpose('queue'))"
            )
    if not roles:
        test = "tenant_id = stratibreak.current_tenant()"
        statements += [
            f"CREATE POLICY tenant_isolation ON queue.procrastinate_jobs USING ({test}) WITH CHECK ({test})",
            # Written by a trigger of the jobs, and read by the worker only.
            "CREATE POLICY event_of_a_job ON queue.procrastinate_events FOR INSERT WITH CHECK (true)",
        ]
    return statements


def _grant_statements(roles: DatabaseRoles, login: str) -> list[str]:
    groups = ", ".join(f'"{role}"' for role in (roles.app, roles.auth, roles.platform))
    statements = [
        "REVOKE ALL ON SCHEMA queue FROM PUBLIC",
        f"REVOKE ALL ON SCHEMA queue FROM {groups}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA queue FROM PUBLIC, {groups}",
        *(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in FUNCTION_NAMES),
        *(f'GRANT EXECUTE ON FUNCTION {name} TO "{roles.app}"' for name in FUNCTION_NAMES),
    ]
    if login:
        statements += [
            f'GRANT USAGE ON SCHEMA queue TO "{login}"',
            f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO "{login}"',
            f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO "{login}"',
            f'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA queue TO "{login}"',
        ]
    return statements
