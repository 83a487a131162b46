"""The backoffice's list of a large table against Django's stock page of the same table, in one run.

Both lists show the same columns of the same rows to the same administrator, inside the tenant's context, in turns.
The stock page counts all rows (twice: for the pages and for the title) and orders by nothing of its own; ours counts to
ten thousand, follows the key and joins what it shows.

    python -m tests.benchmarks.bench_admin --rows 1000000
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.test import RequestFactory

from tests.benchmarks.own_database import print_measured

ROUNDS = 7


def render_list(page: Any, user: Any) -> Callable[[], float]:
    """Return what renders the first page of a list once and answers the seconds it took."""
    from tenants.isolation.transaction import tenant_context  # noqa: PLC0415  # settings are needed first

    def once() -> float:
        request: Any = RequestFactory().get("/admin/gaps/gap/")
        request.user, request.session = user, {}
        started = time.perf_counter()
        with tenant_context(user.tenant_id):
            response = page.changelist_view(request)
            response.render()
        assert response.status_code == 200
        return time.perf_counter() - started

    return once


def measure(rows: int) -> dict[str, Any]:
    """Fill the table, then render both lists in turns; seconds are medians."""
    from gaps.admin import GapPage  # noqa: PLC0415  # settings are needed first
    from gaps.models import Gap  # noqa: PLC0415
    from tenants.enums import Role  # noqa: PLC0415
    from tenants.isolation.transaction import tenant_context  # noqa: PLC0415
    from tests.benchmarks.gap_rows import fill, make_organisations  # noqa: PLC0415
    from tests.factories.tenants import UserFactory  # noqa: PLC0415
    from tests.owner_rows import owner_connection  # noqa: PLC0415

    class StockPage(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
        list_display = GapPage.list_display
        list_filter = GapPage.list_filter
        search_fields = ("title",)

    organisations = make_organisations(1)
    with owner_connection() as owner:
        fill(owner, Gap._meta.db_table, rows=rows, of=organisations, shares=[1.0])
    with tenant_context(organisations.tenants[0]):
        user = UserFactory.create(role=Role.ADMIN)
    ours, stock = (render_list(page(Gap, admin.site), user) for page in (GapPage, StockPage))
    ours(), stock()
    times = [(ours(), stock()) for _ in range(ROUNDS)]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    return {"rows": rows, "ours_s": medians[0], "stock_s": medians[1], "ratio": medians[1] / medians[0]}


if __name__ == "__main__":
    print_measured(measure, __doc__)
