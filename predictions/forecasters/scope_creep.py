"""SCOPE_CREEP: will the scope grow by a tenth of what was approved, without anybody approving it?

1. The event is fixed when it is issued: the scope approved as of t, a threshold of a tenth of it, and the horizon. That
   is the end of the target day in force (at most two years from t), or twelve weeks where no target lies ahead.
2. Growth is the scope less what is approved, counted in items; what is approved after t raises the approved scope, what
   is approved away is not added back (scope_growth, scope_creep_resolution). Larger estimates are shown, not counted.
3. Items added, taken out and approved are drawn week by week from their own levels since the first approval, shrunk
   towards a prior (scope_paths); P is the share of the trials that reach the threshold within the horizon. Its interval
   repeats that with the level of what is added off by its standard error.
4. The base rate asks less: in how many past windows as long did the scope grow by what is missing now?
5. Prevention: change control, which halves what is added from the next iteration on; and taking out as much as comes
   in. The window is the latest start, to the hour, at which P(no creep) is still at least the accepted one.
6. Impact: the largest growth to be expected if it happens, in tolerances of a tenth of the approved scope.

Assumes that an item is an item: what is split counts as added. Do not believe it for a queue of requests, where nobody
means the plan to hold all that comes.

Example: 100 approved, 104 in the scope, one item more each week, 12 weeks to the target: 10 more are reached in week 6.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.arrivals import best_levels
from predictions.enums import PredictionType, Severity, Trend
from predictions.forecasters.answers import (
    Driver,
    EvidenceFact,
    ModelIdentity,
    ProbabilityEstimate,
    hash_of,
    newest_items,
    seed_of,
)
from predictions.forecasters.base_rates import base_rate
from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.indicators import Indicator, trend_of
from predictions.forecasters.prevention import (
    ACCEPTED_PROBABILITY,
    Action,
    PreventionWindow,
    Start,
    best_start,
    latest_hour,
    window_of,
)
from predictions.forecasters.resolution import scope_hash
from predictions.forecasters.risk import Claim, HoursToEvent, PreventiveOption, RiskForecast, best_first
from predictions.forecasters.scope_growth import ScopeGrowth, estimate_inflation, scope_growth
from predictions.forecasters.scope_paths import (
    TRIALS,
    GrowthPaths,
    GrowthRates,
    WeeklyRate,
    added_items,
    simulate_growth,
)
from predictions.forecasters.scope_readiness import scope_readiness
from predictions.forecasters.severity import severity_of
from projects.history.calendar import WorkCalendar
from projects.history.facts import BaselineFact
from projects.history.instants import from_us, to_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("scope-creep.growth-paths", "2")
DEFAULT_HORIZON, MAX_HORIZON = timedelta(weeks=12), timedelta(weeks=104)
"""A quarter where no target says otherwise. Beyond two years nobody plans by the item."""
USUAL_ADDED_SHARE, USUAL_TAKEN_OUT_SHARE = 0.006, 0.001
"""Of the approved scope, a week, before anything is seen: net about two per cent a month.
Source: Jones (2008), Applied Software Measurement, 3rd ed.: growth of requirements of 1 to 3 per cent a month."""
USUAL_WEEKS = 8.0
"""Own weeks that weigh as much as that."""
APPROVAL_PRIOR_WEEKS = 26.0
"""Half a year without an approval is seen before any: most scopes are approved once."""
CHANGE_CONTROL_SCALE, NEXT_ITERATION_H = 0.5, 14 * 24
"""Half of what is asked for waits or is declined once somebody has to decide; from the iteration after this one."""
ASSUMPTIONS = (
    "Items come in and are taken out as they did since the scope was first approved.",
    "Growth is approved as often as before; what is approved later does not count as creep.",
    "Items created in one go with many others are an import, not growth.",
    "Every item counts alike; estimates that grow are shown apart.",
)


@dataclass(frozen=True, eq=False)
class _Basis:
    """What one answer is made of, once the gate is passed.  missing: items until the threshold"""

    known: ProjectHistory
    growth: ScopeGrowth
    rates: GrowthRates
    ends_at: datetime
    target_date: date | None
    seed: int
    paths: GrowthPaths

    @property
    def missing(self) -> int:
        return self.growth.threshold_items - self.growth.growth_items

    def probability_with(self, added: WeeklyRate) -> float:
        """P with another rate of what is added, all else being as it is in every trial."""
        return self.paths_with(added).probability()

    @cached_property
    def with_fewer(self) -> GrowthPaths:
        """The paths where the level of what is added is lower, at the edge of its interval."""
        return self.paths_with(self.rates.added, -INTERVAL_Z)

    @cached_property
    def with_more(self) -> GrowthPaths:
        """The paths where it is higher."""
        return self.paths_with(self.rates.added, INTERVAL_Z)

    def paths_with(self, added: WeeklyRate, shift: float = 0.0) -> GrowthPaths:
        """The paths with another rate of what is added, or with its level off by some standard errors."""
        hours, trials = self.paths.hours, len(self.paths.added)
        items = added_items(added, hours=hours, seed=self.seed, trials=trials, level_shift=shift)
        return replace(self.paths, added=items)


def forecast_scope_creep(
    history: ProjectHistory,
    *,
    as_of: datetime,
    target_date: date | None = None,
    calendar: WorkCalendar | None = None,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    trials: int = TRIALS,
) -> RiskForecast:
    """Forecast whether the scope grows by a tenth of the approved one, unapproved. Never raises on data; abstains.

    target_date: in force at t; that of the plan where there is none;  accepted_probability: P(no creep), in (0, 1)
    Raises ValueError for a naive as_of.
    """
    calendar = calendar or WorkCalendar()
    known = history.as_of(as_of)
    growth = scope_growth(known)
    target, ends_at = _horizon(known, target_date, calendar)
    inputs = {"facts": known.inputs_hash, "ends": ends_at, "accepted": accepted_probability}
    inputs_hash = hash_of(inputs)
    readiness = scope_readiness(known, growth)
    if growth is None or not readiness.carries_value:
        return _abstain(known, readiness, inputs_hash)
    rates, hours = growth_rates(growth), (to_us(ends_at) - known.known_at_us) / 3_600_000_000
    seed = seed_of(inputs_hash)
    paths = simulate_growth(
        rates,
        growth_items=growth.growth_items,
        threshold_items=growth.threshold_items,
        hours=hours,
        seed=seed,
        trials=trials,
    )
    basis = _Basis(known, growth, rates, ends_at, target, seed, paths)
    return _forecast(basis, accepted=accepted_probability, readiness=readiness, inputs_hash=inputs_hash)


def growth_rates(growth: ScopeGrowth) -> GrowthRates:
    """The levels at which items are added and taken out, and how often growth is approved."""
    approved = growth.approved_items
    added, taken_out = (
        best_levels(weekly, towards=share * approved, towards_weeks=USUAL_WEEKS, horizon_weeks=4)
        for weekly, share in ((growth.added, USUAL_ADDED_SHARE), (growth.taken_out, USUAL_TAKEN_OUT_SHARE))
    )
    return GrowthRates(
        WeeklyRate.of(added),
        WeeklyRate.of(taken_out),
        approvals_per_week=float(growth.approvals.sum()) / (len(growth.approvals) + APPROVAL_PRIOR_WEEKS),
        approved_share=growth.approved_of_growth,
    )


def _horizon(known: ProjectHistory, target: date | None, calendar: WorkCalendar) -> tuple[date | None, datetime]:
    """The target the horizon ends with, None where there is none ahead, and the moment it ends."""
    latest = known.as_of_moment + MAX_HORIZON
    for day in (target, None if known.baseline is None else known.baseline.target_date):
        if day is not None and calendar.end_of_day_us(day) > known.known_at_us:
            return day, min(from_us(calendar.end_of_day_us(day)), latest)
    return None, known.as_of_moment + DEFAULT_HORIZON


def _forecast(basis: _Basis, *, accepted: float, readiness: ReadinessReport, inputs_hash: str) -> RiskForecast:
    known, growth, paths = basis.known, basis.growth, basis.paths
    value = paths.probability()
    low, high = basis.with_fewer.probability(), basis.with_more.probability()
    hours = paths.crossing_hours()
    options = scope_options(paths, accepted)
    return RiskForecast(
        as_of=known.as_of_moment,
        type=PredictionType.SCOPE_CREEP,
        readiness=readiness,
        is_reconstructed=_is_reconstructed(known),
        model=MODEL,
        inputs_hash=inputs_hash,
        probability=ProbabilityEstimate(value, min(low, value), max(high, value)),
        base_rate=_base_rate(growth, basis.missing, paths.hours),
        time_to_occurrence=HoursToEvent.of_trials(hours[np.isfinite(hours)]),
        prevention_window=_window(basis, options, accepted),
        impact=_impact(paths, hours),
        drivers=_drivers(basis, value),
        indicators=_indicators(basis),
        evidence=_evidence(known, growth),
        claim=_claim(basis),
        options=options,
        assumptions=ASSUMPTIONS,
    )


def _abstain(known: ProjectHistory, readiness: ReadinessReport, inputs_hash: str) -> RiskForecast:
    return RiskForecast(
        as_of=known.as_of_moment,
        type=PredictionType.SCOPE_CREEP,
        readiness=readiness,
        is_reconstructed=_is_reconstructed(known),
        model=MODEL,
        inputs_hash=inputs_hash,
    )


def _is_reconstructed(known: ProjectHistory) -> bool:
    return known.is_reconstructed or any(plan.recorded_at > known.as_of_moment for plan in known.baselines)


def _claim(basis: _Basis) -> Claim:
    known, growth, ends_at = basis.known, basis.growth, basis.ends_at
    approved, threshold = growth.approved_items, growth.threshold_items
    if basis.target_date is None:
        until = "twelve weeks from then"
    else:
        until = "two years from then" if ends_at.date() < basis.target_date else "the end of the target day"
    return Claim(
        description=(
            f"At some moment up to {ends_at.isoformat(timespec='minutes')} ({until}) the scope holds at least "
            f"{threshold} items more than approved; {approved} are approved and it holds {growth.growth_items:+d} now."
        ),
        ends_at=ends_at,
        target_date=basis.target_date,
        scope_items=int(known.states.open.sum()),
        scope_hash=scope_hash(known, known.states.open),
        threshold=float(threshold),
        unit="items",
        terms={
            "approved_items": approved,
            "growth_items": growth.growth_items,
            "counted_since": _first_plan(known).approved_at.isoformat(),
        },
    )


def _first_plan(known: ProjectHistory) -> BaselineFact:
    return next(plan for plan in known.baselines if plan.scope_items > 0)


# --- numbers ---


def _base_rate(growth: ScopeGrowth, missing: int, hours: float) -> float:
    """Share of own past windows of the same length in which the scope grew by what is missing now."""
    net, weeks = growth.added - growth.taken_out, hours / (7 * 24)
    length = max(1, min(round(weeks), len(net)))
    grown = np.concatenate([[0.0], np.cumsum(net)])
    reached = np.lib.stride_tricks.sliding_window_view(grown, length + 1).max(axis=1) - grown[: len(net) - length + 1]
    windows = len(net) / length
    hits = float((reached * weeks / length >= missing).mean()) * windows
    return base_rate(hits, windows)


def _impact(paths: GrowthPaths, hours: FloatArray) -> Severity:
    crossed = np.isfinite(hours)
    if not crossed.any():
        return Severity.LOW
    largest = float(np.median(paths.final_growth()[crossed]))
    return severity_of(largest / paths.threshold_items) or Severity.LOW


# --- what can be done ---

ACTIONS: tuple[Action[tuple[float, float]], ...] = (
    Action(
        "TAKE_OUT_AS_MUCH",
        "Take out as much as comes in",
        "For every item added, agree with the sponsor on equal work that leaves the scope.",
        (0.0, 0.0),
    ),
    Action(
        "CHANGE_CONTROL",
        "Decide on every addition",
        "Let the sponsor approve or decline what is asked for; counted as half of it from the next iteration on.",
        (CHANGE_CONTROL_SCALE, NEXT_ITERATION_H),
    ),
)
"""The effect of each is the scale of what is added, and the hours until it counts."""


def scope_options(paths: GrowthPaths, accepted: float) -> tuple[PreventiveOption, ...]:
    """What can be done, the one that helps most first.  accepted: P(no creep)"""
    found = []
    for action in ACTIONS:
        scale, delay_h = action.effect
        after = paths.probability(from_hour=delay_h, scale=scale)
        latest = _latest_start_h(paths, scale, delay_h, accepted)
        found.append(PreventiveOption.of(action, probability_after=after, latest_start_h=latest))
    return best_first(found)


def _latest_start_h(paths: GrowthPaths, scale: float, delay_h: float, accepted: float) -> float | None:
    return latest_hour(
        lambda hour: 1 - paths.probability(from_hour=hour + delay_h, scale=scale) >= accepted,
        limit_h=math.ceil(paths.hours),
    )


def _window(basis: _Basis, options: Sequence[PreventiveOption], accepted: float) -> PreventionWindow | None:
    """The hours left to act; None where no action restores the accepted probability, or none is needed."""
    if 1 - basis.paths.probability() >= accepted:
        return None
    best = best_start((option.code, option.latest_start_h) for option in options)
    if best is None:
        return None
    worse, better = _best(basis.with_more, accepted), _best(basis.with_fewer, accepted)
    return window_of(best, worse=worse, better=better)


def _best(paths: GrowthPaths, accepted: float) -> Start | None:
    return best_start((action.code, _latest_start_h(paths, *action.effect, accepted)) for action in ACTIONS)


# --- what moves it ---


def _drivers(basis: _Basis, value: float) -> tuple[Driver, ...]:
    """What moves P, strongest first; each effect is under the same seed, with that one thing as it usually is."""
    growth, rates, paths = basis.growth, basis.rates, basis.paths
    usual = replace(rates.added, per_week=USUAL_ADDED_SHARE * growth.approved_items)
    as_usual = basis.probability_with(usual)
    from_plan = (float(np.isfinite(paths.crossing_hours(growth_items=0.0)).sum()) + 1) / (len(paths.added) + 2)
    kept = replace(paths, taken_out=np.zeros_like(paths.taken_out))
    drivers = (
        Driver("ADDED", "Items added", rates.added.per_week, "items/week", value - as_usual),
        Driver("GROWN", "Growth so far", float(growth.growth_items), "items above approved", value - from_plan),
        Driver("TAKEN_OUT", "Items taken out", rates.taken_out.per_week, "items/week", value - kept.probability()),
    )
    return tuple(sorted(drivers, key=lambda driver: (-abs(driver.effect), driver.code)))


def _indicators(basis: _Basis) -> tuple[Indicator, ...]:
    known, growth = basis.known, basis.growth
    net = growth.added - growth.taken_out
    line = growth.growth_items - np.concatenate([np.cumsum(net[::-1])[::-1][1:], [0.0]]) if len(net) else net
    allowed = max(basis.missing, 0) / max(basis.paths.hours / (7 * 24), 1 / 7)
    threshold = 100 * growth.threshold_items / growth.approved_items
    now, added, taken_out = growth.growth_items, basis.rates.added.per_week, basis.rates.taken_out.per_week
    inflation = estimate_inflation(known, to_us(growth.plan.approved_at))
    weights = (0.4, 0.4, 0.2) if inflation is None else (0.4, 0.3, 0.1)
    found = [
        Indicator(
            "net_growth", 100 * now / growth.approved_items, "% of approved", threshold, trend_of(line), weights[0]
        ),
        Indicator("items_added", added, "items/week", allowed, trend_of(growth.added), weights[1]),
        Indicator("items_taken_out", taken_out, "items/week", 0.0, trend_of(growth.taken_out), weights[2]),
    ]
    if inflation is not None:
        found.append(Indicator("estimate_inflation", 100 * inflation, "% since approved", 10.0, Trend.STABLE, 0.2))
    return tuple(found)


def _evidence(known: ProjectHistory, growth: ScopeGrowth) -> tuple[EvidenceFact, ...]:
    moment, plan = known.as_of_moment, growth.plan
    approved = EvidenceFact("project", "", "Approved scope", "scope_items", str(plan.scope_items), plan.approved_at)
    held = EvidenceFact("project", "", "Scope now", "scope_items", str(plan.scope_items + growth.growth_items), moment)
    still_in_scope = growth.counted & (growth.left_us > known.known_at_us)
    return (approved, held, *newest_items(known, still_in_scope))
