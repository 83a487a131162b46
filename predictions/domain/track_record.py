"""How good the settled predictions of a tenant were, as JSON: overall, where people acted, and where nobody did."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

from predictions.calibration.track_record import (
    LEAD_TIME_EDGES_H,
    MIN_EVENTS,
    Miss,
    QuantileCoverage,
    ReliabilityBin,
    Score,
    SettledClaim,
    TrackRecord,
    WarningRecord,
    claims_hash,
    track_record,
)
from predictions.domain.settlement import SCOPE_DONE_ON
from predictions.enums import OutcomeResult
from predictions.models import Prediction
from projects.enums import Readiness
from projects.history.instants import last_day

MODEL_ID, MODEL_VERSION = "calibration.track-record", "1"
OUTCOMES = {OutcomeResult.OCCURRED: True, OutcomeResult.NOT_OCCURRED: False, OutcomeResult.CENSORED: None}
COLUMNS = (
    "pk", "project_id", "event_key", "episode_id", "as_of", "predicted_for", "probability", "base_rate", "is_alert",
    "type", "event", "quantiles", "issued_at", "outcomes__settled_at", "outcomes__acted_on", "outcomes__result",
    "outcomes__evidence", "outcomes__occurred_at",
)  # fmt: skip


def settled_claims(rows: QuerySet[Prediction], *, at: datetime) -> list[SettledClaim]:
    """Those of the predictions that were settled and whose target is over at a moment; one query.

    What was settled early is scored when its target is over: before, only good ends would be counted. What was computed
    for a past moment is never scored.
    """
    due = rows.filter(is_retrospective=False, outcomes__isnull=False, predicted_for__lte=at)
    found: Any = due.order_by("id").values(*COLUMNS)
    return [_claim(row) for row in found]


def describe_track_record(claims: list[SettledClaim], *, reported_misses: int = 0) -> dict[str, Any]:
    """The record as JSON values. Scores are null below MIN_EVENTS decided events, with how many are missing.

    reported_misses: events that people report and vouch for, of which no claim spoke
    """
    everything = track_record(claims, reported_misses=reported_misses)
    return {
        "as_of": max((claim.settled_at for claim in claims), default=None),
        "readiness": Readiness.INSUFFICIENT if everything.missing_events else Readiness.OK,
        "readiness_reasons": _reasons(everything),
        "model": {"id": MODEL_ID, "version": MODEL_VERSION, "inputs_hash": claims_hash(claims)},
        "evidence": {
            "predictions": "/api/v1/predictions/export",
            "outcomes": "/api/v1/prediction-outcomes/export",
        },
        "required_events": MIN_EVENTS,
        "all": _record(everything),
        "acted": _record(track_record([claim for claim in claims if claim.acted_on])),
        "unacted": _record(track_record([claim for claim in claims if not claim.acted_on])),
    }


def _claim(row: dict[str, Any]) -> SettledClaim:
    target, done_on = row["event"].get("target_date"), None
    for fact in row["outcomes__evidence"]:
        if fact["field"] == SCOPE_DONE_ON:
            done_on = date.fromisoformat(str(fact["value"]))
    return SettledClaim(
        prediction_id=str(row["pk"]),
        project_id=str(row["project_id"]),
        event_key=row["event_key"],
        episode_id=str(row["episode_id"]),
        as_of=row["as_of"],
        predicted_for=row["predicted_for"],
        settled_at=row["outcomes__settled_at"],
        probability=row["probability"],
        base_rate=row["base_rate"],
        is_alert=row["is_alert"],
        acted_on=row["outcomes__acted_on"],
        occurred=OUTCOMES[OutcomeResult(row["outcomes__result"])],
        finish_days=_finish_days(row["quantiles"]),
        target_day=date.fromisoformat(target) if target else last_day(row["predicted_for"]),
        done_on=done_on,
        occurred_at=row["outcomes__occurred_at"],
        type=row["type"],
        issued_at=row["issued_at"],
    )


def _finish_days(quantiles: Any) -> dict[float, date | None]:
    """The day of each quantile of a finish forecast; other forecasts have none."""
    if not quantiles or quantiles.get("unit") != "date":
        return {}
    return {
        float(point["p"]): None if point["value"] is None else date.fromisoformat(point["value"])
        for point in quantiles["points"]
    }


# --- JSON ---


def _reasons(record: TrackRecord) -> list[dict[str, str]]:
    if not record.missing_events:
        return []
    return [
        {
            "code": "TOO_FEW_SETTLED",
            "message": f"{record.events} events are settled; {record.missing_events} more needed.",
            "unlock": "WAIT_FOR_OUTCOMES",
        }
    ]


def _record(record: TrackRecord) -> dict[str, Any]:
    return {
        "events": record.events,
        "predictions": record.claims,
        "censored_predictions": record.censored_claims,
        "missing_events": record.missing_events,
        "brier": _score(record.brier),
        "brier_bounds": None if record.brier_low is None else {"low": record.brier_low, "high": record.brier_high},
        "brier_base_rate": record.brier_base_rate,
        "brier_skill": _score(record.skill),
        "reliability": None if record.missing_events else [_bin(each) for each in record.reliability],
        "coverage": None if record.missing_events else [_coverage(each) for each in record.coverage],
        "warnings": None if record.warnings is None else _warnings(record.warnings),
        "worst_misses": None if record.missing_events else [_miss(each) for each in record.worst_misses],
    }


def _score(score: Score | None) -> dict[str, float] | None:
    return None if score is None else {"value": score.value, "low": score.low, "high": score.high}


def _bin(each: ReliabilityBin) -> dict[str, float]:
    return {
        "forecast": each.forecast,
        "observed": each.observed,
        "low": each.low,
        "high": each.high,
        "events": each.events,
    }


def _coverage(each: QuantileCoverage) -> dict[str, float]:
    return {"p": each.nominal, "share": each.share, "low": each.low, "high": each.high, "events": each.events}


def _warnings(warnings: WarningRecord) -> dict[str, Any]:
    edges = [*LEAD_TIME_EDGES_H, None]
    return {
        "occurred_events": warnings.occurred,
        "knowable_72h_events": warnings.knowable,
        "warned_72h_events": warnings.warned_in_time,
        "known_late_events": warnings.known_late,
        "reported_misses": warnings.reported_misses,
        "recall_72h": _score(warnings.recall),
        "lead_time_p10_h": warnings.lead_time_p10_h,
        "lead_time_p50_h": warnings.lead_time_p50_h,
        "lead_time_histogram": [
            {"from_h": low, "to_h": high, "events": count}
            for low, high, count in zip(edges[:-1], edges[1:], warnings.lead_time_counts, strict=True)
        ],
        "false_alarms": warnings.false_alarms,
        "project_months": warnings.project_months,
        "false_alarms_per_project_month": warnings.false_alarms_per_month,
    }


def _miss(miss: Miss) -> dict[str, Any]:
    claim = miss.claim
    return {
        "prediction": claim.prediction_id,
        "project": claim.project_id,
        "probability": claim.probability,
        "occurred": claim.occurred,
        "squared_error": miss.squared_error,
        "as_of": claim.as_of,
        "predicted_for": claim.predicted_for,
    }
