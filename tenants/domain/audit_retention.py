"""How long audit entries stay, and what erasing a tenant leaves of them. Runs with the owner's credentials.

Tenants are listed under the auth purpose and entered one by one: the owner needs neither, a single database user both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from django.db import connection

from tenants.audit.entries import INSTALLATION, Draft, write_entry
from tenants.audit.enums import AuditAction, Operation
from tenants.audit.partitions import allow_removal, delete_expired
from tenants.domain.audit_sealing import record_removal, trail_tenants
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models.tenant import Tenant

DEFAULT_RETENTION_DAYS = 365  # of the installation's own entries while there is no tenant
BATCH_ROWS = 10_000  # about a quarter of a second: other writers hardly notice


def longest_retention() -> int:
    """Return the longest retention of all tenants, in days: older partitions hold nothing that anybody keeps."""
    with auth_context():
        longest = Tenant.objects.order_by("-retention_days").values_list("retention_days", flat=True).first()
    return longest or DEFAULT_RETENTION_DAYS


def start_of_day(moment: datetime) -> datetime:
    """Return the start of its UTC day: a day's entries go together, as they were sealed."""
    return datetime.combine(moment.astimezone(UTC).date(), time.min, tzinfo=UTC)


def announce_dropping(moment: datetime) -> None:
    """Put into every organisation's seals that the entries before then go with their partitions."""
    for tenant_id in trail_tenants():
        record_removal(tenant_id, before=moment.date())


def apply_tenant_retention(*, now: datetime) -> Iterator[tuple[str, int]]:
    """Delete the entries past each tenant's own retention, in batches that commit one by one.

    Yields (tenant's name, entries removed) for each tenant that lost some, after leaving an entry that says how many.
    """
    with auth_context():
        tenants = list(Tenant.objects.values_list("id", "name", "retention_days"))
    for tenant_id, name, retention_days in tenants:
        before = start_of_day(now - timedelta(days=retention_days))
        record_removal(tenant_id, before=before.date())
        removed = _delete_in_batches(tenant_id, before)
        if removed:
            _record_removal(tenant_id, removed)
            yield name, removed


def erase_audit_entries(*, tenant_id: UUID) -> int:
    """Delete every entry of a tenant before its retention ends, whose changes quote its data. Returns how many.

    One entry under the installation says how many went of which tenant.
    Raises ValueError for the installation itself, whose entries go by retention only.
    """
    if tenant_id == INSTALLATION:
        raise ValueError("The installation's own entries are not erased.")
    record_removal(tenant_id, before=None)
    removed = _delete_in_batches(tenant_id, datetime(9999, 1, 1, tzinfo=UTC))
    _record_removal(INSTALLATION, removed, of_tenant=tenant_id)
    return removed


def _delete_in_batches(tenant_id: UUID, before: datetime) -> int:
    removed = 0
    while True:
        with tenant_context(tenant_id):
            allow_removal(connection)
            batch = delete_expired(connection, tenant_id=tenant_id, before=before, limit=BATCH_ROWS)
        removed += batch
        if batch < BATCH_ROWS:
            return removed


def _record_removal(tenant_id: UUID, removed: int, *, of_tenant: UUID | None = None) -> None:
    with tenant_context(tenant_id):
        write_entry(
            Draft(
                action=AuditAction.RETENTION_APPLIED,
                operation=Operation.BULK,
                tenant_id=tenant_id,
                resource_type="tenants.tenant" if of_tenant else "tenants.auditentry",
                resource_id=str(of_tenant or ""),
                changes={"counts": {"deleted": removed}},
            )
        )
