"""What a project did in each week, as series that candidate causes are tested on.

1. Weeks are counted back from the moment asked about, so that none is incomplete and each holds every weekday once.
2. A series has one value per week, oldest first; NaN where the record cannot tell that week.
3. People appear as counts and shares only.

Assumes that what the record does not mention did not happen; a detector's gate has to see to that first.

Example: asked on a Wednesday, the newest week began on the Wednesday before; 3 items finished in it, so the last value
of `finished` is 3.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from projects.history.calendar import WorkCalendar, counts_between
from projects.history.columns import DONE, IN_PROGRESS, Flags
from projects.history.instants import (
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    MICROSECONDS_PER_WEEK,
    NEVER,
    Instants,
)
from projects.history.intervals import spans_of
from projects.history.project_history import ProjectHistory
from projects.history.readiness import bulk_closed
from projects.history.two_clocks import NOBODY

FloatArray = NDArray[np.float64]

RAMP_UP_WEEKS = 8
"""Starting value: newcomers to a team are commonly reckoned to need about two months to carry their share."""
OFFICE_HOURS = (7, 19)
"""Local hours outside of which activity counts as after hours: wide, so that early birds are none."""


@dataclass(frozen=True, eq=False)
class Weekly:
    """The last so many weeks of a history restricted to a moment. Each series has the shape (weeks,).

    weeks: at least 1
    """

    known: ProjectHistory
    calendar: WorkCalendar
    weeks: int

    @cached_property
    def edges_us(self) -> Instants:
        """Where the weeks begin, and the end of the last: shape (weeks + 1,)."""
        # An instant on the edge belongs to the week that ends there, because the record includes its own moment.
        steps = MICROSECONDS_PER_WEEK * np.arange(-self.weeks, 1, dtype=np.int64)
        return np.asarray(self.known.known_at_us + 1 + steps, dtype=np.int64)

    def week_of(self, instants: Instants) -> Instants:
        """The week of each instant, -1 before the first and `weeks` for what lies after the moment."""
        return np.searchsorted(self.edges_us, instants, side="right") - 1

    def sums(self, instants: Instants, weights: FloatArray | None = None) -> FloatArray:
        """How many instants fall into each week, or the sum of their weights."""
        week = self.week_of(instants)
        inside = (week >= 0) & (week < self.weeks)
        chosen = None if weights is None else weights[inside]
        return np.bincount(week[inside], weights=chosen, minlength=self.weeks).astype(np.float64)

    def by_day(self, instants: Instants) -> FloatArray:
        """How many instants fall into each day of each week: shape (weeks, 7)."""
        week = self.week_of(instants)
        inside = (week >= 0) & (week < self.weeks)
        day = (instants[inside] - self.edges_us[0]) // MICROSECONDS_PER_DAY
        return np.bincount(day, minlength=7 * self.weeks).reshape(self.weeks, 7).astype(np.float64)

    def shares(self, instants: Instants, chosen: Flags, *, at_least: int = 1) -> FloatArray:
        """Share of the instants of each week that are chosen; NaN in weeks with fewer than at_least."""
        return share_of(self.sums(instants[chosen]), self.sums(instants), at_least=at_least)

    def distinct(self, instants: Instants, keys: Instants) -> FloatArray:
        """How many different keys appear in each week; NOBODY is none."""
        week, _ = self._counts(instants, keys)
        return np.bincount(week, minlength=self.weeks).astype(np.float64)

    def largest_share(self, instants: Instants, keys: Instants, *, at_least: int = 1) -> FloatArray:
        """Share of the most frequent key of each week; NaN in weeks with fewer than at_least keyed instants."""
        week, counts = self._counts(instants, keys)
        largest = np.zeros(self.weeks)
        np.maximum.at(largest, week, counts)
        return share_of(
            largest, np.bincount(week, weights=counts, minlength=self.weeks).astype(np.float64), at_least=at_least
        )

    def _counts(self, instants: Instants, keys: Instants) -> tuple[Instants, FloatArray]:
        """For each week and key that appears in it: the week, and how often."""
        week = self.week_of(instants)
        inside = (week >= 0) & (week < self.weeks) & (keys != NOBODY)
        _, person = np.unique(keys[inside], return_inverse=True)
        pairs, counts = np.unique(person * self.weeks + week[inside], return_counts=True)
        return pairs % self.weeks, counts.astype(np.float64)

    @cached_property
    def is_worked_finish(self) -> Flags:
        """The items finished by working on them, not in a batch: shape (items,)."""
        states = self.known.states
        rows = np.flatnonzero(states.finished)
        rows = rows[np.argsort(states.finished_us[rows], kind="stable")]
        flags = np.zeros(len(self.known.items), dtype=np.bool_)
        flags[rows[~bulk_closed(states.finished_us[rows], self.calendar)]] = True
        return flags

    @cached_property
    def finished(self) -> FloatArray:
        """Items finished."""
        return self.sums(self.known.states.finished_us[self.is_worked_finish])

    @cached_property
    def arrived(self) -> FloatArray:
        """Items created."""
        return counts_between(self.known.items.created_us, self.edges_us).astype(np.float64)

    @cached_property
    def people(self) -> FloatArray:
        """Contributors seen active."""
        activity = self.known.activity
        return self.distinct(activity.at_us, activity.contributor)

    @cached_property
    def newcomer_share(self) -> FloatArray:
        """Share of the activity by people first seen less than eight weeks before; NaN without activity.

        In the first eight weeks of the record nobody can be told from a newcomer: NaN as well.
        """
        activity = self.known.activity
        named = activity.contributor != NOBODY
        at_us, who = activity.at_us[named], activity.contributor[named]
        if at_us.size == 0:
            return np.full(self.weeks, np.nan)
        _, first, inverse = np.unique(who, return_index=True, return_inverse=True)  # rows are ordered by instant
        is_new = at_us - at_us[first][inverse] < RAMP_UP_WEEKS * MICROSECONDS_PER_WEEK
        shares = self.shares(at_us, is_new)
        shares[self.edges_us[:-1] < at_us[0] + RAMP_UP_WEEKS * MICROSECONDS_PER_WEEK] = np.nan
        return shares

    @cached_property
    def unplanned_share(self) -> FloatArray:
        """Share of the finished items that had come in within the week before."""
        finished_us = self.known.states.finished_us[self.is_worked_finish]
        created_us = self.known.items.created_us[self.is_worked_finish]
        return self.shares(finished_us, finished_us - created_us < MICROSECONDS_PER_WEEK)

    @cached_property
    def largest_load_share(self) -> FloatArray:
        """Share of the finished items that the busiest carrier had."""
        chosen = self.is_worked_finish
        return self.largest_share(self.known.states.finished_us[chosen], self.known.assignees[chosen], at_least=3)

    @cached_property
    def in_progress(self) -> FloatArray:
        """Items in progress at the end of each week."""
        return self.in_progress_of(np.ones(len(self.known.items), dtype=np.bool_))

    def in_progress_of(self, items: Flags) -> FloatArray:
        """Some of the items in progress at the end of each week.  items: which count, shape (items,)"""
        statuses = self.known.statuses
        moves = statuses.take((statuses.at_us <= self.known.known_at_us) & items[statuses.item])
        spans = spans_of(moves, (moves.category == IN_PROGRESS) & moves.dated, moment_us=self.known.known_at_us)
        return spans.count_at(self.edges_us[1:]).astype(np.float64)

    @cached_property
    def waiting(self) -> FloatArray:
        """Items that wait for an unfinished one at the end of each week."""
        known, links = self.known, self.known.links
        finished_us = np.where(known.states.category == DONE, known.states.finished_us, NEVER)
        end_us = np.minimum(np.minimum(finished_us[links.blocker], finished_us[links.item]), links.until_us)
        end_us = np.minimum(end_us, np.minimum(known.items.gone_us[links.item], known.items.gone_us[links.blocker]))
        counts = [len(np.unique(links.item[(links.at_us < edge) & (end_us >= edge)])) for edge in self.edges_us[1:]]
        return np.array(counts, dtype=np.float64)

    @cached_property
    def after_hours_share(self) -> FloatArray:
        """Share of the activity in the evening, at night or on a day off."""
        at_us = self.known.activity.at_us
        at_us = at_us[at_us >= self.edges_us[0]]
        return self.shares(at_us, after_hours(at_us, self.calendar), at_least=10)


def share_of(part: FloatArray, whole: FloatArray, *, at_least: int = 1) -> FloatArray:
    """part / whole, NaN where whole is less than at_least."""
    shares = np.full(len(whole), np.nan)
    np.divide(part, whole, out=shares, where=whole >= max(at_least, 1))
    return shares


def after_hours(instants: Instants, calendar: WorkCalendar) -> Flags:
    """Which instants lie outside of the office hours of a working day: shape of instants."""
    if instants.size == 0:
        return np.zeros(0, dtype=np.bool_)
    edges_us = calendar.day_edges_us(int(instants.min()), int(instants.max()))
    first = calendar.local_date(int(instants.min()))
    day = np.searchsorted(edges_us, instants, side="right") - 1
    worked = np.array([calendar.is_working_day(first + timedelta(days=n)) for n in range(len(edges_us))])
    hour = (instants - edges_us[day]) / MICROSECONDS_PER_HOUR
    flags: Flags = ~worked[day] | (hour < OFFICE_HOURS[0]) | (hour >= OFFICE_HOURS[1])
    return flags


def weeks_on_record(known: ProjectHistory, *, longest: int) -> int:
    """Complete weeks since the first item was created, at most so many."""
    created_us = known.items.created_us[known.states.exists]
    if created_us.size == 0:
        return 0
    return min(longest, int((known.known_at_us - int(created_us.min())) // MICROSECONDS_PER_WEEK))
