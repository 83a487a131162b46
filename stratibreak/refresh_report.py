"""What a refresh found, as a line for people and as a row for programs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from predictions.domain.forecasting import ProjectForecast
from predictions.domain.keeping import KeptPrediction
from predictions.domain.settlement import Settlement
from predictions.enums import OutcomeResult, PredictionType
from projects.domain.analyses import reason_rows
from projects.domain.flow import flow_results
from projects.plain_words import percent
from stratibreak.pipeline import ProjectRefresh, RefreshOutcome


def refresh_row(refresh: ProjectRefresh) -> dict[str, Any]:
    """One project's refresh as JSON. Parts that were not reached are null."""
    forecast, detection = refresh.forecast, refresh.detection
    return {
        "project": {"id": str(refresh.project.pk), "name": refresh.project.name},
        "outcome": str(refresh.outcome),
        "as_of": refresh.as_of.isoformat(),
        "duration_s": round(refresh.duration_s, 3),
        "readiness": None if forecast is None else str(forecast.delay_risk.readiness.readiness),
        "reasons": None if forecast is None else reason_rows(forecast.delay_risk.readiness),
        "flow": None if refresh.flow is None else flow_results(refresh.flow),
        "forecast": None if forecast is None else forecast.results,
        "prediction": None if forecast is None else _prediction_row(forecast),
        "predictions": None if forecast is None else [_kept_row(kept) for kept in forecast.kept],
        "settled": None if refresh.settlement is None else _settlement_row(refresh.settlement),
        "gaps": None
        if detection is None
        else {
            "followed": [
                {"id": str(gap.pk), "type": str(gap.type), "severity": str(gap.severity), "title": gap.title}
                for gap in detection.gaps
            ],
            "changes": {str(kind): number for kind, number in sorted(detection.changes.items())},
        },
    }


def _prediction_row(forecast: ProjectForecast) -> dict[str, Any] | None:
    prediction = forecast.prediction
    return None if prediction is None else _kept_row(KeptPrediction(prediction, forecast.is_new))


def _kept_row(kept: KeptPrediction) -> dict[str, Any]:
    prediction = kept.prediction
    return {
        "id": str(prediction.pk),
        "type": str(prediction.type),
        "subject": prediction.event["subject"],
        "probability": prediction.probability,
        "is_alert": prediction.is_alert,
        "is_new": kept.is_new,
    }


def _settlement_row(settlement: Settlement) -> dict[str, Any]:
    return {
        "by_result": dict(sorted(settlement.by_result.items())),
        "pending": settlement.pending,
        "waiting": settlement.waiting,
        "failed": settlement.failed,
    }


def refresh_line(refresh: ProjectRefresh) -> str:
    """One project's refresh in one line."""
    name = refresh.project.name
    if refresh.outcome == RefreshOutcome.BUSY:
        return f"{name}: another refresh is at it; nothing was changed"
    forecast, detection = refresh.forecast, refresh.detection
    if forecast is None or detection is None:
        return f"{name}: nothing was found"
    changes = ", ".join(f"{number} {kind.label.lower()}" for kind, number in sorted(detection.changes.items()))
    parts = [
        _settled_text(refresh.settlement),
        _forecast_text(forecast),
        _warnings_text(forecast),
        f"gaps: {changes or 'no change'}",
    ]
    return f"{name}: {'; '.join(filter(None, parts))} ({refresh.duration_s:.1f} s)"


def _settled_text(settlement: Settlement | None) -> str:
    """What came of earlier claims; empty where nothing was decided."""
    results: Counter[str] = Counter() if settlement is None else settlement.by_result
    told = ", ".join(f"{number} {OutcomeResult(result).label.lower()}" for result, number in sorted(results.items()))
    return f"settled: {told}" if told else ""


def _warnings_text(forecast: ProjectForecast) -> str:
    """How many warnings stand, by type, and which forecasters failed; empty where there is nothing to tell."""
    alerts = Counter(PredictionType(kept.prediction.type) for kept in forecast.kept if kept.prediction.is_alert)
    warned = ", ".join(f"{number} {kind.label.lower()}" for kind, number in sorted(alerts.items()))
    failed = ", ".join(answer.forecaster.name for answer in forecast.answers if answer.has_failed)
    return "; ".join(filter(None, [f"warnings: {warned}" if warned else "", f"failed: {failed}" if failed else ""]))


def _forecast_text(forecast: ProjectForecast) -> str:
    finish = forecast.finish
    if not finish.quantiles:
        reasons = "; ".join(reason.message for reason in forecast.delay_risk.readiness.reasons)
        return f"no forecast, {forecast.delay_risk.readiness.readiness}: {reasons}"
    dates = ", ".join(
        f"P{quantile.probability * 100:.0f} {quantile.finish_date or 'beyond ten years'}"
        for quantile in finish.quantiles
    )
    if finish.p_on_time is None or finish.target_date is None:
        return f"{dates}; no target date"
    return f"P(on time) {percent(finish.p_on_time.value)} for {finish.target_date}; {dates}"
