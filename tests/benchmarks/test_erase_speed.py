"""Erasing a tenant against what Django would do, within one run.

BENCH_WORK_ITEMS: work items of each tenant (default 50,000; promised for 1,000,000, where the ratio is larger)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import signals
from django.utils import timezone

from projects.models import FieldChange, WorkItem
from tenants.domain.erasing import erase_tenant
from tenants.isolation.models import TenantModel
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike
from tests.owner_rows import owner_connection

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True)]

WORK_ITEMS = int(os.environ.get("BENCH_WORK_ITEMS", "50000"))
LEAST_RATIO = 20


def _multiply(model: type[TenantModel], tenant_id: UUID, **changed: str) -> None:
    """Make WORK_ITEMS copies of a row of the tenant, numbered by n; ids grow in time, as UUIDv7 do.

    changed: SQL of the columns in which the copies differ
    """
    changed = {"id": "(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || right(tenant_id::text, 12))::uuid", **changed}
    columns = [str(field.column) for field in model._meta.local_concrete_fields if not field.generated]
    values = ", ".join(changed.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = model._meta.db_table
    with owner_connection() as owner:
        owner.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {WORK_ITEMS}) n, "  # noqa: S608
            f"(SELECT * FROM {table} WHERE tenant_id = '{tenant_id}' LIMIT 1) row"
        )
        owner.execute(f"ANALYZE {table}")


@contextmanager
def _signal_receiver() -> Iterator[None]:
    """A receiver that does nothing: its being there is what makes Django load every row."""

    def receive(**_: Any) -> None:
        pass

    signals.post_delete.connect(receive, sender=WorkItem)
    try:
        yield
    finally:
        signals.post_delete.disconnect(receive, sender=WorkItem)


def _erase(tenant: Tenant) -> float:
    start = time.perf_counter()
    with owner_access():
        erase_tenant(tenant=tenant, at=timezone.now(), reason="benchmark")
    return time.perf_counter() - start


def _collect(tenant: Tenant) -> float:
    start = time.perf_counter()
    with owner_access(), tenant_context(tenant.pk), _signal_receiver():
        WorkItem.objects.all().delete()
    return time.perf_counter() - start


def test_erasing_a_tenant_is_twenty_times_djangos_collector(world: tuple[LookAlike, LookAlike]) -> None:
    """Work items with one change each. Django loads them, and deletes them a hundred at a time."""
    for each in world:
        _multiply(WorkItem, each.tenant.pk, external_id="'copy-' || n", key="'COPY-' || n")
        _multiply(
            FieldChange,
            each.tenant.pk,
            external_id="'copy-' || n",
            work_item_id="(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || right(tenant_id::text, 12))::uuid",
        )

    collected_s = _collect(world[0].tenant)
    erased_s = _erase(world[1].tenant)

    connection.close()
    assert collected_s >= LEAST_RATIO * erased_s, f"collector {collected_s:.2f} s, erase_tenant {erased_s:.2f} s"
