"""Forecasting a project and keeping what is new.

1. The pure forecasters answer from the record as of a moment.
2. The run is kept as an AnalysisRecord, also when the answer is that there is none.
3. A probability becomes a Prediction when it says something that the last one of the same event did not: its
   probability or its dates moved by more than noise (predictions.domain.noise), or it began or ceased to warn.
   So a run on unchanged facts writes no prediction, and the history of a claim shows its moves only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any

from predictions.domain.ledger import chain_prediction, newest_hash
from predictions.domain.noise import same_date, same_probability
from predictions.forecasters.answers import Driver, EvidenceFact
from predictions.forecasters.delay_risk import DelayRisk, forecast_delay_risk, should_alert
from predictions.forecasters.finish import FinishForecast, forecast_finish
from predictions.forecasters.outlook import forecast_outlook, outlook_row
from predictions.models import Prediction, PreventiveAction, RiskIndicator
from projects.domain.analyses import AnalysisRun, reason_rows, record_analysis
from projects.enums import AnalysisKind
from projects.history.calendar import WorkCalendar
from projects.history.instants import from_us
from projects.history.project_history import ProjectHistory
from projects.models import Project
from tenants.isolation.identifiers import uuid7

RETROSPECTIVE_AFTER = timedelta(days=1)
"""A nightly run over yesterday's facts is a forecast; a look at last month is not."""
LATE_WITHIN = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class ProjectForecast:
    """What one run found, and the prediction that holds after it.

    prediction: None when the forecast abstains;  is_new: whether this run stored it
    """

    finish: FinishForecast
    delay_risk: DelayRisk
    prediction: Prediction | None
    is_new: bool


def forecast_project(
    *, project: Project, history: ProjectHistory, calendar: WorkCalendar, as_of: datetime, at: datetime
) -> ProjectForecast:
    """Forecast the project's finish and its risk of delay as of a moment, and keep what is new.

    The caller holds the project's refresh lock: the ledger of a project has one writer at a time.
    """
    started = perf_counter()
    known = history.as_of(as_of)
    target = target_date(project, known)
    finish = forecast_finish(known, as_of=as_of, target_date=target, calendar=calendar)
    risk = forecast_delay_risk(
        known,
        as_of=as_of,
        target_date=target,
        calendar=calendar,
        accepted_probability=1 - project.accepted_risk,
        finish=finish,
    )
    results = {
        **forecast_results(finish, risk),
        "outlook": outlook_row(forecast_outlook(known, finish=finish, calendar=calendar)),
    }
    duration_ms = round((perf_counter() - started) * 1000)
    _record(project=project, finish=finish, risk=risk, results=results, at=at, duration_ms=duration_ms)
    if risk.probability is None:
        return ProjectForecast(finish, risk, None, is_new=False)
    prediction, is_new = _keep(project=project, finish=finish, risk=risk, calendar=calendar, at=at)
    return ProjectForecast(finish, risk, prediction, is_new)


def target_date(project: Project, known: ProjectHistory) -> date | None:
    """The day promised: the project's end date, else that of the plan approved last."""
    if project.end_date is not None:
        return project.end_date
    return known.baseline.target_date if known.baseline else None


# --- the run ---


def _record(
    *,
    project: Project,
    finish: FinishForecast,
    risk: DelayRisk,
    results: dict[str, Any],
    at: datetime,
    duration_ms: int,
) -> None:
    run = AnalysisRun(
        kind=AnalysisKind.FORECAST,
        as_of=finish.as_of,
        results=results,
        readiness=finish.readiness,
        inputs_hash=risk.inputs_hash,
        model_id=finish.model.id,
        model_version=finish.model.version,
        duration_ms=duration_ms,
        overall_score=None if finish.p_on_time is None else 100 * finish.p_on_time.value,
    )
    record_analysis(project=project, run=run, at=at)


def forecast_results(finish: FinishForecast, risk: DelayRisk) -> dict[str, Any]:
    """What the run said, as JSON; every number is null where it abstained."""
    return {
        "target_date": None if finish.target_date is None else finish.target_date.isoformat(),
        "remaining_items": finish.remaining_items,
        "p_on_time": _estimate(finish.p_on_time),
        "quantiles": _quantiles(finish)["points"],
        "demonstrated_rate": finish.demonstrated_rate,
        "required_rate": finish.required_rate,
        "rate_unit": "items/week",
        "newcomer_share": None if finish.newcomers is None else finish.newcomers.mean,
        "own_forecasts": finish.own_forecasts,
        "own_weight": finish.own_weight,
        "is_reconstructed": finish.is_reconstructed,
        "assumptions": list(finish.assumptions),
        "drivers": [_driver(driver) for driver in finish.drivers],
        "evidence": [evidence_row(fact) for fact in finish.evidence],
        "delay_risk": {
            "probability": _estimate(risk.probability),
            "base_rate": risk.base_rate,
            "expected_slip_days": risk.expected_slip_days,
            "impact": None if risk.impact is None else str(risk.impact),
            "prevention_window_h": None if risk.prevention_window is None else risk.prevention_window.hours,
            "readiness": str(risk.readiness.readiness),
            "reasons": reason_rows(risk.readiness),
            "model": {"id": risk.model.id, "version": risk.model.version},
        },
    }


# --- the prediction ---


def _keep(
    *, project: Project, finish: FinishForecast, risk: DelayRisk, calendar: WorkCalendar, at: datetime
) -> tuple[Prediction, bool]:
    """The prediction that holds now, and whether it had to be stored."""
    draft = _draft(project=project, finish=finish, risk=risk, calendar=calendar, at=at)
    same_event = Prediction.objects.filter(
        project=project, event_key=draft.event_key, is_retrospective=draft.is_retrospective
    )
    stored: Prediction | None = same_event.filter(inputs_hash=draft.inputs_hash).first()
    if stored is not None:
        return stored, False
    before: Prediction | None = same_event.filter(as_of__lte=draft.as_of).order_by("-as_of", "-id").first()
    _place_in_episode(draft, before)
    if before is not None and says_the_same(before, draft):
        return before, False
    if not draft.is_retrospective:
        chain_prediction(draft, previous_hash=newest_hash(project_id=project.pk))
    draft.save()
    _keep_indicators(draft, risk)
    _keep_actions(draft, risk)
    return draft, True


def _draft(
    *, project: Project, finish: FinishForecast, risk: DelayRisk, calendar: WorkCalendar, at: datetime
) -> Prediction:
    """The prediction as it would be stored, before its place among the others is known."""
    probability, target, impact = risk.probability, finish.target_date, risk.impact
    if probability is None or target is None or impact is None:
        raise ValueError("an abstention is no prediction")
    hours, window = risk.time_to_occurrence, risk.prevention_window
    return Prediction(
        project=project,
        type=risk.type,
        event=_event(project, risk),
        event_key=_event_key(project, risk, target),
        probability=probability.value,
        probability_low=probability.low,
        probability_high=probability.high,
        base_rate=risk.base_rate,
        impact=impact,
        is_retrospective=at - risk.as_of > RETROSPECTIVE_AFTER,
        issued_at=at,
        as_of=risk.as_of,
        predicted_for=from_us(calendar.end_of_day_us(target)),
        time_to_occurrence_p10_h=hours.p10 if hours else None,
        time_to_occurrence_p50_h=hours.p50 if hours else None,
        time_to_occurrence_p90_h=hours.p90 if hours else None,
        prevention_window_h=window.hours if window else None,
        prevention_window_low_h=window.low_h if window else None,
        prevention_window_high_h=window.high_h if window else None,
        quantiles=_quantiles(finish),
        drivers=[_driver(driver) for driver in risk.drivers],
        assumptions=[{"code": f"finish.{n}", "text": text} for n, text in enumerate(finish.assumptions, start=1)],
        evidence=[evidence_row(fact) for fact in risk.evidence],
        readiness=risk.readiness.readiness,
        readiness_reasons=reason_rows(risk.readiness),
        model_id=risk.model.id,
        model_version=risk.model.version,
        inputs_hash=risk.inputs_hash,
    )


def _event(project: Project, risk: DelayRisk) -> dict[str, Any]:
    if risk.event is None:
        raise ValueError("an abstention has no event")
    return {
        "claim": risk.event.description,
        "subject": {"type": "project", "id": str(project.pk)},
        "target_date": risk.event.target_date.isoformat(),
        "scope": {
            "item_count": risk.event.scope_items,
            "as_of": risk.as_of.isoformat(),
            "items_hash": risk.event.scope_hash,
        },
    }


def _event_key(project: Project, risk: DelayRisk, target: date) -> str:
    """Names the event across re-forecasts: the type, what it is about, and the target in force."""
    return hashlib.sha256(f"{risk.type} project {project.pk} {target.isoformat()}".encode()).hexdigest()


def _place_in_episode(draft: Prediction, before: Prediction | None) -> None:
    """Say whether it warns, whether it came too late, and which unbroken stretch it belongs to."""
    draft.is_alert = should_alert(draft.probability, was_alerting=before is not None and before.is_alert)
    goes_on = before is not None and before.is_alert == draft.is_alert
    draft.supersedes = before
    if before is not None and goes_on:
        draft.episode_id, draft.is_late = before.episode_id, before.is_late
    else:
        draft.episode_id = uuid7()
        draft.is_late = draft.is_alert and draft.predicted_for - draft.as_of < LATE_WITHIN


def says_the_same(before: Prediction, now: Prediction) -> bool:
    """Whether a re-forecast of the same event has nothing new to tell."""
    return (
        same_probability(before.probability, now.probability)
        and (before.is_alert, before.impact, before.readiness) == (now.is_alert, now.impact, now.readiness)
        and (before.model_id, before.model_version) == (now.model_id, now.model_version)
        and _same_dates(before.quantiles, now.quantiles, seen_on=now.as_of.date())
    )


def _same_dates(before: Any, now: Any, *, seen_on: date) -> bool:
    then, today = (_days_by_probability(quantiles) for quantiles in (before, now))
    return then.keys() == today.keys() and all(same_date(then[p], today[p], seen_on=seen_on) for p in then)


def _days_by_probability(quantiles: Any) -> dict[float, date | None]:
    return {
        point["p"]: None if point["value"] is None else date.fromisoformat(point["value"])
        for point in (quantiles or {}).get("points", ())
    }


def _keep_indicators(prediction: Prediction, risk: DelayRisk) -> None:
    RiskIndicator.objects.bulk_create(
        RiskIndicator(
            prediction=prediction,
            name=indicator.name,
            value=indicator.value,
            threshold=indicator.threshold,
            unit=indicator.unit,
            trend=indicator.trend,
            weight=indicator.weight,
        )
        for indicator in risk.indicators
    )


def _keep_actions(prediction: Prediction, risk: DelayRisk) -> None:
    PreventiveAction.objects.bulk_create(
        PreventiveAction(
            prediction=prediction,
            title=action.title,
            description=action.description,
            code=action.code,
            priority=action.priority,
            expected_effect_days=action.days_saved_p85,
            latest_start_at=_after_hours(risk.as_of, action.latest_start_h),
        )
        for action in risk.actions
    )


def _after_hours(moment: datetime, hours: float | None) -> datetime | None:
    return None if hours is None else moment + timedelta(hours=hours)


# --- JSON ---


def _estimate(estimate: Any) -> dict[str, float] | None:
    return None if estimate is None else {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _quantiles(finish: FinishForecast) -> dict[str, Any]:
    points = [
        {"p": quantile.probability, "value": quantile.finish_date.isoformat() if quantile.finish_date else None}
        for quantile in finish.quantiles
    ]
    return {"unit": "date", "points": points}


def _driver(driver: Driver) -> dict[str, Any]:
    amount = f"{driver.value:.3g} {driver.unit}"
    if driver.unit.startswith("share of "):
        amount = f"{driver.value:.0%} {driver.unit.removeprefix('share ')}"
    text = f"{driver.label}: {amount}"
    return {"code": driver.code, "text": text, "effect": driver.effect, "unit": "probability"}


def evidence_row(fact: EvidenceFact) -> dict[str, Any]:
    """One fact as JSON columns keep it."""
    return {
        "object_type": fact.object_type,
        "object_id": fact.object_id,
        "object_key": fact.label,
        "field": fact.field,
        "value": fact.value,
        "observed_at": fact.observed_at.isoformat(),
        "url": fact.url,
    }
