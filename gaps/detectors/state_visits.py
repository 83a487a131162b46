"""Stays of items in the states between start and done, by the name of the state.

1. A stay begins with a dated move into a status that is in progress, and ends with the item's next move to another one.
2. A stay whose end is not dated (the item was found elsewhere) or that ended because the item is gone has no duration.
3. Durations are working days of the project's calendar.

Assumes that people move cards when work passes on. Example: to Review on Friday noon, done on Monday noon: one working
day in Review.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from projects.history.calendar import WorkCalendar
from projects.history.columns import IN_PROGRESS, Columns, Flags, Rows, Texts
from projects.history.instants import NEVER, Instants, from_us
from projects.history.intervals import Spans
from projects.history.project_history import ProjectHistory
from projects.history.work_clock import WorkClock

FloatArray = NDArray[np.float64]

UNNAMED = "In progress"
"""The name of a state that only its category is known of."""


@dataclass(frozen=True, eq=False)
class Visits(Columns):
    """One row per stay, ordered by item and begin.

    end_us: NEVER while it goes on;  is_timed: whether its end is dated
    is_again: whether the item had been in this state before;  is_blocked: the status says that nobody can go on
    """

    item: Rows
    state: Texts
    begin_us: Instants
    end_us: Instants
    is_timed: Flags
    is_again: Flags
    is_blocked: Flags

    def __len__(self) -> int:
        return len(self.begin_us)


def state_visits(known: ProjectHistory) -> Visits:
    """Every stay up to the history's moment."""
    moves = known.statuses.take(known.statuses.at_us <= known.known_at_us)
    # An undated observation that finds an item where it stands ends nothing.
    confirms = np.zeros(len(moves), dtype=np.bool_)
    if len(moves):
        same_item = moves.item[1:] == moves.item[:-1]
        confirms[1:] = ~moves.dated[1:] & same_item & (moves.category[1:] == moves.category[:-1])
    moves = moves.take(~confirms)
    end_us = np.full(len(moves), NEVER, dtype=np.int64)
    is_timed = np.ones(len(moves), dtype=np.bool_)
    if len(moves) > 1:
        goes_on = moves.item[1:] == moves.item[:-1]
        end_us[:-1][goes_on] = moves.at_us[1:][goes_on]
        is_timed[:-1][goes_on] = moves.dated[1:][goes_on]
    gone_us = known.items.gone_us[moves.item]
    is_gone = gone_us < end_us
    end_us, is_timed = np.where(is_gone, gone_us, end_us), is_timed & ~is_gone
    chosen = (moves.category == IN_PROGRESS) & moves.dated & (end_us > moves.at_us)
    state = moves.state[chosen]
    state[state == ""] = UNNAMED
    return Visits(
        item=moves.item[chosen],
        state=state,
        begin_us=moves.at_us[chosen],
        end_us=end_us[chosen],
        is_timed=is_timed[chosen],
        is_again=_seen_before(moves.item[chosen], state),
        is_blocked=moves.blocked[chosen],
    )


def working_days(visits: Visits, known: ProjectHistory, calendar: WorkCalendar) -> FloatArray:
    """Working days of each stay, up to now while it goes on: shape of visits."""
    if len(visits) == 0:
        return np.zeros(0)
    first, last = (calendar.local_date(us) for us in (int(visits.begin_us.min()), known.known_at_us))
    clock = WorkClock(calendar, first, last)
    return clock.between(visits.begin_us, np.minimum(visits.end_us, known.known_at_us))


def queue_at(visits: Visits, edges_us: Instants) -> FloatArray:
    """Stays that go on just before each edge: shape (edges,)."""
    return Spans(visits.item, visits.begin_us, visits.end_us).count_at(edges_us).astype(np.float64)


def _seen_before(item: Rows, state: Texts) -> Flags:
    """Whether an earlier row has the same item and state; rows are ordered by item and time."""
    if len(item) == 0:
        return np.zeros(0, dtype=np.bool_)
    _, codes = np.unique(state.astype(str), return_inverse=True)
    key = item.astype(np.int64) * (int(codes.max()) + 1) + codes
    _, first = np.unique(key, return_index=True)
    again = np.ones(len(item), dtype=np.bool_)
    again[first] = False
    return again


def longest_first(visits: Visits, chosen: Flags, days: FloatArray) -> list[tuple[int, str, float]]:
    """The longest of some stays: row of the item, when it began, working days."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.lexsort((visits.begin_us[rows], -days[rows]))]
    return [(int(visits.item[r]), from_us(int(visits.begin_us[r])).isoformat(), float(days[r])) for r in rows]
