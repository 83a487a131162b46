"""Days and weeks as the project's people count them: local days, weeks from Monday, working days."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from projects.history.instants import NEVER, Instants, from_us, to_us

MONDAY_TO_FRIDAY: frozenset[int] = frozenset(range(5))
DAYS_PER_WEEK = 7
LONGEST_RUN_OF_DAYS_OFF = 366
FIRST_US, LAST_US = to_us(datetime.min.replace(tzinfo=UTC)), to_us(datetime.max.replace(tzinfo=UTC))
"""The first and the last instant that a datetime can hold."""


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """The time zone, the working weekdays (0 is Monday) and the days off of a project.

    Raises ValueError when no weekday is a working day.
    """

    time_zone: str = "UTC"
    working_weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    holidays: frozenset[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not self.working_weekdays:
            raise ValueError("a calendar needs at least one working weekday")

    def key(self) -> list[object]:
        """All that it holds, the same in every process: what a hash may rest on. `repr` orders sets as it pleases."""
        return [self.time_zone, sorted(self.working_weekdays), sorted(self.holidays)]

    def local_date(self, us: int) -> date:
        """The project's day at an instant."""
        at = from_us(us)
        try:
            return at.astimezone(ZoneInfo(self.time_zone)).date()
        except OverflowError:  # the first and the last day that a date can hold have no neighbours
            return at.date()

    def start_of_day_us(self, day: date) -> int:
        """The instant a local day begins; on a day whose midnight is skipped by the clock, the first one after it.

        Never outside of what a datetime can hold: tools keep 0001-01-01 and 9999-12-31 where they know no date.
        """
        local = datetime.combine(day, time.min, tzinfo=ZoneInfo(self.time_zone))
        try:
            return to_us(local.astimezone(UTC))
        except OverflowError:
            return FIRST_US if day.year == date.min.year else LAST_US

    def end_of_day_us(self, day: date) -> int:
        """The instant a local day is over: a target date is met until then."""
        return LAST_US if day == date.max else self.start_of_day_us(day + timedelta(days=1))

    def is_working_day(self, day: date) -> bool:
        """Whether people work on that day."""
        return day.weekday() in self.working_weekdays and day not in self.holidays

    def next_working_day(self, day: date) -> date:
        """The day itself if people work on it, else the next one they work on."""
        for offset in range(min(LONGEST_RUN_OF_DAYS_OFF, (date.max - day).days + 1)):
            candidate = day + timedelta(days=offset)
            if self.is_working_day(candidate):
                return candidate
        return day

    def working_days(self, first: date, last: date) -> int:
        """Number of working days from first to last, both included; 0 when last is before first."""
        mask = [weekday in self.working_weekdays for weekday in range(DAYS_PER_WEEK)]
        holidays = np.array(sorted(self.holidays), dtype="datetime64[D]")
        end = np.datetime64(last, "D") + 1
        return max(0, int(np.busday_count(np.datetime64(first, "D"), end, weekmask=mask, holidays=holidays)))

    def day_edges_us(self, first_us: int, last_us: int) -> Instants:
        """Starts of the local days from the day of first_us to the day after last_us: shape (days + 1,)."""
        first, last = self.local_date(first_us), self.local_date(last_us)
        return self._edges_us(first, (last - first).days + 1, step_days=1)

    def week_edges_us(self, first_us: int, last_us: int) -> Instants:
        """Starts of the local weeks (Monday) from the week of first_us to the one after last_us: shape (weeks + 1,)."""
        first, last = monday_of(self.local_date(first_us)), monday_of(self.local_date(last_us))
        return self._edges_us(first, (last - first).days // DAYS_PER_WEEK + 1, step_days=DAYS_PER_WEEK)

    def _edges_us(self, first: date, steps: int, *, step_days: int) -> Instants:
        """Starts of the first day and of so many steps after it: shape (steps + 1,)."""
        last_step = (date.max - first).days // step_days
        days = [first + timedelta(days=step_days * min(step, last_step)) for step in range(steps + 1)]
        edges_us = np.array([self.start_of_day_us(day) for day in days], dtype=np.int64)
        edges_us[last_step + 1 :] = LAST_US
        return edges_us


def monday_of(day: date) -> date:
    """The Monday that begins the week of a day."""
    return day - timedelta(days=day.weekday())


def counts_between(instants: Instants, edges_us: Instants) -> Instants:
    """How many instants fall into each half-open interval [edge, next edge): shape (len(edges) - 1,)."""
    ordered = np.sort(instants[instants != NEVER])
    return np.diff(np.searchsorted(ordered, edges_us, side="left"))
