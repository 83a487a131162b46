"""The search as Python sees it: typed text in, ids out, in the context in force."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections, models, router

from ..context import TenantTransactionRequired
from ..managers import check_context_chosen
from ..postgresql.rows import rows
from .sources import search_sources

_Rows = TypeVar("_Rows", bound=models.QuerySet[Any])

MOST_MATCHES = 1_000
"""Nobody reads more; the newest are kept."""
LONGEST_SEARCH = 200
"""Characters; what people paste by mistake is longer."""


class SearchTooLong(ValueError):
    """More was typed than a search takes."""

    def __init__(self) -> None:
        super().__init__(f"Search for at most {LONGEST_SEARCH} characters.")


@dataclass(frozen=True, slots=True)
class Matches:
    """ids: of matching rows, newest first;  are_cut: whether there are more than these"""

    ids: tuple[UUID, ...]
    are_cut: bool

    def among(self, queryset: _Rows) -> _Rows:
        """Return the rows of a queryset that are among these, as few and in the order that it says."""
        return queryset.filter(pk__among=self.ids) if self.ids else queryset.none()


def find_matches(model: Any, typed: str, *, within: Collection[UUID] | None = None) -> Matches:
    """Find the rows of a searched model that hold every typed word, each by its beginning.

    within: the projects whose rows the caller may see (of a model without projects: the rows); None: all of the tenant
    Asks once. Raises SearchTooLong, TenantContextRequired, and KeyError for a model that is not searched.
    """
    if len(typed) > LONGEST_SEARCH:
        raise SearchTooLong
    check_context_chosen()
    connection: Any = connections[router.db_for_read(model)]
    if not connection.in_atomic_block:
        raise TenantTransactionRequired("A search runs inside a transaction: wrap it in tenant_context(tenant_id).")
    function = search_sources()[model].function
    # The function's name is made of the model's table.
    sql = f'SELECT stratibreak."{function}"(%s, %s::uuid[], %s)'
    scope = None if within is None else list(within)
    found = [row_id for (row_id,) in rows(connection, sql, [typed.replace("\0", " "), scope, MOST_MATCHES + 1])]
    return Matches(tuple(found[:MOST_MATCHES]), len(found) > MOST_MATCHES)
