"""The columns a history is held in: one frozen set of equally long arrays per kind of fact.

Rows stand in one canonical order (items by identifier, changes by item, instant and sequence), so that the order in
which facts arrive cannot matter. Every array is read-only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from projects.enums import Presence, StatusCategory
from projects.history.facts import BlockingLinkFact, FieldChangeFact, StatusChangeFact, WorkItemFact
from projects.history.instants import NEVER, Instants, to_us
from projects.history.two_clocks import NOBODY, key_of

Codes = NDArray[np.int8]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]

UNKNOWN, TO_DO, IN_PROGRESS, DONE = 0, 1, 2, 3
"""Codes of the status category of an item; UNKNOWN is open, and whether it was started cannot be told."""

CATEGORY_CODES = {
    StatusCategory.TODO: TO_DO,
    StatusCategory.IN_PROGRESS: IN_PROGRESS,
    StatusCategory.DONE: DONE,
}
UNDATED_LAST = np.iinfo(np.int32).max
"""Sequence of an undated observation: at one instant it comes after the dated changes that it confirms."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Equally long, read-only arrays."""

    def __post_init__(self) -> None:
        for column in fields(self):
            getattr(self, column.name).flags.writeable = False

    def take(self, rows: Rows | Flags) -> Self:
        """The same columns with only these rows (indices or a mask)."""
        return type(self)(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


@dataclass(frozen=True, eq=False)
class ItemColumns(Columns):
    """One row per work item, ordered by id.

    created_us: when it was created;  gone_us: when it was found gone or hidden, NEVER while it is live
    recorded_us: when the record first held its undated values
    """

    ids: Texts
    keys: Texts
    urls: Texts
    id_bytes: NDArray[np.uint8]
    created_us: Instants
    gone_us: Instants
    recorded_us: Instants

    def __len__(self) -> int:
        return len(self.created_us)


@dataclass(frozen=True, eq=False)
class StatusColumns(Columns):
    """One row per move to a status category, ordered by item, instant, sequence.

    dated: false for a state that was only found at a moment; it says where the item stands, not since when
    blocked: the status says that nobody can go on
    state: the name of the status, empty where only its category is known
    """

    item: Rows
    at_us: Instants
    recorded_us: Instants
    sequence: NDArray[np.int32]
    category: Codes
    dated: Flags
    blocked: Flags
    state: Texts

    def __len__(self) -> int:
        return len(self.at_us)


@dataclass(frozen=True, eq=False)
class FieldColumns(Columns):
    """One row per value that another field took, ordered by field, item, instant, sequence. Values are text or None."""

    field: Texts
    item: Rows
    at_us: Instants
    recorded_us: Instants
    sequence: NDArray[np.int32]
    value: Texts

    def __len__(self) -> int:
        return len(self.at_us)


@dataclass(frozen=True, eq=False)
class LinkColumns(Columns):
    """One row per link of an item to the one it waits for, ordered by all columns; no two rows are alike.

    until_us: when the link was taken away, NEVER while it stands
    """

    item: Rows
    blocker: Rows
    at_us: Instants
    recorded_us: Instants
    until_us: Instants

    def __len__(self) -> int:
        return len(self.at_us)


def newest_items(facts: Iterable[WorkItemFact]) -> list[WorkItemFact]:
    """One fact per item, ordered by id: of several about one item the one recorded last."""
    newest: dict[int, WorkItemFact] = {}
    for fact in facts:
        kept = newest.get(fact.id.int)
        if kept is None or _recency(fact) > _recency(kept):
            newest[fact.id.int] = fact
    return [newest[number] for number in sorted(newest)]


def _recency(fact: WorkItemFact) -> tuple[Any, ...]:
    return (fact.recorded_at, repr(fact))


def item_columns(facts: Sequence[WorkItemFact]) -> ItemColumns:
    """Columns of items that are already unique and ordered."""
    gone = [
        NEVER if fact.presence == Presence.LIVE else to_us(fact.presence_changed_at or fact.recorded_at)
        for fact in facts
    ]
    id_bytes = np.frombuffer(b"".join(fact.id.bytes for fact in facts), dtype=np.uint8).reshape(len(facts), 16)
    return ItemColumns(
        ids=_texts([fact.id for fact in facts]),
        keys=_texts([fact.key for fact in facts]),
        urls=_texts([fact.url for fact in facts]),
        id_bytes=id_bytes.copy(),
        created_us=_instants(to_us(fact.created_at) for fact in facts),
        gone_us=np.array(gone, dtype=np.int64),
        recorded_us=_instants(to_us(fact.recorded_at) for fact in facts),
    )


StatusRow = tuple[int, int, int, int, int, bool, bool, int]
"""Item, instant, sequence, category, recorded, dated, blocked, key of the name of the state: in the order that the rows
are sorted by."""


def status_columns(
    observed: Iterable[WorkItemFact], changes: Iterable[StatusChangeFact], row_of: dict[int, int]
) -> StatusColumns:
    """Every dated move, every dated resolution, and each state that was only found at a moment.

    observed: every observation of the items, so that a later one does not hide what an earlier one knew
    row_of: the row of each item by the integer of its id
    Duplicates collapse; a change of an unknown item is left out.
    """
    rows: list[StatusRow] = []
    names = {NOBODY: ""}
    key_of_name: dict[str, int] = {"": NOBODY}
    for change in changes:
        row = row_of.get(change.item_id.int)
        if row is not None:
            category = CATEGORY_CODES[change.to_category]
            at_us, recorded_us = to_us(change.changed_at), to_us(change.recorded_at)
            name = key_of_name.get(change.to_state)
            if name is None:
                name = key_of_name[change.to_state] = key_of(change.to_state)
                names[name] = change.to_state
            rows.append((row, at_us, change.sequence, category, recorded_us, True, change.is_blocked, name))
    for item in observed:
        row, recorded_us = row_of[item.id.int], to_us(item.recorded_at)
        if item.resolved_at is not None:
            rows.append((row, to_us(item.resolved_at), UNDATED_LAST - 1, DONE, recorded_us, True, False, NOBODY))
        if item.status_category is not None:
            category = CATEGORY_CODES[item.status_category]
            rows.append((row, recorded_us, UNDATED_LAST, category, recorded_us, False, False, NOBODY))
    table = sorted_without_doubles(np.array(rows, dtype=np.int64).reshape(-1, len(fields(StatusColumns))))
    return StatusColumns(
        item=table[:, 0].astype(np.intp),
        at_us=table[:, 1].copy(),
        sequence=table[:, 2].astype(np.int32),
        category=table[:, 3].astype(np.int8),
        recorded_us=table[:, 4].copy(),
        dated=table[:, 5].astype(np.bool_),
        blocked=table[:, 6].astype(np.bool_),
        state=_texts([names[key] for key in table[:, 7].tolist()]),
    )


def link_columns(links: Iterable[BlockingLinkFact], row_of: dict[int, int]) -> LinkColumns:
    """Every link between two known items, each once; an undated one holds from when it was recorded."""
    rows = [
        (
            row_of[link.item_id.int],
            row_of[link.blocker_id.int],
            to_us(link.linked_at or link.recorded_at),
            to_us(link.recorded_at),
            to_us(link.unlinked_at),
        )
        for link in links
        if link.item_id.int in row_of and link.blocker_id.int in row_of and link.item_id != link.blocker_id
    ]
    return unique_links(np.array(rows, dtype=np.int64).reshape(-1, len(fields(LinkColumns))))


def unique_links(table: Instants) -> LinkColumns:
    """Columns of a table whose columns are those of LinkColumns, ordered, each row once."""
    table = sorted_without_doubles(table)
    return LinkColumns(
        item=table[:, 0].astype(np.intp),
        blocker=table[:, 1].astype(np.intp),
        at_us=table[:, 2].copy(),
        recorded_us=table[:, 3].copy(),
        until_us=table[:, 4].copy(),
    )


def sorted_without_doubles(table: Instants) -> Instants:
    """Rows of a table in the order of its columns, each once: shape (rows, columns)."""
    table = table[np.lexsort(table.T[::-1])]
    is_new = np.ones(len(table), dtype=np.bool_)
    is_new[1:] = (table[1:] != table[:-1]).any(axis=1)
    return table[is_new]


FieldRow = tuple[str, int, int, int, str, str | None, int]


def field_columns(
    observed: Iterable[WorkItemFact], changes: Iterable[FieldChangeFact], row_of: dict[int, int]
) -> FieldColumns:
    """Every dated value of a field, and the undated ones from the moment they were found."""
    rows: set[FieldRow] = {
        (
            change.field,
            row_of[change.item_id.int],
            to_us(change.changed_at),
            change.sequence,
            repr(change.to_value),
            change.to_value,
            to_us(change.recorded_at),
        )
        for change in changes
        if change.item_id.int in row_of
    }
    for item in observed:
        row, recorded_us = row_of[item.id.int], to_us(item.recorded_at)
        for name, value in _undated_values(item):
            rows.add((name, row, recorded_us, UNDATED_LAST, repr(value), value, recorded_us))
    ordered = sorted(rows, key=lambda row: (*row[:5], row[6]))
    return FieldColumns(
        field=_texts([row[0] for row in ordered]),
        item=np.array([row[1] for row in ordered], dtype=np.intp),
        at_us=_instants(row[2] for row in ordered),
        sequence=np.array([row[3] for row in ordered], dtype=np.int32),
        value=_texts([row[5] for row in ordered]),
        recorded_us=_instants(row[6] for row in ordered),
    )


def _undated_values(item: WorkItemFact) -> Iterable[tuple[str, str]]:
    if item.item_type:
        yield "item_type", item.item_type
    if item.due_date is not None:
        yield "due_date", item.due_date.isoformat()
    if item.estimate_points is not None:
        yield "estimate_points", repr(float(item.estimate_points))


def _instants(values: Iterable[int]) -> Instants:
    return np.fromiter(values, dtype=np.int64)


def _texts(values: Sequence[object]) -> Texts:
    column = np.empty(len(values), dtype=np.object_)
    column[:] = values
    return column
