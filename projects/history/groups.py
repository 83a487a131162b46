"""Iterations, milestones and the stays of items in them, as columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self
from uuid import UUID

import numpy as np

from projects.history.columns import Columns, Flags, Rows, Texts, sorted_without_doubles
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.instants import NEVER, Instants, to_us
from projects.history.observed import ObservedColumns, instants, objects
from projects.history.two_clocks import key_of


@dataclass(frozen=True, eq=False)
class IterationColumns(ObservedColumns):
    """Iterations. starts_us, ends_us: planned while they lie ahead;  NEVER: not said;  state: IterationState or None"""

    DATED: ClassVar[tuple[str, ...]] = ("starts_us", "ends_us", "completed_us")
    UNDATED: ClassVar[Mapping[str, object]] = {"names": "", "state": None}
    LABELS: ClassVar[frozenset[str]] = frozenset({"names"})

    external_ids: Texts
    names: Texts
    state: Texts
    starts_us: Instants
    ends_us: Instants
    completed_us: Instants


@dataclass(frozen=True, eq=False)
class MilestoneColumns(ObservedColumns):
    """Milestones. start_date, target_date: local days or None;  released_us: the end of the day it was released on"""

    DATED: ClassVar[tuple[str, ...]] = ("released_us",)
    UNDATED: ClassVar[Mapping[str, object]] = {"names": "", "state": None, "start_date": None, "target_date": None}
    LABELS: ClassVar[frozenset[str]] = frozenset({"names"})

    external_ids: Texts
    names: Texts
    state: Texts
    start_date: Texts
    target_date: Texts
    released_us: Instants


@dataclass(frozen=True, eq=False)
class StayColumns(Columns):
    """One row per stay of an item in an iteration or milestone, ordered by all columns; no two rows are alike.

    group: `key_of` the id of the iteration or milestone;  until_us: when the item left, NEVER while it stays
    """

    item: Rows
    group: Instants
    at_us: Instants
    recorded_us: Instants
    until_us: Instants

    def __len__(self) -> int:
        return len(self.at_us)

    def known_at(self, moment_us: int, known_items: Flags, new_row: Rows) -> Self:
        """What was known at a moment. Two stays that differ only in when they ended later are one until then."""
        known = known_items[self.item] & (np.minimum(self.at_us, self.recorded_us) <= moment_us)
        kept = self.take(known)
        until_us = np.where(kept.until_us <= moment_us, kept.until_us, NEVER)
        columns = (new_row[kept.item], kept.group, kept.at_us, kept.recorded_us, until_us)
        return type(self).from_table(np.stack([column.astype(np.int64) for column in columns], axis=1))

    def members(self, group_id: UUID, moment_us: int, items: int) -> Flags:
        """The items that were in a group at a moment: shape (items,)."""
        inside = (self.group == key_of(group_id)) & (self.at_us <= moment_us) & (moment_us < self.until_us)
        flags = np.zeros(items, dtype=np.bool_)
        flags[self.item[inside]] = True
        return flags

    @classmethod
    def from_table(cls, table: Instants) -> Self:
        """Columns of a table of shape (rows, columns)."""
        table = sorted_without_doubles(table)
        return cls(table[:, 0].astype(np.intp), *(table[:, column].copy() for column in range(1, 5)))


def iteration_columns(facts: Iterable[IterationFact]) -> IterationColumns:
    """Columns of iterations in any order; doubles collapse."""
    ordered = sorted(set(facts), key=lambda fact: (fact.id.int, fact.recorded_at))
    return IterationColumns(
        ids=objects([fact.id for fact in ordered]),
        recorded_us=instants(to_us(fact.recorded_at) for fact in ordered),
        external_ids=objects([fact.external_id for fact in ordered]),
        names=objects([fact.name for fact in ordered]),
        state=objects([fact.state for fact in ordered]),
        starts_us=instants(to_us(fact.starts_at) for fact in ordered),
        ends_us=instants(to_us(fact.ends_at) for fact in ordered),
        completed_us=instants(to_us(fact.completed_at) for fact in ordered),
    ).ordered()


def milestone_columns(facts: Iterable[MilestoneFact]) -> MilestoneColumns:
    """Columns of milestones in any order; doubles collapse."""
    ordered = sorted(set(facts), key=lambda fact: (fact.id.int, fact.recorded_at))
    return MilestoneColumns(
        ids=objects([fact.id for fact in ordered]),
        recorded_us=instants(to_us(fact.recorded_at) for fact in ordered),
        external_ids=objects([fact.external_id for fact in ordered]),
        names=objects([fact.name for fact in ordered]),
        state=objects([fact.state for fact in ordered]),
        start_date=objects([fact.start_date for fact in ordered]),
        target_date=objects([fact.target_date for fact in ordered]),
        released_us=instants(to_us(fact.released_at) for fact in ordered),
    ).ordered()


def stay_columns(facts: Iterable[StayFact], row_of: Mapping[int, int]) -> StayColumns:
    """Every stay of a known item, each once; an undated one holds from when it was recorded."""
    rows = [
        (
            row_of[fact.item_id.int],
            key_of(fact.group_id),
            to_us(fact.joined_at or fact.recorded_at),
            to_us(fact.recorded_at),
            to_us(fact.left_at),
        )
        for fact in facts
        if fact.item_id.int in row_of
    ]
    return StayColumns.from_table(np.array(rows, dtype=np.int64).reshape(-1, 5))
