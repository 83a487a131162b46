"""TIMELINE: the work will not be done on the day that was promised.

1. Take the finish forecast. Without a gate passed and a target to come there is no finding.
2. The effect is the slip to be expected: the mean over the trials of the days late, none of them counted for more than
   the P85 finish or ten years, because a few endless trials must not speak for all. T is 5 % of the time left, at least
   3 days.
3. It opens when P(slip > T) is at least 80 %, or P(on time) is below what is accepted (default .85).
4. Root causes, against the plan in force (a baseline of so many items by the target from its approval on):
   scope (items in the project now over items in the baseline) and rate (demonstrated over planned). Each trial's
   duration is rescaled to the plan's scope, its rate, or both; the Shapley value of the two shares out what they
   explain.
   What is late although scope and rate are as planned (a late start, or chance) is its own part: unexplained.
   Without a baseline everything is unexplained, and a reason says so.
5. Parts are rounded to 1/1024 day, where binary sums are exact, and the last is what is left: they add up to the slip.

Assumes that durations scale with scope and inversely with rate. Do not believe the causes where the baseline counts
another kind of item than the record. False alarms: at accepted .85 and a calibrated forecast, at most 15 % of the
projects that would keep the date are shown when they stand just below; replay has to bear that out.

Example: 40 items approved 10 weeks before the target, 4 a week planned. 5 weeks later 20 more were added, 10 items are
done and the rate is 2 a week: 50 open items need 25 weeks, 20 more than are left. With the scope as planned, 30 open
items need 15 (10 late); at the planned rate 50 need 12.5 (7.5 late); with both 30 need 7.5 (2.5 late).
Scope: ((20 - 10) + (7.5 - 2.5)) / 2 = 7.5 weeks; rate: ((20 - 7.5) + (10 - 2.5)) / 2 = 10; unexplained: 2.5.
Source of the sharing out: Shapley (1953), A value for n-person games.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from gaps.detectors.finding import AffectedAreaFinding, CorrectiveActionFinding, Finding, RootCauseFinding
from gaps.detectors.severity import gap_severity, opens
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Severity
from predictions.forecasters.answers import EvidenceFact, ModelIdentity, hash_of
from predictions.forecasters.finish import MAX_HORIZON_WEEKS, FinishForecast, FinishTrials, forecast_finish
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY, ActionEffect, action_effects, prevention_window
from predictions.forecasters.severity import schedule_tolerance_days
from projects.enums import Readiness
from projects.history.calendar import DAYS_PER_WEEK, WorkCalendar
from projects.history.instants import MICROSECONDS_PER_DAY, to_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReasonCode, UnlockStep

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("timeline.expected-slip", "1")
SLIP_CAP_PROBABILITY = 0.85
"""The quantile whose coverage is checked; how long the last seventh may take nobody can vouch for."""
EXACT_DAY_FRACTION = 1024
"""Sums of multiples of 2^-10 are exact in binary floating point."""
CAUSE_CONFIDENCE, UNEXPLAINED_CONFIDENCE = 0.7, 0.5
"""Identities hold exactly; that a plan's scope and rate were meant as such is a reading of it. Starting values."""


@dataclass(frozen=True, slots=True)
class PlanFactors:
    """What would become of each duration had the plan held: 1 changes nothing.

    scope: open items had nothing been added, over those open now, 0 or above
    rate: demonstrated over planned rate, above 0;  added_items: negative where some were dropped
    planned_rate: items per week
    """

    scope: float
    rate: float
    added_items: int
    planned_rate: float


def detect_timeline_gap(
    history: ProjectHistory,
    *,
    as_of: datetime,
    target_date: date | None,
    calendar: WorkCalendar | None = None,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    tolerance_days: float | None = None,
    finish: FinishForecast | None = None,
) -> Finding | None:
    """The gap between the target and the finish to be expected; None when there is none or the record cannot say.

    accepted_probability: P(on time) that the tenant accepts, in (0, 1)
    tolerance_days: elapsed days the goal tolerates, above 0; by default 5 % of the time left, at least 3 days
    finish: the finish forecast for the same moment and target, where it is at hand
    Raises ValueError for a naive as_of, or a finish forecast of another moment or target.
    """
    calendar = calendar or WorkCalendar()
    known = history.as_of(as_of)
    finish = finish or forecast_finish(known, as_of=as_of, target_date=target_date, calendar=calendar)
    if (finish.as_of, finish.target_date) != (as_of, target_date):
        raise ValueError("the finish forecast is of another moment or target")
    if finish.trials is None or finish.p_on_time is None or target_date is None:
        return None
    days_left = (calendar.end_of_day_us(target_date) - known.known_at_us) / MICROSECONDS_PER_DAY
    tolerance_days = tolerance_days or schedule_tolerance_days(days_left)
    if not opens(
        p_beyond_tolerance=1 - finish.trials.share_within(days_left + tolerance_days),
        p_breach=1 - finish.trials.share_within(days_left),
        accepted_breach=1 - accepted_probability,
        readiness=finish.readiness,
    ):
        return None
    return _finding(
        finish,
        finish.trials,
        factors=_plan_factors(known, finish, calendar),
        target_date=target_date,
        days_left=days_left,
        tolerance_days=tolerance_days,
        accepted=accepted_probability,
    )


def expected_slip_days(days: FloatArray, days_left: float, factor: float = 1.0) -> float:
    """Mean days late when every duration is multiplied by a factor, none counted for more than P85 or ten years.

    days: elapsed days of each trial, shape (trials,), under common random numbers for all factors
    """
    capped = np.minimum(days, min(float(np.quantile(days, SLIP_CAP_PROBABILITY)), MAX_HORIZON_WEEKS * DAYS_PER_WEEK))
    return float(np.maximum(capped * factor - days_left, 0.0).mean())


def _finding(
    finish: FinishForecast,
    trials: FinishTrials,
    *,
    factors: PlanFactors | None,
    target_date: date,
    days_left: float,
    tolerance_days: float,
    accepted: float,
) -> Finding:
    p_on_time = trials.share_within(days_left)
    effect_days, causes = _decomposition(trials.days, days_left, factors)
    severity = gap_severity(effect_days / tolerance_days)
    window = prevention_window(trials, days_left=days_left, accepted=accepted)
    actions = action_effects(trials, days_left=days_left, accepted=accepted)
    return Finding(
        type=GapType.TIMELINE,
        category=GapCategory.TACTICAL,
        title=f"{p_on_time:.0%} sure to be done by {target_date.isoformat()}, {accepted:.0%} asked for",
        description=_description(finish, target_date, effect_days, accepted),
        as_of=finish.as_of,
        current_value=_current_value(finish, p_on_time, effect_days),
        target_value={"target_date": target_date.isoformat(), "p_on_time": accepted},
        effect_days=effect_days,
        tolerance_days=tolerance_days,
        effect_in_tolerances=effect_days / tolerance_days,
        severity=severity,
        confidence=1 - p_on_time,
        urgency_h=None if window is None else window.hours,
        affected_areas=(_open_work(finish, severity),),
        evidence=(*_forecast_evidence(finish), *finish.evidence),
        root_causes=causes,
        corrective_actions=tuple(_corrective(action) for action in actions),
        readiness=finish.readiness if factors else finish.readiness.with_reasons([_no_baseline()]),
        is_reconstructed=finish.is_reconstructed,
        model=MODEL,
        inputs_hash=hash_of({"finish": finish.inputs_hash, "accepted": accepted, "T": tolerance_days}),
    )


def _plan_factors(known: ProjectHistory, finish: FinishForecast, calendar: WorkCalendar) -> PlanFactors | None:
    """Where the project stands against the plan in force; None without a plan that had time to be kept."""
    plan = known.baseline
    if plan is None or plan.scope_items < 1:
        return None
    planned_days = (calendar.end_of_day_us(plan.target_date) - to_us(plan.approved_at)) / MICROSECONDS_PER_DAY
    if planned_days <= 0:
        return None
    planned_rate = plan.scope_items / (planned_days / 7)
    added = int((known.states.open | known.states.finished).sum()) - plan.scope_items
    remaining = finish.remaining_items or 1
    return PlanFactors(
        scope=max(remaining - added, 0) / remaining,
        rate=(finish.demonstrated_rate or 0.0) / planned_rate,
        added_items=added,
        planned_rate=planned_rate,
    )


def _decomposition(
    days: FloatArray, days_left: float, factors: PlanFactors | None
) -> tuple[float, tuple[RootCauseFinding, ...]]:
    """The slip in days and its parts, which add up to it exactly, the largest first."""
    slip = _exact(expected_slip_days(days, days_left))
    if factors is None:
        return slip, (_unexplained(slip, slip),)
    of_scope, of_rate = shapley_of_two(
        lambda scope, rate: expected_slip_days(
            days, days_left, (1.0 if scope else factors.scope) * (1.0 if rate else factors.rate)
        )
    )
    scope, rate = _exact(of_scope), _exact(of_rate)
    causes = (
        _cause(
            "SCOPE_ADDED",
            GapCategory.STRATEGIC,
            f"{factors.added_items:+d} items against the baseline.",
            contribution=scope,
            slip=slip,
        ),
        _cause(
            "RATE_BELOW_PLAN",
            GapCategory.OPERATIONAL,
            f"{factors.rate:.0%} of the planned {factors.planned_rate:.1f} items a week are finished.",
            contribution=rate,
            slip=slip,
        ),
        _unexplained(slip - scope - rate, slip),
    )
    return slip, tuple(sorted(causes, key=lambda cause: (-cause.contribution_days, cause.code)))


def shapley_of_two(value: Callable[[bool, bool], float]) -> tuple[float, float]:
    """What each of two factors contributes, averaged over the two orders in which they can come in.

    value(a, b): the value when factor a, factor b are as they are now (True) or as planned (False)
    """
    both, first, second, neither = value(True, True), value(True, False), value(False, True), value(False, False)
    return ((both - second) + (first - neither)) / 2, ((both - first) + (second - neither)) / 2


def _exact(days: float) -> float:
    return round(days * EXACT_DAY_FRACTION) / EXACT_DAY_FRACTION


def _cause(
    code: str,
    category: GapCategory,
    description: str,
    *,
    contribution: float,
    slip: float,
    sure: float = CAUSE_CONFIDENCE,
) -> RootCauseFinding:
    share = contribution / slip if slip else None
    return RootCauseFinding(code, category, description, contribution, share, sure)


def _unexplained(contribution: float, slip: float) -> RootCauseFinding:
    return _cause(
        "UNEXPLAINED",
        GapCategory.TACTICAL,
        "Late although scope and rate are as planned, or not explained by the record.",
        contribution=contribution,
        slip=slip,
        sure=UNEXPLAINED_CONFIDENCE,
    )


def _corrective(action: ActionEffect) -> CorrectiveActionFinding:
    effect = f"On time: from {action.p_on_time_before:.0%} to {action.p_on_time_after:.0%} sure"
    if action.days_saved_p85 is not None:
        effect += f"; 85% sure {action.days_saved_p85:.0f} days earlier"
    return CorrectiveActionFinding(
        code=action.code,
        title=action.title,
        description=action.description,
        priority=action.priority,
        expected_effect=effect,
        days_saved=action.days_saved_p85,
        latest_start_h=action.latest_start_h,
    )


def _open_work(finish: FinishForecast, severity: Severity) -> AffectedAreaFinding:
    return AffectedAreaFinding(AreaKind.WORK_ITEMS, f"{finish.remaining_items} open items", severity)


def _forecast_evidence(finish: FinishForecast) -> tuple[EvidenceFact, ...]:
    """The rates that the slip follows from, as facts of the project."""
    rows = (("demonstrated_rate", finish.demonstrated_rate), ("required_rate", finish.required_rate))
    return tuple(
        EvidenceFact("project", "", "Items a week", field, f"{value:.2f}", finish.as_of)
        for field, value in rows
        if value is not None
    )


def _current_value(finish: FinishForecast, p_on_time: float, effect_days: float) -> dict[str, object]:
    dates = {
        f"p{round(quantile.probability * 100)}_finish_date": quantile.finish_date and quantile.finish_date.isoformat()
        for quantile in finish.quantiles
    }
    return {"p_on_time": p_on_time, "expected_slip_days": effect_days, "open_items": finish.remaining_items, **dates}


def _description(finish: FinishForecast, target_date: date, effect_days: float, accepted: float) -> str:
    p85 = finish.quantile(0.85)
    by = (
        p85.finish_date.isoformat()
        if p85 is not None and p85.finish_date is not None
        else "a day more than ten years away"
    )
    return (
        f"{finish.remaining_items} items are open. At {finish.demonstrated_rate:.1f} items a week "
        f"({finish.required_rate:.1f} are required) they are done with 85 % probability by {by}; "
        f"the target is {target_date.isoformat()}, accepted at {accepted:.0%}. Expected slip: {effect_days:.1f} days."
    )


def _no_baseline() -> ReadinessReason:
    message = "No baseline is approved, so the slip cannot be traced to scope or rate."
    return ReadinessReason(ReasonCode.NO_BASELINE, Readiness.LIMITED, message, UnlockStep.APPROVE_BASELINE)
