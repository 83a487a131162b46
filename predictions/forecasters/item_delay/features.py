"""The feature table of the item forecaster: scale-free, and nothing in it from after an item's own moment.

1. The item: its age, the days left, the share of the planned span that is over, how much it was talked about and moved.
2. The trailing delay rates: of everything, of the unit, of the unit's items of the same kind, with half-lives of 15 to
   600 days, over labels known at the moment; a narrow rate leans on the wider one until it has labels of its own.
3. The neighbours: delay rates of earlier items with a near due date, creation, number, planned span or time left.
4. The load: open items, newcomers and items due soon, against the unit's own trailing level.

Assumes that items of one unit share causes: the release that slips takes all of its items along, so the labels of
neighbours tell most. Do not believe the neighbours where due dates are copied from a template.

Example: a unit resolved one late item 15 d ago and one on time today: its rate of half-life 15 d is 0.5/1.5 before it
leans on anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.item_delay.moments import Codes, Flags, FloatArray, ItemMoments

HALF_LIVES_DAYS = (15.0, 60.0, 150.0, 600.0)
"""A sprint, a quarter, half a year and nearly for ever: a team's delay rate drifts between .07 and .75."""
KIND_HALF_LIVES_DAYS = (60.0, 300.0)
RATE_STRENGTH = 3.0
"""Labels of its own that weigh as much as the wider rate."""
ORIGIN_RATE = 0.3
"""What a rate leans on before any label: about the middle of what is usual."""
NEIGHBOUR_HALF_LIFE_DAYS = 150.0
ROWS_AT_ONCE = 64
"""Bounds memory: a block holds this many rows against all of its unit."""
DAYS_PER_WEEK = 7
MAX_HALVINGS = 500.0
"""Within them what grows by each half-life stays a number."""
SPAN_BANDWIDTH = 0.3
"""Neighbours in a span are those within about a third of it (natural logarithm)."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """values: shape (rows, len(names)), float32, NaN where not known;  labelled: columns that rest on earlier labels"""

    names: tuple[str, ...]
    values: NDArray[np.float32]
    labelled: Flags

    def column(self, name: str) -> FloatArray:
        """One column in double precision."""
        return self.values[:, self.names.index(name)].astype(np.float64)

    def without_history(self) -> NDArray[np.float32]:
        """The columns that need no earlier label: what a team that has none would have."""
        return self.values[:, ~self.labelled]


def feature_table(moments: ItemMoments) -> FeatureTable:
    """The features of every row, each as of its own moment; rows after it and unknown labels cannot touch them."""
    own = _item_features(moments)
    load, neighbours = _unit_features(moments)
    rates = _trailing_rates(moments)
    columns = {**own, **load, **rates, **neighbours}
    names = tuple(columns)
    labelled = np.array([name in rates or name in neighbours for name in names], dtype=np.bool_)
    values = np.column_stack([columns[name] for name in names]).astype(np.float32)
    return FeatureTable(names, values.reshape(len(moments), len(names)), labelled)


def _item_features(moments: ItemMoments) -> dict[str, FloatArray]:
    age = moments.moment_day - moments.created_day
    left = np.where(moments.due_known, np.maximum(moments.due_day - moments.moment_day, 0.0), np.nan)
    span = age + left
    return {
        "age": np.log1p(age),
        "left": np.log1p(left),
        "span": np.log1p(span),
        "progress": age / np.maximum(span, 1.0),
        "due_weekday": np.where(moments.due_known, np.floor(moments.due_day) % DAYS_PER_WEEK, np.nan),
        "moment_weekday": np.floor(moments.moment_day) % DAYS_PER_WEEK,
        "kind": moments.kind,
        "priority": moments.priority,
        "comments": np.log1p(moments.comments),
        "priority_changes": np.log1p(moments.priority_changes),
        "version_changes": np.log1p(moments.version_changes),
        "description_changes": np.log1p(moments.description_changes),
        "discussion": np.log1p(moments.discussion_days),
        "quiet": np.log1p(np.maximum(age - moments.discussion_days, 0.0)),
        "assignee_late_share": moments.assignee_late_share,
        "assignee_open": np.log1p(moments.assignee_open),
    }


def _trailing_rates(moments: ItemMoments) -> dict[str, FloatArray]:
    everything = np.zeros(len(moments), dtype=np.int64)
    kinds = np.nan_to_num(moments.kind, nan=-1.0).astype(np.int64) + 1
    wide = np.full(len(moments), ORIGIN_RATE)
    columns: dict[str, FloatArray] = {}

    def add(name: str, group: Codes, half_lives: Sequence[float], lean_on: FloatArray) -> FloatArray:
        late, known = decayed_labels(moments, group, half_lives)
        rates = (late + RATE_STRENGTH * lean_on[:, None]) / (known + RATE_STRENGTH)
        for index, half_life in enumerate(half_lives):
            columns[f"{name}_rate_{half_life:.0f}d"] = rates[:, index]
        columns[f"{name}_labels"] = np.log1p(known[:, 1])
        middle: FloatArray = rates[:, min(2, len(half_lives) - 1)]
        return middle

    overall = add("overall", everything, HALF_LIVES_DAYS, wide)
    unit = add("unit", moments.unit, HALF_LIVES_DAYS, overall)
    add("kind", moments.unit * (int(kinds.max(initial=0)) + 1) + kinds, KIND_HALF_LIVES_DAYS, unit)
    return columns


def decayed_labels(
    moments: ItemMoments, group: Codes, half_lives_days: Sequence[float]
) -> tuple[FloatArray, FloatArray]:
    """Late and all labels known at each row's moment in its group, each worth half after a half-life: (rows, lives)."""
    count, lives = len(moments), np.asarray(half_lives_days, dtype=np.float64)
    late, known = np.zeros((count, len(lives))), np.zeros((count, len(lives)))
    for code in np.unique(group):
        rows = np.flatnonzero(group == code)
        labels = rows[np.isfinite(moments.known_day[rows])]
        labels = labels[np.argsort(moments.known_day[labels], kind="stable")]
        if labels.size:
            day, weight = moments.known_day[labels], moments.late[labels].astype(np.float64)
            sums = _decayed_sums(day, np.stack([weight, np.ones(len(day))]), moments.moment_day[rows], lives)
            late[rows], known[rows] = sums
    return late, known


def _decayed_sums(day: FloatArray, weights: FloatArray, asked: FloatArray, lives: FloatArray) -> FloatArray:
    """Sums of what lies before each day asked, halved after each half-life: shape (weights, asked, lives).

    day: ascending;  weights: shape (weights, days)
    A running sum of what grows instead of decaying, begun anew before it leaves the range of numbers.
    """
    sums = np.zeros((len(weights), len(asked), len(lives)))
    place = np.searchsorted(day, asked, side="right")
    for life, half_life in enumerate(lives.tolist()):
        carried = np.zeros(len(weights))
        begin = 0
        while begin < len(day):
            origin = day[begin]
            end = int(np.searchsorted(day, origin + MAX_HALVINGS * half_life, side="right"))
            growth = np.exp2((day[begin:end] - origin) / half_life)
            running = carried[:, None] + np.cumsum(weights[:, begin:end] * growth, axis=1)
            until = np.inf if end == len(day) else day[end]
            here = np.flatnonzero((place > begin) & (asked < until))
            sums[:, here, life] = running[:, place[here] - 1 - begin] * np.exp2(-(asked[here] - origin) / half_life)
            carried = running[:, -1] * np.exp2(-(until - origin) / half_life)
            begin = end
    return sums


def settled_before(group: Codes, moment: FloatArray, label: FloatArray, late: Flags) -> tuple[FloatArray, FloatArray]:
    """Share late of the group's items settled by each row's moment, and number of those begun and not settled by then.

    group: code, below 0 for none;  both NaN without a group, the share also before anything was settled
    moment, label: when each row is asked, and from when on its outcome is known, in days
    """
    share, in_hand = np.full(len(group), np.nan), np.full(len(group), np.nan)
    for code in np.unique(group[group >= 0]):
        rows = np.flatnonzero(group == code)
        settled = label[rows][None, :] <= moment[rows][:, None]
        counts = settled.sum(axis=1)
        rates = settled @ late[rows].astype(np.float64) / np.maximum(counts, 1)
        share[rows] = np.where(counts > 0, rates, np.nan)
        in_hand[rows] = ((moment[rows][None, :] <= moment[rows][:, None]) & ~settled).sum(axis=1) - 1.0
    return share, in_hand


def _unit_features(moments: ItemMoments) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Load and neighbours of every row, a block of rows after the other in the order of their moments.

    So a block has to look only at rows whose moment, or whose label, lies before its own last moment: half the work.
    """
    load: dict[str, FloatArray] = {}
    neighbours: dict[str, FloatArray] = {}
    for unit in np.unique(moments.unit):
        rows = np.flatnonzero(moments.unit == unit)
        rows = rows[np.argsort(moments.moment_day[rows], kind="stable")]
        by_label = rows[np.argsort(moments.known_day[rows], kind="stable")]
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            block = rows[begin : begin + ROWS_AT_ONCE]
            last = moments.moment_day[block[-1]]
            begun = rows[: np.searchsorted(moments.moment_day[rows], last, side="right")]
            settled = by_label[: np.searchsorted(moments.known_day[by_label], last, side="right")]
            for target, columns in (
                (load, _load(moments, block, begun)),
                (neighbours, _neighbours(moments, block, settled)),
            ):
                for name, values in columns.items():
                    target.setdefault(name, np.full(len(moments), np.nan))[block] = values
    return load, neighbours


def _load(moments: ItemMoments, block: Codes, begun: Codes) -> dict[str, FloatArray]:
    """begun: rows whose moment is no later than the last one of the block"""
    unit, moment = moments.take(begun), moments.moment_day[block][:, None]
    others = begun[None, :] != block[:, None]
    seen = (unit.moment_day[None, :] <= moment) & others
    known = (unit.known_day[None, :] <= moment) & others
    created, due = unit.created_day[None, :], np.where(unit.due_known, unit.due_day, np.nan)[None, :]
    waiting = seen & ~known
    settled_90d = (known & (unit.known_day[None, :] > moment - 90)).sum(axis=1)
    new_30d = (seen & (created > moment - 30)).sum(axis=1)
    new_365d = (seen & (created > moment - 365)).sum(axis=1)
    same_moment = seen & (unit.moment_day[None, :] == moment)
    hidden = ~moments.due_known[block]
    own_due = np.where(hidden, np.nan, moments.due_day[block])[:, None]
    columns = {
        "waiting": np.log1p(waiting.sum(axis=1)),
        "waiting_per_settled": np.log((waiting.sum(axis=1) + 1) / (settled_90d + 1)),
        "newcomers": np.log((new_30d + 1) / (new_365d / 12 + 1)),
        "due_in_14d": np.log1p((waiting & (due < moment + 14)).sum(axis=1)),
        "same_moment": np.log1p(same_moment.sum(axis=1)),
        "same_due": np.log1p((waiting & (due == own_due)).sum(axis=1)),
        "near_due": np.log1p((waiting & (np.abs(due - own_due) <= DAYS_PER_WEEK)).sum(axis=1)),
        "same_moment_and_due": np.log1p((same_moment & (due == own_due)).sum(axis=1)),
    }
    for name in ("same_due", "near_due", "same_moment_and_due"):
        columns[name] = np.where(hidden, np.nan, columns[name])
    return columns


def _neighbours(moments: ItemMoments, block: Codes, settled: Codes) -> dict[str, FloatArray]:
    """settled: rows whose label is known by the last moment of the block"""
    unit, moment = moments.take(settled), moments.moment_day[block][:, None]
    known = (unit.known_day[None, :] <= moment) & (settled[None, :] != block[:, None])
    due, late = unit.due_day[None, :], unit.late.astype(np.float64)
    since = np.where(known, moment - due, np.inf)
    recent = np.exp2(np.maximum(since, 0.0).astype(np.float32) / np.float32(-NEIGHBOUR_HALF_LIFE_DAYS))
    outcomes = np.stack([late, np.ones(len(late))], axis=1)

    def near(values: FloatArray, width: float, weights: NDArray[np.float32] | Flags) -> FloatArray:
        # Single precision, as the table has it: exponentials are most of the work.
        distances = (values[settled][None, :] - values[block][:, None]).astype(np.float32)
        near = np.exp(np.abs(distances, out=distances) * np.float32(-1 / width), out=distances)
        near *= weights
        # Summed in double: the order of a sum is the processor's affair, and what comes later must not show in it.
        return _rate(near.astype(np.float64) @ outcomes)

    spans, lefts = (
        np.log1p(np.maximum(moments.due_day - moments.created_day, 0.0)),
        np.log1p(np.maximum(moments.due_day - moments.moment_day, 0.0)),
    )
    newest = np.min(since, axis=1, initial=np.inf)
    has_any = np.isfinite(newest)
    last_batch = known & (since <= newest[:, None])
    hidden = ~moments.due_known[block]
    by_due = {
        "late_near_due": near(moments.due_day, 14.0, known),
        "late_like_span": near(spans, SPAN_BANDWIDTH, recent),
        "late_like_left": near(lefts, SPAN_BANDWIDTH, recent),
    }
    return {
        **{name: np.where(hidden, np.nan, values) for name, values in by_due.items()},
        "late_near_number": near(moments.number, 10.0, known),
        "late_near_creation": near(moments.created_day, 3.0, known),
        "late_last_batch": np.where(has_any, (last_batch @ late) / np.maximum(last_batch.sum(axis=1), 1), np.nan),
        "since_last_batch": np.where(has_any, np.log1p(np.where(has_any, newest, 0.0)), np.nan),
    }


def _rate(sums: FloatArray) -> FloatArray:
    """Weighted delay rate, leaning on ORIGIN_RATE by one label.  sums: of late and of all labels, shape (rows, 2)"""
    rate: FloatArray = (sums[:, 0] + ORIGIN_RATE) / (sums[:, 1] + 1.0)
    return rate
