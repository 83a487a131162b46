"""`?search=` on lists: the words of a row, in any order, each by its beginning."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from tenants.api.access import search_scope
from tenants.api.problems import InvalidParameter
from tenants.isolation.search.matching import LONGEST_SEARCH, MOST_MATCHES, SearchTooLong, find_matches
from tenants.isolation.search.sources import is_searchable

SEARCH_PARAMETER = "search"

DESCRIPTION = (
    "Words in any order, each by its beginning; case and accents do not matter. A key such as ABC-123 finds itself. "
    f"Only the newest {MOST_MATCHES:,} matches are considered, before other filters: see `more_matches`."
)


class WordSearchBackend(BaseFilterBackend):
    """Applies `?search=` to the lists of searched models.

    What the requester may not see is left out before matches are counted, so that neither rows nor `more_matches`
    tell of it.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        typed = request.query_params.get(SEARCH_PARAMETER)
        if typed is None or not is_searchable(view.model):
            return queryset
        if "\0" in typed:
            raise InvalidParameter({SEARCH_PARAMETER: ["Null characters are not allowed."]})
        if not typed.strip():
            return queryset
        view.more_matches = False
        if queryset.query.is_empty():
            return queryset
        try:
            matches = find_matches(view.model, typed, within=search_scope(view.model, request))
        except SearchTooLong as error:
            raise InvalidParameter({SEARCH_PARAMETER: [str(error)]}) from error
        view.more_matches = matches.are_cut
        return matches.among(queryset)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The query parameter, on lists that have it."""
        if not is_searchable(view.model):
            return []
        schema = {"type": "string", "maxLength": LONGEST_SEARCH}
        return [
            {
                "name": SEARCH_PARAMETER,
                "in": "query",
                "required": False,
                "description": DESCRIPTION,
                "schema": schema,
            }
        ]
