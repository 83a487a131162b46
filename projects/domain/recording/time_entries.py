"""Time that people wrote down, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from projects.domain.recording.bulk import Column, Overwrite, Scope, array_literal, execute, observed, upsert
from projects.models import TimeEntry
from projects.observations import TimeEntryObservation
from tenants.isolation.identifiers import uuid7

_TABLE: Final = TimeEntry._meta.db_table
_KEY: Final = ("tenant_id", "project_id", "source", "external_id")
_OVERWRITE: Final = Overwrite(
    values={
        **observed("work_item_id", "contributor_id", "worked_on_date", "started_at", "duration_s"),
        "removed_at": "NULL::timestamptz",
    },
    also=observed("recorded_at"),
)


def record_time_entries(
    scope: Scope,
    entries: Iterable[TimeEntryObservation],
    *,
    item_ids: Mapping[str, UUID],
    contributors: Mapping[str, UUID],
) -> int:
    """Add entries of the given items, or bring them up to date: what a tool corrects is corrected here.

    Returns the number of rows written.
    """
    distinct = {entry.external_id: entry for entry in entries if entry.item_id in item_ids}
    rows = [distinct[external_id] for external_id in sorted(distinct)]
    columns = [
        Column("id", "uuid", [uuid7() for _ in rows]),
        Column("external_id", "text", [entry.external_id for entry in rows]),
        Column("work_item_id", "uuid", [item_ids[entry.item_id] for entry in rows]),
        Column("contributor_id", "uuid", [contributors[entry.actor_id] if entry.actor_id else None for entry in rows]),
        Column("worked_on_date", "date", [entry.worked_on_date for entry in rows]),
        Column("started_at", "timestamptz", [entry.started_at for entry in rows]),
        Column("duration_s", "bigint", [entry.duration_s for entry in rows]),
    ]
    shared = {**scope.source_columns, "recorded_at": scope.at}
    return len(upsert(_TABLE, columns, shared=shared, key=_KEY, overwrite=_OVERWRITE))


def end_time_entries(
    scope: Scope, entries: Iterable[TimeEntryObservation], *, item_ids: Mapping[str, UUID], whole: Iterable[str]
) -> int:
    """Mark the recorded entries of the items in `whole` (external ids) that these items no longer show."""
    ended = [item_ids[external_id] for external_id in sorted(set(whole) & item_ids.keys())]
    if not ended:
        return 0
    return execute(
        f"UPDATE {_TABLE} SET removed_at = %s, recorded_at = %s "  # noqa: S608 - our own table
        "WHERE tenant_id = %s AND work_item_id = ANY (%s::uuid[]) AND source = %s AND removed_at IS NULL "
        "AND external_id NOT IN (SELECT UNNEST(%s::text[]))",
        [
            scope.at,
            scope.at,
            scope.tenant_id,
            array_literal(ended, sql_type="uuid"),
            scope.source,
            array_literal([entry.external_id for entry in entries], sql_type="text"),
        ],
    )
