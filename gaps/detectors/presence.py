"""How much of the planned capacity has fallen silent: a share of hours, and never who.

1. Of each contributor with a calendar, the planned days of the last 16 weeks are those with hours on it; an active day
   is one with a trace in the record.
2. Silence = planned days since the last active one, without today. Before it, the contributor was active on k of m
   planned days. Somebody with less than 20 planned or 8 active days is not judged.
3. Still there and silent for n days has the probability E[(1 - a)^n], a ~ 0.6 Beta(k, m - k + 1): a habit is counted
   for less than it shows, because traces come in clusters. With one leaver in fifty before anything is seen, Bayes'
   rule gives P(gone).
4. Whoever has been as silent before, or is silent for less than 5 days, counts as there.

Assumes that work leaves traces. Do not believe it where a tool was taken out of use: then everybody falls silent, and
nobody is judged (`is_quiet`).

Example: active on 40 of 50 planned days, silent for 10: 1 - 0.6 * 0.8 = 0.52, and 0.52^10 = 0.0015 (0.0021 with what
is unsure of the habit); P(gone) = .02 / (.02 + .98 * .0021) or 91 %. After 5 days it is 32 %.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from projects.history.calendar import WorkCalendar
from projects.history.capacity import CapacityCalendars
from projects.history.columns import Flags
from projects.history.instants import Instants
from projects.history.project_history import ProjectHistory
from projects.history.two_clocks import key_of

FloatArray = NDArray[np.float64]

WINDOW_DAYS = 112
MIN_PLANNED_DAYS, MIN_ACTIVE_DAYS = 20, 8
MIN_SILENT_DAYS = 5
"""Working days, from the definition of the gap."""
LONG_SILENT_DAYS = 20
"""Four weeks of planned work without a trace: not an illness of a week."""
HABIT_COUNTED = 0.6
"""Simulated healthy teams have somebody declared gone 0.7 times a year at 0.7, 0.2 times at 0.6; three leavers of eight
are then found a day later, after nine days."""
PRIOR_GONE = 0.02
"""Starting value: yearly turnover of 15-20 % is about one in fifty in the seven weeks that are judged."""
QUIET_DAYS = 3
UPCOMING_DAYS = 14
QUANTILES = (np.arange(25) + 0.5) / 25


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """The contributors with calendars, as columns that stay inside the analysis: shape (contributors,) each.

    key: as in the activity;  hours: planned in the fortnight that begins now;  silent_days: planned days without trace
    p_gone: 0 where not judged;  is_judged: whether the record can tell
    is_quiet: nobody at all has left a trace for three working days
    """

    key: Instants
    hours: FloatArray
    silent_days: NDArray[np.int64]
    p_gone: FloatArray
    is_judged: Flags
    is_quiet: bool

    @property
    def total_hours(self) -> float:
        """Planned hours of all of them."""
        return float(self.hours.sum())


def presence(known: ProjectHistory, calendar: WorkCalendar) -> Presence:
    """Who of the planned people are to be expected, as probabilities."""
    today = calendar.local_date(known.known_at_us)
    first = today - timedelta(days=WINDOW_DAYS)
    people = sorted(
        {fact.contributor_id for fact in known.capacity.facts if fact.contributor_id is not None},
        key=lambda person: person.int,
    )
    keys = np.array([key_of(person) for person in people], dtype=np.int64)
    active = _active_days(known, calendar, keys, first, today)
    worked = np.array([calendar.is_working_day(first + timedelta(days=n)) for n in range(WINDOW_DAYS)])
    rows = [
        _judged(_hours(known.capacity, person, first, today), active[index], worked)
        for index, person in enumerate(people)
    ]
    upcoming = [_upcoming_hours(known.capacity, person, today, calendar) for person in people]
    quiet_span = active[:, :WINDOW_DAYS][:, worked][:, -QUIET_DAYS:]
    return Presence(
        key=keys,
        hours=np.array(upcoming, dtype=np.float64),
        silent_days=np.array([row[0] for row in rows], dtype=np.int64),
        p_gone=np.array([row[1] for row in rows], dtype=np.float64),
        is_judged=np.array([row[2] for row in rows], dtype=np.bool_),
        is_quiet=not bool(quiet_span.any() or active[:, WINDOW_DAYS:].any()),
    )


def _hours(capacity: CapacityCalendars, person: UUID, first: date, last: date) -> FloatArray:
    """Hours of one contributor by day, with the days off of the team: shape (days,)."""
    own = tuple(fact for fact in capacity.facts if fact.contributor_id in (person, None))
    return CapacityCalendars(own).daily_hours(first, last)


def _upcoming_hours(capacity: CapacityCalendars, person: UUID, today: date, calendar: WorkCalendar) -> float:
    hours = _hours(capacity, person, today, today + timedelta(days=UPCOMING_DAYS - 1))
    worked = [calendar.is_working_day(today + timedelta(days=n)) for n in range(UPCOMING_DAYS)]
    return float(hours[np.array(worked)].sum())


def _active_days(
    known: ProjectHistory, calendar: WorkCalendar, keys: Instants, first: date, today: date
) -> NDArray[np.bool_]:
    """Whether each contributor left a trace on each day of the window, today included: shape (contributors, days)."""
    edges_us = np.array(
        [calendar.start_of_day_us(first + timedelta(days=n)) for n in range((today - first).days + 2)], dtype=np.int64
    )
    flags = np.zeros((len(keys), len(edges_us) - 1), dtype=np.bool_)
    activity = known.activity
    begin = int(np.searchsorted(activity.at_us, edges_us[0]))
    who, day = activity.contributor[begin:], np.searchsorted(edges_us, activity.at_us[begin:], side="right") - 1
    order = np.argsort(keys, kind="stable")
    if keys.size:
        place = np.clip(np.searchsorted(keys[order], who), 0, len(keys) - 1)
        found = keys[order][place] == who
        flags[order[place[found]], day[found]] = True
    return flags


def _judged(hours: FloatArray, active: Flags, worked: Flags) -> tuple[int, float, bool]:
    """Planned days of silence, P(gone), and whether that can be told, of one contributor."""
    planned = (hours[:WINDOW_DAYS] > 0) & worked
    if active[WINDOW_DAYS:].any():
        return 0, 0.0, True
    traces = np.flatnonzero(active[:WINDOW_DAYS])
    if traces.size == 0:
        return int(planned.sum()), 0.0, False
    last = int(traces[-1])
    silent, before = int(planned[last + 1 :].sum()), active[: last + 1][planned[: last + 1]]
    if len(before) < MIN_PLANNED_DAYS or int(before.sum()) < MIN_ACTIVE_DAYS:
        return silent, 0.0, False
    if silent < MIN_SILENT_DAYS or silent <= _longest_silence(before) + 1:
        return silent, 0.0, True
    return silent, _p_gone(int(before.sum()), len(before), silent), True


def _longest_silence(active: Flags) -> int:
    """Planned days between two active ones, the most there were."""
    traces = np.flatnonzero(np.concatenate([[True], active]))
    return int(np.diff(traces).max(initial=1)) - 1


def _p_gone(active_days: int, planned_days: int, silent_days: int) -> float:
    """By the mean of (1 - 0.6 a)^n over quantiles of the habit a, which stand for its distribution."""
    habit = betaincinv(active_days, planned_days - active_days + 1, QUANTILES)
    silent_but_there = float(((1 - HABIT_COUNTED * habit) ** silent_days).mean())
    return PRIOR_GONE / (PRIOR_GONE + (1 - PRIOR_GONE) * silent_but_there)
