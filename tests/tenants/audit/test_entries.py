"""One entry: its columns, its hash, and who may see or change it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from psycopg.sql import SQL, Composed, Identifier

from tenants.append_only import AppendOnlyRefused
from tenants.audit.entries import HASH_VERSION, HASHED_COLUMNS, INSTALLATION, Draft, row_hash_sql, write_entry
from tenants.audit.enums import AuditAction, Operation
from tenants.audit.partitions import list_partitions
from tenants.domain.auditing import record, record_bulk
from tenants.isolation.context import TenantContextRequired
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry, User
from tests.tenants.audit.desk import ORIGIN, Desk

ROW_HASH = SQL(row_hash_sql(HASH_VERSION))


def run(sql: str | Composed, *params: Any) -> list[tuple[Any, ...]]:
    """Run a statement as whoever the context in force is; a refusal leaves the transaction usable."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def test_entry_says_who_what_where_and_why(at_work: Desk) -> None:
    record(
        action=AuditAction.EXPORT_DATA,
        operation=Operation.READ,
        resource=("projects.project", "P-1"),
        changes={"rows": 12},
    )

    [entry] = at_work.entries()
    assert (entry.action, entry.operation) == (AuditAction.EXPORT_DATA, Operation.READ)
    assert (entry.tenant_id, entry.actor_id) == (at_work.tenant_id, at_work.actor_id)
    assert (entry.resource_type, entry.resource_id, entry.changes) == ("projects.project", "P-1", {"rows": 12})
    assert (entry.ip_address, entry.user_agent, entry.request_id) == (ORIGIN.ip, ORIGIN.user_agent, ORIGIN.request_id)
    assert entry.reason == "a test"
    assert str(entry) == "Data exported projects.project P-1"


def test_database_fills_time_and_transaction(at_work: Desk) -> None:
    record(action=AuditAction.EXPORT_DATA)

    [entry] = at_work.entries()
    [(transaction_id, near)] = run(
        "SELECT pg_current_xact_id()::text::bigint, abs(extract(epoch FROM clock_timestamp() - %s)) < 60",
        entry.timestamp,
    )
    assert entry.transaction_id == transaction_id
    assert near is True


def test_bulk_write_is_one_entry_with_counts(at_work: Desk) -> None:
    record_bulk(model=User, counts={"created": 3, "updated": 2})

    [entry] = at_work.entries()
    assert (entry.action, entry.operation, entry.resource_type) == ("BULK_WRITE", "bulk", "tenants.user")
    assert entry.changes == {"counts": {"created": 3, "updated": 2}}


def test_over_long_values_are_cut_and_never_refused(at_work: Desk) -> None:
    record(
        action=AuditAction.REFUSED,
        resource=("x" * 300, "y\0" * 300),
        reason="z" * 5_000,
        changes={"n": float("inf"), "t": "\0\udfff"},
    )

    [entry] = at_work.entries()
    assert (len(entry.resource_type), len(entry.resource_id), len(entry.reason)) == (100, 64, 500)


def test_recording_without_a_tenant_is_refused(db: None) -> None:
    with pytest.raises(TenantContextRequired):
        record(action=AuditAction.EXPORT_DATA)


def test_reading_without_a_tenant_is_refused(db: None) -> None:
    with pytest.raises(TenantContextRequired):
        AuditEntry.objects.count()


def test_entries_of_another_tenant_are_invisible_whichever_way(at_work: Desk, there: Desk) -> None:
    record(action=AuditAction.EXPORT_DATA, resource=("projects.project", str(at_work.actor_id)))

    with tenant_context(there.tenant_id):
        assert not AuditEntry.objects.filter(actor_id=at_work.actor_id).exists()
        assert run("SELECT count(*) FROM tenants_auditentry WHERE actor_id = %s", at_work.actor_id) == [(0,)]


def test_entry_cannot_be_written_for_another_tenant(at_work: Desk, there: Desk) -> None:
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        record(action=AuditAction.EXPORT_DATA, tenant_id=there.tenant_id)


def test_auth_purpose_adds_for_any_tenant_and_reads_none(here: Desk, there: Desk, db: None) -> None:
    with auth_context():
        for tenant_id in (here.tenant_id, there.tenant_id, INSTALLATION):
            write_entry(Draft(action=AuditAction.LOGIN, tenant_id=tenant_id, actor_id=here.actor_id))
        with pytest.raises(DatabaseError, match="permission denied"):
            run("SELECT count(*) FROM tenants_auditentry")

    assert [entry.action for entry in here.entries()] == [AuditAction.LOGIN]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_auditentry SET reason = ''",
        "DELETE FROM tenants_auditentry",
        "TRUNCATE tenants_auditentry",
        "DROP TABLE tenants_auditentry",
        "ALTER TABLE tenants_auditentry DISABLE TRIGGER ALL",
    ],
)
def test_app_role_cannot_change_what_was_written(at_work: Desk, statement: str) -> None:
    record(action=AuditAction.EXPORT_DATA)

    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        run(statement)

    assert len(at_work.entries()) == 1


def test_app_role_cannot_reach_a_partition_directly(at_work: Desk) -> None:
    newest = list_partitions(connection)[-1].name

    with pytest.raises(DatabaseError, match="permission denied"):
        run(SQL("SELECT count(*) FROM {}").format(Identifier(newest)))


def test_orm_refuses_to_change_or_delete(at_work: Desk) -> None:
    record(action=AuditAction.EXPORT_DATA)
    [entry] = at_work.entries()

    with pytest.raises(AppendOnlyRefused):
        entry.save()
    with pytest.raises(AppendOnlyRefused):
        entry.delete()
    for refused in (
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(reason=""),
        lambda: AuditEntry.objects.filter(pk=entry.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            refused()


def test_row_hash_is_recomputed_from_the_columns(at_work: Desk) -> None:
    record(action=AuditAction.EXPORT_DATA, resource=("a", "b"), changes={"z": 1, "a": [None, "é"], "f": 0.1})

    computing = SQL("SELECT row_hash, {} FROM tenants_auditentry AS e WHERE actor_id = %s").format(ROW_HASH)
    [(stored, computed)] = run(computing, at_work.actor_id)

    assert bytes(stored) == bytes(computed)


def test_row_hash_is_sha256_of_the_versioned_columns_in_order(at_work: Desk) -> None:
    record(action=AuditAction.EXPORT_DATA, resource=("a", "b"), reason="why")

    [entry] = at_work.entries()
    values = {name: getattr(entry, name) for name in HASHED_COLUMNS[1]}
    values |= {
        "id": str(entry.pk),
        "tenant_id": str(entry.tenant_id),
        "actor_id": str(entry.actor_id),
        "timestamp": int(entry.timestamp.timestamp()) * 1_000_000 + entry.timestamp.microsecond,
    }
    text = json.dumps([1, *values.values()])
    assert hashlib.sha256(text.encode()).digest() == bytes(entry.row_hash)


@pytest.mark.parametrize("column", HASHED_COLUMNS[HASH_VERSION])
def test_every_hashed_column_changes_the_hash(at_work: Desk, column: str) -> None:
    record(action=AuditAction.EXPORT_DATA, resource=("a", "b"))
    other: dict[str, str] = {
        **dict.fromkeys(("id", "tenant_id", "actor_id"), "gen_random_uuid()"),
        "timestamp": "clock_timestamp() + interval '1 microsecond'",
        "changes": "'{\"x\": 1}'::jsonb",
        "ip_address": "'192.0.2.1'::inet",
        "transaction_id": "transaction_id + 1",
    }
    changed = other.get(column, "'another'")
    columns = [f'{changed} AS "{name}"' if name == column else f'"{name}"' for name in HASHED_COLUMNS[HASH_VERSION]]
    changed_row = SQL("SELECT {}, row_hash FROM tenants_auditentry WHERE actor_id = %s").format(SQL(", ".join(columns)))

    [(differs,)] = run(SQL("SELECT row_hash <> {} FROM ({}) AS e").format(ROW_HASH, changed_row), at_work.actor_id)

    assert differs is True
