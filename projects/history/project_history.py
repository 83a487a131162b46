"""The record of one project's work as arrays, and as it was known at any moment.

1. Facts are sorted into columns once (`ProjectHistory.from_facts`); doubles collapse, so order cannot matter.
2. `as_of(t)` keeps what was known at t. A dated fact is known from its date, or from when it was recorded if that was
   earlier (then its date lies in the future, which `defects` counts); an undated one from when it was recorded.
3. `states` folds the moves known and true at t into one row per item: where it stands, since when, when it started.

Assumes that the source's log dates its entries truly. Do not believe a reconstructed history about reopenings, deleted
items and values without a log: they left no trace. `is_reconstructed` says when a history leans on such a log.

Example: an item created on Monday, started on Tuesday, done on Thursday, imported on Sunday. As of Wednesday it is in
progress since Tuesday; as of Thursday it is done, 2 days after it started and 3 days after it was created.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Self, TypeVar
from uuid import UUID

import numpy as np

from projects.history.activity import ActivityColumns
from projects.history.capacity import CapacityCalendars, newest_calendars
from projects.history.columns import (
    DONE,
    IN_PROGRESS,
    UNKNOWN,
    Codes,
    FieldColumns,
    Flags,
    ItemColumns,
    LinkColumns,
    Rows,
    StatusColumns,
    Texts,
    field_columns,
    item_columns,
    link_columns,
    newest_items,
    status_columns,
    unique_links,
)
from projects.history.context import ProjectContext
from projects.history.costs import CostColumns, cost_columns
from projects.history.deliveries import CiRunColumns, DeploymentColumns, IncidentColumns
from projects.history.facts import (
    BaselineFact,
    BlockingLinkFact,
    BudgetFact,
    ContextFact,
    CostFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)
from projects.history.groups import IterationColumns, MilestoneColumns
from projects.history.instants import MICROSECONDS_PER_DAY, NEVER, PLAUSIBLE_FROM_US, Instants, to_us
from projects.history.team_facts import PulseFact

Changes = TypeVar("Changes", StatusColumns, FieldColumns)

CLOCK_SKEW_US = MICROSECONDS_PER_DAY
"""A date up to one day ahead of its recording is a time zone or a clock, not a defect."""


@dataclass(frozen=True, eq=False)
class ItemStates:
    """Where each item stands at one moment: arrays of one row per item, in the history's order.

    category: UNKNOWN, TO_DO, IN_PROGRESS or DONE
    started_us: first dated move into IN_PROGRESS, else NEVER
    finished_us: dated move into the DONE state the item is still in, else NEVER (also when done without a date)
    """

    exists: Flags
    live: Flags
    category: Codes
    started_us: Instants
    finished_us: Instants

    @property
    def open(self) -> Flags:
        """Items that still are to be done: live, created and not done."""
        flags: Flags = self.exists & self.live & (self.category != DONE)
        return flags

    @property
    def finished(self) -> Flags:
        """Items done on a known date, also those that were deleted after they were done."""
        flags: Flags = self.exists & (self.finished_us != NEVER)
        return flags

    @property
    def done_without_date(self) -> Flags:
        """Items found done, with nothing to say when."""
        flags: Flags = self.exists & (self.category == DONE) & (self.finished_us == NEVER)
        return flags


@dataclass(frozen=True, slots=True)
class HistoryDefects:
    """How many facts contradict themselves: counted, never repaired."""

    future_dated: int
    finished_before_created: int
    finished_without_start: int
    done_without_date: int
    created_before_records: int


@dataclass(frozen=True, eq=False)
class ProjectHistory:
    """Everything known about the work of one project; immutable.

    known_at: the moment this history is restricted to; None is everything on record, which has no `states` yet
    context: every observation beside the work; the properties say what of it holds at `known_at`
    """

    items: ItemColumns
    statuses: StatusColumns
    fields: FieldColumns
    links: LinkColumns
    baselines: tuple[BaselineFact, ...] = field(default=())
    known_at: datetime | None = None
    costs: CostColumns = field(default_factory=lambda: cost_columns(()))
    budgets: tuple[BudgetFact, ...] = field(default=())
    context: ProjectContext = field(default_factory=ProjectContext)

    @classmethod
    def from_facts(cls, facts: Iterable[HistoryFact]) -> Self:
        """Build the columns. Facts of one item may come in any order and more than once.

        Raises ValueError for a naive datetime.
        """
        items: list[WorkItemFact] = []
        moves: list[StatusChangeFact] = []
        changes: list[FieldChangeFact] = []
        links: list[BlockingLinkFact] = []
        baselines: set[BaselineFact] = set()
        budgets: set[BudgetFact] = set()
        costs: list[CostFact] = []
        beside: list[ContextFact] = []
        for fact in facts:
            match fact:
                case WorkItemFact():
                    items.append(fact)
                case StatusChangeFact():
                    moves.append(fact)
                case FieldChangeFact():
                    changes.append(fact)
                case BlockingLinkFact():
                    links.append(fact)
                case BaselineFact():
                    baselines.add(fact)
                case BudgetFact():
                    budgets.add(fact)
                case CostFact():
                    costs.append(fact)
                case _:
                    beside.append(fact)
        unique = newest_items(items)
        row_of = {fact.id.int: row for row, fact in enumerate(unique)}
        return cls(
            items=item_columns(unique),
            statuses=status_columns(items, moves, row_of),
            fields=field_columns(items, changes, row_of),
            links=link_columns(links, row_of),
            baselines=tuple(sorted(baselines, key=lambda fact: (fact.approved_at, repr(fact)))),
            costs=cost_columns(costs),
            budgets=tuple(sorted(budgets, key=lambda fact: (fact.approved_at, repr(fact)))),
            context=ProjectContext.from_facts(beside, items=items, moves=moves, changes=changes, row_of=row_of),
        )

    def as_of(self, moment: datetime) -> Self:
        """The record as it was known at a moment.  Raises ValueError for a moment after `known_at` or a naive one."""
        if self.known_at is not None and moment >= self.known_at:
            if moment == self.known_at:
                return self
            raise ValueError(f"known only until {self.known_at}, asked for {moment}")
        moment_us = to_us(moment)
        known = np.minimum(self.items.created_us, self.items.recorded_us) <= moment_us
        items = self.items.take(known)
        gone_us = np.where(items.gone_us <= moment_us, items.gone_us, NEVER)
        new_row = np.cumsum(known) - 1
        return type(self)(
            items=ItemColumns(**{**vars(items), "gone_us": gone_us}),
            statuses=_known_changes(self.statuses, known, new_row, moment_us),
            fields=_known_changes(self.fields, known, new_row, moment_us),
            links=_known_links(self.links, known, new_row, moment_us),
            baselines=tuple(b for b in self.baselines if min(b.approved_at, b.recorded_at) <= moment),
            known_at=moment,
            costs=self.costs.take(np.minimum(self.costs.at_us, self.costs.recorded_us) <= moment_us),
            budgets=tuple(b for b in self.budgets if min(b.approved_at, b.recorded_at) <= moment),
            context=self.context.as_of(moment, known, new_row),
        )

    @property
    def as_of_moment(self) -> datetime:
        """The moment this history is restricted to.  Raises ValueError where none was chosen."""
        if self.known_at is None:
            raise ValueError("choose a moment first: history.as_of(moment)")
        return self.known_at

    @property
    def known_at_us(self) -> int:
        """The same in microseconds since the epoch."""
        return to_us(self.as_of_moment)

    @cached_property
    def states(self) -> ItemStates:
        """Where every item stands at `known_at`.  Raises ValueError where no moment was chosen."""
        moment_us = self.known_at_us
        moves = self.statuses.take(self.statuses.at_us <= moment_us)
        category = np.full(len(self.items), UNKNOWN, dtype=np.int8)
        category[moves.item] = moves.category  # rows are ordered, so the last assignment is the latest move
        return ItemStates(
            exists=self.items.created_us <= moment_us,
            live=self.items.gone_us > moment_us,
            category=category,
            started_us=_first_starts(moves, len(self.items)),
            finished_us=_current_finishes(moves, category),
        )

    @cached_property
    def finished_us(self) -> Instants:
        """Dates on which the items finished by `known_at` were done, ascending: shape (finished items,)."""
        return np.sort(self.states.finished_us[self.states.finished])

    @cached_property
    def defects(self) -> HistoryDefects:
        """Contradictions among the facts known at `known_at`."""
        horizon_us = self.known_at_us + CLOCK_SKEW_US
        states = self.states
        future = int((self.items.created_us > horizon_us).sum() + (self.statuses.at_us > horizon_us).sum())
        finished = states.finished
        return HistoryDefects(
            future_dated=future,
            finished_before_created=int((finished & (states.finished_us < self.items.created_us)).sum()),
            finished_without_start=int((finished & (states.started_us == NEVER)).sum()),
            done_without_date=int(states.done_without_date.sum()),
            created_before_records=int((states.exists & (self.items.created_us < PLAUSIBLE_FROM_US)).sum()),
        )

    @property
    def is_reconstructed(self) -> bool:
        """Whether some fact was recorded only after `known_at`, so that this moment is rebuilt from a surviving log."""
        moment_us = self.known_at_us
        columns = (self.items.recorded_us, self.statuses.recorded_us, self.fields.recorded_us, self.links.recorded_us)
        return any(bool((recorded_us > moment_us).any()) for recorded_us in columns)

    @cached_property
    def last_fact_us(self) -> int | None:
        """When the newest event known and true at `known_at` happened; None for an empty record."""
        moment_us = self.known_at_us
        instants = np.concatenate([self.items.created_us, self.statuses.at_us, self.fields.at_us])
        past = instants[instants <= moment_us]
        return int(past.max()) if past.size else None

    @cached_property
    def touched_us(self) -> Instants:
        """When the newest dated event about each item happened by `known_at`, its creation at least: shape (items,)."""
        touched_us = self.items.created_us.copy()
        for rows in (self.statuses, self.fields):
            past = rows.at_us <= self.known_at_us
            np.maximum.at(touched_us, rows.item[past], rows.at_us[past])
        touched_us.flags.writeable = False
        return touched_us

    @property
    def baseline(self) -> BaselineFact | None:
        """The plan in force at `known_at`."""
        moment_us = self.known_at_us
        in_force = [baseline for baseline in self.baselines if to_us(baseline.approved_at) <= moment_us]
        return in_force[-1] if in_force else None

    @property
    def budget(self) -> BudgetFact | None:
        """The budget in force at `known_at`."""
        moment_us = self.known_at_us
        in_force = [budget for budget in self.budgets if to_us(budget.approved_at) <= moment_us]
        return in_force[-1] if in_force else None

    @cached_property
    def spent(self) -> CostColumns:
        """Every cost incurred by `known_at`, once, as it was known then: ordered by id."""
        newest = self.costs.newest()
        return newest.take(newest.at_us <= self.known_at_us)

    @cached_property
    def future_costs(self) -> int:
        """Costs recorded although their day had not come: counted, and believed only once it has."""
        return int((self.costs.newest().at_us > self.known_at_us + CLOCK_SKEW_US).sum())

    @cached_property
    def costs_hash(self) -> str:
        """SHA-256 over costs and budgets: 64 hex digits.

        Not part of `inputs_hash`: an entry in the ledger must not draw the trials of the finish forecast anew.
        """
        return hashlib.sha256(repr((self.known_at_us, self.costs.hash_key(), self.budgets)).encode()).hexdigest()

    @property
    def _known_context(self) -> ProjectContext:
        """The context, once a moment was chosen.  Raises ValueError where none was."""
        self.as_of_moment  # noqa: B018 - asked for its error
        return self.context

    @cached_property
    def iterations(self) -> IterationColumns:
        """Every iteration known at `known_at`, once; its start and its end may lie ahead."""
        return self._known_context.iterations.newest()

    @cached_property
    def milestones(self) -> MilestoneColumns:
        """Every milestone known at `known_at`, once."""
        return self._known_context.milestones.newest()

    def members_of(self, group_id: UUID) -> Flags:
        """The items in an iteration or a milestone at `known_at`: shape (items,)."""
        return self.context.stays.members(group_id, self.known_at_us, len(self.items))

    @cached_property
    def assignees(self) -> Instants:
        """The key of the contributor who carries each item at `known_at`, NOBODY where none does: shape (items,)."""
        return self.context.assignments.latest(self.known_at_us, len(self.items))

    @cached_property
    def activity(self) -> ActivityColumns:
        """What people did by `known_at`, ordered by instant."""
        return self.context.activity.until(self.known_at_us)

    @cached_property
    def ci_runs(self) -> CiRunColumns:
        """Every CI run known at `known_at`, once."""
        return self._known_context.ci_runs.newest()

    @cached_property
    def deployments(self) -> DeploymentColumns:
        """Every deployment known at `known_at`, once."""
        return self._known_context.deployments.newest()

    @cached_property
    def incidents(self) -> IncidentColumns:
        """Every incident known at `known_at`, once; its severity is unknown where it was recorded only later."""
        return self._known_context.incidents.newest()

    @cached_property
    def capacity(self) -> CapacityCalendars:
        """The capacity calendars known at `known_at`."""
        return newest_calendars(self._known_context.capacity)

    @cached_property
    def pulses(self) -> tuple[PulseFact, ...]:
        """The pulses that were closed by `known_at`."""
        return self.context.newest_pulses(self.as_of_moment)

    @cached_property
    def people_hash(self) -> str:
        """SHA-256 over activity, assignments, capacity and pulses, and the moment: 64 hex digits.

        Not part of `inputs_hash`: a comment must not draw the trials of the finish forecast anew.
        """
        columns = (self.activity.digest(), self.context.assignments.digest())
        return hashlib.sha256(repr((self.known_at_us, columns, self.capacity, self.pulses)).encode()).hexdigest()

    def values_of(self, name: str) -> Texts:
        """The latest value of a field per item at `known_at`, None where it is unknown: shape (items,)."""
        rows = self.fields.take((self.fields.field == name) & (self.fields.at_us <= self.known_at_us))
        values = np.full(len(self.items), None, dtype=np.object_)
        values[rows.item] = rows.value
        return values

    @cached_property
    def inputs_hash(self) -> str:
        """SHA-256 over every fact of the work that a result can depend on, and the moment: 64 hex digits.

        Keys and addresses are left out: they are names for the reader, not inputs.
        """
        digest = hashlib.sha256(str(self.known_at_us).encode())
        for array in (
            self.items.id_bytes,
            self.items.created_us,
            self.items.gone_us,
            self.statuses.item.astype(np.int64),
            self.statuses.at_us,
            self.statuses.category,
            self.statuses.dated,
            self.statuses.blocked,
            self.links.item.astype(np.int64),
            self.links.blocker.astype(np.int64),
            self.links.at_us,
            self.links.until_us,
            self.fields.item.astype(np.int64),
            self.fields.at_us,
        ):
            digest.update(np.ascontiguousarray(array).tobytes())
            digest.update(b"|")
        digest.update(repr((self.fields.field.tolist(), self.fields.value.tolist(), self.baselines)).encode())
        return digest.hexdigest()


def _known_changes(changes: Changes, known_items: Flags, new_row: Rows, moment_us: int) -> Changes:
    known = known_items[changes.item] & (np.minimum(changes.at_us, changes.recorded_us) <= moment_us)
    kept = changes.take(known)
    return type(kept)(**{**vars(kept), "item": new_row[kept.item]})


def _known_links(links: LinkColumns, known_items: Flags, new_row: Rows, moment_us: int) -> LinkColumns:
    """Links known at a moment. Two that differ only in when they were taken away later are one until then."""
    known = known_items[links.item] & known_items[links.blocker]
    kept = links.take(known & (np.minimum(links.at_us, links.recorded_us) <= moment_us))
    until_us = np.where(kept.until_us <= moment_us, kept.until_us, NEVER)
    columns = (new_row[kept.item], new_row[kept.blocker], kept.at_us, kept.recorded_us, until_us)
    return unique_links(np.stack([column.astype(np.int64) for column in columns], axis=1))


def _first_starts(moves: StatusColumns, items: int) -> Instants:
    started_us = np.full(items, NEVER, dtype=np.int64)
    starts = np.flatnonzero((moves.category == IN_PROGRESS) & moves.dated)[::-1]
    started_us[moves.item[starts]] = moves.at_us[starts]  # reversed, so the last assignment is the first start
    return started_us


def _current_finishes(moves: StatusColumns, category: Codes) -> Instants:
    """Start of the unbroken run of DONE that an item is in; NEVER where that start has no date."""
    finished_us = np.full(len(category), NEVER, dtype=np.int64)
    if len(moves) == 0:
        return finished_us
    begins_run = np.ones(len(moves), dtype=np.bool_)
    begins_run[1:] = (moves.item[1:] != moves.item[:-1]) | (moves.category[1:] != moves.category[:-1])
    entries = np.flatnonzero(begins_run & (moves.category == DONE))
    finished_us[moves.item[entries]] = np.where(moves.dated[entries], moves.at_us[entries], NEVER)
    finished_us[category != DONE] = NEVER
    return finished_us
