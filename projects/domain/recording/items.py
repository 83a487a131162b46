"""Work items as they stand now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from projects.domain.recording.bulk import Column, Overwrite, Scope, array_literal, execute, fetch, observed, upsert
from projects.enums import StatusCategory
from projects.mentions import mentions_in, merged
from projects.models import CoAssignee, WorkItem
from projects.observations import WorkItemObservation
from tenants.isolation.identifiers import uuid7

_TABLE: Final = WorkItem._meta.db_table
_CO_ASSIGNEES: Final = CoAssignee._meta.db_table
_KEY: Final = ("tenant_id", "project_id", "source", "external_id")

# column -> (type, attribute of an observation): what is compared and overwritten as it was observed
_VALUES: Final[dict[str, tuple[str, str]]] = {
    "key": ("text", "key"),
    "container": ("text", "container"),
    "item_type": ("text", "item_type"),
    "title": ("text", "title"),
    "status_id": ("text", "status_id"),
    "status_name": ("text", "status_name"),
    "resolution": ("text", "resolution"),
    "priority": ("text", "priority"),
    "opened_at": ("timestamptz", "created_at"),
    "changed_at": ("timestamptz", "updated_at"),
    "due_date": ("date", "due_date"),
    "estimate_points": ("float8", "estimate_points"),
    "estimate_s": ("bigint", "estimate_s"),
    "spent_s": ("bigint", "spent_s"),
    "parent_external_id": ("text", "parent_id"),
    "parent_key": ("text", "parent_key"),
    "labels": ("jsonb", "labels"),
    "comment_count": ("bigint", "comment_count"),
    "url": ("text", "url"),
    "presence": ("text", "presence"),
}
_OVERWRITE: Final = Overwrite(
    values=observed(
        *_VALUES, "mentions", "source_version", "status_category", "resolved_at", "assignee_id", "reporter_id"
    ),
    also={
        **observed("recorded_at", "last_seen_at"),
        "presence_changed_at": "CASE WHEN kept.presence = excluded.presence THEN kept.presence_changed_at "
        "ELSE excluded.recorded_at END",
    },
    only_if="excluded.source_version >= kept.source_version",
)


@dataclass(frozen=True, slots=True)
class RecordedItems:
    """What became of the items of a batch.

    ids: external id -> row, of every item;  created, updated: external ids
    outdated: external ids of observations that are older than what is recorded: nothing they show counts
    """

    ids: Mapping[str, UUID]
    created: frozenset[str]
    updated: frozenset[str]
    outdated: frozenset[str]


def newest_of_each(items: Iterable[WorkItemObservation]) -> list[WorkItemObservation]:
    """One observation of each item, in the order of identifiers: two imports at once then cannot block each other."""
    newest: dict[str, WorkItemObservation] = {}
    for item in items:
        other = newest.get(item.external_id)
        if other is None or (item.source_version or 0) >= (other.source_version or 0):
            newest[item.external_id] = item
    return [newest[external_id] for external_id in sorted(newest)]


def record_items(
    scope: Scope,
    items: list[WorkItemObservation],
    *,
    contributors: Mapping[str, UUID],
    corrections: Mapping[str, StatusCategory],
) -> RecordedItems:
    """Write new items and what changed of known ones.

    items: from `newest_of_each`;  contributors: account -> row
    corrections: status id -> the category that a person gave it; it counts instead of the observed one
    """
    if not items:
        return RecordedItems(ids={}, created=frozenset(), updated=frozenset(), outdated=frozenset())
    items = _since_first_sight(scope, items)
    versions = _versions(scope, [item.external_id for item in items])
    proposed = {item.external_id: uuid7() for item in items}
    columns = [
        Column("id", "uuid", list(proposed.values())),
        Column("external_id", "text", list(proposed)),
        *_value_columns(items, contributors, corrections),
    ]
    shared = {**scope.source_columns, "recorded_at": scope.at, "last_seen_at": scope.at}
    written: dict[str, UUID] = {}
    for unsaid, places in _by_unsaid(items).items():
        part = columns if len(places) == len(items) else [column.at(places) for column in columns]
        rows = upsert(_TABLE, part, shared=shared, key=_KEY, overwrite=_overwrite_but(unsaid))
        written |= {row[-1]: row[0] for row in rows}
    created = frozenset(external_id for external_id, row_id in written.items() if row_id == proposed[external_id])
    return RecordedItems(
        ids=written | find_items(scope, [external_id for external_id in proposed if external_id not in written]),
        created=created,
        updated=frozenset(written) - created,
        outdated=frozenset(
            item.external_id for item in items if (item.source_version or 0) < versions.get(item.external_id, 0)
        ),
    )


def _by_unsaid(items: list[WorkItemObservation]) -> dict[frozenset[str], list[int]]:
    """Places of the items, by what their source has no place for: the items of a tool, or of a file, are alike."""
    found: dict[frozenset[str], list[int]] = {}
    for place, item in enumerate(items):
        found.setdefault(item.unsaid, []).append(place)
    return found


def _overwrite_but(unsaid: frozenset[str]) -> Overwrite:
    if not unsaid:
        return _OVERWRITE
    columns = {column for column, (_, attribute) in _VALUES.items() if attribute in unsaid}
    columns |= {"assignee_id" if name == "assignee_ids" else name for name in unsaid}
    return replace(_OVERWRITE, values={name: sql for name, sql in _OVERWRITE.values.items() if name not in columns})


def find_items(scope: Scope, external_ids: Iterable[str]) -> dict[str, UUID]:
    """The rows of those items that are recorded."""
    wanted = list(external_ids)
    return dict(_find(scope, "id", wanted)) if wanted else {}


def find_items_by_key(scope: Scope, keys: Iterable[str]) -> dict[str, UUID]:
    """The rows of those items that are recorded, by the key that people call them by."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = fetch(
        f"SELECT key, id FROM {_TABLE} "  # noqa: S608 - our own table
        "WHERE tenant_id = %s AND key = ANY (%s::text[]) AND project_id = %s AND source = %s",
        [scope.tenant_id, array_literal(wanted, sql_type="text"), scope.project_id, scope.source],
    )
    return dict(rows)


def record_co_assignees(
    scope: Scope, items: Iterable[WorkItemObservation], recorded: RecordedItems, contributors: Mapping[str, UUID]
) -> int:
    """Everybody whom an item names beside its first assignee. Returns the number of rows written or taken away."""
    current = [
        item
        for item in items
        if item.external_id not in recorded.outdated
        and not ("assignee_ids" in item.unsaid and item.external_id not in recorded.created)
    ]
    pairs = list(
        {
            (recorded.ids[item.external_id], contributors[account])
            for item in current
            for account in item.assignee_ids[1:]
            if account != item.assignee_ids[0]
        }
    )
    columns = [
        Column("id", "uuid", [uuid7() for _ in pairs]),
        Column("work_item_id", "uuid", [item_id for item_id, _ in pairs]),
        Column("contributor_id", "uuid", [contributor_id for _, contributor_id in pairs]),
    ]
    shared = {**scope.tenant_column, "recorded_at": scope.at}
    added = len(upsert(_CO_ASSIGNEES, columns, shared=shared, key=("tenant_id", "work_item_id", "contributor_id")))
    known = [recorded.ids[item.external_id] for item in current if item.external_id not in recorded.created]
    return added + _remove_co_assignees(scope, known, pairs)


def _remove_co_assignees(scope: Scope, item_ids: list[UUID], kept: list[tuple[UUID, UUID]]) -> int:
    if not item_ids:
        return 0
    return execute(
        f"DELETE FROM {_CO_ASSIGNEES} WHERE tenant_id = %s AND work_item_id = ANY (%s::uuid[]) "  # noqa: S608 - our own table
        "AND (work_item_id, contributor_id) NOT IN (SELECT * FROM UNNEST(%s::uuid[], %s::uuid[]))",
        [
            scope.tenant_id,
            array_literal(item_ids, sql_type="uuid"),
            array_literal([item_id for item_id, _ in kept], sql_type="uuid"),
            array_literal([contributor_id for _, contributor_id in kept], sql_type="uuid"),
        ],
    )


def _versions(scope: Scope, external_ids: list[str]) -> dict[str, int]:
    return dict(_find(scope, "source_version", external_ids))


def _since_first_sight(scope: Scope, items: list[WorkItemObservation]) -> list[WorkItemObservation]:
    """Items whose creation the source does not say began when they were recorded, not when they are read again."""
    unknown = [item.external_id for item in items if not item.is_creation_known]
    if not unknown:
        return items
    kept = dict(_find(scope, "opened_at", unknown))
    return [
        item if item.is_creation_known else replace(item, created_at=kept.get(item.external_id, item.created_at))
        for item in items
    ]


def _find(scope: Scope, column: str, external_ids: list[str]) -> list[tuple[Any, ...]]:
    return fetch(
        f"SELECT external_id, {column} FROM {_TABLE} "  # noqa: S608 - our own table
        "WHERE tenant_id = %s AND project_id = %s AND source = %s AND external_id = ANY (%s::text[])",
        [scope.tenant_id, scope.project_id, scope.source, array_literal(external_ids, sql_type="text")],
    )


def _value_columns(
    items: list[WorkItemObservation], contributors: Mapping[str, UUID], corrections: Mapping[str, StatusCategory]
) -> list[Column]:
    """What is compared and overwritten. An item that a person's correction makes unfinished was not resolved."""
    categories = [corrections.get(item.status_id, item.status_category) for item in items]
    finished = [category == StatusCategory.DONE for category in categories]
    assignees = [contributors[item.assignee_ids[0]] if item.assignee_ids else None for item in items]
    reporters = [contributors[item.reporter_id] if item.reporter_id else None for item in items]
    resolved = [item.resolved_at if is_done else None for item, is_done in zip(items, finished, strict=True)]
    return [
        *(
            Column(name, sql_type, list(map(attrgetter(attribute), items)))
            for name, (sql_type, attribute) in _VALUES.items()
        ),
        Column("mentions", "jsonb", [merged(*mentions_in(item.title), *item.mentions) for item in items]),
        Column("source_version", "bigint", [item.source_version or 0 for item in items]),
        Column("status_category", "text", categories),
        Column("resolved_at", "timestamptz", resolved),
        Column("assignee_id", "uuid", assignees),
        Column("reporter_id", "uuid", reporters),
    ]
