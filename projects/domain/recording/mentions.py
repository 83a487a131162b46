"""Links between items of different tools, found by what the items name: in whatever order they came.

1. Every item keeps what it names (`projects.mentions`), and so does every activity that is about no item of its tool.
2. Among the items of the same project in other sources, those with such a key, or on such a page, are the targets.
3. Items of two sources with one title, opened within ten minutes of each other, and the only ones with that title in
   their sources, are a pair, too: the later one points to the earlier.
4. A pair is one link; a pair that is found no longer ends. An activity is about the first target it names.

Nothing is read beyond the project: another tenant's item, or another project's, is no target whatever a text says.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from projects.domain.recording.bulk import Column, Overwrite, Scope, array_literal, execute, fetch, observed, upsert
from projects.enums import LinkDirection
from projects.mentions import SAME_WORK, is_address, item_address, token_of
from projects.models import ActivityEvent, Project, WorkItem, WorkItemLink
from projects.models.work_item_link import MENTION_PREFIX, MENTIONS, SAME_TITLE_AS, SAME_WORK_AS
from tenants.isolation.identifiers import uuid7

_ITEMS: Final = WorkItem._meta.db_table
_LINKS: Final = WorkItemLink._meta.db_table
_ACTIVITIES: Final = ActivityEvent._meta.db_table
_OVERWRITE: Final = Overwrite(
    values={**observed("link_type", "target_external_id", "target_key"), "unlinked_at": "NULL::timestamptz"}
)
TOGETHER: Final = timedelta(minutes=10)
"""A tool that makes copies makes them within minutes; who copies by hand on another day may mean another thing."""
LEAST_TITLE: Final = 10
"""Letters of a title that can be nobody else's: "Bug" and "Fix login" are."""


@dataclass(frozen=True, slots=True)
class _Target:
    id: UUID
    source: str
    external_id: str
    key: str
    address: str

    def is_named(self, mention: str) -> bool:
        name = mention.removeprefix(SAME_WORK)
        return self.address.casefold() == name.casefold() if is_address(mention) else self.key == mention


def resolve_mentions(*, project: Project, at: datetime) -> int:
    """Bring the links between tools up to date with what is named; call it once a file or a sync is through.

    Seven statements, whatever the number of items. Returns the number of rows written.
    """
    # The source is that of no fact: links have none of their own.
    scope = Scope(tenant_id=cast("UUID", project.tenant_id), project_id=project.pk, source="", at=at)
    items = _mentioning(scope, _ITEMS, "TRUE")
    activities = _mentioning(scope, _ACTIVITIES, "work_item_id IS NULL")
    targets = _targets(scope, [mention for rows in (items, activities) for _, _, named in rows for mention in named])
    wanted = _with_titles(_pairs(items, targets), _same_titles(scope))
    written = _write_links(scope, wanted) + _end_links(scope, wanted)
    return written + _write_activities(scope, _pairs(activities, targets))


_Mentioning = list[tuple[UUID, str, list[str]]]
_Pairs = Mapping[UUID, Mapping[_Target, str]]
"""From which item -> to whom, and the type of the link; in the order of the mentions."""


def _mentioning(scope: Scope, table: str, condition: str) -> _Mentioning:
    rows = fetch(
        f"SELECT id, source, mentions::text FROM {table} "  # noqa: S608 - our own tables and conditions
        f"WHERE tenant_id = %s AND project_id = %s AND mentions <> '[]'::jsonb AND {condition}",
        [scope.tenant_id, scope.project_id],
    )
    return [(row_id, source, _listed(mentions)) for row_id, source, mentions in rows]


def _targets(scope: Scope, mentions: Iterable[str]) -> Mapping[str, list[_Target]]:
    """Token -> items that are called so. An address is compared as a whole afterwards."""
    tokens = sorted({token for token in map(token_of, mentions) if token})
    if not tokens:
        return {}
    found: dict[str, list[_Target]] = defaultdict(list)
    asked = array_literal(tokens, sql_type="text")
    rows = fetch(
        f"SELECT id, source, external_id, key, url FROM {_ITEMS} WHERE tenant_id = %s AND project_id = %s "  # noqa: S608 - our own table
        "AND (key = ANY (%s::text[]) OR external_id = ANY (%s::text[])) ORDER BY id",
        [scope.tenant_id, scope.project_id, asked, asked],
    )
    for row_id, source, external_id, key, url in rows:
        page = item_address(url)
        target = _Target(row_id, source, external_id, key, page.name if page else "")
        for token in {external_id, key}:
            found[token].append(target)
    return found


def _pairs(rows: _Mentioning, targets: Mapping[str, list[_Target]]) -> _Pairs:
    pairs: dict[UUID, dict[_Target, str]] = {}
    for row_id, source, mentions in rows:
        named: dict[_Target, str] = {}
        for mention in mentions:
            for target in targets.get(token_of(mention), ()):
                if target.source != source and target.is_named(mention):
                    if mention.startswith(SAME_WORK):
                        named[target] = SAME_WORK_AS
                    named.setdefault(target, MENTIONS)
        if named:
            pairs[row_id] = named
    return pairs


def _same_titles(scope: Scope) -> list[tuple[UUID, _Target]]:
    """Item -> the one that was opened before it with the same title. Where there is one source, no title is read."""
    rows = fetch(
        f"SELECT title, ids, sources, external_ids, keys, opened FROM ("  # noqa: S608 - our own table
        "SELECT lower(title) AS title, array_agg(id ORDER BY opened_at, id) AS ids, "
        "array_agg(source ORDER BY opened_at, id) AS sources, "
        "array_agg(external_id ORDER BY opened_at, id) AS external_ids, "
        "array_agg(key ORDER BY opened_at, id) AS keys, array_agg(opened_at ORDER BY opened_at, id) AS opened "
        f"FROM {_ITEMS} WHERE tenant_id = %s AND project_id = %s AND length(title) >= %s "
        f"AND (SELECT min(source) <> max(source) FROM {_ITEMS} WHERE tenant_id = %s AND project_id = %s) "
        "GROUP BY lower(title) HAVING count(DISTINCT source) > 1 AND count(DISTINCT source) = count(*)) AS titles",
        [scope.tenant_id, scope.project_id, LEAST_TITLE, scope.tenant_id, scope.project_id],
    )
    return [
        (row_id, _Target(ids[0], sources[0], external_ids[0], keys[0], ""))
        for _, ids, sources, external_ids, keys, opened in rows
        for row_id, opened_at in zip(ids[1:], opened[1:], strict=True)
        if opened_at - opened[0] <= TOGETHER
    ]


def _with_titles(pairs: _Pairs, same_titles: Iterable[tuple[UUID, _Target]]) -> _Pairs:
    """What an item names says more than its title."""
    found = {item: dict(named) for item, named in pairs.items()}
    linked = {frozenset((item, target.id)) for item, named in pairs.items() for target in named}
    for item, target in same_titles:
        if frozenset((item, target.id)) not in linked:
            found.setdefault(item, {})[target] = SAME_TITLE_AS
    return found


def _write_links(scope: Scope, pairs: _Pairs) -> int:
    rows = [(item, target, kind) for item in sorted(pairs) for target, kind in pairs[item].items()]
    columns = [
        Column("id", "uuid", [uuid7() for _ in rows]),
        Column("work_item_id", "uuid", [item for item, _, _ in rows]),
        Column("external_id", "text", [f"{MENTION_PREFIX}{target.id}" for _, target, _ in rows]),
        Column("link_type", "text", [kind for _, _, kind in rows]),
        Column("target_external_id", "text", [target.external_id for _, target, _ in rows]),
        Column("target_key", "text", [target.key for _, target, _ in rows]),
        Column("target_item_id", "uuid", [target.id for _, target, _ in rows]),
    ]
    shared: dict[str, Any] = {
        **scope.tenant_column,
        "direction": LinkDirection.OUTWARD.value,
        "recorded_at": scope.at,
    }
    key = ("tenant_id", "work_item_id", "external_id")
    return len(upsert(_LINKS, columns, shared=shared, key=key, overwrite=_OVERWRITE))


def _end_links(scope: Scope, pairs: _Pairs) -> int:
    kept = [(item, target.id) for item, named in pairs.items() for target in named]
    return execute(
        f"UPDATE {_LINKS} AS link SET unlinked_at = %s FROM {_ITEMS} AS item "  # noqa: S608 - our own tables
        "WHERE link.tenant_id = %s AND link.unlinked_at IS NULL AND starts_with(link.external_id, %s) "
        "AND item.tenant_id = link.tenant_id AND item.id = link.work_item_id AND item.project_id = %s "
        "AND (link.work_item_id, link.target_item_id) NOT IN (SELECT * FROM UNNEST(%s::uuid[], %s::uuid[]))",
        [
            scope.at,
            scope.tenant_id,
            MENTION_PREFIX,
            scope.project_id,
            array_literal([item for item, _ in kept], sql_type="uuid"),
            array_literal([target for _, target in kept], sql_type="uuid"),
        ],
    )


def _write_activities(scope: Scope, pairs: _Pairs) -> int:
    if not pairs:
        return 0
    first = {activity: next(iter(named)).id for activity, named in sorted(pairs.items())}
    return execute(
        f"UPDATE {_ACTIVITIES} AS kept SET work_item_id = told.item, recorded_at = %s "  # noqa: S608 - our own table
        "FROM UNNEST(%s::uuid[], %s::uuid[]) AS told (id, item) WHERE kept.tenant_id = %s AND kept.id = told.id",
        [
            scope.at,
            array_literal(list(first), sql_type="uuid"),
            array_literal(list(first.values()), sql_type="uuid"),
            scope.tenant_id,
        ],
    )


def _listed(mentions: str) -> list[str]:
    return [str(each) for each in json.loads(mentions)]
