"""Which items a source still shows. What it no longer shows is gone or hidden, and for neither reason done."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from projects.domain.recording.bulk import Scope, array_literal, execute, fetch
from projects.enums import Presence
from projects.models import Project, WorkItem

_TABLE: Final = WorkItem._meta.db_table


@dataclass(frozen=True, slots=True)
class PresenceChanges:
    """Items whose presence changed. returned: gone or hidden before, and shown again"""

    gone: int = 0
    hidden: int = 0
    returned: int = 0


def record_census(
    *, project: Project, source: str, container: str, shown_ids: Iterable[str], at: datetime
) -> PresenceChanges:
    """Compare a container's recorded items with all that the source shows of it: the others are gone.

    shown_ids: external ids, all of them. Runs in the tenant's context, in the caller's transaction.
    """
    scope = Scope(tenant_id=cast("UUID", project.tenant_id), project_id=project.pk, source=source, at=at)
    shown = array_literal(list(shown_ids), sql_type="text")
    gone = _mark(
        scope, Presence.GONE, "container = %s AND external_id NOT IN (SELECT UNNEST(%s::text[]))", [container, shown]
    )
    returned = _mark(
        scope, Presence.LIVE, "container = %s AND external_id IN (SELECT UNNEST(%s::text[]))", [container, shown]
    )
    return PresenceChanges(gone=gone, returned=returned)


def record_lost_containers(
    *, project: Project, source: str, containers: Iterable[str], at: datetime
) -> PresenceChanges:
    """Items of containers that the source does not show to us are hidden, those that are gone stay gone."""
    scope = Scope(tenant_id=cast("UUID", project.tenant_id), project_id=project.pk, source=source, at=at)
    lost = array_literal(list(containers), sql_type="text")
    condition = f"container = ANY (%s::text[]) AND presence <> '{Presence.GONE.value}'"
    return PresenceChanges(hidden=_mark(scope, Presence.HIDDEN, condition, [lost]))


def recorded_containers(*, project: Project, source: str) -> dict[str, int]:
    """Containers of the items that are recorded as live, and how many there are in each."""
    rows = fetch(
        f"SELECT container, count(*) FROM {_TABLE} "  # noqa: S608 - our own table
        "WHERE tenant_id = %s AND project_id = %s AND source = %s AND presence = %s GROUP BY container",
        [project.tenant_id, project.pk, source, Presence.LIVE.value],
    )
    return dict(rows)


def unrecorded_items(*, project: Project, source: str, external_ids: Collection[str]) -> frozenset[str]:
    """Of external ids, those that no item is recorded under, whatever its presence."""
    if not external_ids:
        return frozenset()
    rows = fetch(
        f"SELECT external_id FROM {_TABLE} "  # noqa: S608 - our own table
        "WHERE tenant_id = %s AND project_id = %s AND source = %s AND external_id = ANY (%s::text[])",
        [project.tenant_id, project.pk, source, array_literal(list(external_ids), sql_type="text")],
    )
    return frozenset(external_ids) - {external_id for (external_id,) in rows}


def _mark(scope: Scope, presence: Presence, condition: str, parameters: list[object]) -> int:
    """condition: trusted SQL"""
    return execute(
        f"UPDATE {_TABLE} SET presence = %s, presence_changed_at = %s, recorded_at = %s "  # noqa: S608 - our own table
        f"WHERE tenant_id = %s AND project_id = %s AND source = %s AND presence <> %s AND {condition}",
        [
            presence.value,
            scope.at,
            scope.at,
            scope.tenant_id,
            scope.project_id,
            scope.source,
            presence.value,
            *parameters,
        ],
    )
