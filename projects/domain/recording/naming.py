"""One thing under two names: what a file calls by its key or its name, and what the tool calls by its own identifier.

1. A file that knows no identifier gives "key ACME-7" or "name Done" (`observations.BY_KEY`, `BY_NAME`).
2. If the record has that thing by now, the file means it: its identifier is put in place of the name.
3. Else the name is its identifier, until the tool itself is read: then the tool's takes its place, and it is one row.

An item is known by its key or, where a file does not say the whole of it, by container and number: "7#12" is what the
tool calls "group/app#12" in the project 7.

Example: a table says item "key shop/web#12", status "name Done". The record has shop/web#12 as item 90871, and no
status. The table's facts are recorded for 90871, in the status "name Done". When the tool is read and has a status 31
that is called Done, the row "name Done" becomes the row of 31.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from projects.domain.recording.bulk import Scope, array_literal, execute, fetch
from projects.models import ImportRun, Iteration, Milestone, WorkflowStatus, WorkItem
from projects.observations import BY_KEY, BY_NAME, ObservationBatch

_ITEMS: Final = WorkItem._meta.db_table
_NAMED: Final = (
    (WorkflowStatus._meta.db_table, "status_id", "statuses"),
    (Iteration._meta.db_table, "external_id", "iterations"),
    (Milestone._meta.db_table, "external_id", "milestones"),
)
"""Table, column of the tool's identifier, part of a batch."""
_WHERE: Final = "tenant_id = %s AND project_id = %s AND source = %s"


def resolve_names(scope: Scope, batch: ObservationBatch) -> ObservationBatch:
    """The batch with identifiers in place of keys and names, both ways: see above."""
    if any(item.external_id.startswith(BY_KEY) for item in batch.items):
        batch = _with_known_items(scope, batch)
    for table, column, part in _NAMED:
        named = sorted({fact.external_id for fact in getattr(batch, part) if fact.external_id.startswith(BY_NAME)})
        if named:
            batch = _renamed(batch, part, _known_by_name(scope, table, column, named))
    if _has_items_or_groups(batch) and _was_imported(scope):
        _take_names_over(scope, batch)
    return batch


def _has_items_or_groups(batch: ObservationBatch) -> bool:
    return bool(batch.items or any(getattr(batch, part) for _, _, part in _NAMED))


def _was_imported(scope: Scope) -> bool:
    return ImportRun.objects.filter(project_id=scope.project_id, source=scope.source).exists()


# --- from a file to what is recorded ---


def _with_known_items(scope: Scope, batch: ObservationBatch) -> ObservationBatch:
    named = [item for item in batch.items if item.external_id.startswith(BY_KEY)]
    whole = (scope.tenant_id, scope.project_id, scope.source)
    keys = array_literal([item.external_id.removeprefix(BY_KEY) for item in named], sql_type="text")
    found: dict[str, str] = dict(
        fetch(
            f"SELECT key, external_id FROM {_ITEMS} WHERE {_WHERE} AND key = ANY (%s::text[]) UNION ALL "  # noqa: S608 - our own table
            f"SELECT place, external_id FROM (SELECT container || '#' || split_part(key, '#', 2) AS place, external_id "
            f"FROM {_ITEMS} WHERE {_WHERE}) AS kept JOIN UNNEST(%s::text[]) AS asked (place) USING (place)",
            [*whole, keys, *whole, keys],
        )
    )
    known = {f"{BY_KEY}{key}": external_id for key, external_id in found.items()}
    if not known:
        return batch

    def meant(external_id: str) -> str:
        return known.get(external_id, external_id)

    return replace(
        batch,
        items=tuple(replace(item, external_id=meant(item.external_id)) for item in batch.items),
        changes=tuple(replace(fact, item_id=meant(fact.item_id)) for fact in batch.changes),
        iteration_memberships=tuple(replace(fact, item_id=meant(fact.item_id)) for fact in batch.iteration_memberships),
        milestone_memberships=tuple(replace(fact, item_id=meant(fact.item_id)) for fact in batch.milestone_memberships),
        activities=tuple(replace(fact, item_id=meant(fact.item_id)) for fact in batch.activities),
        whole_states=frozenset(map(meant, batch.whole_states)),
        whole_histories=frozenset(map(meant, batch.whole_histories)),
    )


def _known_by_name(scope: Scope, table: str, column: str, named: list[str]) -> dict[str, str]:
    names = array_literal([each.removeprefix(BY_NAME) for each in named], sql_type="text")
    rows = fetch(
        f"SELECT name, min({column}) FROM {table} WHERE {_WHERE} AND name = ANY (%s::text[]) "  # noqa: S608 - our own tables
        f"AND NOT starts_with({column}, %s) GROUP BY name HAVING count(*) = 1",
        [scope.tenant_id, scope.project_id, scope.source, names, BY_NAME],
    )
    return {f"{BY_NAME}{name}": external_id for name, external_id in rows}


def _renamed(batch: ObservationBatch, part: str, known: Mapping[str, str]) -> ObservationBatch:
    """What is recorded already stays as the tool has told it: the table knows its name, and no more."""
    if not known:
        return batch
    facts = tuple(fact for fact in getattr(batch, part) if fact.external_id not in known)
    if part == "statuses":
        items = tuple(replace(item, status_id=known.get(item.status_id, item.status_id)) for item in batch.items)
        return replace(batch, statuses=facts, items=items)
    renamed = tuple(
        replace(fact, external_id=known[fact.external_id], in_passing=True)
        for fact in getattr(batch, part)
        if fact.external_id in known
    )
    stays = getattr(batch, f"{part.removesuffix('s')}_memberships")
    moved = tuple(replace(stay, group_id=known.get(stay.group_id, stay.group_id)) for stay in stays)
    if part == "iterations":
        return replace(batch, iterations=(*facts, *renamed), iteration_memberships=moved)
    return replace(batch, milestones=(*facts, *renamed), milestone_memberships=moved)


# --- from the tool to what a file has left ---


def _take_names_over(scope: Scope, batch: ObservationBatch) -> None:
    told = [item for item in batch.items if not item.external_id.startswith(BY_KEY)]
    aliases: dict[str, str] = {}
    for item in told:
        number = item.key.rpartition("#")[2] if "#" in item.key else ""
        aliases[f"{BY_KEY}{item.key}"] = item.external_id
        if number and item.container:
            aliases[f"{BY_KEY}{item.container}#{number}"] = item.external_id
    _rename(scope, _ITEMS, "external_id", aliases.items())
    for table, column, part in _NAMED:
        names = {
            f"{BY_NAME}{fact.name}": fact.external_id
            for fact in getattr(batch, part)
            if fact.name and not fact.external_id.startswith(BY_NAME)
        }
        _rename(scope, table, column, names.items())


def _rename(scope: Scope, table: str, column: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Give rows their new identifiers, unless another row has it."""
    found = list(pairs)
    if not found:
        return
    execute(
        f"UPDATE {table} AS kept SET {column} = told.new FROM UNNEST(%s::text[], %s::text[]) AS told (old, new) "  # noqa: S608 - our own tables
        f"WHERE kept.tenant_id = %s AND kept.project_id = %s AND kept.source = %s AND kept.{column} = told.old "
        f"AND NOT EXISTS (SELECT FROM {table} AS other WHERE other.tenant_id = kept.tenant_id "
        f"AND other.project_id = kept.project_id AND other.source = kept.source AND other.{column} = told.new)",
        [
            array_literal([old for old, _ in found], sql_type="text"),
            array_literal([new for _, new in found], sql_type="text"),
            *(scope.tenant_id, scope.project_id, scope.source),
        ],
    )
