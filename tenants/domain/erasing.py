"""Erasing an organisation, for good.

1. Shred: nobody can log in any more and its data keys are overwritten, in one committed step. From here on its secrets
   are unreadable, whatever happens next.
2. Delete its rows table by table, those that refer before those they refer to, a batch a transaction. Nothing is loaded
   into Python and nothing cascades. Killed and started again, it goes on with what is left.
3. Delete the organisation itself, with one entry that says how many rows went.

What stays: its audit entries, under the organisation's id, until their retention ends; backups until they expire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from django.db import connection, models

from tenants.domain.auditing import AuditAction, record
from tenants.domain.keys import destroy_data_keys
from tenants.isolation.context import AccessContext
from tenants.isolation.registry import isolated_models
from tenants.isolation.transaction import tenant_context
from tenants.models.audit_entry import AuditEntry
from tenants.models.data_key import TenantDataKey
from tenants.models.tenant import Tenant

BATCH_ROWS = 20_000
"""Rows deleted in one transaction: about half a second of locks, and as much to do again after a kill."""
MAX_PASSES = 5
"""A worker that was busy when the organisation was closed may write once more; nobody does five times."""

Progress = Callable[[str, int, int], None]
"""Called with a table's name for people, the rows deleted there so far, and the rows there at the start."""


class ErasureUnfinished(Exception):
    """Rows keep appearing while an organisation is erased: somebody still writes. Its keys are gone all the same."""


@dataclass(frozen=True, slots=True)
class ErasedTable:
    """A table that holds rows of tenants.

    label: for people and the audit trail;  parents: columns that refer to rows of the same table
    """

    name: str
    label: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure removed, in the order in which it did. An interrupted one counts from where it went on."""

    tenant_id: UUID
    destroyed_keys: int
    deleted_rows: dict[str, int]


# --- which tables, in which order ---


def erased_tables() -> list[ErasedTable]:
    """Every table with rows of tenants, leaf first; without the audit trail, which outlives them, and Tenant itself.

    Raises graphlib.CycleError when tables refer to each other in a circle.
    """
    erased = [model for model in isolated_models() if _is_erased(model)]
    order: TopologicalSorter[type[models.Model]] = TopologicalSorter(dict.fromkeys(erased, ()))
    for model in erased:
        for target in _targets(model):
            if target in erased and target is not model:
                order.add(target, model)
    # The emptied keys go last: as long as their rows are there, no late writer is given a new key.
    order.add(TenantDataKey, *(model for model in erased if model is not TenantDataKey))
    return [_table(model) for model in order.static_order()]


def _is_erased(model: type[models.Model]) -> bool:
    return getattr(model, "tenant_column", None) == "tenant_id" and model is not AuditEntry


def _targets(model: type[models.Model]) -> Iterator[type[models.Model]]:
    for field in model._meta.local_fields:
        if field.remote_field is not None:
            yield field.remote_field.model


def _table(model: type[models.Model]) -> ErasedTable:
    parents = tuple(
        field.column
        for field in model._meta.local_fields
        if field.remote_field is not None and field.remote_field.model is model and field.column is not None
    )
    return ErasedTable(name=model._meta.db_table, label=str(model._meta.verbose_name_plural), parents=parents)


# --- erasing ---


@dataclass(frozen=True, slots=True)
class _Work:
    """What one erasure goes through, and on whose behalf."""

    tenant_id: UUID
    actor_id: UUID | None
    reason: str
    tables: list[ErasedTable]
    batch_rows: int

    def transaction(self) -> AbstractContextManager[AccessContext]:
        return tenant_context(self.tenant_id, actor_id=self.actor_id, reason=self.reason)


def erase_tenant(
    *,
    tenant: Tenant,
    at: datetime,
    reason: str,
    actor_id: UUID | None = None,
    batch_rows: int = BATCH_ROWS,
    progress: Progress = lambda label, done, total: None,
) -> Erasure:
    """Erase a tenant, or go on erasing it. Needs the owner's rights, and opens a transaction for each batch.

    Raises ErasureUnfinished when somebody keeps writing its rows.
    """
    work = _Work(tenant.pk, actor_id, reason, erased_tables(), batch_rows)
    with work.transaction():
        totals, destroyed = _shred(work, at)
    deleted: dict[str, int] = {}
    for _pass in range(MAX_PASSES):
        before = sum(deleted.values())
        for label, removed in _delete_rows_of_all(work):
            deleted[label] = deleted.get(label, 0) + removed
            progress(label, deleted[label], totals.get(label, 0))
        if sum(deleted.values()) == before:
            break
    else:
        raise ErasureUnfinished(
            "Rows keep appearing: stop the workers, then start the command again. "
            "The organisation is closed and its secrets are destroyed."
        )
    with work.transaction():
        _delete_tenant(work.tenant_id, deleted)
    return Erasure(tenant_id=work.tenant_id, destroyed_keys=destroyed, deleted_rows=deleted)


def _shred(work: _Work, at: datetime) -> tuple[dict[str, int], int]:
    """Close the tenant, overwrite its keys and write down what it held; returns rows by table and keys destroyed."""
    Tenant.objects.filter(pk=work.tenant_id).update(is_active=False)
    destroyed = destroy_data_keys(tenant_id=work.tenant_id, at=at)
    totals = {table.label: held for table in work.tables if (held := _count(table, work.tenant_id))}
    record(
        action=AuditAction.TENANT_ERASED,
        resource=("tenants.tenant", str(work.tenant_id)),
        changes={"step": "closed", "keys_destroyed": destroyed, "held": totals},
    )
    return totals, destroyed


def _delete_rows_of_all(work: _Work) -> Iterator[tuple[str, int]]:
    """Empty every table of the tenant once; yields each batch's table and count."""
    for table in work.tables:
        for removed in _delete_rows(table, work):
            yield table.label, removed


def _delete_rows(table: ErasedTable, work: _Work) -> Iterator[int]:
    """Empty one table; yields each batch's count.

    Where rows refer to rows of the same table, each walk takes those that nothing refers to any more. When a walk finds
    none, the rest refer to each other in circles, which only a single statement can delete.
    """
    removed_by_walk = 1
    while removed_by_walk:
        removed_by_walk = 0
        for removed in _walk(table, work):
            removed_by_walk += removed
            yield removed
        if not table.parents:
            return
    with work.transaction():
        removed = _delete_circles(table, work.tenant_id)
    if removed:
        yield removed


def _walk(table: ErasedTable, work: _Work) -> Iterator[int]:
    """Delete in the order of the ids, a batch a transaction.

    Going on behind the last id keeps the index from being read again over rows that are dead but not yet vacuumed.
    """
    last_id: UUID | None = None
    while True:
        with work.transaction():
            removed, last_id = _delete_batch(table, work.tenant_id, after_id=last_id, limit=work.batch_rows)
        if not removed:
            return
        yield removed


def _delete_batch(table: ErasedTable, tenant_id: UUID, *, after_id: UUID | None, limit: int) -> tuple[int, UUID | None]:
    """Delete the next rows behind an id that no row of the table refers to; returns how many, and the last id."""
    conditions = ["t.tenant_id = %(tenant)s"]
    if after_id is not None:
        conditions.append("t.id > %(after)s")
    for column in table.parents:
        referring = f'"{table.name}" c WHERE c.tenant_id = %(tenant)s AND c."{column}" = t.id'
        conditions.append(f"NOT EXISTS (SELECT FROM {referring})")
    sql = f"""
        WITH next AS (
          SELECT t.id FROM "{table.name}" t WHERE {" AND ".join(conditions)} ORDER BY t.id LIMIT %(limit)s
        ), gone AS (
          DELETE FROM "{table.name}" d USING next WHERE d.tenant_id = %(tenant)s AND d.id = next.id
        )
        SELECT (SELECT count(*) FROM next), (SELECT id FROM next ORDER BY id DESC LIMIT 1)
    """  # noqa: S608 - names of our own tables
    removed, last_id = _first_row(sql, {"tenant": tenant_id, "after": after_id, "limit": limit})
    return removed, last_id


def _delete_circles(table: ErasedTable, tenant_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'DELETE FROM "{table.name}" WHERE tenant_id = %s', [tenant_id])  # noqa: S608 - our own table
        deleted: int = cursor.rowcount
    return deleted


def _delete_tenant(tenant_id: UUID, deleted: dict[str, int]) -> None:
    """Write the entry and delete the row, together. Raises IntegrityError when something still refers to it."""
    record(
        action=AuditAction.TENANT_ERASED,
        resource=("tenants.tenant", str(tenant_id)),
        changes={"step": "erased", "deleted": deleted, "rows": sum(deleted.values())},
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {Tenant._meta.db_table} WHERE id = %s", [tenant_id])  # noqa: S608 - a constant


def _count(table: ErasedTable, tenant_id: UUID) -> int:
    sql = f'SELECT count(*) FROM "{table.name}" WHERE tenant_id = %(tenant)s'  # noqa: S608 - our own table
    counted: int = _first_row(sql, {"tenant": tenant_id})[0]
    return counted


def _first_row(sql: str, parameters: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()
