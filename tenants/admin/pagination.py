"""Pages of long lists without counting all of them."""

from __future__ import annotations

from functools import cached_property

from django.core.paginator import Paginator
from django.db import models

COUNTED_ROWS = 10_000
"""Further pages are reached by filters and search: nobody turns two hundred pages, and counting a million rows for a
page of fifty costs more than the page."""


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Counts to ten thousand and stops."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if isinstance(rows, models.QuerySet):
            return rows.order_by()[:COUNTED_ROWS].count()
        return min(len(rows), COUNTED_ROWS)
