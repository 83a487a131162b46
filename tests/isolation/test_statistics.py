"""Statistics after a bulk write: the app role may ask for them, and gets nothing else by asking."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from projects.models import Project, WorkflowStatus
from tenants.isolation.statistics import refresh_statistics
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.owner_rows import owner_connection

pytestmark = pytest.mark.django_db(transaction=True)


def _analysed_rows(table: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
        return float(cursor.fetchone()[0])


def _bring(one: LookAlike, count: int) -> None:
    project: Any = one.rows[Project]
    rows = [
        WorkflowStatus(project=project, source="jira", status_id=str(n), name="Open", category="TODO")
        for n in range(count)
    ]
    WorkflowStatus.objects.bulk_create(rows, batch_size=1000)


def test_a_table_that_has_grown_is_analysed_inside_the_transaction(ours: LookAlike) -> None:
    table = WorkflowStatus._meta.db_table
    with tenant_context(ours.tenant.pk):
        _bring(ours, 3000)
        before = _analysed_rows(table)
        refresh_statistics([WorkflowStatus])
        after = _analysed_rows(table)
        refresh_statistics([WorkflowStatus])

    assert before < 3000 <= after


def test_no_organisation_waits_for_the_import_of_another(ours: LookAlike, theirs: LookAlike) -> None:
    """An upload is one transaction, however long it takes; what it has analysed stays locked until it ends."""

    def import_theirs() -> None:
        try:
            with tenant_context(theirs.tenant.pk), connection.cursor() as cursor:
                _bring(theirs, 15_000)
                cursor.execute("SET LOCAL statement_timeout = '5s'")
                refresh_statistics([WorkflowStatus])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as other, tenant_context(ours.tenant.pk):
        _bring(ours, 3000)
        refresh_statistics([WorkflowStatus])
        other.submit(import_theirs).result()


def test_what_gives_way_within_a_second_as_autovacuum_does_is_waited_for(ours: LookAlike) -> None:
    table = WorkflowStatus._meta.db_table
    with owner_connection() as holder, ThreadPoolExecutor(max_workers=1) as other:
        holder.execute("BEGIN")
        holder.execute(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")
        analysed = other.submit(_import_and_analyse, ours)
        with owner_connection() as watcher:
            while not watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                assert not analysed.done()
        holder.execute("COMMIT")

        assert analysed.result() >= 3000


def _import_and_analyse(one: LookAlike) -> float:
    try:
        with tenant_context(one.tenant.pk):
            _bring(one, 3000)
            refresh_statistics([WorkflowStatus])
            return _analysed_rows(WorkflowStatus._meta.db_table)
    finally:
        connections.close_all()


def test_tables_without_row_security_cannot_be_named(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT stratibreak.refresh_statistics(ARRAY['django_migrations', 'x; DROP TABLE y', NULL])")
