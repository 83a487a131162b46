"""The workflow of a source: its statuses, and what a person has said about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from projects.domain.recording.bulk import Column, Overwrite, Scope, array_literal, fetch, observed, upsert
from projects.enums import CategoryOrigin, StatusCategory
from projects.models import WorkflowStatus
from projects.observations import StatusObservation
from tenants.isolation.identifiers import uuid7

_TABLE = WorkflowStatus._meta.db_table
_KEY = ("tenant_id", "project_id", "source", "status_id")


def record_statuses(scope: Scope, statuses: Iterable[StatusObservation]) -> int:
    """Keep statuses on first sight. What the tool says replaces a guess; a guess, and a person's word, replace nothing.

    Returns the number of rows written.
    """
    told: dict[str, StatusObservation] = {}
    guessed: dict[str, StatusObservation] = {}
    for status in statuses:
        (guessed if status.is_guessed else told)[status.external_id] = status
    guesses = [status for status_id, status in sorted(guessed.items()) if status_id not in told]
    certain = [status for _, status in sorted(told.items())]
    overwrite = Overwrite(
        values=observed("name", "category", "category_origin"),
        also=observed("updated_at"),
        only_if=f"kept.category_origin <> '{CategoryOrigin.PERSON.value}'",
    )
    written = upsert(
        _TABLE, _columns(certain), shared=_shared(scope, CategoryOrigin.SOURCE), key=_KEY, overwrite=overwrite
    )
    written += upsert(_TABLE, _columns(guesses), shared=_shared(scope, CategoryOrigin.GUESSED), key=_KEY)
    return len(written)


def corrected_categories(scope: Scope, status_ids: Iterable[str]) -> dict[str, StatusCategory]:
    """The categories that people have set for these statuses."""
    wanted = sorted(set(status_ids))
    if not wanted:
        return {}
    rows = fetch(
        f"SELECT status_id, category FROM {_TABLE} WHERE tenant_id = %s AND project_id = %s AND source = %s "  # noqa: S608 - our own table
        "AND category_origin = %s AND status_id = ANY (%s::text[])",
        [
            *(scope.tenant_id, scope.project_id, scope.source, CategoryOrigin.PERSON.value),
            array_literal(wanted, sql_type="text"),
        ],
    )
    return {status_id: StatusCategory(category) for status_id, category in rows}


def _columns(statuses: list[StatusObservation]) -> list[Column]:
    return [
        Column("id", "uuid", [uuid7() for _ in statuses]),
        Column("status_id", "text", [status.external_id for status in statuses]),
        Column("name", "text", [status.name for status in statuses]),
        Column("category", "text", [status.category for status in statuses]),
    ]


def _shared(scope: Scope, origin: CategoryOrigin) -> dict[str, Any]:
    return {
        **scope.source_columns,
        "category_origin": origin.value,
        "created_at": scope.at,
        "updated_at": scope.at,
    }
