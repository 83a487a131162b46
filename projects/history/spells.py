"""Where working time went: in work, blocked, done over again, waiting for something that had to be finished first.

1. An item is in work from a dated move to IN_PROGRESS until its next move, until it is gone, or until now.
2. It is blocked while in work where its status says so, or while it carries a flag.
3. It is rework while in work after it had been done once (back-flow). What is blocked then counts as blocked.
4. The project waits while items are ready but for a blocker that is not done, none could be started instead, and fewer
   are in work than usual: the part missing of the usual number in work is lost. Blockers that are in work do not count
   among these, because it is for them that the others wait.

All durations are working days of the project's calendar. Assumes that people move cards when they take them up and put
them down. Do not believe spells of a board that is moved on Fridays.
A kind of spell that the record never mentions (no flag or blocked status, no link, no dated start) cannot be told from
none: the measure says which.

Example: 4 people have 4 items in work; for 3 days one of them is alone, as 5 items wait for a delivery and nothing else
is open: 3 * (4 - 1) / 4 = 2.25 working days are lost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from projects.enums import TrackedField
from projects.history.columns import DONE, IN_PROGRESS, Flags, Rows, StatusColumns
from projects.history.instants import NEVER, Instants
from projects.history.project_history import ProjectHistory
from projects.history.work_clock import WorkClock

FloatArray = NDArray[np.float64]
Spans = tuple[Instants, Instants]
"""Begins and ends of stretches, equally long."""


@dataclass(frozen=True, eq=False)
class Spells:
    """Stretches of time of items: equally long arrays, ordered by item and begin."""

    item: Rows
    begin_us: Instants
    end_us: Instants
    is_blocked: Flags
    is_rework: Flags


@dataclass(frozen=True, slots=True, eq=False)
class ActiveTime:
    """Working days in work by item: arrays of one row per item of the history.

    total contains the two others;  blocked, rework: do not overlap
    """

    total: FloatArray
    blocked: FloatArray
    rework: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class DependencyWait:
    """Working days the project lost to unfinished blockers.  by_blocker: the same by item waited for, shape (items,)"""

    lost_days: float
    by_blocker: FloatArray


def active_spells(known: ProjectHistory) -> Spells:
    """Every stretch in work until `known_at`, cut where blocked begins or ends."""
    moves = known.statuses.take(known.statuses.at_us <= known.known_at_us)
    ends_us = _ends_of_moves(moves, known)
    chosen = np.flatnonzero((moves.category == IN_PROGRESS) & moves.dated & (ends_us > moves.at_us))
    flagged = _flagged_spells(known)
    item, begin_us, is_blocked = moves.item[chosen], moves.at_us[chosen], moves.blocked[chosen]
    is_rework = begin_us >= first_finishes_us(known)[item]
    whole = Spells(item.astype(np.intp), begin_us, ends_us[chosen], is_blocked, is_rework & ~is_blocked)
    return _cut_by_flags(whole, flagged) if flagged else whole


def active_time(spells: Spells, clock: WorkClock, *, items: int, since_us: int | None = None) -> ActiveTime:
    """Working days in work of each item, of all time or since an instant."""
    begin_us = spells.begin_us if since_us is None else np.maximum(spells.begin_us, since_us)
    days = clock.between(begin_us, spells.end_us)

    def by_item(chosen: Flags) -> FloatArray:
        return np.bincount(spells.item[chosen], weights=days[chosen], minlength=items).astype(np.float64)

    return ActiveTime(by_item(np.ones(len(days), np.bool_)), by_item(spells.is_blocked), by_item(spells.is_rework))


def tells_blocked(known: ProjectHistory) -> bool:
    """Whether somebody ever flagged an item or moved one to a blocked status: else nobody would have been seen to."""
    moment_us = known.known_at_us
    is_flag = (known.fields.field == TrackedField.FLAG.value) & (known.fields.at_us <= moment_us)
    return bool(is_flag.any()) or bool((known.statuses.blocked & (known.statuses.at_us <= moment_us)).any())


def first_finishes_us(known: ProjectHistory) -> Instants:
    """First dated move of each item to DONE, NEVER where there is none: shape (items,)."""
    done_us = np.full(len(known.items), NEVER, dtype=np.int64)
    statuses = known.statuses
    rows = np.flatnonzero((statuses.category == DONE) & statuses.dated & (statuses.at_us <= known.known_at_us))
    np.minimum.at(done_us, statuses.item[rows], statuses.at_us[rows])
    return done_us


def dependency_wait(known: ProjectHistory, spells: Spells, clock: WorkClock) -> DependencyWait:
    """Working days lost until `known_at` because what was open waited for unfinished blockers."""
    nothing = DependencyWait(0.0, np.zeros(len(known.items)))
    links = known.links
    if len(links) == 0 or len(spells.item) == 0:
        return nothing
    board = _Board.of(known, spells)
    days = clock.between(board.edges_us[:-1], board.edges_us[1:])
    could_start = (board.startable > 0) & (days > 0)
    if not bool(could_start.any()):
        return nothing
    usual = _weighted_median(board.in_work[could_start], days[could_start])
    waits = (board.waiting > 0) & (board.startable == 0) & (board.in_work < usual)
    missing = np.minimum(usual - board.in_work, board.waiting) / usual if usual > 0 else np.zeros(len(days))
    lost = np.where(waits, missing * days, 0.0)
    by_blocker = np.zeros(len(known.items))
    for index in np.flatnonzero(lost > 0).tolist():
        blockers = board.blockers_at(index)
        by_blocker[blockers] += lost[index] / len(blockers)
    return DependencyWait(float(lost.sum()), by_blocker)


@dataclass(frozen=True, eq=False)
class _Board:
    """How many items were in work, could be started, or waited, between each two changes of any of these.

    edges_us: shape (n + 1,), from the first start to now;  the counts: shape (n,)
    holds: by link, when it makes its item wait
    """

    edges_us: Instants
    in_work: Instants
    startable: Instants
    waiting: Instants
    blockers: Rows
    holds: Spans

    @classmethod
    def of(cls, known: ProjectHistory, spells: Spells) -> "_Board":
        now_us, links = known.known_at_us, known.links
        done_us = first_finishes_us(known)
        first_start_us = np.full(len(known.items), NEVER, dtype=np.int64)
        np.minimum.at(first_start_us, spells.item, spells.begin_us)
        over_us = np.minimum(np.minimum(first_start_us, known.items.gone_us), np.minimum(done_us, now_us))
        opens_us = known.items.created_us
        # Waiting: from when both the link and the item are there until the blocker is done, or the item not to be done.
        begin_us = np.maximum(links.at_us, opens_us[links.item])
        blocker_over_us = np.minimum(done_us[links.blocker], known.items.gone_us[links.blocker])
        end_us = np.minimum(np.minimum(blocker_over_us, links.until_us), over_us[links.item])
        end_us = np.maximum(end_us, begin_us)
        spans = _merged(links.item, begin_us, end_us)
        edges = np.unique(np.concatenate([spells.begin_us, spells.end_us, opens_us, over_us, begin_us, end_us]))
        edges = edges[(edges >= int(spells.begin_us.min())) & (edges <= now_us)]
        waited_for = _waited_for_in_work(spells, links.blocker, begin_us, end_us)
        open_count = _count(opens_us, np.maximum(over_us, opens_us), edges)
        waiting = _count(*spans, edges)
        in_work = _count(spells.begin_us, spells.end_us, edges) - _count(*waited_for, edges)
        return cls(edges, in_work, open_count - waiting, waiting, links.blocker, (begin_us, end_us))

    def blockers_at(self, index: int) -> Rows:
        """Items waited for from one edge to the next."""
        begin_us, end_us = self.holds
        at_us = self.edges_us[index]
        return np.unique(self.blockers[(begin_us <= at_us) & (end_us > at_us)])


def _ends_of_moves(moves: StatusColumns, known: ProjectHistory) -> Instants:
    """When each state is left: by the item's next move, or at its end, or now."""
    ends_us = np.full(len(moves), known.known_at_us, dtype=np.int64)
    if len(moves):
        same = moves.item[1:] == moves.item[:-1]
        ends_us[:-1][same] = moves.at_us[1:][same]
        ends_us = np.minimum(ends_us, known.items.gone_us[moves.item])
    return ends_us


def _flagged_spells(known: ProjectHistory) -> dict[int, list[tuple[int, int]]]:
    """Stretches in which each item carried a flag, ascending."""
    rows = np.flatnonzero((known.fields.field == TrackedField.FLAG.value) & (known.fields.at_us <= known.known_at_us))
    spells: dict[int, list[tuple[int, int]]] = {}
    for index, row in enumerate(rows.tolist()):
        item, begin_us = int(known.fields.item[row]), int(known.fields.at_us[row])
        follows = index + 1 < len(rows) and int(known.fields.item[rows[index + 1]]) == item
        end_us = int(known.fields.at_us[rows[index + 1]]) if follows else known.known_at_us
        if known.fields.value[row] is not None and end_us > begin_us:
            spells.setdefault(item, []).append((begin_us, end_us))
    return spells


def _cut_by_flags(spells: Spells, flagged: dict[int, list[tuple[int, int]]]) -> Spells:
    """The same stretches, those not blocked cut where their item carried a flag."""
    has_flag = np.isin(spells.item, np.fromiter(flagged, dtype=np.intp)) & ~spells.is_blocked
    kept = np.flatnonzero(~has_flag)
    rows: list[tuple[int, int, int, int, bool, bool]] = []
    for row in np.flatnonzero(has_flag).tolist():
        item, rework = int(spells.item[row]), bool(spells.is_rework[row])
        parts = _cut(int(spells.begin_us[row]), int(spells.end_us[row]), flagged[item])
        rows += [(row, item, *part, rework and not part[2]) for part in parts]
    table = np.array(rows, dtype=np.int64).reshape(-1, 6)
    order = np.argsort(np.concatenate([kept, table[:, 0]]), kind="stable")
    return Spells(
        item=np.concatenate([spells.item[kept], table[:, 1].astype(np.intp)])[order],
        begin_us=np.concatenate([spells.begin_us[kept], table[:, 2]])[order],
        end_us=np.concatenate([spells.end_us[kept], table[:, 3]])[order],
        is_blocked=np.concatenate([spells.is_blocked[kept], table[:, 4].astype(np.bool_)])[order],
        is_rework=np.concatenate([spells.is_rework[kept], table[:, 5].astype(np.bool_)])[order],
    )


def _cut(begin_us: int, end_us: int, flagged: list[tuple[int, int]]) -> list[tuple[int, int, bool]]:
    """One stretch as parts with and without a flag."""
    parts: list[tuple[int, int, bool]] = []
    at_us = begin_us
    for flag_begin_us, flag_end_us in flagged:
        low, high = max(flag_begin_us, at_us), min(flag_end_us, end_us)
        if low >= high:
            continue
        if low > at_us:
            parts.append((at_us, low, False))
        parts.append((low, high, True))
        at_us = high
    if at_us < end_us:
        parts.append((at_us, end_us, False))
    return parts


def _merged(keys: Rows, begin_us: Instants, end_us: Instants) -> Spans:
    """Stretches of each key with overlaps joined, so that an item with two blockers waits once."""
    begins: list[int] = []
    ends: list[int] = []
    last_key = -1
    for row in np.lexsort((end_us, begin_us, keys)).tolist():
        if begin_us[row] >= end_us[row]:
            continue
        if keys[row] == last_key and begin_us[row] <= ends[-1]:
            ends[-1] = max(ends[-1], int(end_us[row]))
        else:
            begins.append(int(begin_us[row]))
            ends.append(int(end_us[row]))
            last_key = int(keys[row])
    return np.array(begins, dtype=np.int64), np.array(ends, dtype=np.int64)


def _count(begin_us: Instants, end_us: Instants, edges_us: Instants) -> Instants:
    """How many stretches cover each interval between two edges: shape (edges - 1,)."""
    begun = np.searchsorted(np.sort(begin_us), edges_us[:-1], side="right")
    ended = np.searchsorted(np.sort(end_us), edges_us[:-1], side="right")
    return (begun - ended).astype(np.int64)


def _waited_for_in_work(spells: Spells, blockers: Rows, begin_us: Instants, end_us: Instants) -> Spans:
    """Stretches in which a blocker is in work while something waits for it, each blocker counted once."""
    of_item: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.isin(spells.item, blockers)).tolist():
        of_item.setdefault(int(spells.item[row]), []).append(row)
    parts = [
        (blocker, max(begin, int(spells.begin_us[row])), min(end, int(spells.end_us[row])))
        for blocker, begin, end in zip(blockers.tolist(), begin_us.tolist(), end_us.tolist(), strict=True)
        for row in of_item.get(blocker, [])
    ]
    table = np.array(parts, dtype=np.int64).reshape(-1, 3)
    return _merged(table[:, 0].astype(np.intp), table[:, 1], table[:, 2])


def _weighted_median(values: Instants, weights: FloatArray) -> float:
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, passed[-1] / 2)])
