"""Reading an integration because somebody asks for it now, or no more because somebody wants that."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Max, Q

from integrations.domain.environment import Environment
from integrations.domain.locks import lock_key
from integrations.domain.syncing import sync_integration
from integrations.enums import IntegrationStatus, SyncStatus
from integrations.http.errors import RateLimited
from integrations.models import Integration, SyncResult
from tenants.audit.enums import AuditAction, Operation
from tenants.domain import auditing
from tenants.domain.refusals import Refusal
from tenants.isolation.context import require_tenant_id
from tenants.isolation.queue import defer_job

SYNC_TASK: Final = "sync_integration"
"""The job that reads one integration, by the name that workers know it by."""
SMALL_RUN_MS: Final = 20_000
"""What a request waits for. A first run, whose size nobody knows, is left to a worker."""
_LOW_32_BITS: Final = 0xFFFF_FFFF


class SyncUnderWay(Refusal):
    """A worker is at it."""


class SyncHeld(Refusal):
    """The tool asked us to wait, and the wait is not over."""


def start_sync(*, integration: Integration, at: datetime) -> bool:
    """Have an integration read now, and switch it on if it was off. The one place that decides who carries a run out.

    Returns whether it is read as soon as this transaction is committed; otherwise a worker has its job then, and where
    none works it is due for whoever reads what is due (`manage.py sync --due`). Raises SyncUnderWay or SyncHeld.
    """
    if is_running(integration):
        raise SyncUnderWay("It is being read right now.")
    _check_not_held(integration, at)
    status = IntegrationStatus.ACTIVE if integration.status == IntegrationStatus.INACTIVE else integration.status
    Integration.objects.filter(pk=integration.pk).update(next_run_at=at, status=status)
    is_small = _is_small(integration)
    changes = {"project": str(integration.project_id), "before": integration.status, "carried_out": is_small}
    auditing.record(action=AuditAction.IMPORT_DATA, resource=integration, reason="sync asked for", changes=changes)
    if is_small:
        transaction.on_commit(partial(_read_now, require_tenant_id(), integration.pk), robust=True)
    else:
        defer_job(SYNC_TASK, subject=integration.pk)
    return is_small


def switch_off(*, integration: Integration) -> None:
    """Have an integration read no more; what was read stays. A run under way ends with its next step.

    `start_sync` switches it on again, and what such a run had not reached is read then. Nothing happens to one that is
    off.
    """
    changed = Integration.objects.filter(pk=integration.pk).exclude(status=IntegrationStatus.INACTIVE)
    if changed.update(status=IntegrationStatus.INACTIVE, next_run_at=None):
        auditing.record(
            action=AuditAction.CONFIGURE_INTEGRATION,
            resource=integration,
            operation=Operation.UPDATE,
            changes={"status": [integration.status, IntegrationStatus.INACTIVE]},
        )


def is_switched_off(integration_id: UUID) -> bool:
    return Integration.objects.filter(pk=integration_id, status=IntegrationStatus.INACTIVE).exists()


def is_running(integration: Integration) -> bool:
    """Whether a worker holds the integration's lock at this moment, in whatever process."""
    key = lock_key(require_tenant_id(), integration.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
            " AND classid = %s::bigint::oid AND objid = %s::bigint::oid"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [key >> 32 & _LOW_32_BITS, key & _LOW_32_BITS],
        )
        return bool(cursor.fetchone()[0])


def _is_small(integration: Integration) -> bool:
    """Whether everything has been read at least once, and never took longer than a request may."""
    read = SyncResult.objects.filter(integration=integration).exclude(status=SyncStatus.FAILED)
    told = read.aggregate(longest_ms=Max("duration_ms"), whole=Count("id", filter=Q(status=SyncStatus.SUCCEEDED)))
    return bool(told["whole"]) and told["longest_ms"] <= SMALL_RUN_MS


def _check_not_held(integration: Integration, at: datetime) -> None:
    latest = SyncResult.objects.filter(integration=integration).order_by("-id").first()
    until = integration.next_run_at
    if latest is not None and latest.error_code == RateLimited.code and until is not None and until > at:
        raise SyncHeld(f"The tool asked for a pause. It is read again at {until:%H:%M} UTC on {until:%-d %B}.")


def _read_now(tenant_id: UUID, integration_id: UUID) -> None:
    sync_integration(tenant_id=tenant_id, integration_id=integration_id, environment=Environment.configured())
