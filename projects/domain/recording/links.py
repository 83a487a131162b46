"""Links from item to item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from projects.domain.recording.bulk import Column, Overwrite, Scope, array_literal, execute, observed, upsert
from projects.domain.recording.items import find_items
from projects.models import Project, WorkItem, WorkItemLink
from projects.models.work_item_link import MENTION_PREFIX
from projects.observations import LinkObservation
from tenants.isolation.context import require_tenant_id
from tenants.isolation.identifiers import uuid7

_TABLE: Final = WorkItemLink._meta.db_table
_ITEMS: Final = WorkItem._meta.db_table
_OVERWRITE: Final = Overwrite(
    values={
        **observed("link_type", "direction", "target_external_id", "target_key"),
        "target_item_id": "coalesce(excluded.target_item_id, kept.target_item_id)",
        "linked_at": "coalesce(excluded.linked_at, kept.linked_at)",
        "unlinked_at": "NULL::timestamptz",
    }
)


def record_links(scope: Scope, links: Iterable[LinkObservation], *, item_ids: Mapping[str, UUID]) -> int:
    """Add links of the given items, or bring them up to date. Returns the number of rows written.

    A target is found among what is recorded so far; `resolve_links` finds those that came later.
    """
    distinct = {(link.item_id, link.external_id): link for link in links if link.item_id in item_ids}
    rows = [distinct[place] for place in sorted(distinct)]
    targets = find_items(scope, sorted({link.target_id for link in rows if link.target_id}))
    columns = [
        Column("id", "uuid", [uuid7() for _ in rows]),
        Column("work_item_id", "uuid", [item_ids[link.item_id] for link in rows]),
        Column("external_id", "text", [link.external_id for link in rows]),
        Column("link_type", "text", [link.link_type for link in rows]),
        Column("direction", "text", [link.direction for link in rows]),
        Column("target_external_id", "text", [link.target_id for link in rows]),
        Column("target_key", "text", [link.target_key for link in rows]),
        Column("target_item_id", "uuid", [targets.get(link.target_id) for link in rows]),
        Column("linked_at", "timestamptz", [link.linked_at for link in rows]),
    ]
    shared = {**scope.tenant_column, "recorded_at": scope.at}
    return len(
        upsert(_TABLE, columns, shared=shared, key=("tenant_id", "work_item_id", "external_id"), overwrite=_OVERWRITE)
    )


def end_links(
    scope: Scope, links: Iterable[LinkObservation], *, item_ids: Mapping[str, UUID], whole: Iterable[str]
) -> int:
    """End the recorded links of the items in `whole` (external ids) that these items no longer show.

    Those between tools are none that a tool shows: `resolve_mentions` ends them.
    """
    ended = [item_ids[external_id] for external_id in whole]
    if not ended:
        return 0
    shown = [(item_ids[link.item_id], link.external_id) for link in links if link.item_id in item_ids]
    return execute(
        f"UPDATE {_TABLE} AS kept SET unlinked_at = greatest(%s, kept.linked_at) "  # noqa: S608 - our own table
        "WHERE tenant_id = %s AND work_item_id = ANY (%s::uuid[]) AND unlinked_at IS NULL "
        "AND NOT starts_with(external_id, %s) "
        "AND (work_item_id, external_id) NOT IN (SELECT * FROM UNNEST(%s::uuid[], %s::text[]))",
        [
            scope.at,
            scope.tenant_id,
            array_literal(ended, sql_type="uuid"),
            MENTION_PREFIX,
            array_literal([item_id for item_id, _ in shown], sql_type="uuid"),
            array_literal([external_id for _, external_id in shown], sql_type="text"),
        ],
    )


def resolve_links(*, project: Project, source: str) -> int:
    """Point links at targets that were recorded after them; call it once a file or a sync is through.

    Returns the number of links that found their target.
    """
    return execute(
        f"UPDATE {_TABLE} AS link SET target_item_id = target.id FROM {_ITEMS} AS item, {_ITEMS} AS target "  # noqa: S608 - our own tables
        "WHERE link.tenant_id = %s AND link.target_item_id IS NULL AND link.target_external_id <> '' "
        "AND item.tenant_id = link.tenant_id AND item.id = link.work_item_id "
        "AND item.project_id = %s AND item.source = %s "
        "AND target.tenant_id = link.tenant_id AND target.project_id = item.project_id "
        "AND target.source = item.source AND target.external_id = link.target_external_id",
        [require_tenant_id(), project.pk, source],
    )
