"""TEAM_BURNOUT, told as "sustained overload": three weeks on end above the team's own limits, within six weeks?

1. Only where the team agreed (Project.team_signals_enabled), and only of teams of five or more: every figure is of the
   whole team and of a whole week (team_weeks). Nothing is computed, kept or shown of a person.
2. Two series: the share of hours outside working hours, and the work in progress per person. Their upper natural limits
   (projects.history.process_signals) over the last 26 complete weeks before t are fixed when the claim is issued.
3. The event: in three consecutive complete weeks, all within the six weeks from next Monday on, both series are above
   their limits, each week with at least five people active.
4. P: the share of simulated weeks (overload_simulation) with such a run, one trial more each way. Its interval repeats
   that with both series higher or lower by the error of their mean.
5. The base rate asks less: in how many own past windows of six weeks was there such a run above the same limits? It
   leans on BASE_RATE, as if it had been seen in BASE_WINDOWS windows of other teams.
6. Time to occurrence: when the third week of the first run ends. Prevention: overload_prevention.
7. Impact: the mean number of such weeks in the horizon if it happens, in tolerances of three.

A proxy: it can see long hours and much at once, and knows nothing of how people are. Do not read a low P as "well", nor
hold it against anybody. Limits from a time that was all overload call overload usual.

Example: usually 6 % of hours outside, limit 11 %, and 1.4 items a person, limit 1.9. If there are 15 % and 2.2 in each
of the three weeks from next Monday on, it has happened.
Source: Wheeler (2000), Understanding Variation (limits).
"""

from dataclasses import dataclass, replace
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
    seed_of,
)
from predictions.forecasters.capacity_series import longest_run_ends
from predictions.forecasters.claim_calendar import calendar_terms
from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.indicators import Indicator, trend_of
from predictions.forecasters.overload_prevention import (
    OverloadOutlook,
    moved,
    overload_options,
    overload_window,
    run_ends,
    share_overloaded,
)
from predictions.forecasters.overload_readiness import overload_readiness
from predictions.forecasters.overload_simulation import TRIALS, OverloadTrials, simulate_overload
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY
from predictions.forecasters.risk import Claim, HoursToEvent, RiskForecast
from predictions.forecasters.severity import severity_of
from predictions.forecasters.team_weeks import MIN_PEOPLE, US_PER_HOUR, TeamWeeks, baseline_weeks
from projects.history.calendar import DAYS_PER_WEEK, WorkCalendar, monday_of
from projects.history.instants import from_us
from projects.history.process_signals import LIMIT_FACTOR, natural_limits
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("team-overload.carried-weeks", "1")
HORIZON_WEEKS, RUN_WEEKS = 6, 3
BASE_RATE, BASE_WINDOWS = 0.1, 2.0
"""Before anything is seen: one window in ten. Starting value."""
MIN_SHARE_RANGE, MIN_LOAD_RANGE = 0.01, 0.05
"""Least mean moving range: a point of share, a twentieth of the mean load. A series that never moved has no limits."""


@dataclass(frozen=True, slots=True)
class OwnLimit:
    """The usual range of one series of a team.  mean, high: in its unit;  deviation: standard deviation of a week"""

    mean: float
    high: float
    deviation: float
    weeks: int

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.deviation / float(np.sqrt(self.weeks))


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamOverload(RiskForecast):
    """The probability of sustained overload of a team, or why it cannot be said.

    after_hours, load: of the last complete week;  people: active in it, at least five
    """

    after_hours: float | None = None
    after_hours_limit: float | None = None
    load: float | None = None
    load_limit: float | None = None
    people: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What one answer is made of, once the gate is passed.

    weeks: of the baseline;  usable: those with figures;  first_monday: of the claim
    """

    known: ProjectHistory
    calendar: WorkCalendar
    weeks: TeamWeeks
    after_hours: OwnLimit
    load: OwnLimit
    first_monday: date

    @property
    def ends_us(self) -> int:
        return self.calendar.start_of_day_us(self.first_monday + timedelta(weeks=HORIZON_WEEKS))


def forecast_team_overload(
    history: ProjectHistory,
    *,
    as_of: datetime,
    team_signals_enabled: bool,
    calendar: WorkCalendar | None = None,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    trials: int = TRIALS,
) -> TeamOverload:
    """Forecast whether a team will be overloaded for weeks on end. Never raises on data; abstains.

    team_signals_enabled: whether the team agreed;  accepted_probability: P(no overload) accepted, in (0, 1)
    Raises ValueError for a naive as_of.
    """
    calendar = calendar or WorkCalendar()
    known = history.as_of(as_of)
    inputs_hash = _inputs_hash(known, calendar, accepted_probability, enabled=team_signals_enabled)
    readiness = overload_readiness(known, calendar=calendar, team_signals_enabled=team_signals_enabled)
    if not readiness.carries_value:
        return TeamOverload(
            as_of=as_of,
            type=PredictionType.TEAM_BURNOUT,
            readiness=readiness,
            is_reconstructed=_is_reconstructed(known),
            model=MODEL,
            inputs_hash=inputs_hash,
        )
    weeks = baseline_weeks(known, calendar=calendar)
    basis = _Basis(
        known=known,
        calendar=calendar,
        weeks=weeks,
        after_hours=_limit(weeks.after_hours, least_range=MIN_SHARE_RANGE),
        load=_limit(weeks.load, least_range=MIN_LOAD_RANGE * max(float(np.nanmean(weeks.load)), 1e-9)),
        first_monday=monday_of(calendar.local_date(known.known_at_us)) + timedelta(weeks=1),
    )
    drawn = _simulated(basis, rng=np.random.default_rng(seed_of(inputs_hash)), trials=trials)
    return _forecast(basis, drawn, accepted=accepted_probability, readiness=readiness, inputs_hash=inputs_hash)


def _limit(series: FloatArray, *, least_range: float) -> OwnLimit:
    """The upper natural limit of a series, weeks without a figure left out.  series: at least eight figures"""
    values = series[np.isfinite(series)]
    limits = natural_limits(values)
    mean = float(values.mean())
    reach = max((limits.high - mean) if limits else 0.0, LIMIT_FACTOR * least_range)
    return OwnLimit(mean, mean + reach, reach / 3, len(values))


# --- the answer ---


def _simulated(basis: _Basis, *, rng: np.random.Generator, trials: int) -> OverloadTrials:
    """The week that goes on and those of the claim, in deviations."""
    weeks = basis.weeks
    usable = np.isfinite(weeks.after_hours) & np.isfinite(weeks.load)
    past = np.stack(
        [
            (weeks.after_hours[usable] - basis.after_hours.mean) / basis.after_hours.deviation,
            (weeks.load[usable] - basis.load.mean) / basis.load.deviation,
        ],
        axis=1,
    )
    drawn = simulate_overload(past, weeks=HORIZON_WEEKS + 1, rng=rng, trials=trials)
    return OverloadTrials(drawn.drawn[:, 1:], drawn.carried[:, 1:])


def _outlook(basis: _Basis, paths: FloatArray) -> OverloadOutlook:
    mondays = [basis.first_monday + timedelta(weeks=week) for week in range(HORIZON_WEEKS + 1)]
    edges_us = np.array([basis.calendar.start_of_day_us(day) for day in mondays], dtype=np.float64)
    hours = (edges_us - basis.known.known_at_us) / US_PER_HOUR
    return OverloadOutlook(
        after_hours=np.clip(basis.after_hours.mean + basis.after_hours.deviation * paths[:, :, 0], 0.0, 1.0),
        load=np.maximum(basis.load.mean + basis.load.deviation * paths[:, :, 1], 0.0),
        after_hours_limit=basis.after_hours.high,
        load_limit=basis.load.high,
        after_hours_mean=basis.after_hours.mean,
        after_hours_error=basis.after_hours.error,
        load_error=basis.load.error,
        run_weeks=RUN_WEEKS,
        week_starts_h=hours[:-1],
        week_ends_h=hours[1:],
        people=int(basis.weeks.people[-1]),
    )


def _forecast(
    basis: _Basis, drawn: OverloadTrials, *, accepted: float, readiness: ReadinessReport, inputs_hash: str
) -> TeamOverload:
    known, weeks = basis.known, basis.weeks
    outlook = _outlook(basis, drawn.paths)
    value, low, high = (_probability(moved(outlook, z)) for z in (0.0, -INTERVAL_Z, INTERVAL_Z))
    return TeamOverload(
        as_of=known.as_of_moment,
        type=PredictionType.TEAM_BURNOUT,
        readiness=readiness,
        is_reconstructed=_is_reconstructed(known),
        model=MODEL,
        inputs_hash=inputs_hash,
        probability=ProbabilityEstimate(value, low, high),
        base_rate=_base_rate(basis),
        time_to_occurrence=_hours_to_event(outlook),
        prevention_window=overload_window(outlook, accepted=accepted),
        impact=severity_of(_expected_weeks(outlook) / RUN_WEEKS) or Severity.LOW,
        drivers=_drivers(basis, drawn, outlook),
        indicators=_indicators(basis),
        evidence=_evidence(basis),
        claim=_claim(basis),
        options=overload_options(outlook, accepted=accepted),
        assumptions=(
            f"People work in or near {basis.calendar.time_zone}; hours from 7 to 19 on working days are working hours.",
            "A proxy of the whole team's load; it says nothing about any person and is no diagnosis.",
        ),
        after_hours=float(weeks.after_hours[-1]),
        after_hours_limit=basis.after_hours.high,
        load=float(weeks.load[-1]),
        load_limit=basis.load.high,
        people=int(weeks.people[-1]),
    )


def _probability(outlook: OverloadOutlook) -> float:
    trials = len(outlook.load)
    return (share_overloaded(outlook, outlook.after_hours, outlook.load) * trials + 1) / (trials + 2)


def _base_rate(basis: _Basis) -> float:
    """Share of own past windows with such a run, leaning on that of teams in general."""
    weeks = basis.weeks
    above = (weeks.after_hours > basis.after_hours.high) & (weeks.load > basis.load.high)
    windows = np.lib.stride_tricks.sliding_window_view(above, min(HORIZON_WEEKS, len(weeks)))
    happened = float((longest_run_ends(windows, RUN_WEEKS) >= 0).mean())
    independent = len(weeks) / HORIZON_WEEKS
    return (happened * independent + BASE_RATE * BASE_WINDOWS) / (independent + BASE_WINDOWS)


def _hours_to_event(outlook: OverloadOutlook) -> HoursToEvent | None:
    ends = run_ends(outlook, outlook.after_hours, outlook.load)
    return HoursToEvent.of_trials(outlook.week_ends_h[ends[ends >= 0]])


def _expected_weeks(outlook: OverloadOutlook) -> float:
    """Mean number of weeks above both limits of the trials in which it happens; 0 where it never does."""
    happens = run_ends(outlook, outlook.after_hours, outlook.load) >= 0
    above = (outlook.after_hours > outlook.after_hours_limit) & (outlook.load > outlook.load_limit)
    return float(above[happens].sum(axis=1).mean()) if bool(happens.any()) else 0.0


def _claim(basis: _Basis) -> Claim:
    last = basis.first_monday + timedelta(weeks=HORIZON_WEEKS) - timedelta(days=1)
    return Claim(
        description=(
            f"In {RUN_WEEKS} weeks in a row between {basis.first_monday.isoformat()} and {last.isoformat()} the team "
            f"has more than {basis.after_hours.high:.1%} of its hours outside working hours and more than "
            f"{basis.load.high:.2f} items in progress per person."
        ),
        ends_at=from_us(basis.ends_us),
        threshold=basis.after_hours.high,
        unit="share of hours outside working hours",
        terms={
            "run_weeks": RUN_WEEKS,
            "first_monday": basis.first_monday.isoformat(),
            "weeks": HORIZON_WEEKS,
            "load_limit": basis.load.high,
            "min_people": MIN_PEOPLE,
            **calendar_terms(basis.calendar, basis.first_monday, last),
        },
    )


# --- what moves it ---


def _drivers(basis: _Basis, drawn: OverloadTrials, outlook: OverloadOutlook) -> tuple[Driver, ...]:
    """What moves P, strongest first; each effect is under the same trials, with that series at its mean now."""
    now = share_overloaded(outlook, outlook.after_hours, outlook.load)
    drivers = []
    for series, code, label, value, unit in (
        (0, "AFTER_HOURS_NOW", "Hours outside working hours, of late", basis.weeks.after_hours[-1], "share of hours"),
        (1, "LOAD_NOW", "Work in progress per person, of late", basis.weeks.load[-1], "items/person"),
    ):
        carried = drawn.carried.copy()
        carried[:, :, series] = 0.0
        usual = _outlook(basis, replace(drawn, carried=carried).paths)
        effect = now - share_overloaded(usual, usual.after_hours, usual.load)
        drivers.append(Driver(code, label, float(value), unit, effect))
    return tuple(sorted(drivers, key=lambda driver: (-abs(driver.effect), driver.code)))


def _indicators(basis: _Basis) -> tuple[Indicator, ...]:
    weeks = basis.weeks
    usable = np.isfinite(weeks.after_hours)
    late, load = 100 * weeks.after_hours[usable], weeks.load[usable]
    trend = trend_of(100 * load / max(basis.load.mean, 1e-9))  # in hundredths, so that the trend sees it
    return (
        Indicator("after_hours", float(late[-1]), "% of hours", 100 * basis.after_hours.high, trend_of(late), 0.5),
        Indicator("load", float(load[-1]), "items/person", basis.load.high, trend, 0.5),
    )


def _evidence(basis: _Basis) -> tuple[EvidenceFact, ...]:
    weeks = basis.weeks
    moment = from_us(basis.calendar.end_of_day_us(weeks.mondays[-1] + timedelta(days=DAYS_PER_WEEK - 1)))
    rows = (
        ("People active in the last week", "people", f"{weeks.people[-1]}"),
        ("Hours outside working hours, last week", "after_hours", f"{weeks.after_hours[-1]:.1%}"),
        ("Their own upper limit", "after_hours_limit", f"{basis.after_hours.high:.1%}"),
        ("Items in progress per person, last week", "load", f"{weeks.load[-1]:.2f}"),
        ("Their own upper limit", "load_limit", f"{basis.load.high:.2f}"),
    )
    return tuple(EvidenceFact("project", "", label, field, value, moment) for label, field, value in rows)


def _inputs_hash(known: ProjectHistory, calendar: WorkCalendar, accepted: float, *, enabled: bool) -> str:
    """Where the team did not agree, nothing of its activity goes in, not even into a hash."""
    days = [calendar.time_zone, sorted(calendar.working_weekdays), sorted(map(str, calendar.holidays))]
    facts = [known.inputs_hash, known.activity.digest()] if enabled else []
    return hash_of(
        {"at": known.known_at_us, "facts": facts, "calendar": days, "accepted": accepted, "enabled": enabled}
    )


def _is_reconstructed(known: ProjectHistory) -> bool:
    return known.is_reconstructed or bool((known.activity.recorded_us > known.known_at_us).any())
