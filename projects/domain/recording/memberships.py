"""Stays of items in iterations and milestones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from projects.domain.recording.bulk import Column, Overwrite, Scope, array_literal, execute, fetch, observed, upsert
from projects.models import IterationMembership, MilestoneMembership
from projects.observations import MembershipObservation
from tenants.isolation.identifiers import uuid7


@dataclass(frozen=True, slots=True)
class MembershipTable:
    """table, group: name of the column that refers to the iteration or milestone"""

    table: str
    group: str


ITERATION_MEMBERSHIPS: Final = MembershipTable(IterationMembership._meta.db_table, "iteration_id")
MILESTONE_MEMBERSHIPS: Final = MembershipTable(MilestoneMembership._meta.db_table, "milestone_id")


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay, by rows."""

    item_id: UUID
    group_id: UUID
    joined_at: datetime | None
    left_at: datetime | None


def stays_of(
    memberships: Iterable[MembershipObservation], *, items: Mapping[str, UUID], groups: Mapping[str, UUID]
) -> list[Stay]:
    """The observed stays of the given items, each once, in the order of rows."""
    distinct = {
        (items[each.item_id], groups[each.group_id], each.joined_at): each.left_at
        for each in memberships
        if each.item_id in items
    }
    stays = [
        Stay(item_id, group_id, joined_at, left_at) for (item_id, group_id, joined_at), left_at in distinct.items()
    ]
    return sorted(stays, key=lambda stay: (stay.item_id.int, stay.group_id.int))


def record_stays(scope: Scope, kind: MembershipTable, stays: list[Stay], *, known_before: list[UUID]) -> int:
    """Add stays, and their ends. Returns the number of rows written.

    known_before: items that may have stays already. Where a dated one is recorded and still lasts, an undated one says
        nothing new.
    """
    dated = _dated_and_lasting(scope, kind, known_before)
    return _upsert(
        scope, kind, [stay for stay in stays if stay.joined_at or (stay.item_id, stay.group_id) not in dated]
    )


def replace_stays(scope: Scope, kind: MembershipTable, stays: list[Stay], *, item_ids: list[UUID]) -> int:
    """Take away what is recorded of these items' past and present and is not among the stays, which are all."""
    if not item_ids:
        return 0
    return execute(
        f"DELETE FROM {kind.table} AS kept WHERE tenant_id = %s AND work_item_id = ANY (%s::uuid[]) AND NOT EXISTS "  # noqa: S608 - our own tables
        "(SELECT FROM UNNEST(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS observed (item_id, group_id, joined_at) "
        f"WHERE observed.item_id = kept.work_item_id AND observed.group_id = kept.{kind.group} "
        "AND observed.joined_at IS NOT DISTINCT FROM kept.joined_at)",
        [
            scope.tenant_id,
            array_literal(item_ids, sql_type="uuid"),
            array_literal([stay.item_id for stay in stays], sql_type="uuid"),
            array_literal([stay.group_id for stay in stays], sql_type="uuid"),
            array_literal([stay.joined_at for stay in stays], sql_type="timestamptz"),
        ],
    )


def end_stays(scope: Scope, kind: MembershipTable, stays: list[Stay], *, item_ids: list[UUID]) -> int:
    """End what these items' present state no longer shows; the stays that last are all they are in."""
    if not item_ids:
        return 0
    lasting = [stay for stay in stays if stay.left_at is None]
    return execute(
        f"UPDATE {kind.table} AS kept SET left_at = greatest(%s, kept.joined_at) "  # noqa: S608 - our own tables
        "WHERE tenant_id = %s AND work_item_id = ANY (%s::uuid[]) AND left_at IS NULL "
        f"AND (work_item_id, {kind.group}) NOT IN (SELECT * FROM UNNEST(%s::uuid[], %s::uuid[]))",
        [
            scope.at,
            scope.tenant_id,
            array_literal(item_ids, sql_type="uuid"),
            array_literal([stay.item_id for stay in lasting], sql_type="uuid"),
            array_literal([stay.group_id for stay in lasting], sql_type="uuid"),
        ],
    )


def _dated_and_lasting(scope: Scope, kind: MembershipTable, item_ids: list[UUID]) -> set[tuple[UUID, UUID]]:
    if not item_ids:
        return set()
    rows = fetch(
        f"SELECT work_item_id, {kind.group} FROM {kind.table} "  # noqa: S608 - our own tables
        "WHERE tenant_id = %s AND work_item_id = ANY (%s::uuid[]) AND joined_at IS NOT NULL AND left_at IS NULL",
        [scope.tenant_id, array_literal(item_ids, sql_type="uuid")],
    )
    return {(item_id, group_id) for item_id, group_id in rows}


def _upsert(scope: Scope, kind: MembershipTable, stays: list[Stay]) -> int:
    columns = [
        Column("id", "uuid", [uuid7() for _ in stays]),
        Column("work_item_id", "uuid", [stay.item_id for stay in stays]),
        Column(kind.group, "uuid", [stay.group_id for stay in stays]),
        Column("joined_at", "timestamptz", [stay.joined_at for stay in stays]),
        Column("left_at", "timestamptz", [stay.left_at for stay in stays]),
    ]
    shared = {**scope.tenant_column, "recorded_at": scope.at}
    key = ("tenant_id", kind.group, "work_item_id", "joined_at")
    return len(upsert(kind.table, columns, shared=shared, key=key, overwrite=Overwrite(values=observed("left_at"))))
