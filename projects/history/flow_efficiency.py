"""Flow efficiency: of the time that finished items were under way, how much were they worked on?

1. An item is under way from its first start to its finish. It is active while its status is in progress and it carries
   no flag; it waits while it stands in another category (put back) or is flagged as blocked.
2. Efficiency = active time over active plus waiting time, of all items finished in the window together: a mean of
   ratios would let a one-hour item weigh as much as one of a month.

Assumes that statuses follow the work. Where a tool has one status for working and for waiting, and nobody sets a flag,
the answer is near 1 and says little: `with_waiting` counts the items that ever waited.

Example: started on Monday, flagged for two of eight days until it was done: 6 / 8 = 75 %.
Source: Lean; Vacanti (2015), Actionable Agile Metrics for Predictability.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from projects.enums import TrackedField
from projects.history.columns import IN_PROGRESS, Flags
from projects.history.flow import MIN_ITEMS_FOR_QUANTILE, MIN_SHARE_WITH_START, SLE_WINDOW_WEEKS, MissingReason
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, Instants
from projects.history.intervals import Spans, spans_of
from projects.history.project_history import ProjectHistory


@dataclass(frozen=True, slots=True)
class FlowEfficiency:
    """The share of active time in [0, 1], or why there is none.

    active_days, waiting_days: elapsed, of all items together;  n: items;  with_waiting: those that ever waited
    """

    value: float | None
    active_days: float
    waiting_days: float
    n: int
    with_waiting: int
    missing: MissingReason | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EfficiencyByItem:
    """Of the items finished in the window whose start is dated and earlier: equally long arrays.

    finished_us: when;  active_us, elapsed_us: microseconds;  finished: all items finished in the window
    """

    finished_us: Instants
    active_us: Instants
    elapsed_us: Instants
    finished: int


def efficiency_by_item(
    history: ProjectHistory, *, as_of: datetime, window_weeks: int = SLE_WINDOW_WEEKS
) -> EfficiencyByItem:
    """Active and elapsed time of each item finished in the last window_weeks."""
    known = history.as_of(as_of)
    states = known.states
    finished = states.finished & (states.finished_us > known.known_at_us - window_weeks * MICROSECONDS_PER_WEEK)
    usable = finished & (states.started_us < states.finished_us)
    return EfficiencyByItem(
        finished_us=states.finished_us[usable],
        active_us=_active_us(known, usable),
        elapsed_us=(states.finished_us - states.started_us)[usable],
        finished=int(finished.sum()),
    )


def flow_efficiency(
    history: ProjectHistory, *, as_of: datetime, window_weeks: int = SLE_WINDOW_WEEKS
) -> FlowEfficiency:
    """The flow efficiency of the items finished in the last window_weeks."""
    items = efficiency_by_item(history, as_of=as_of, window_weeks=window_weeks)
    count = len(items.finished_us)
    if count < MIN_ITEMS_FOR_QUANTILE:
        reason = MissingReason.TOO_FEW_FINISHED
        if items.finished >= MIN_ITEMS_FOR_QUANTILE:
            reason = MissingReason.NO_DATED_START
        return FlowEfficiency(None, 0.0, 0.0, count, 0, reason)
    if count < MIN_SHARE_WITH_START * items.finished:
        return FlowEfficiency(None, 0.0, 0.0, count, 0, MissingReason.NO_DATED_START)
    active_us, elapsed_us = items.active_us, items.elapsed_us
    waiting_us = elapsed_us - active_us
    return FlowEfficiency(
        value=float(active_us.sum() / elapsed_us.sum()),
        active_days=float(active_us.sum() / MICROSECONDS_PER_DAY),
        waiting_days=float(waiting_us.sum() / MICROSECONDS_PER_DAY),
        n=count,
        with_waiting=int((waiting_us > 0).sum()),
    )


def _active_us(known: ProjectHistory, usable: Flags) -> Instants:
    """Time in progress without a flag, between start and finish: shape (usable items,)."""
    states, moment_us = known.states, known.known_at_us
    begin_us = np.where(usable, states.started_us, 0)
    end_us = np.where(usable, states.finished_us, 0)
    moves = known.statuses.take((known.statuses.at_us <= moment_us) & usable[known.statuses.item])
    progress = spans_of(moves, moves.category == IN_PROGRESS, moment_us=moment_us).within(begin_us, end_us)
    items = len(known.items)
    blocked = _blocked_spans(known, usable).within(begin_us, end_us)
    return (progress.totals_us(items) - _overlap_us(progress, blocked, items))[usable]


def _blocked_spans(known: ProjectHistory, usable: Flags) -> Spans:
    is_flag = (known.fields.field == TrackedField.FLAG) & usable[known.fields.item]
    rows = known.fields.take(is_flag & (known.fields.at_us <= known.known_at_us))
    is_set = np.array([value is not None for value in rows.value], dtype=np.bool_)
    return spans_of(rows, is_set, moment_us=known.known_at_us)


def _overlap_us(one: Spans, other: Spans, items: int) -> Instants:
    """Time covered by both, per item: shape (items,). Spans of one item within a set do not overlap."""
    totals = np.zeros(items, dtype=np.int64)
    for item, begin_us, end_us in zip(other.item, other.begin_us, other.end_us, strict=True):
        mine = slice(*np.searchsorted(one.item, (item, item + 1)))
        both = np.minimum(one.end_us[mine], end_us) - np.maximum(one.begin_us[mine], begin_us)
        totals[item] += int(np.maximum(both, 0).sum())
    return totals
