"""Deferring a job inside the transaction that is open, and looking at one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from ..jobs import carried_context
from ..postgresql.rows import rows

_DEFER = "SELECT stratibreak.defer_job(%s, %s, %s, %s, %s)"
_OWN = "SELECT id, task, subject, status, deferred_at, attempts, note FROM stratibreak.own_jobs()"


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job of the tenant.

    subject: what it works on, an integration or a project;  status: todo, doing, succeeded, failed, cancelled, aborted
    attempts: how often it was begun and not finished;  note: what it said at its end
    """

    id: UUID
    task: str
    subject: UUID
    status: str
    deferred_at: datetime
    attempts: int
    note: str


def defer_job(task: str, *, subject: UUID, is_needless_while_running: bool = False) -> UUID | None:
    """Let a worker run a task for the tenant that is current, once this transaction commits; answers the job's id.

    None when the same waits already, or runs and is_needless_while_running.
    Raises TenantContextRequired when no tenant is chosen.
    """
    carried = carried_context()
    values = [task, subject, carried["actor_id"] or None, carried["reason"], is_needless_while_running]
    [(job_id,)] = rows(connection, _DEFER, values)
    found: UUID | None = job_id
    return found


def own_jobs(*, subject: UUID | None = None) -> list[QueuedJob]:
    """The tenant's jobs, the newest first: those that wait or run, and those that ended in the past days."""
    found = rows(connection, _OWN + (" WHERE subject = %s" if subject else ""), [subject] if subject else ())
    return [QueuedJob(*values) for values in found]


def delete_jobs_of(tenant_id: UUID) -> None:
    """Delete an organisation's jobs, whatever their state. Needs the owner's rights."""
    rows(connection, "DELETE FROM queue.procrastinate_jobs WHERE tenant_id = %s", [tenant_id])
