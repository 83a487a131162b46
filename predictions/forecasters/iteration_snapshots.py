"""A project's iterations as they stood at the same share of their days, from the record as of t.

1. An iteration counts from its start to its planned end; one without both, or longer than half a year, is left out, and
   so is one that begins later.
2. The moment of each is its start plus the same share of its days. The one asked about stands at t itself; the others
   at what the dated facts say of their past.
3. Committed is what was in it, and not done, at its start, by the estimates then. Added and removed are what came and
   went until the moment; to do, in progress and done is what is in it then. An item that is gone has left it, unless it
   was done before.
4. Delivered is what was in it, and done, at its planned end, and was not done at its start: known once that has passed.

Assumes that items are put into an iteration by its start; what is planned an hour later counts as added. The record
names no boards, so iterations side by side are told apart by their own rows only.

Example: 5 items of 2 points at the start; one is taken out and one of 3 points comes in; 3 of the first are done at the
end: committed 10, added 3, removed 2, delivered 6.
"""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.iterations import IterationTable
from predictions.forecasters.estimates import points_of
from projects.history.columns import DONE, IN_PROGRESS, UNKNOWN, Codes, Flags, Rows
from projects.history.instants import MICROSECONDS_PER_DAY, NEVER, Instants
from projects.history.project_history import ProjectHistory
from projects.history.two_clocks import NOBODY, key_of

FloatArray = NDArray[np.float64]

MAX_ITERATIONS = 130
"""Five years of two weeks each: before them it was another team."""
MAX_DAYS = 182
"""What lasts longer than half a year is a folder, or has the date of a tool that knows none. Starting value."""


@dataclass(frozen=True, eq=False)
class IterationSnapshots:
    """table: one row per iteration, ordered by start;  ids, names, starts_us, ends_us: of the same rows"""

    table: IterationTable
    ids: tuple[UUID, ...]
    names: tuple[str, ...]
    starts_us: Instants
    ends_us: Instants


def begun_iterations(known: ProjectHistory) -> Rows:
    """Rows of `known.iterations` that have begun and have an end, the newest MAX_ITERATIONS, ordered by start."""
    columns = known.iterations
    has_end = (columns.ends_us != NEVER) & (columns.ends_us > columns.starts_us)
    has_end &= columns.ends_us - columns.starts_us <= MAX_DAYS * MICROSECONDS_PER_DAY
    chosen: Rows = np.flatnonzero(has_end & (columns.starts_us <= known.known_at_us))
    order = np.lexsort((columns.ends_us[chosen], columns.starts_us[chosen]))
    return chosen[order][-MAX_ITERATIONS:]


def iteration_snapshots(known: ProjectHistory, *, elapsed: float = 0.0) -> IterationSnapshots:
    """The iterations begun by the history's moment.  elapsed: share of their days that has passed, in [0, 1]"""
    columns, now_us = known.iterations, known.known_at_us
    chosen = begun_iterations(known)
    starts_us, ends_us = columns.starts_us[chosen], columns.ends_us[chosen]
    moments_us = np.minimum(starts_us + (elapsed * (ends_us - starts_us)).astype(np.int64), now_us)
    ids = tuple(columns.ids[chosen].tolist())
    stays = _Stays(known, np.array([key_of(each) for each in ids], dtype=np.int64))
    figures = _figures(known, stays, starts_us, moments_us, ends_us)
    delivered = np.where(ends_us <= now_us, figures.pop("delivered_points"), np.nan)
    count = len(ids)
    table = IterationTable.of_columns(
        {
            "iteration": np.arange(count, dtype=np.float64),
            "board": np.zeros(count),
            "planned_days": (ends_us - starts_us) / MICROSECONDS_PER_DAY,
            "delivered_points": delivered,
            **figures,
        }
    )
    return IterationSnapshots(table, ids, tuple(str(name) for name in columns.names[chosen]), starts_us, ends_us)


def delivered_points(known: ProjectHistory, iteration_id: UUID, *, starts_us: int, ends_us: int) -> float:
    """Points of what was in an iteration, and done, at its end, and was not done at its start."""
    stays = _Stays(known, np.array([key_of(iteration_id)], dtype=np.int64))
    start, end = (np.array([instant], dtype=np.int64) for instant in (starts_us, ends_us))
    return float(_figures(known, stays, start, end, end)["delivered_points"][0])


class _Stays:
    """Pairs of an iteration and an item that was ever in it."""

    def __init__(self, known: ProjectHistory, keys: Instants) -> None:
        stays = known.context.stays
        order = np.argsort(keys, kind="stable")
        place = np.searchsorted(keys[order], stays.group)
        inside = place < len(keys)
        inside[inside] = keys[order][place[inside]] == stays.group[inside]
        self._at_us, self._until_us = stays.at_us[inside], stays.until_us[inside]
        iteration, item = order[place[inside]].astype(np.int64), stays.item[inside].astype(np.int64)
        width = max(len(known.items), 1)
        pairs, self._pair = np.unique(iteration * width + item, return_inverse=True)
        self.iteration, self.item = pairs // width, pairs % width
        self._of_stay = iteration

    def inside(self, moments_us: Instants) -> Flags:
        """Whether each pair's item is in its iteration at that iteration's moment.  moments_us: per iteration"""
        moment_us = moments_us[self._of_stay]
        stays = (self._at_us <= moment_us) & (moment_us < self._until_us)
        flags: Flags = np.bincount(self._pair, weights=stays, minlength=len(self.item)) > 0
        return flags


def _figures(
    known: ProjectHistory, stays: _Stays, starts_us: Instants, moments_us: Instants, ends_us: Instants
) -> dict[str, FloatArray]:
    """Items and points by iteration; each value of shape (iterations,)."""
    count = len(starts_us)
    start, moment, end = (each[stays.iteration] for each in (starts_us, moments_us, ends_us))
    estimates, category = _Estimates(known), _Categories(known)
    was_done = category.at(stays.item, start) == DONE
    gone_us = known.items.gone_us[stays.item]
    now, points = category.at(stays.item, moment), estimates.at(stays.item, moment)
    at_end = stays.inside(ends_us) & ~was_done
    committed = stays.inside(starts_us) & ~was_done & (gone_us > start)
    inside = stays.inside(moments_us) & ~was_done & ((gone_us > moment) | (now == DONE))
    points_at_start = estimates.at(stays.item, start)
    delivered = at_end & (category.at(stays.item, end) == DONE)

    def total(chosen: Flags, weights: FloatArray) -> FloatArray:
        sums = np.bincount(stays.iteration[chosen], weights=weights[chosen], minlength=count)
        return sums.astype(np.float64)

    ones = np.ones(len(stays.item))
    figures = {
        "team_size": _team_sizes(known, stays, inside, moment, count),
        "delivered_points": total(delivered, estimates.at(stays.item, end)),
    }
    for name, chosen, weights in (
        ("committed", committed, points_at_start),
        ("added", inside & ~committed, points),
        ("removed", committed & ~inside, points_at_start),
        ("todo", inside & (now != DONE) & (now != IN_PROGRESS), points),
        ("in_progress", inside & (now == IN_PROGRESS), points),
        ("done", inside & (now == DONE), points),
    ):
        figures[f"{name}_items"], figures[f"{name}_points"] = total(chosen, ones), total(chosen, weights)
    return figures


def _team_sizes(known: ProjectHistory, stays: _Stays, inside: Flags, moment: Instants, count: int) -> FloatArray:
    """How many people carry what is in each iteration."""
    assigned = known.context.assignments
    row = _Log(assigned.item, assigned.at_us).latest(stays.item, moment)
    carrier = np.where(row < 0, NOBODY, assigned.contributor[row]) if len(assigned) else np.full(len(row), NOBODY)
    has_carrier = inside & (carrier != NOBODY)
    pairs = np.unique(np.stack([stays.iteration[has_carrier], carrier[has_carrier]], axis=1), axis=0)
    sizes: FloatArray = np.bincount(pairs[:, 0], minlength=count).astype(np.float64)
    return sizes


class _Categories:
    """Where an item stood at a moment."""

    def __init__(self, known: ProjectHistory) -> None:
        self._moves = known.statuses
        self._log = _Log(known.statuses.item, known.statuses.at_us)

    def at(self, item: Rows, moment_us: Instants) -> Codes:
        row = self._log.latest(item, moment_us)
        if not len(self._moves):
            return np.full(len(item), UNKNOWN, dtype=np.int8)
        return np.where(row < 0, UNKNOWN, self._moves.category[row]).astype(np.int8)


class _Estimates:
    """Story points of an item at a moment, 0 where there are none."""

    def __init__(self, known: ProjectHistory) -> None:
        rows = known.fields.take(known.fields.field == "estimate_points")
        self._log = _Log(rows.item, rows.at_us)
        number_of = {value: points_of(value) for value in set(rows.value.tolist())}
        points = np.array([number_of[value] for value in rows.value.tolist()], dtype=np.float64)
        self._points = np.nan_to_num(points)

    def at(self, item: Rows, moment_us: Instants) -> FloatArray:
        row = self._log.latest(item, moment_us)
        if not len(self._points):
            return np.zeros(len(item))
        points: FloatArray = np.where(row < 0, 0.0, self._points[row])
        return points


class _Log:
    """Rows about items in the order of item and time, searched by both.  item, at_us: ordered so"""

    def __init__(self, item: Rows, at_us: Instants) -> None:
        self._item = item
        self._instants = np.sort(at_us)
        self._width = len(at_us) + 1
        self._keys = item.astype(np.int64) * self._width + np.searchsorted(self._instants, at_us)

    def latest(self, asked: Rows, moment_us: Instants) -> Rows:
        """The last row about each item up to a moment, -1 where there is none."""
        reached = np.searchsorted(self._instants, moment_us, side="right") - 1
        row = np.searchsorted(self._keys, asked.astype(np.int64) * self._width + reached, side="right") - 1
        found = row >= 0
        found[found] = self._item[row[found]] == asked[found]
        rows: Rows = np.where(found, row, -1)
        return rows
