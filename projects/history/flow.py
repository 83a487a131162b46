"""Flow metrics: how much gets finished, how long it takes, how much is under way.

1. Throughput counts items by the local week (from Monday) in which they were finished, without the running week.
2. Cycle time runs from the first dated start to the finish, lead time from creation to it, both in elapsed days.
3. WIP counts items started and not finished; an item's age runs from its start to now.
4. The service level expectation is the 85 % quantile of the cycle times of the last 26 weeks; where starts are not
   recorded it speaks of lead times and says so.

Assumes that finishing is moving into a DONE status and staying there. Do not believe cycle times of a team that moves
its cards once a week, nor any mean of them: the distributions are skewed, so medians and P85 are given.
A measure that the record cannot carry has the value None and a reason.

Example: three items finished after 1, 2 and 9 days: median cycle time 2 d, P85 6.9 d (linear between 2 and 9).
Source: Vacanti, Actionable Agile Metrics for Predictability (2015); The Kanban Guide (2020).
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from projects.history.calendar import WorkCalendar, counts_between
from projects.history.columns import IN_PROGRESS, Flags
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, NEVER, PLAUSIBLE_FROM_US, Instants
from projects.history.project_history import ProjectHistory

SLE_PROBABILITY = 0.85
"""The Kanban Guide leaves the probability to the team; 85 % is the one teams use most."""
SLE_WINDOW_WEEKS = 26
"""Half a year: long enough for 30 items of a small team, short enough to follow a change of the team."""
MIN_ITEMS_FOR_QUANTILE = 10
"""Below 10 items the 85 % quantile is decided by one of them."""
MIN_SHARE_WITH_START = 0.5
"""Where most finished items have no start, cycle times speak of the odd ones out."""


class MissingReason(StrEnum):
    """Why a measure has no value."""

    TOO_FEW_FINISHED = "TOO_FEW_FINISHED"
    NO_DATED_START = "NO_DATED_START"
    NOTHING_IN_PROGRESS = "NOTHING_IN_PROGRESS"
    NO_COMPLETE_PERIOD = "NO_COMPLETE_PERIOD"


class Basis(StrEnum):
    """What a duration runs from."""

    CYCLE_TIME = "CYCLE_TIME"
    LEAD_TIME = "LEAD_TIME"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, or the reason why there is none.

    n: how many items or periods it rests on;  unit: "d" (elapsed days), "items/week", "items/d" or "items"
    """

    value: float | None
    unit: str
    n: int
    missing: MissingReason | None = None


@dataclass(frozen=True, slots=True)
class ThroughputWeek:
    """Items created and finished in one local week."""

    starts_on: date
    created: int
    finished: int


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """ "probability of the items are done within days", by what the team itself needed."""

    days: Measure
    probability: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class FlowMetrics:
    """All flow metrics of a project at one moment."""

    as_of: datetime
    weeks: tuple[ThroughputWeek, ...]
    throughput_per_week: Measure
    throughput_per_working_day: Measure
    cycle_time_p50: Measure
    cycle_time_p85: Measure
    lead_time_p50: Measure
    lead_time_p85: Measure
    work_in_progress: Measure
    age_p50: Measure
    age_p85: Measure
    age_oldest: Measure
    service_level: ServiceLevel
    open_items: int
    finished_items: int
    is_reconstructed: bool


def flow_metrics(
    history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar, window_weeks: int = SLE_WINDOW_WEEKS
) -> FlowMetrics:
    """Every flow metric at a moment; rates and durations over the last window_weeks."""
    known = history.as_of(as_of)
    weeks = weekly_throughput(known, as_of=as_of, calendar=calendar)[-window_weeks:]
    cycle_days = cycle_times_days(known, as_of=as_of, window_weeks=window_weeks)
    lead_days = lead_times_days(known, as_of=as_of, window_weeks=window_weeks)
    ages_days = work_item_ages_days(known, as_of=as_of)
    cycle_gap = _cycle_time_gap(known, as_of=as_of, window_weeks=window_weeks)
    in_progress = work_in_progress(known, as_of=as_of)
    return FlowMetrics(
        as_of=as_of,
        weeks=weeks,
        throughput_per_week=_rate(weeks),
        throughput_per_working_day=_daily_rate(weeks, calendar),
        cycle_time_p50=_quantile(cycle_days, 0.5, missing=cycle_gap),
        cycle_time_p85=_quantile(cycle_days, SLE_PROBABILITY, missing=cycle_gap),
        lead_time_p50=_quantile(lead_days, 0.5),
        lead_time_p85=_quantile(lead_days, SLE_PROBABILITY),
        work_in_progress=in_progress,
        age_p50=_age(ages_days, 0.5, in_progress),
        age_p85=_age(ages_days, SLE_PROBABILITY, in_progress),
        age_oldest=_age(ages_days, 1.0, in_progress),
        service_level=_service_level(cycle_days, lead_days, cycle_gap),
        open_items=int(known.states.open.sum()),
        finished_items=int(known.states.finished.sum()),
        is_reconstructed=known.is_reconstructed,
    )


def weekly_throughput(
    history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar
) -> tuple[ThroughputWeek, ...]:
    """Complete local weeks from the first creation to as_of, oldest first."""
    known = history.as_of(as_of)
    created_us = known.items.created_us[known.states.exists]
    if created_us.size == 0:
        return ()
    first_us = int(min(created_us.min(), known.finished_us[:1].min(initial=NEVER)))
    edges_us = calendar.week_edges_us(max(first_us, PLAUSIBLE_FROM_US), known.known_at_us)[:-1]
    created, finished = counts_between(created_us, edges_us), counts_between(known.finished_us, edges_us)
    return tuple(
        ThroughputWeek(starts_on=calendar.local_date(int(edge)), created=int(new), finished=int(done))
        for edge, new, done in zip(edges_us[:-1], created, finished, strict=True)
    )


def cycle_times_days(history: ProjectHistory, *, as_of: datetime, window_weeks: int) -> NDArray[np.float64]:
    """Elapsed days from first start to finish of the items finished in the window whose start is dated and earlier."""
    known = history.as_of(as_of)
    return _durations_days(known.states.started_us, known, window_weeks)


def lead_times_days(history: ProjectHistory, *, as_of: datetime, window_weeks: int) -> NDArray[np.float64]:
    """Elapsed days from creation to finish of the items finished in the window, unless finished before created."""
    known = history.as_of(as_of)
    return _durations_days(known.items.created_us, known, window_weeks)


def work_item_ages_days(history: ProjectHistory, *, as_of: datetime) -> NDArray[np.float64]:
    """Elapsed days since the first start of each live item in progress whose start is dated."""
    known = history.as_of(as_of)
    states = known.states
    ageing = states.open & (states.category == IN_PROGRESS) & (states.started_us != NEVER)
    ages: NDArray[np.float64] = (known.known_at_us - states.started_us[ageing]) / MICROSECONDS_PER_DAY
    return ages


def work_in_progress(history: ProjectHistory, *, as_of: datetime) -> Measure:
    """Live items now in progress; None where the record never held a status, because "0" would be a guess."""
    known = history.as_of(as_of)
    states = known.states
    count = int((states.open & (states.category == IN_PROGRESS)).sum())
    if not bool(((known.statuses.category == IN_PROGRESS) & (known.statuses.at_us <= known.known_at_us)).any()):
        return Measure(None, "items", 0, MissingReason.NO_DATED_START)
    return Measure(float(count), "items", count)


def _finished_in_window(known: ProjectHistory, window_weeks: int) -> Flags:
    states = known.states
    return states.finished & (states.finished_us > known.known_at_us - window_weeks * MICROSECONDS_PER_WEEK)


def _durations_days(begin_us: Instants, known: ProjectHistory, window_weeks: int) -> NDArray[np.float64]:
    finished_us = known.states.finished_us
    usable = _finished_in_window(known, window_weeks) & (begin_us <= finished_us)
    durations: NDArray[np.float64] = (finished_us[usable] - begin_us[usable]) / MICROSECONDS_PER_DAY
    return durations


def _cycle_time_gap(known: ProjectHistory, *, as_of: datetime, window_weeks: int) -> MissingReason | None:
    """Why the cycle times of the window cannot stand for its items; None when they can."""
    finished = int(_finished_in_window(known, window_weeks).sum())
    with_start = len(cycle_times_days(known, as_of=as_of, window_weeks=window_weeks))
    if finished and with_start < MIN_SHARE_WITH_START * finished:
        return MissingReason.NO_DATED_START
    return None


def _quantile(days: NDArray[np.float64], probability: float, *, missing: MissingReason | None = None) -> Measure:
    if missing is not None:
        return Measure(None, "d", len(days), missing)
    if len(days) < MIN_ITEMS_FOR_QUANTILE:
        return Measure(None, "d", len(days), MissingReason.TOO_FEW_FINISHED)
    return Measure(float(np.quantile(days, probability)), "d", len(days))


def _age(ages_days: NDArray[np.float64], probability: float, in_progress: Measure) -> Measure:
    if ages_days.size == 0:
        nothing = in_progress.value == 0
        reason = MissingReason.NOTHING_IN_PROGRESS if nothing else MissingReason.NO_DATED_START
        return Measure(None, "d", 0, reason)
    return Measure(float(np.quantile(ages_days, probability)), "d", len(ages_days))


def _rate(weeks: tuple[ThroughputWeek, ...]) -> Measure:
    if not weeks:
        return Measure(None, "items/week", 0, MissingReason.NO_COMPLETE_PERIOD)
    return Measure(float(np.mean([week.finished for week in weeks])), "items/week", len(weeks))


def _daily_rate(weeks: tuple[ThroughputWeek, ...], calendar: WorkCalendar) -> Measure:
    if not weeks:
        return Measure(None, "items/d", 0, MissingReason.NO_COMPLETE_PERIOD)
    last_day = date.fromordinal(weeks[-1].starts_on.toordinal() + 6)
    days = calendar.working_days(weeks[0].starts_on, last_day)
    if days == 0:
        return Measure(None, "items/d", 0, MissingReason.NO_COMPLETE_PERIOD)
    return Measure(sum(week.finished for week in weeks) / days, "items/d", days)


def _service_level(
    cycle_days: NDArray[np.float64], lead_days: NDArray[np.float64], cycle_gap: MissingReason | None
) -> ServiceLevel:
    if cycle_gap is None and len(cycle_days) >= MIN_ITEMS_FOR_QUANTILE:
        return ServiceLevel(_quantile(cycle_days, SLE_PROBABILITY), SLE_PROBABILITY, Basis.CYCLE_TIME)
    return ServiceLevel(_quantile(lead_days, SLE_PROBABILITY), SLE_PROBABILITY, Basis.LEAD_TIME)
