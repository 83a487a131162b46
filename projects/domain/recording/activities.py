"""Comments and reviews: that they happened, when, and in which role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from projects.domain.recording.bulk import Column, Overwrite, Scope, observed, upsert
from projects.domain.recording.items import find_items_by_key
from projects.models import ActivityEvent
from projects.observations import ActivityObservation
from tenants.isolation.identifiers import uuid7

_TABLE: Final = ActivityEvent._meta.db_table
_KEY: Final = ("tenant_id", "project_id", "source", "external_id")
_OVERWRITE: Final = Overwrite(
    values={
        **observed("kind", "contributor_id", "contributor_role", "occurred_at", "mentions"),
        "work_item_id": "CASE WHEN excluded.mentions = kept.mentions "
        "THEN coalesce(excluded.work_item_id, kept.work_item_id) ELSE excluded.work_item_id END",
    },
    also=observed("recorded_at"),
)


def record_activities(
    scope: Scope,
    activities: Iterable[ActivityObservation],
    *,
    item_ids: Mapping[str, UUID],
    contributors: Mapping[str, UUID],
) -> int:
    """Add activities, or bring them up to date. One about an item that is not recorded is kept without it.

    `resolve_mentions` finds items of other tools; what was found so far stays as long as the same is mentioned.

    Returns the number of rows written.
    """
    distinct = {each.external_id: each for each in activities}
    rows = [distinct[external_id] for external_id in sorted(distinct)]
    by_key = find_items_by_key(scope, (each.item_key for each in rows if each.item_key))
    columns = [
        Column("id", "uuid", [uuid7() for _ in rows]),
        Column("external_id", "text", [each.external_id for each in rows]),
        Column("work_item_id", "uuid", [item_ids.get(each.item_id) or by_key.get(each.item_key) for each in rows]),
        Column("kind", "text", [each.kind for each in rows]),
        Column("contributor_id", "uuid", [contributors[each.actor_id] if each.actor_id else None for each in rows]),
        Column("contributor_role", "text", [each.role for each in rows]),
        Column("mentions", "jsonb", [each.mentions for each in rows]),
        Column("occurred_at", "timestamptz", [each.occurred_at for each in rows]),
    ]
    shared = {**scope.source_columns, "recorded_at": scope.at}
    return len(upsert(_TABLE, columns, shared=shared, key=_KEY, overwrite=_OVERWRITE))
