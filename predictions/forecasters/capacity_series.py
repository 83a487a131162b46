"""What capacity a team had on each working day, as far as the record can tell: hours of calendars, or people at work.

1. Calendars: the hours of each contributor's calendar on the day (projects.history.capacity).
2. Contributors, where nobody keeps calendars: people who changed, reviewed or merged something, or carried an item that
   was done, in the five working days that end with the day. What is done on a day off counts for the next working day.
   Comments and meetings do not count: those who ask and those who pay take part in them too.

Assumes that who works leaves a trace at least once a week. Both are measures of the team; people are rows here only
because absences end and begin by person, and no row leaves the simulation.

Example: Ann moves an item on Monday, Ben is carrying one that is done on Wednesday: one at work on Tuesday, two from
Wednesday to next Monday (Ann's Monday is then five working days back), one on Tuesday.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from projects.enums import ActivityKind
from projects.history.activity import ACTIVITY_CODES, CHANGE
from projects.history.calendar import WorkCalendar
from projects.history.columns import DONE, Flags
from projects.history.instants import PLAUSIBLE_FROM_US, Instants, from_us
from projects.history.project_history import ProjectHistory
from projects.history.two_clocks import NOBODY

FloatArray = NDArray[np.float64]

TRAILING_DAYS = 5
"""Working days within which somebody at work is expected to leave a trace: a week."""
WORK_KINDS = (
    CHANGE,
    *(
        ACTIVITY_CODES[kind]
        for kind in (
            ActivityKind.REVIEW_REQUESTED,
            ActivityKind.REVIEW,
            ActivityKind.APPROVAL,
            ActivityKind.CHANGES_REQUESTED,
            ActivityKind.MERGE,
        )
    ),
)


class CapacitySource(StrEnum):
    """What capacity is measured by; the unit follows from it."""

    CALENDARS = "calendars"
    CONTRIBUTORS = "contributors"

    @property
    def unit(self) -> str:
        """Of one day's capacity."""
        return "hours/day" if self is CapacitySource.CALENDARS else "people at work"


@dataclass(frozen=True, slots=True, eq=False)
class CapacityMatrix:
    """Capacity by person and working day: shape (people, days).

    given: what there was, or what is planned;  usual: what there would be were nobody away
    """

    days: tuple[date, ...]
    given: FloatArray
    usual: FloatArray

    @property
    def daily(self) -> FloatArray:
        """Capacity of the team on each working day: shape (days,)."""
        total: FloatArray = self.given.sum(axis=0)
        return total


def working_days(calendar: WorkCalendar, first: date, last: date) -> tuple[date, ...]:
    """The days people work on from first to last, both included."""
    span = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return tuple(day for day in span if calendar.is_working_day(day))


def capacity_source(known: ProjectHistory) -> CapacitySource | None:
    """What the record can tell capacity by at its moment; None where it has neither calendars nor people."""
    if known.capacity.has_contributors:
        return CapacitySource.CALENDARS
    people, _ = _traces(known)
    return CapacitySource.CONTRIBUTORS if people.size else None


def capacity_matrix(
    known: ProjectHistory, *, source: CapacitySource, first_day: date, last_day: date, calendar: WorkCalendar
) -> CapacityMatrix:
    """Capacity on the working days from first to last, as known at the history's moment.

    Contributors have it only for days that are over; later ones are empty.
    """
    days = working_days(calendar, first_day, last_day)
    if not days:
        return CapacityMatrix((), np.zeros((0, 0)), np.zeros((0, 0)))
    if source is CapacitySource.CALENDARS:
        columns = np.array([(day - first_day).days for day in days], dtype=np.intp)
        given, usual = known.capacity.hours_by_contributor(first_day, last_day)
        return CapacityMatrix(days, given[:, columns], usual[:, columns])
    return _people_at_work(known, days, calendar)


def first_trace_at(known: ProjectHistory) -> datetime | None:
    """When the first trace of somebody's work was left; None without any."""
    _, at_us = _traces(known)
    return None if at_us.size == 0 else from_us(int(at_us.min()))


def longest_run_ends(below: Flags, length: int) -> Instants:
    """Where the first run of so many true values ends: the position of its last one, -1 where there is none.

    below: shape (rows, days);  result: shape (rows,)
    """
    if below.shape[1] < length:
        return np.full(len(below), -1, dtype=np.int64)
    passed = np.concatenate([np.zeros((len(below), 1), dtype=np.int64), np.cumsum(below, axis=1)], axis=1)
    complete = passed[:, length:] - passed[:, :-length] == length
    ends: Instants = np.where(complete.any(axis=1), complete.argmax(axis=1) + length - 1, -1).astype(np.int64)
    return ends


def _people_at_work(known: ProjectHistory, days: Sequence[date], calendar: WorkCalendar) -> CapacityMatrix:
    lead = working_days(calendar, days[0] - timedelta(days=4 * TRAILING_DAYS), days[0] - timedelta(days=1))
    all_days = (*lead[-TRAILING_DAYS + 1 :], *days)
    ends_us = np.array([calendar.end_of_day_us(day) for day in all_days], dtype=np.int64)
    people, at_us = _traces(known)
    position = np.searchsorted(ends_us, at_us, side="right")  # a day off counts for the working day after it
    inside = (position < len(all_days)) & (at_us >= calendar.start_of_day_us(all_days[0]))
    names, rows = np.unique(people[inside], return_inverse=True)
    seen = np.zeros((len(names), len(all_days) + 1), dtype=np.int64)
    seen[rows, position[inside] + 1] = 1
    passed = np.cumsum(seen, axis=1)
    offset = len(all_days) - len(days)
    until = passed[:, offset + 1 :]
    before = passed[:, np.maximum(np.arange(offset + 1, len(all_days) + 1) - TRAILING_DAYS, 0)]
    given = (until > before).astype(np.float64)
    return CapacityMatrix(tuple(days), given, np.ones_like(given))


_TRACES: WeakKeyDictionary[ProjectHistory, tuple[Instants, Instants]] = WeakKeyDictionary()
"""Of each history as long as it lives: a history never changes, and one forecast asks seven times."""


def _traces(known: ProjectHistory) -> tuple[Instants, Instants]:
    """Whose work left a trace, and when: shape (traces,) both."""
    found = _TRACES.get(known)
    if found is None:
        found = _TRACES[known] = _read_traces(known)
    return found


def _read_traces(known: ProjectHistory) -> tuple[Instants, Instants]:
    activity = known.activity
    worked = np.isin(activity.kind, WORK_KINDS) & (activity.contributor != NOBODY)
    worked &= activity.at_us >= PLAUSIBLE_FROM_US
    carriers, done_us = _carriers_of_finishes(known)
    return (
        np.concatenate([activity.contributor[worked], carriers]),
        np.concatenate([activity.at_us[worked], done_us]),
    )


def _carriers_of_finishes(known: ProjectHistory) -> tuple[Instants, Instants]:
    """Who carried each item when it was done, and when: shape (finishes of carried items,) both."""
    moves, given = known.statuses, known.context.assignments
    chosen = (moves.category == DONE) & moves.dated & (moves.at_us <= known.known_at_us)
    chosen &= moves.at_us >= PLAUSIBLE_FROM_US
    item, at_us = moves.item[chosen], moves.at_us[chosen]
    if item.size == 0 or len(given) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    instants, rank = np.unique(np.concatenate([given.at_us, at_us]), return_inverse=True)
    order = np.concatenate([given.item, item]) * (len(instants) + 1) + rank  # by item, then by instant
    before = np.searchsorted(order[: len(given)], order[len(given) :], side="right") - 1
    is_carried = (before >= 0) & (given.item[before] == item) & (given.contributor[before] != NOBODY)
    return given.contributor[before[is_carried]], at_us[is_carried]
