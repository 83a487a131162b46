"""The history of items, field by field: rows are added and never touched again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from projects.domain.recording.bulk import Column, Scope, upsert
from projects.domain.recording.contributors import PERSON_FIELDS
from projects.models import FieldChange
from projects.observations import FieldChangeObservation
from tenants.isolation.identifiers import uuid7

_TABLE: Final = FieldChange._meta.db_table


def record_changes(
    scope: Scope,
    changes: Iterable[FieldChangeObservation],
    *,
    item_ids: Mapping[str, UUID],
    contributors: Mapping[str, UUID],
) -> int:
    """Add the changes that are not recorded yet, and return how many.

    Where a change names an account, the row names the contributor: by its id, without a name.
    """
    distinct = {(change.item_id, change.external_id): change for change in changes if change.item_id in item_ids}
    # By item, so that two imports at once cannot block each other; within an item in the source's order, which the
    # identifiers of the rows keep for changes of the same instant.
    rows = sorted(distinct.values(), key=lambda change: change.item_id)

    def value(change: FieldChangeObservation, value_id: str) -> str:
        return str(contributors[value_id]) if value_id and change.field in PERSON_FIELDS else value_id

    columns = [
        Column("id", "uuid", [uuid7() for _ in rows]),
        Column("work_item_id", "uuid", [item_ids[change.item_id] for change in rows]),
        Column("external_id", "text", [change.external_id for change in rows]),
        Column("field", "text", [change.field for change in rows]),
        Column("from_id", "text", [value(change, change.from_id) for change in rows]),
        Column("from_text", "text", [change.from_text for change in rows]),
        Column("to_id", "text", [value(change, change.to_id) for change in rows]),
        Column("to_text", "text", [change.to_text for change in rows]),
        Column("changed_at", "timestamptz", [change.changed_at for change in rows]),
        Column("actor_id", "uuid", [contributors[change.actor_id] if change.actor_id else None for change in rows]),
    ]
    shared: dict[str, Any] = {**scope.tenant_column, "project_id": scope.project_id, "recorded_at": scope.at}
    return len(upsert(_TABLE, columns, shared=shared, key=("tenant_id", "work_item_id", "external_id")))
