"""The seven factors of a slip as the record shows them, against the plan in force.

| factor | as planned | as it is now |
|---|---|---|
| LATE_START | work begins on the plan's start date | the day of the first dated start, if later |
| SCOPE_ADDED | as many items as were approved | open and finished items |
| RATE_BELOW_PLAN | items over working days of the plan | what is left of the time when all else is taken out |
| BLOCKED | never | working time in a blocked status or flagged, as a share of the time in work |
| REWORK | never | working time in work after having been done once, likewise |
| CALENDAR | the working days of the calendar that the plan was made with | those of the calendar now |
| DEPENDENCY_WAIT | never | working days lost while all that was open waited for a blocker |

A factor that the record cannot tell (no flag or blocked status ever, no link, no dated start, no start or calendar of
the plan) is off: it is named with the reason and gets no number, because 0 would be a claim. What it did
then shows up as RATE_BELOW_PLAN.

Shares of blocked and rework of the work to come are those of the last eight weeks, as the forecast's rate is.
Assumes a constant number of items in work, so that time in work turns into time of the project (Little's law).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from projects.history.calendar import DAYS_PER_WEEK, WorkCalendar
from projects.history.facts import BaselineFact
from projects.history.instants import MICROSECONDS_PER_WEEK, NEVER, to_us
from projects.history.project_history import ProjectHistory
from projects.history.spells import (
    ActiveTime,
    DependencyWait,
    Spells,
    active_spells,
    active_time,
    dependency_wait,
    tells_blocked,
)
from projects.history.work_clock import WorkClock

FloatArray = NDArray[np.float64]

RECENT_WEEKS = 8
"""The half-life of the rate that the finish forecast goes by."""
HORIZON = timedelta(weeks=520 + 52)
"""Ten years of forecast and one to spare: clocks reach so far."""
LONGEST_PLAN = timedelta(days=50 * 366)
"""A plan that began earlier is a slip of the pen (0001 for 2001), and a clock over it takes seconds to make."""


class SlipFactor(StrEnum):
    """What a slip can come from; the order is that of the sets of the Shapley values."""

    LATE_START = "LATE_START"
    SCOPE_ADDED = "SCOPE_ADDED"
    RATE_BELOW_PLAN = "RATE_BELOW_PLAN"
    BLOCKED = "BLOCKED"
    REWORK = "REWORK"
    CALENDAR = "CALENDAR"
    DEPENDENCY_WAIT = "DEPENDENCY_WAIT"


class OffReason(StrEnum):
    """Why the record cannot tell a factor."""

    NO_PLANNED_START = "NO_PLANNED_START"
    NO_DATED_START = "NO_DATED_START"
    NO_BLOCKED_FLAGS = "NO_BLOCKED_FLAGS"
    NO_LINKS = "NO_LINKS"
    NO_PLANNED_CALENDAR = "NO_PLANNED_CALENDAR"


@dataclass(frozen=True, slots=True)
class TimeShares:
    """Parts of the time in work that went to blocked and to rework, each in [0, 1], together below 1."""

    blocked: float
    rework: float

    @property
    def unimpeded(self) -> float:
        """The rest: work on items for the first time."""
        return 1 - self.blocked - self.rework


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredFactors:
    """The plan and what became of it, in working days and items.

    plan_items: approved, without those done before the planned start, at least 1;  so are done_items
    planned_days: working days from planned start to target, above 0, by the planned calendar
    late_days: working days from planned to first start;  elapsed_days: from planned start to now
    active: working days in work per item, wait: lost to blockers;  past, recent: shares of the time in work
    clock, planned_clock: of the calendar now, and of the plan's (the same where that is not known)
    off: factors the record cannot tell
    """

    plan_items: int
    start_date: date
    target_date: date
    target_us: int
    planned_days: float
    late_days: float
    elapsed_days: float
    active: ActiveTime
    wait: DependencyWait
    past: TimeShares
    recent: TimeShares
    done_items: int
    open_items: int
    added_rows: NDArray[np.intp]
    lost_dates: tuple[date, ...]
    clock: WorkClock
    planned_clock: WorkClock
    off: Mapping[SlipFactor, OffReason]

    @property
    def factors(self) -> tuple[SlipFactor, ...]:
        """Those that the record can tell, in the order of SlipFactor."""
        return tuple(factor for factor in SlipFactor if factor not in self.off)


def measure_factors(
    history: ProjectHistory,
    *,
    as_of: datetime,
    calendar: WorkCalendar,
    planned_calendar: WorkCalendar | None = None,
    target_date: date | None = None,
) -> MeasuredFactors | None:
    """Where the project stands against the plan in force; None without one that had a working day and a sound start.

    planned_calendar: the one that the plan was made with;  target_date: another than the plan's, if it was moved
    """
    known = history.as_of(as_of)
    plan = _plan_in_force(known, calendar=calendar, planned_calendar=planned_calendar, target_date=target_date)
    if plan is None:
        return None
    clock, items = plan.clock, len(known.items)
    spells = active_spells(known)
    off = _off(known, plan.baseline, spells, planned_calendar)
    active = active_time(spells, clock, items=items)
    since_us = known.known_at_us - RECENT_WEEKS * MICROSECONDS_PER_WEEK
    recent = active_time(spells, clock, items=items, since_us=since_us)
    past = _shares(active, off)
    no_wait = DependencyWait(0.0, np.zeros(items))
    started_us = _start_of_first_day_us(known, calendar, plan.begin_us)
    states = known.states
    done_before = int((states.finished & (states.finished_us <= plan.begin_us)).sum())
    return MeasuredFactors(
        plan_items=max(plan.baseline.scope_items - done_before, 1),
        start_date=plan.start_date,
        target_date=plan.target_date,
        target_us=plan.target_us,
        planned_days=_days_between(plan.planned_clock, plan.begin_us, plan.target_us),
        late_days=0.0 if SlipFactor.LATE_START in off else _days_between(clock, plan.begin_us, started_us),
        elapsed_days=_days_between(clock, plan.begin_us, known.known_at_us),
        active=active,
        wait=no_wait if SlipFactor.DEPENDENCY_WAIT in off else dependency_wait(known, spells, clock),
        past=past,
        recent=_shares(recent, off) if recent.total.sum() > 0 else past,
        done_items=int(states.finished.sum()) - done_before,
        open_items=int(states.open.sum()),
        added_rows=_added_rows(known, plan.baseline),
        lost_dates=_lost_dates(calendar, planned_calendar, plan.start_date, plan.lost_until),
        clock=clock,
        planned_clock=plan.planned_clock,
        off=off,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """The plan in force, in time.

    begin_us, target_us: beginning of the first day and end of the target day
    lost_until: the last day that is looked at for days off
    """

    baseline: BaselineFact
    start_date: date
    target_date: date
    begin_us: int
    target_us: int
    lost_until: date
    clock: WorkClock
    planned_clock: WorkClock


def _plan_in_force(
    known: ProjectHistory, *, calendar: WorkCalendar, planned_calendar: WorkCalendar | None, target_date: date | None
) -> _Plan | None:
    """None without a scope, with a start that is a slip of the pen or lies ahead, or without a working day."""
    baseline = known.baseline
    if baseline is None or baseline.scope_items < 1:
        return None
    target = target_date or baseline.target_date
    start, today = baseline.start_date, calendar.local_date(known.known_at_us)
    if start is None:
        start = calendar.local_date(to_us(baseline.approved_at))
    begin_us = calendar.start_of_day_us(start)
    if today - start > LONGEST_PLAN or begin_us >= known.known_at_us:
        return None
    last = today + HORIZON
    clock = WorkClock(calendar, start, last)
    plan = _Plan(
        baseline=baseline,
        start_date=start,
        target_date=target,
        begin_us=begin_us,
        target_us=calendar.end_of_day_us(target),
        lost_until=min(max(target, today), last),
        clock=clock,
        planned_clock=clock if planned_calendar is None else WorkClock(planned_calendar, start, last),
    )
    return plan if _days_between(plan.planned_clock, plan.begin_us, plan.target_us) > 0 else None


def _days_between(clock: WorkClock, begin_us: int, end_us: int) -> float:
    """Working days by a clock."""
    return float(clock.between(np.array([begin_us]), np.array([end_us]))[0])


def _off(
    known: ProjectHistory, plan: BaselineFact, spells: Spells, planned_calendar: WorkCalendar | None
) -> dict[SlipFactor, OffReason]:
    off: dict[SlipFactor, OffReason] = {}
    if plan.start_date is None:
        off[SlipFactor.LATE_START] = OffReason.NO_PLANNED_START
    if not tells_blocked(known):
        off[SlipFactor.BLOCKED] = OffReason.NO_BLOCKED_FLAGS
    if planned_calendar is None:
        off[SlipFactor.CALENDAR] = OffReason.NO_PLANNED_CALENDAR
    if len(known.links) == 0:
        off[SlipFactor.DEPENDENCY_WAIT] = OffReason.NO_LINKS
    if len(spells.item) == 0:
        needs_starts = (SlipFactor.LATE_START, SlipFactor.BLOCKED, SlipFactor.REWORK, SlipFactor.DEPENDENCY_WAIT)
        off.update(dict.fromkeys(needs_starts, OffReason.NO_DATED_START))
    return off


def _start_of_first_day_us(known: ProjectHistory, calendar: WorkCalendar, begin_us: int) -> int:
    """Beginning of the day of the first start, not before the planned one; a start within the day is no delay."""
    started_us = known.states.started_us
    first_us = int(started_us.min(initial=NEVER))
    if first_us == NEVER:
        return begin_us
    return max(begin_us, calendar.start_of_day_us(calendar.local_date(first_us)))


def _shares(active: ActiveTime, off: Mapping[SlipFactor, OffReason]) -> TimeShares:
    total = float(active.total.sum())
    if total <= 0:
        return TimeShares(0.0, 0.0)
    blocked = 0.0 if SlipFactor.BLOCKED in off else float(active.blocked.sum()) / total
    rework = 0.0 if SlipFactor.REWORK in off else float(active.rework.sum()) / total
    return TimeShares(min(blocked, MAX_IMPEDED - rework) if blocked + rework > MAX_IMPEDED else blocked, rework)


MAX_IMPEDED = 0.95
"""A record in which nothing was ever worked on unimpeded has no rate of its own; a twentieth is left to it."""


def _added_rows(known: ProjectHistory, plan: BaselineFact) -> NDArray[np.intp]:
    """Items that count and came after the plan was approved."""
    states = known.states
    late = known.items.created_us > to_us(plan.approved_at)
    return np.flatnonzero((states.open | states.finished) & late)


def _lost_dates(calendar: WorkCalendar, planned: WorkCalendar | None, first: date, last: date) -> tuple[date, ...]:
    """Days that the plan counted on and that are off now."""
    if planned is None:
        return ()
    days = (first + timedelta(days=index) for index in range((last - first).days + DAYS_PER_WEEK))
    return tuple(day for day in days if planned.is_working_day(day) and not calendar.is_working_day(day))
