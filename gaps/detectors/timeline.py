"""TIMELINE: the work will not be done on the day that was promised.

1. Take the finish forecast. Without a gate passed and a target to come there is no finding.
2. The effect is the slip to be expected: the mean over the trials of the days late, none of them counted for more than
   the P85 finish or ten years, because a few endless trials must not speak for all. T is 5 % of the time left, at least
   3 days.
3. It opens when P(slip > T) is at least 80 %, or P(on time) is below what is accepted (default .85).
4. Root causes: the same slip, shared out exactly over late start, scope, rate, blocked, rework, calendar and waiting
   for other work, against the plan in force (predictions.attribution.slip, which says what is assumed). What is late
   although all of them are as planned is its own part: unexplained, and it names the factors that the record cannot
   tell. Without a baseline everything is unexplained, and a reason says so.
5. Parts are multiples of 1/1024 day, where binary sums are exact: they add up to the slip.

Do not believe the causes where the baseline counts another kind of item than the record.

False alarms: on average fewer than 2 for a promise, however long it is watched, while the forecast is calibrated.
P(late) is then a martingale, which starts at p and ends at 0 or 1. A gap opens above the accepted risk b and closes
below b / 2, and from there P(late) rises above b again at most 1 - p times on average (Doob's upcrossing inequality).
With the first that is 2 - p alarms, each of them false with 1 - b at most. At b = p = .15, the tightest promise: .85 x
1.85 = 1.6.

Example: a plan of 150 items in 30 weeks. After 26 weeks at the planned 5 a week 130 are done, but 40 were added: 60 are
open, which take 12 weeks where 4 are left. The slip is about 8 weeks, nearly all of it SCOPE_ADDED.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.evidence import project_fact
from gaps.detectors.finding import (
    AffectedAreaFinding,
    CorrectiveActionFinding,
    Effect,
    Finding,
    Measure,
    RootCauseFinding,
)
from gaps.detectors.gate import zero_tolerance
from gaps.detectors.ranked_causes import NAMED_CONFIDENCE, UNEXPLAINED_CONFIDENCE, unexplained
from gaps.detectors.severity import opens
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.attribution.factors import SlipFactor
from predictions.attribution.shapley import rounded_days
from predictions.attribution.slip import (
    EntityShare,
    SlipDecomposition,
    SlipMeasure,
    SlipPart,
    capped_days,
    decompose_slip,
)
from predictions.forecasters.answers import EvidenceFact, ModelIdentity, hash_of
from predictions.forecasters.finish import FinishForecast, FinishTrials, forecast_finish
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY, ActionEffect, action_effects, prevention_window
from predictions.forecasters.severity import schedule_tolerance_days
from projects.enums import Readiness
from projects.history.calendar import WorkCalendar
from projects.history.instants import MICROSECONDS_PER_DAY
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReasonCode, UnlockStep, target_readiness

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("timeline.expected-slip", "4")
FALSE_ALARMS_PER_YEAR = 2.0
"""Where a promise lasts for a year: fewer for longer ones, so many for each of shorter ones."""
FINISH = "85% sure to be done; between: 50% and 95% sure"
NO_FINISH = "85% sure to be done: more than ten years away"
CATEGORY_OF = {
    SlipFactor.LATE_START: GapCategory.STRATEGIC,
    SlipFactor.SCOPE_ADDED: GapCategory.STRATEGIC,
    SlipFactor.RATE_BELOW_PLAN: GapCategory.OPERATIONAL,
    SlipFactor.BLOCKED: GapCategory.OPERATIONAL,
    SlipFactor.REWORK: GapCategory.OPERATIONAL,
    SlipFactor.CALENDAR: GapCategory.TACTICAL,
    SlipFactor.DEPENDENCY_WAIT: GapCategory.TACTICAL,
}
AFTER: Mapping[SlipFactor, tuple[SlipFactor, ...]] = {
    SlipFactor.BLOCKED: (SlipFactor.DEPENDENCY_WAIT,),
    SlipFactor.RATE_BELOW_PLAN: (SlipFactor.BLOCKED, SlipFactor.REWORK, SlipFactor.DEPENDENCY_WAIT),
}
"""What to deal with before: who works faster while work is blocked or done over again wins little by it."""


def detect_timeline(context: DetectionContext) -> tuple[Detection, ...]:
    """The date promised against the finish to be expected. See `detect_timeline_gap`."""
    finish, effect, breach, finding = context.finish, None, None, None
    target_gate = target_readiness(finish.target_date, as_of=context.as_of, calendar=context.calendar)
    missing = [reason for reason in target_gate.reasons if reason not in finish.readiness.reasons]
    if finish.trials is not None and finish.target_date is not None:
        end_us = context.calendar.end_of_day_us(finish.target_date)
        days_left = (end_us - context.known.known_at_us) / MICROSECONDS_PER_DAY
        tolerance_days = context.tolerances.schedule_in_days(days_left)
        if tolerance_days <= 0:
            missing.append(zero_tolerance("date"))
        else:
            effect = expected_slip_days(finish.trials.days, days_left) / tolerance_days
            breach = (1 - finish.trials.share_within(days_left)) / context.tolerances.accepted_risk
            finding = detect_timeline_gap(
                context.known,
                as_of=context.as_of,
                target_date=finish.target_date,
                calendar=context.calendar,
                planned_calendar=context.planned_calendar,
                accepted_probability=1 - context.tolerances.accepted_risk,
                tolerance_days=tolerance_days,
                finish=finish,
            )
    readiness = finish.readiness.with_reasons(missing)
    return (
        Detection(
            type=GapType.TIMELINE, model=MODEL, readiness=readiness, effect=effect, breach=breach, finding=finding
        ),
    )


def detect_timeline_gap(
    history: ProjectHistory,
    *,
    as_of: datetime,
    target_date: date | None,
    calendar: WorkCalendar | None = None,
    planned_calendar: WorkCalendar | None = None,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    tolerance_days: float | None = None,
    finish: FinishForecast | None = None,
) -> Finding | None:
    """The gap between the target and the finish to be expected; None when there is none or the record cannot say.

    planned_calendar: the one that the plan was made with, where that is known
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
        decomposition=decompose_slip(
            known,
            as_of=as_of,
            finish=finish,
            calendar=calendar,
            planned_calendar=planned_calendar,
            target_date=target_date,
            measure=SlipMeasure.LATENESS,
        ),
        target_date=target_date,
        days_left=days_left,
        tolerance_days=tolerance_days,
        accepted=accepted_probability,
    )


def expected_slip_days(days: FloatArray, days_left: float) -> float:
    """Mean days late, no trial counted for more than P85 or ten years.

    days: elapsed days of each trial, shape (trials,)
    """
    return float(np.maximum(capped_days(days) - days_left, 0.0).mean())


def _finding(
    finish: FinishForecast,
    trials: FinishTrials,
    *,
    decomposition: SlipDecomposition | None,
    target_date: date,
    days_left: float,
    tolerance_days: float,
    accepted: float,
) -> Finding:
    p_on_time = trials.share_within(days_left)
    effect_days, causes = _causes(decomposition, expected_slip_days(trials.days, days_left))
    effect = Effect(effect_days, tolerance_days, "days")
    window = prevention_window(trials, days_left=days_left, accepted=accepted)
    actions = action_effects(trials, days_left=days_left, accepted=accepted)
    return Finding(
        type=GapType.TIMELINE,
        category=GapCategory.TACTICAL,
        title=f"{short_of(p_on_time, accepted)} sure to be done by {target_date.isoformat()}, {accepted:.0%} asked for",
        description=_description(finish, target_date, effect_days, accepted),
        as_of=finish.as_of,
        impact=f"{effect_days:.1f} days of expected slip, against a tolerance of {tolerance_days:.1f}.",
        current=_current(finish),
        target=Measure(target_date.isoformat(), "date", "promised"),
        effect=effect,
        confidence=1 - p_on_time,
        urgency_h=None if window is None else window.hours,
        affected_areas=(AffectedAreaFinding(AreaKind.WORK_ITEMS, f"{finish.remaining_items} open items"),),
        evidence=(*_forecast_evidence(finish), *finish.evidence),
        root_causes=causes,
        corrective_actions=tuple(_corrective(action) for action in actions),
        readiness=finish.readiness if decomposition else finish.readiness.with_reasons([_no_baseline()]),
        is_reconstructed=finish.is_reconstructed,
        model=MODEL,
        inputs_hash=hash_of(
            {
                "finish": finish.inputs_hash,
                "slip": decomposition and decomposition.inputs_hash,
                "accepted": accepted,
                "T": tolerance_days,
            }
        ),
    )


def _causes(
    decomposition: SlipDecomposition | None, expected_days: float
) -> tuple[float, tuple[RootCauseFinding, ...]]:
    """The slip in days and its parts, which add up to it exactly, the largest first; what adds nothing is no cause."""
    if decomposition is None:
        slip = rounded_days(expected_days)
        return slip, (_unexplained(slip, slip, off=()),)
    slip = decomposition.slip_days
    named = {part.factor for part in decomposition.parts if part.is_named and part.days > 0}
    causes = [
        RootCauseFinding(
            code=part.factor,
            category=CATEGORY_OF[part.factor],
            description=part.measured,
            contribution=part.days,
            share=part.days / slip if slip else None,
            confidence=NAMED_CONFIDENCE if part.is_named else UNEXPLAINED_CONFIDENCE,
            evidence_for=_evidence_for(part, decomposition.as_of),
            evidence_against=() if part.is_named else (_interval(part, decomposition.as_of),),
            depends_on=tuple(factor for factor in AFTER.get(part.factor, ()) if factor in named),
        )
        for part in decomposition.parts
        if part.days
    ]
    causes.append(_unexplained(decomposition.unknown_days, slip, off=tuple(decomposition.off)))
    return slip, tuple(sorted(causes, key=lambda cause: (-(cause.contribution or 0.0), cause.code)))


def _evidence_for(part: SlipPart, at: datetime) -> tuple[EvidenceFact, ...]:
    """The interval of a part that chance does not explain, and the items or days with most of it: whose blocker, what
    was added, what came back, which days are off.
    """
    interval = (_interval(part, at),) if part.is_named else ()
    return (*interval, *(_entity_fact(part, entity, at) for entity in part.entities))


def _interval(part: SlipPart, at: datetime) -> EvidenceFact:
    return project_fact(_in_small(part.factor), "interval", f"{part.low:.1f} to {part.high:.1f} days", at)


def _entity_fact(part: SlipPart, entity: EntityShare, at: datetime) -> EvidenceFact:
    kind = "work_item" if entity.object_id else "project"
    value = f"{entity.days:.1f} days, {entity.share:.0%} of it"
    return EvidenceFact(kind, entity.object_id, entity.label, _in_small(part.factor), value, at, entity.url)


def _in_small(factor: SlipFactor) -> str:
    return factor.replace("_", " ").lower()


def _unexplained(contribution: float, slip: float, *, off: tuple[SlipFactor, ...]) -> RootCauseFinding:
    description = "Late although everything else is as planned, or not explained by the record."
    if off:
        names = ", ".join(_in_small(factor) for factor in off)
        description += f" The record cannot tell: {names}."
    return unexplained(description, contribution, slip)


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


def _forecast_evidence(finish: FinishForecast) -> tuple[EvidenceFact, ...]:
    """The rates that the slip follows from, as facts of the project."""
    rows = (("demonstrated_rate", finish.demonstrated_rate), ("required_rate", finish.required_rate))
    return tuple(
        project_fact("Items a week", field, f"{value:.2f}", finish.as_of) for field, value in rows if value is not None
    )


def _current(finish: FinishForecast) -> Measure:
    p50, p85, p95 = (_day(finish, probability) for probability in (0.5, 0.85, 0.95))
    return Measure(p85, "date", FINISH if p85 else NO_FINISH, low=p50, high=p95)


def _day(finish: FinishForecast, probability: float) -> str | None:
    quantile = finish.quantile(probability)
    return None if quantile is None or quantile.finish_date is None else quantile.finish_date.isoformat()


def short_of(probability: float, accepted: float) -> str:
    """The probability in per cent, in tenths where whole ones would read like what is asked for."""
    whole = f"{probability:.0%}"
    return f"{math.floor(probability * 1000) / 1000:.1%}" if whole == f"{accepted:.0%}" else whole


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
    message = "No baseline is approved, so the slip cannot be traced to causes."
    return ReadinessReason(ReasonCode.NO_BASELINE, Readiness.LIMITED, message, UnlockStep.APPROVE_BASELINE)
