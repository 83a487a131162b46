"""Erasing a tenant beside what Django would do: `python -m tests.benchmarks.bench_erase --rows 1000000`.

Needs DATABASE_URL with its owner and superuser; works in a test database that it makes and removes. Prints one JSON.
A tenant has `--rows` work items with one change each. Django's collector with one signal receiver loads every row and
deletes them a hundred at a time, which takes minutes and gigabytes at a million. So it is measured at a tenth and at a
fifth. "collector_s" and "ratio" scale the smaller of the two by the rows; "linearity" compares the processor time of
both (1: twice the rows take twice the time), which another load on the machine moves less than the clock.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.benchmarks.own_database import print_measured
from tests.benchmarks.turns import processor_ns_of


def multiply(model: Any, tenant_id: UUID, rows: int, **changed: str) -> None:
    """Make `rows` copies of a row of the tenant, numbered by n; ids grow in time, as UUIDv7 do.

    changed: SQL of the columns in which the copies differ
    """
    from tests.owner_rows import owner_connection  # noqa: PLC0415  # settings are needed first

    changed = {"id": "(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || right(tenant_id::text, 12))::uuid", **changed}
    columns = [str(field.column) for field in model._meta.local_concrete_fields if not field.generated]
    values = ", ".join(changed.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = model._meta.db_table
    with owner_connection() as owner:
        owner.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {rows}) n, "  # noqa: S608
            f"(SELECT * FROM {table} WHERE tenant_id = '{tenant_id}' LIMIT 1) row"
        )
        owner.execute(f"ANALYZE {table}")


def tenant_with_items(rows: int) -> Any:
    """Return a new tenant with `rows` work items and as many changes of them."""
    from projects.models import FieldChange, WorkItem  # noqa: PLC0415  # settings are needed first
    from tenants.isolation.owner import owner_access  # noqa: PLC0415
    from tenants.isolation.transaction import tenant_context  # noqa: PLC0415
    from tests.factories.projects import FieldChangeFactory, WorkItemFactory  # noqa: PLC0415
    from tests.factories.tenants import TenantFactory  # noqa: PLC0415

    with owner_access("benchmark"):
        tenant: Any = TenantFactory.create(name=f"Demo Organisation {time.monotonic_ns()}")
    with tenant_context(tenant.pk):
        FieldChangeFactory.create(work_item=WorkItemFactory.create())
    multiply(WorkItem, tenant.pk, rows, external_id="'copy-' || n", key="'COPY-' || n")
    item_id = "(lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || right(tenant_id::text, 12))::uuid"
    multiply(FieldChange, tenant.pk, rows, external_id="'copy-' || n", work_item_id=item_id)
    return tenant


@contextmanager
def _signal_receiver() -> Iterator[None]:
    """A receiver that does nothing: its being there is what makes Django load every row."""
    from django.db.models import signals  # noqa: PLC0415  # settings are needed first

    from projects.models import WorkItem  # noqa: PLC0415

    def receive(**_: Any) -> None:
        pass

    signals.post_delete.connect(receive, sender=WorkItem)
    try:
        yield
    finally:
        signals.post_delete.disconnect(receive, sender=WorkItem)


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds by the clock, and of the processor: our thread and the backend of the connection that worked."""

    clock_s: float
    processor_s: float


def _taken(work: Callable[[], Any]) -> Taken:
    from django.db import connection  # noqa: PLC0415  # settings are needed first

    connection.ensure_connection()
    pid: int = connection.connection.info.backend_pid
    began, thread, backend = time.perf_counter(), time.thread_time(), processor_ns_of(pid)
    work()
    processor_s = time.thread_time() - thread + (processor_ns_of(pid) - backend) / 1e9
    return Taken(time.perf_counter() - began, processor_s)


def erasing(rows: int) -> Taken:
    """What `erase_tenant` takes for a tenant of so many work items."""
    from django.utils import timezone  # noqa: PLC0415  # settings are needed first

    from tenants.domain.erasing import erase_tenant  # noqa: PLC0415
    from tenants.isolation.owner import owner_access  # noqa: PLC0415

    tenant = tenant_with_items(rows)
    with owner_access():
        return _taken(lambda: erase_tenant(tenant=tenant, at=timezone.now(), reason="benchmark"))


def collecting(rows: int) -> Taken:
    """What Django's collector takes for the work items of such a tenant."""
    from projects.models import WorkItem  # noqa: PLC0415  # settings are needed first
    from tenants.isolation.owner import owner_access  # noqa: PLC0415
    from tenants.isolation.transaction import tenant_context  # noqa: PLC0415

    def collect() -> None:
        with tenant_context(tenant.pk), _signal_receiver():
            WorkItem.objects.all().delete()

    tenant = tenant_with_items(rows)
    with owner_access():
        return _taken(collect)


def measure(rows: int) -> dict[str, Any]:
    """Erase once, collect twice."""
    small, large = collecting(rows // 10), collecting(rows // 5)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    erased = erasing(rows)
    collector_s = min(10 * small.clock_s, 5 * large.clock_s)
    return {
        "work_items": rows,
        "erase_s": round(erased.clock_s, 2),
        "erase_processor_s": round(erased.processor_s, 2),
        "collector_s": round(collector_s, 1),
        "collector_is_scaled": True,
        "collector_measured": {
            str(count): {"clock_s": round(taken.clock_s, 2), "processor_s": round(taken.processor_s, 2)}
            for count, taken in ((rows // 10, small), (rows // 5, large))
        },
        "linearity": round(large.processor_s / (2 * small.processor_s), 3),
        "collector_peak_mb": peak_mb,
        "ratio": round(collector_s / erased.clock_s, 1),
        "processor_ratio": round(10 * small.processor_s / erased.processor_s, 1),
    }


if __name__ == "__main__":
    print_measured(measure, __doc__)
