"""DELAY_RISK: will the work that is open as of t not be done on the target in force at t?

1. The event is fixed when it is issued: the open items as of t, and the target date as of t, whatever moves later.
2. P = 1 - P(on time) of the finish forecast, which holds the gate, the newcomers and the recalibration. What moves one
   moves the other by as much the other way.
3. The base rate asks less of the data: in how many past windows as long as the time left did the team finish fewer
   items than are needed now? Windows that fit side by side count; two more are added, one each way.
4. The event happens, if it does, when the target day ends: its time is known, so P10, P50 and P90 of it are equal.
5. Prevention: what generic actions would do, and until when they would do it (prevention).
6. Impact: the slip to be expected if it happens, in tolerances of the schedule (severity).

Assumes what the finish forecast assumes. Do not believe it where the target is a wish nobody works towards.

Example: 40 items open, 5 finished a week, 4 weeks left: about 20 will be done; P is near 1, and so is the base rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import ModelIdentity, ProbabilityEstimate, hash_of
from predictions.forecasters.base_rates import base_rate
from predictions.forecasters.finish import FinishForecast, FinishQuantile, FinishTrials, forecast_finish
from predictions.forecasters.indicators import Indicator, trend_of
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY, ActionEffect, action_effects, prevention_window
from predictions.forecasters.resolution import scope_hash
from predictions.forecasters.risk import Claim, HoursToEvent, PreventiveOption, Quantile, Quantiles, RiskForecast
from predictions.forecasters.severity import schedule_tolerance_days, severity_of
from predictions.forecasters.throughput import weekly_finishes
from projects.history.calendar import WorkCalendar, counts_between
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, from_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport, target_readiness

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("delay-risk.recalibrated-paths", "5")
INDICATOR_WEEKS = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayRisk(RiskForecast):
    """The probability of being late, or why it cannot be said.

    base_rate: of own history;  impact: by the slip to be expected if the event happens
    expected_slip_days: median days late, if late
    """

    expected_slip_days: float | None = None


def forecast_delay_risk(
    history: ProjectHistory,
    *,
    as_of: datetime,
    target_date: date | None,
    calendar: WorkCalendar | None = None,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    finish: FinishForecast | None = None,
) -> DelayRisk:
    """Forecast whether the work open as of t misses the target in force at t. Never raises on data; abstains.

    accepted_probability: P(on time) that the tenant accepts, in (0, 1)
    finish: the finish forecast for the same moment and target, where it is at hand
    Raises ValueError for a naive as_of, or a finish forecast of another moment or target.
    """
    calendar = calendar or WorkCalendar()
    known = history.as_of(as_of)
    finish = finish or forecast_finish(known, as_of=as_of, target_date=target_date, calendar=calendar)
    if (finish.as_of, finish.target_date) != (as_of, target_date):
        raise ValueError("the finish forecast is of another moment or target")
    inputs_hash = hash_of({"finish": finish.inputs_hash, "accepted": accepted_probability})
    if finish.trials is None or finish.p_on_time is None or target_date is None:
        target_gate = target_readiness(target_date, as_of=as_of, calendar=calendar)
        missing = [reason for reason in target_gate.reasons if reason not in finish.readiness.reasons]
        return _abstain(finish, finish.readiness.with_reasons(missing), inputs_hash)
    days_left = (calendar.end_of_day_us(target_date) - known.known_at_us) / MICROSECONDS_PER_DAY
    weekly = weekly_finishes(known, calendar=calendar)
    slip_days = expected_slip_if_late_days(finish.trials, days_left)
    on_time = finish.p_on_time
    return DelayRisk(
        as_of=as_of,
        type=PredictionType.DELAY_RISK,
        readiness=finish.readiness,
        probability=ProbabilityEstimate(1 - on_time.value, 1 - on_time.high, 1 - on_time.low),
        base_rate=_base_rate(weekly, finish, days_left / 7),
        time_to_occurrence=HoursToEvent.known(days_left * 24),
        prevention_window=prevention_window(finish.trials, days_left=days_left, accepted=accepted_probability),
        impact=severity_of(slip_days / schedule_tolerance_days(days_left)) or Severity.LOW,
        expected_slip_days=slip_days,
        drivers=tuple(replace(driver, effect=-driver.effect) for driver in finish.drivers),
        indicators=_indicators(known, finish, weekly),
        evidence=finish.evidence,
        claim=delay_claim(known, target_date, calendar),
        options=delay_options(finish.trials, days_left=days_left, accepted=accepted_probability),
        assumptions=finish.assumptions,
        quantiles=day_quantiles(finish.quantiles),
        is_reconstructed=finish.is_reconstructed,
        model=MODEL,
        inputs_hash=inputs_hash,
    )


def day_quantiles(quantiles: Sequence[FinishQuantile]) -> Quantiles:
    """The days of a finish forecast by their probabilities."""
    return Quantiles("date", tuple(Quantile(point.probability, point.finish_date) for point in quantiles))


def delay_options(trials: FinishTrials, *, days_left: float, accepted: float) -> tuple[PreventiveOption, ...]:
    """Every generic action against a delay, the one that helps most first.  days_left: to the end of the target day"""
    return tuple(_option(effect) for effect in action_effects(trials, days_left=days_left, accepted=accepted))


def expected_slip_if_late_days(trials: FinishTrials, days_left: float) -> float:
    """Median days late of the trials that are late; 0 when none is. The mean would be decided by the longest few."""
    late = trials.days[trials.days > days_left] - days_left
    return float(np.median(late)) if late.size else 0.0


def _abstain(finish: FinishForecast, readiness: ReadinessReport, inputs_hash: str) -> DelayRisk:
    return DelayRisk(
        as_of=finish.as_of,
        type=PredictionType.DELAY_RISK,
        readiness=readiness,
        is_reconstructed=finish.is_reconstructed,
        model=MODEL,
        inputs_hash=inputs_hash,
    )


def delay_claim(known: ProjectHistory, target_date: date, calendar: WorkCalendar) -> Claim:
    """These items are not all done by the end of that day.  known: restricted to the moment of the claim"""
    items = int(known.states.open.sum())
    return Claim(
        description=f"Not all of the {items} open items are done by the end of {target_date.isoformat()}.",
        ends_at=from_us(calendar.end_of_day_us(target_date)),
        target_date=target_date,
        scope_items=items,
        scope_hash=scope_hash(known, known.states.open),
    )


def _option(effect: ActionEffect) -> PreventiveOption:
    return PreventiveOption(
        code=effect.code,
        title=effect.title,
        description=effect.description,
        priority=effect.priority,
        probability_after=1 - effect.p_on_time_after,
        latest_start_h=effect.latest_start_h,
        days_saved_p85=effect.days_saved_p85,
    )


def _base_rate(weekly: FloatArray, finish: FinishForecast, weeks_left: float) -> float:
    """Share of own past windows in which fewer items were finished than are needed now."""
    needed = (finish.remaining_items or 0) / (1 - (finish.newcomers.mean if finish.newcomers else 0.0))
    length = max(1, min(round(weeks_left), len(weekly)))
    done = np.convolve(weekly, np.ones(length), mode="valid") * (weeks_left / length)
    windows = len(weekly) / length
    missed = float((done < needed).mean()) * windows
    return base_rate(missed, windows)


def _indicators(known: ProjectHistory, finish: FinishForecast, weekly: FloatArray) -> tuple[Indicator, ...]:
    rate, required = finish.demonstrated_rate or 0.0, finish.required_rate or 0.0
    edges_us = known.known_at_us + 1 + MICROSECONDS_PER_WEEK * np.arange(-INDICATOR_WEEKS, 1, dtype=np.int64)
    created = counts_between(known.items.created_us[known.states.exists], edges_us).astype(np.float64)
    net_since = np.concatenate([np.cumsum((created - _padded(weekly))[::-1])[::-1][1:], [0.0]])
    open_series = float(finish.remaining_items or 0) - net_since
    return (
        Indicator("throughput", rate, "items/week", required, trend_of(weekly), 0.4),
        Indicator("open_items", float(finish.remaining_items or 0), "items", 0.0, trend_of(open_series), 0.3),
        Indicator("arrivals", float(created[-4:].mean()), "items/week", rate, trend_of(created), 0.3),
    )


def _padded(weekly: FloatArray) -> FloatArray:
    """The last INDICATOR_WEEKS weeks, with zeros before the first."""
    recent = weekly[-INDICATOR_WEEKS:]
    return np.concatenate([np.zeros(INDICATOR_WEEKS - len(recent)), recent])
