"""RESOURCE_SHORTAGE: will a team have 10 % less capacity than its work needs, for a week on end, within six weeks?

1. Demand is fixed at issue: the open items as of t over the working days from tomorrow to the target, items a day.
2. Capacity is measured day by day (capacity_series): hours of calendars where contributors have them, else people at
   work. What it brings is fixed at issue too: items finished a day over the last twelve weeks, at the mean capacity of
   those weeks.
3. So the capacity that the work needs is a level: demand over what is finished a day, times that mean capacity. The
   event: capacity is below 90 % of that level on five working days in a row, all from tomorrow to the end of the
   horizon (six weeks, or the target if that is nearer). Nothing that moves later moves the level.
4. P: the share of simulated capacities (capacity_simulation) with such a run, one trial more each way. Its interval
   repeats that with all capacity higher or lower by the error of its mean.
5. The base rate asks less: in how many own past windows as long did capacity stay below the same level so long?
6. Time to occurrence: when the fifth day of the first such run ends. Prevention: shortage_prevention.
7. Impact: the median shortfall over the run, if it happens, in tolerances of 10 %.

Assumes that what people finish a day stays what it was; a team that gets faster needs less. Do not read it as a
forecast of the date: that is DELAY_RISK. Where the target asks for far more than was ever finished it is certain, and
says so.

Example: 60 items open, 30 working days left: 2 a day. Of late 8 people finished 2 a day, so 8 are needed, and the level
is 7.2. One of them has left and one is away for two weeks: 6 at work, below the level, until he is back: the event.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import (
    Driver,
    EvidenceFact,
    ModelIdentity,
    ProbabilityEstimate,
    hash_of,
    oldest_open_items,
    seed_of,
)
from predictions.forecasters.base_rates import base_rate
from predictions.forecasters.capacity_series import (
    CapacityMatrix,
    CapacitySource,
    capacity_matrix,
    capacity_source,
    first_trace_at,
    longest_run_ends,
    working_days,
)
from predictions.forecasters.capacity_simulation import LOOKBACK_DAYS, TRIALS, CapacityTrials, simulate_capacity
from predictions.forecasters.claim_calendar import calendar_terms
from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.indicators import Indicator, trend_of
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY
from predictions.forecasters.resolution import scope_hash
from predictions.forecasters.risk import Claim, HoursToEvent, RiskForecast
from predictions.forecasters.severity import severity_of
from predictions.forecasters.shortage_prevention import (
    ShortageOutlook,
    share_short,
    shortage_options,
    shortage_window,
)
from predictions.forecasters.shortage_readiness import capacity_readiness, too_near
from predictions.forecasters.throughput import weekly_finishes
from projects.history.calendar import WorkCalendar
from projects.history.instants import MICROSECONDS_PER_SECOND, from_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    ReadinessReport,
    finish_readiness,
    report,
    target_readiness,
    worked_finishes,
)

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("resource-shortage.absence-trials", "1")
HORIZON_DAYS = 42
SHORTFALL_SHARE, RUN_DAYS = 0.1, 5
"""Ten per cent for a week: less is made up for by an effort, more of either is a different plan."""
HISTORY_DAYS = 364
A_WEEK = timedelta(days=7)
MIN_CAPACITY_ERROR = 0.02
DAYS_PER_WEEK_WORKED = 5
US_PER_HOUR = 3_600 * MICROSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceShortage(RiskForecast):
    """The probability of a shortage of capacity, or why it cannot be said.

    capacity_now, capacity_needed: in capacity_unit, of the last working day, and what the work needs
    """

    capacity_now: float | None = None
    capacity_needed: float | None = None
    capacity_unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What one answer is made of, once the gate is passed.

    days: the working days of the claim;  gap: simulated days before them (today);  usual: mean capacity of late
    """

    known: ProjectHistory
    readiness: ReadinessReport
    calendar: WorkCalendar
    source: CapacitySource
    target_date: date
    past: CapacityMatrix
    days: tuple[date, ...]
    gap: int
    usual: float
    open_items: int
    required: float
    demonstrated: float

    @property
    def needed(self) -> float:
        return self.required / self.demonstrated * self.usual

    @property
    def level(self) -> float:
        return (1 - SHORTFALL_SHARE) * self.needed

    @property
    def error(self) -> float:
        """Standard error of the logarithm of the mean capacity; neighbours within a week are one observation."""
        recent = self.past.daily[-LOOKBACK_DAYS:]
        weeks = max(len(recent) / DAYS_PER_WEEK_WORKED, 1.0)
        return max(float(recent.std()) / math.sqrt(weeks) / self.usual, MIN_CAPACITY_ERROR)


def forecast_resource_shortage(
    history: ProjectHistory,
    *,
    as_of: datetime,
    target_date: date | None,
    calendar: WorkCalendar | None = None,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    trials: int = TRIALS,
) -> ResourceShortage:
    """Forecast whether capacity stays short of what the open work needs. Never raises on data; abstains.

    accepted_probability: P(no shortage) that the tenant accepts, in (0, 1)
    Raises ValueError for a naive as_of.
    """
    calendar = calendar or WorkCalendar()
    known = history.as_of(as_of)
    inputs_hash = _inputs_hash(known, target_date, calendar, accepted_probability)
    basis = _basis(known, target_date, calendar)
    if isinstance(basis, ReadinessReport):
        return ResourceShortage(
            as_of=as_of,
            type=PredictionType.RESOURCE_SHORTAGE,
            readiness=basis,
            is_reconstructed=_is_reconstructed(known),
            model=MODEL,
            inputs_hash=inputs_hash,
        )
    outlook = _outlook(basis, rng=np.random.default_rng(seed_of(inputs_hash)), trials=trials)
    return _forecast(basis, outlook, accepted=accepted_probability, inputs_hash=inputs_hash)


# --- the level ---


def _gate(known: ProjectHistory, target_date: date | None, calendar: WorkCalendar) -> ReadinessReport:
    as_of = known.as_of_moment
    return report(
        [
            *target_readiness(target_date, as_of=as_of, calendar=calendar).reasons,
            *finish_readiness(known, as_of=as_of, calendar=calendar).reasons,
            *capacity_readiness(known, calendar=calendar).reasons,
        ]
    )


def _basis(known: ProjectHistory, target_date: date | None, calendar: WorkCalendar) -> _Basis | ReadinessReport:
    """What the answer is made of, or why there is none."""
    gate, source = _gate(known, target_date, calendar), capacity_source(known)
    if not gate.carries_value or source is None or target_date is None:
        return gate
    today = calendar.local_date(known.known_at_us)
    tomorrow = today + timedelta(days=1)
    days = working_days(calendar, tomorrow, min(today + timedelta(days=HORIZON_DAYS), target_date))
    if len(days) < RUN_DAYS:
        return gate.with_reasons([too_near(len(days), RUN_DAYS)])
    past = past_capacity(known, source=source, calendar=calendar)
    open_items = int(known.states.open.sum())
    return _Basis(
        known=known,
        readiness=gate,
        calendar=calendar,
        source=source,
        target_date=target_date,
        past=past,
        days=days,
        gap=int(calendar.is_working_day(today)),
        usual=float(past.daily[-LOOKBACK_DAYS:].mean()),
        open_items=open_items,
        required=open_items / calendar.working_days(tomorrow, target_date),
        demonstrated=_demonstrated_rate(known, past, calendar),
    )


def past_capacity(known: ProjectHistory, *, source: CapacitySource, calendar: WorkCalendar) -> CapacityMatrix:
    """Capacity on the working days that are over, of the last year at most, from when on the record can tell it."""
    today = calendar.local_date(known.known_at_us)
    first = today - timedelta(days=HISTORY_DAYS)
    if source is CapacitySource.CALENDARS:
        first = max(first, known.capacity.first_date or today)
    else:
        began_at = first_trace_at(known)
        first = max(first, today if began_at is None else began_at.date() + A_WEEK)  # before it the traces are few
    return capacity_matrix(known, source=source, first_day=first, last_day=today - timedelta(days=1), calendar=calendar)


def _demonstrated_rate(known: ProjectHistory, past: CapacityMatrix, calendar: WorkCalendar) -> float:
    """Items finished a working day over the last twelve weeks of capacity."""
    days = past.days[-LOOKBACK_DAYS:]
    finished_us = worked_finishes(known, as_of=known.as_of_moment, calendar=calendar)
    begin_us = calendar.start_of_day_us(days[0])
    end_us = calendar.start_of_day_us(calendar.local_date(known.known_at_us))
    return max(float(((finished_us >= begin_us) & (finished_us < end_us)).sum()), 0.5) / len(days)


# --- the answer ---


def _outlook(basis: _Basis, *, rng: np.random.Generator, trials: int) -> ShortageOutlook:
    known, calendar = basis.known, basis.calendar
    ahead = None
    if basis.source is CapacitySource.CALENDARS:
        today = calendar.local_date(known.known_at_us)
        ahead = capacity_matrix(known, source=basis.source, first_day=today, last_day=basis.days[-1], calendar=calendar)
    drawn = simulate_capacity(
        basis.past, ahead, days=basis.gap + len(basis.days), source=basis.source, rng=rng, trials=trials
    )
    starts_us = np.array([calendar.start_of_day_us(day) for day in basis.days], dtype=np.float64)
    ends_us = np.array([calendar.end_of_day_us(day) for day in basis.days], dtype=np.float64)
    return ShortageOutlook(
        trials=CapacityTrials(
            drawn.capacity[:, basis.gap :], drawn.without_planned_absence[:, basis.gap :], drawn.usual
        ),
        level=basis.level,
        run_days=RUN_DAYS,
        day_starts_h=(starts_us - known.known_at_us) / US_PER_HOUR,
        day_ends_h=(ends_us - known.known_at_us) / US_PER_HOUR,
        error=basis.error,
    )


def _forecast(basis: _Basis, outlook: ShortageOutlook, *, accepted: float, inputs_hash: str) -> ResourceShortage:
    known = basis.known
    factor = math.exp(INTERVAL_Z * outlook.error)
    value, low, high = (_probability(outlook, level) for level in (1.0, 1 / factor, factor))
    return ResourceShortage(
        as_of=known.as_of_moment,
        type=PredictionType.RESOURCE_SHORTAGE,
        readiness=basis.readiness,
        is_reconstructed=_is_reconstructed(known),
        model=MODEL,
        inputs_hash=inputs_hash,
        probability=ProbabilityEstimate(value, low, high),
        base_rate=_base_rate(basis),
        time_to_occurrence=_hours_to_event(outlook),
        prevention_window=shortage_window(outlook, accepted=accepted),
        impact=severity_of(_expected_shortfall(outlook, basis.needed) / SHORTFALL_SHARE) or Severity.LOW,
        drivers=_drivers(basis, outlook),
        indicators=_indicators(basis),
        evidence=_evidence(basis),
        claim=_claim(basis),
        options=shortage_options(outlook, accepted=accepted),
        assumptions=(
            "What the team finishes with a day of capacity stays what it was over the last twelve weeks.",
            f"The {basis.open_items} open items and the target of {basis.target_date.isoformat()} stay as they are.",
        ),
        capacity_now=float(basis.past.daily[-1]),
        capacity_needed=basis.needed,
        capacity_unit=basis.source.unit,
    )


def _probability(outlook: ShortageOutlook, level_factor: float) -> float:
    trials = len(outlook.trials.capacity)
    short = share_short(outlook.trials.capacity, outlook.level * level_factor, outlook.run_days)
    return (short * trials + 1) / (trials + 2)


def _base_rate(basis: _Basis) -> float:
    """Share of own past windows of the same length in which capacity stayed below the level as long."""
    daily, length = basis.past.daily, len(basis.days)
    length = min(length, len(daily))
    windows = np.lib.stride_tricks.sliding_window_view(daily, length)
    happened = float((longest_run_ends(windows < basis.level, RUN_DAYS) >= 0).mean())
    independent = len(daily) / length
    return base_rate(happened * independent, independent)


def _hours_to_event(outlook: ShortageOutlook) -> HoursToEvent | None:
    ends = longest_run_ends(outlook.trials.capacity < outlook.level, outlook.run_days)
    return HoursToEvent.of_trials(outlook.day_ends_h[ends[ends >= 0]])


def _expected_shortfall(outlook: ShortageOutlook, needed: float) -> float:
    """Median share of what is needed that is missing over the run; 0 where no trial has one."""
    ends = longest_run_ends(outlook.trials.capacity < outlook.level, outlook.run_days)
    rows = np.flatnonzero(ends >= 0)
    if rows.size == 0 or needed <= 0:
        return 0.0
    columns = ends[rows][:, None] - np.arange(outlook.run_days)
    mean = outlook.trials.capacity[rows[:, None], columns].mean(axis=1)
    return float(np.median(1 - mean / needed))


def _claim(basis: _Basis) -> Claim:
    first, last, unit = basis.days[0], basis.days[-1], basis.source.unit
    calendar = basis.calendar
    return Claim(
        description=(
            f"Capacity is below {basis.level:.1f} {unit} on {RUN_DAYS} working days in a row between "
            f"{first.isoformat()} and {last.isoformat()}."
        ),
        ends_at=from_us(calendar.end_of_day_us(last)),
        target_date=basis.target_date,
        scope_items=basis.open_items,
        scope_hash=scope_hash(basis.known, basis.known.states.open),
        threshold=basis.level,
        unit=unit,
        terms={
            "capacity": basis.source.value,
            "run_days": RUN_DAYS,
            "first_day": first.isoformat(),
            "last_day": last.isoformat(),
            "required_per_day": basis.required,
            "demonstrated_per_day": basis.demonstrated,
            "usual_capacity": basis.usual,
            **calendar_terms(calendar, first - timedelta(days=HORIZON_DAYS), last),
        },
    )


# --- what moves it ---


def _drivers(basis: _Basis, outlook: ShortageOutlook) -> tuple[Driver, ...]:
    """What moves P, strongest first; each effect is under the same trials, with that one thing as it usually is."""
    capacity, level = outlook.trials.capacity, outlook.level
    now = share_short(capacity, level, RUN_DAYS)
    usual_demand = level * basis.demonstrated / basis.required
    recent = float(basis.past.daily[-1])
    as_usual = capacity * (basis.usual / recent) if recent > 0 else np.full_like(capacity, basis.usual)
    drivers = [
        Driver(
            "DEMAND",
            "Work asked for, against what is finished",
            basis.required / basis.demonstrated,
            "required / demonstrated rate",
            now - share_short(capacity, usual_demand, RUN_DAYS),
        ),
        Driver(
            "CAPACITY_NOW",
            "Capacity now, against the usual one",
            recent / basis.usual,
            "share of the usual",
            now - share_short(as_usual, level, RUN_DAYS),
        ),
    ]
    if basis.source is CapacitySource.CALENDARS:
        without = outlook.trials.without_planned_absence
        missing = 1 - float(capacity.mean()) / max(float(without.mean()), 1e-9)
        effect = now - share_short(without, level, RUN_DAYS)
        drivers.append(Driver("PLANNED_ABSENCE", "Absences already entered", missing, "share of hours", effect))
    return tuple(sorted(drivers, key=lambda driver: (-abs(driver.effect), driver.code)))


def _indicators(basis: _Basis) -> tuple[Indicator, ...]:
    daily = basis.past.daily
    weeks = daily[len(daily) % DAYS_PER_WEEK_WORKED :].reshape(-1, DAYS_PER_WEEK_WORKED).mean(axis=1)
    finishes = weekly_finishes(basis.known, calendar=basis.calendar)
    required_weekly = basis.required * len(basis.calendar.working_weekdays)
    pressure = required_weekly / np.maximum(finishes, 0.5) * 100  # in hundredths, so that the trend sees it
    ratio = basis.required / basis.demonstrated
    return (
        Indicator("capacity", float(daily[-1]), basis.source.unit, basis.level, trend_of(weeks), 0.5),
        Indicator("throughput", basis.demonstrated, "items/day", basis.required, trend_of(finishes), 0.3),
        Indicator("required_over_demonstrated", ratio, "ratio", 1 / (1 - SHORTFALL_SHARE), trend_of(pressure), 0.2),
    )


def _evidence(basis: _Basis) -> tuple[EvidenceFact, ...]:
    moment, unit = basis.known.as_of_moment, basis.source.unit
    rows = (
        ("Rate the target asks for", "required_rate", f"{basis.required:.2f} items/day"),
        ("Rate of the last twelve weeks", "demonstrated_rate", f"{basis.demonstrated:.2f} items/day"),
        ("Capacity of the last working day", "capacity", f"{basis.past.daily[-1]:.1f} {unit}"),
        ("Mean capacity of the last twelve weeks", "usual_capacity", f"{basis.usual:.1f} {unit}"),
        ("Capacity the work needs", "needed_capacity", f"{basis.needed:.1f} {unit}"),
    )
    facts = tuple(EvidenceFact("project", "", label, field, value, moment) for label, field, value in rows)
    return (*facts, *oldest_open_items(basis.known))


def _inputs_hash(known: ProjectHistory, target: date | None, calendar: WorkCalendar, accepted: float) -> str:
    days = [calendar.time_zone, sorted(calendar.working_weekdays), sorted(map(str, calendar.holidays))]
    return hash_of(
        {
            "facts": known.inputs_hash,
            "activity": known.activity.digest(),
            "assignments": known.context.assignments.digest(),
            "capacity": [repr(fact) for fact in known.capacity.facts],
            "target": target,
            "calendar": days,
            "accepted": accepted,
        }
    )


def _is_reconstructed(known: ProjectHistory) -> bool:
    later = (known.context.activity.recorded_us > known.known_at_us).any()
    return known.is_reconstructed or bool(later)
