"""Erasing an organisation, for good.

1. Shred: nobody can log in any more and its data keys are overwritten, in one committed step. From here on its secrets
   are unreadable, whatever happens next.
2. Delete its rows table by table, those that refer before those they refer to, a batch a transaction. Nothing is loaded
   into Python and nothing cascades. Killed and started again, it goes on with what is left. Passes are repeated until
   one finds nothing.
3. Delete its jobs and the organisation itself, with one entry that says how many rows went.

Where the owner may set session_replication_role, the database does not look for referring rows at each deleted one,
which takes 30 times as long as deleting it: seven references lead to a work item. A row that is added meanwhile cannot
stay behind: its writer holds the row that it refers to, so the pass that deletes that one waits for the writer, and the
next pass sees the new row.

What stays: its audit entries and their seals (ids, hashes, counts: nothing of its data), under the organisation's id,
until their retention ends; backups until they expire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models

from tenants.domain.auditing import AuditAction, record
from tenants.domain.keys import destroy_data_keys
from tenants.isolation.context import AccessContext
from tenants.isolation.queue import delete_jobs_of
from tenants.isolation.registry import isolated_models
from tenants.isolation.transaction import tenant_context
from tenants.models.audit_entry import AuditEntry
from tenants.models.audit_seal import AuditSeal
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
    is_closed: whether only tables that are erased too refer to it
    """

    name: str
    label: str
    parents: tuple[str, ...] = ()
    is_closed: bool = False


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
    open_models = {target for model in apps.get_models() if model not in erased for target in _targets(model)}
    return [_table(model, is_closed=model not in open_models) for model in order.static_order()]


def _is_erased(model: type[models.Model]) -> bool:
    return getattr(model, "tenant_column", None) == "tenant_id" and model not in (AuditEntry, AuditSeal)


def _targets(model: type[models.Model]) -> Iterator[type[models.Model]]:
    for field in model._meta.local_fields:
        if field.remote_field is not None:
            yield field.remote_field.model


def _table(model: type[models.Model], *, is_closed: bool) -> ErasedTable:
    parents = tuple(
        field.column
        for field in model._meta.local_fields
        if field.remote_field is not None and field.remote_field.model is model and field.column is not None
    )
    label = str(model._meta.verbose_name_plural)
    return ErasedTable(name=model._meta.db_table, label=label, parents=parents, is_closed=is_closed)


# --- erasing ---


@dataclass(frozen=True, slots=True)
class _Work:
    """What one erasure goes through, and on whose behalf."""

    tenant_id: UUID
    actor_id: UUID | None
    reason: str
    tables: list[ErasedTable]
    batch_rows: int
    may_skip_checks: bool

    def transaction(self) -> AbstractContextManager[AccessContext]:
        return tenant_context(self.tenant_id, actor_id=self.actor_id, reason=self.reason)

    @contextmanager
    def transaction_on(self, table: ErasedTable) -> Iterator[None]:
        with self.transaction():
            if self.may_skip_checks and table.is_closed:
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL session_replication_role = replica")
            yield


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
    work = _Work(tenant.pk, actor_id, reason, erased_tables(), batch_rows, may_skip_checks=_may_skip_checks())
    with work.transaction():
        totals, destroyed = _shred(work, at)
    deleted: dict[str, int] = {}
    held = totals
    for _pass in range(MAX_PASSES):
        for label, removed in _delete_rows_of_all(work, held):
            deleted[label] = deleted.get(label, 0) + removed
            progress(label, deleted[label], totals.get(label, 0))
        with work.transaction():
            held = _held(work)
        if not held:
            break
    else:
        raise ErasureUnfinished(
            "Rows keep appearing: stop the workers, then start the command again. "
            "The organisation is closed and its secrets are destroyed."
        )
    with work.transaction():
        delete_jobs_of(work.tenant_id)
        _delete_tenant(work.tenant_id, deleted)
    return Erasure(tenant_id=work.tenant_id, destroyed_keys=destroyed, deleted_rows=deleted)


def _may_skip_checks() -> bool:
    allowed: bool = _first_row("SELECT has_parameter_privilege('session_replication_role', 'SET')", {})[0]
    return allowed


def _shred(work: _Work, at: datetime) -> tuple[dict[str, int], int]:
    """Close the tenant, overwrite its keys and write down what it held; returns rows by table and keys destroyed."""
    Tenant.objects.filter(pk=work.tenant_id).update(is_active=False)
    destroyed = destroy_data_keys(tenant_id=work.tenant_id, at=at)
    totals = _held(work)
    record(
        action=AuditAction.TENANT_ERASED,
        resource=("tenants.tenant", str(work.tenant_id)),
        changes={"step": "closed", "keys_destroyed": destroyed, "held": totals},
    )
    return totals, destroyed


def _held(work: _Work) -> dict[str, int]:
    """How many rows the tenant has, by table; tables without any are left out. One statement for all tables."""
    counts = " UNION ALL ".join(
        f'SELECT {place}, count(*) FROM "{table.name}" WHERE tenant_id = %(tenant)s'  # noqa: S608 - our own tables
        for place, table in enumerate(work.tables)
    )
    with connection.cursor() as cursor:
        cursor.execute(counts, {"tenant": work.tenant_id})
        return {work.tables[place].label: held for place, held in cursor.fetchall() if held}


def _delete_rows_of_all(work: _Work, held: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Empty the tables that hold rows, leaf first; yields each batch's table and count."""
    for table in (table for table in work.tables if table.label in held):
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
    with work.transaction_on(table):
        removed = _delete_circles(table, work.tenant_id)
    if removed:
        yield removed


def _walk(table: ErasedTable, work: _Work) -> Iterator[int]:
    """Delete in the order of the ids, a range of them a transaction; yields the count of each.

    Going on behind the last id keeps the index from being read again over rows that are dead but not yet vacuumed.
    """
    after: UUID | None = None
    while True:
        with work.transaction_on(table):
            until = _end_of_range(table, work, after)
            removed = _delete_range(table, work.tenant_id, after, until)
        if removed:
            yield removed
        if until is None:
            return
        after = until


def _end_of_range(table: ErasedTable, work: _Work, after: UUID | None) -> UUID | None:
    """The id up to which a full batch of rows lies, None when there are fewer left."""
    sql = f"""
        SELECT id FROM "{table.name}" WHERE tenant_id = %(tenant)s AND (%(after)s::uuid IS NULL OR id > %(after)s)
        ORDER BY id OFFSET %(skipped)s LIMIT 1
    """  # noqa: S608 - names of our own tables
    row = _first_row(sql, {"tenant": work.tenant_id, "after": after, "skipped": work.batch_rows - 1})
    return None if row is None else row[0]


def _delete_range(table: ErasedTable, tenant_id: UUID, after: UUID | None, until: UUID | None) -> int:
    """Delete the rows from behind one id up to another that no row of the table refers to."""
    conditions = [
        "t.tenant_id = %(tenant)s",
        "(%(after)s::uuid IS NULL OR t.id > %(after)s)",
        "(%(until)s::uuid IS NULL OR t.id <= %(until)s)",
    ]
    for column in table.parents:
        referring = f'"{table.name}" c WHERE c.tenant_id = %(tenant)s AND c."{column}" = t.id'
        conditions.append(f"NOT EXISTS (SELECT FROM {referring})")
    sql = f'DELETE FROM "{table.name}" t WHERE {" AND ".join(conditions)}'  # noqa: S608 - names of our own tables
    return _deleted(sql, {"tenant": tenant_id, "after": after, "until": until})


def _delete_circles(table: ErasedTable, tenant_id: UUID) -> int:
    sql = f'DELETE FROM "{table.name}" WHERE tenant_id = %(tenant)s'  # noqa: S608 - names of our own tables
    return _deleted(sql, {"tenant": tenant_id})


def _delete_tenant(tenant_id: UUID, deleted: dict[str, int]) -> None:
    """Write the entry and delete the row, together. Raises IntegrityError when something still refers to it."""
    record(
        action=AuditAction.TENANT_ERASED,
        resource=("tenants.tenant", str(tenant_id)),
        changes={"step": "erased", "deleted": deleted, "rows": sum(deleted.values())},
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {Tenant._meta.db_table} WHERE id = %s", [tenant_id])  # noqa: S608 - a constant


def _first_row(sql: str, parameters: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def _deleted(sql: str, parameters: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        deleted: int = cursor.rowcount
    return deleted
