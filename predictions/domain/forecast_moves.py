"""Why the forecast moved between two moments: two of its runs, each as it was kept, compared.

The run that stood at a moment is the newest one as of it. Both must have kept their basis: an earlier release did not,
and what it went by is not guessed; an analysis as of that moment keeps one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from predictions.attribution.forecast_moves import MODEL, ForecastMove, ToldForecast, decompose_move
from predictions.domain.finish_bases import BASIS, loaded_basis
from predictions.forecasters.answers import hash_of
from projects.domain.queries.runs import runs_of
from projects.enums import CARRYING, AnalysisKind, Readiness
from projects.models import AnalysisRecord, Project

NO_FORECAST_THEN = {
    "code": "NO_FORECAST_THEN",
    "message": "No forecast with a value stood at the earlier moment.",
    "unlock": "Run an analysis as of that moment.",
}
NO_FORECAST_NOW = {
    "code": "NO_FORECAST_NOW",
    "message": "No forecast with a value stood at the later moment.",
    "unlock": "Run an analysis.",
}
NO_BASIS = {
    "code": "FORECAST_WITHOUT_BASIS",
    "message": "One of the two forecasts was made by an earlier version, which did not keep what it went by.",
    "unlock": "Run an analysis as of its moment.",
}
OTHERS_CHANGED = {
    "code": "OTHER_TEAMS_CHANGED",
    "message": "One of the two forecasts learned from other projects, whose record of that time has changed since.",
    "unlock": "Run an analysis as of its moment.",
}
SAME_FORECAST = {
    "code": "SAME_FORECAST",
    "message": "One forecast stood at both moments, so nothing moved.",
    "unlock": "Choose moments further apart, or run an analysis.",
}
LABELS = {
    "TIME_PASSED": "Time went by",
    "WORK_FINISHED": "Work finished",
    "SCOPE_ADDED": "Scope added",
    "SCOPE_REMOVED": "Scope removed",
    "RATE_CHANGED": "Rate changed",
    "NEWCOMERS_CHANGED": "Share of later work changed",
    "RECALIBRATION": "Recalibration",
    "TARGET_MOVED": "Target moved",
    "MODEL": "Model version",
    "DRAWS": "Draws and rounding",
}


def describe_move(project: Project, *, since: datetime, until: datetime) -> dict[str, Any]:
    """The move between two moments as JSON values; without both forecasts the result is null. Two queries."""
    then, now = (_standing_at(project, moment) for moment in (since, until))
    frame = {"project": project.pk, "from": _run_row(then), "to": _run_row(now), "as_of": now.as_of if now else None}
    reason = _obstacle(then, now)
    if reason is not None or then is None or now is None:
        return {**frame, **_nothing(reason)}
    told_then, told_now = _told(project, then), _told(project, now)
    if told_then is None or told_now is None:
        return {**frame, **_nothing(OTHERS_CHANGED)}
    move = decompose_move(told_then, told_now)
    is_limited = Readiness.LIMITED in (then.readiness, now.readiness)
    return {
        **frame,
        "readiness": Readiness.LIMITED if is_limited else Readiness.OK,
        "readiness_reasons": [
            *then.readiness_reasons,
            *(r for r in now.readiness_reasons if r not in then.readiness_reasons),
        ],
        "model": {
            "id": MODEL.id,
            "version": MODEL.version,
            "inputs_hash": hash_of({"from": then.inputs_hash, "to": now.inputs_hash}),
        },
        "result": _result(move),
    }


def _nothing(reason: dict[str, str] | None) -> dict[str, Any]:
    reasons = [reason] if reason else []
    return {"readiness": Readiness.INSUFFICIENT, "readiness_reasons": reasons, "model": None, "result": None}


def _standing_at(project: Project, moment: datetime) -> AnalysisRecord | None:
    return runs_of(project, AnalysisKind.FORECAST).filter(as_of__lte=moment, readiness__in=CARRYING).first()


def _obstacle(then: AnalysisRecord | None, now: AnalysisRecord | None) -> dict[str, str] | None:
    if now is None:
        return NO_FORECAST_NOW
    if then is None:
        return NO_FORECAST_THEN
    if then.as_of >= now.as_of:
        return SAME_FORECAST
    return None if BASIS in then.results and BASIS in now.results else NO_BASIS


def _told(project: Project, record: AnalysisRecord) -> ToldForecast | None:
    basis, p_on_time = loaded_basis(project, record.results), record.results["p_on_time"]
    if basis is None:
        return None
    return ToldForecast(basis, record.results[BASIS]["p85_days"], None if p_on_time is None else p_on_time["value"])


def _run_row(record: AnalysisRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "forecast": record.pk,
        "as_of": record.as_of,
        "computed_at": record.created_at,
        "target_date": record.results["target_date"],
        "p_on_time": record.results["p_on_time"],
        "quantiles": record.results["quantiles"],
        "model": {"id": record.model_id, "version": record.model_version, "inputs_hash": record.inputs_hash},
    }


def _result(move: ForecastMove) -> dict[str, Any]:
    return {
        "p85_moved_days": move.days,
        "p_on_time_moved": move.probability,
        "parts": [
            {
                "component": part.component,
                "label": LABELS[part.component],
                "days": part.days,
                "p_on_time": part.probability,
                "measured": part.measured,
            }
            for part in move.parts
        ],
    }
