"""What predictions were worth, as one answer: scores, people beside the model, reports, drift and probation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from predictions.domain.drift import describe_drift
from predictions.domain.missed_events import reported_misses
from predictions.domain.overriding import describe_overrides, settled_overrides
from predictions.domain.probation import describe_probation
from predictions.domain.track_record import describe_track_record, settled_claims
from predictions.enums import MissedEventStatus
from predictions.models import MissedEvent, Prediction, PredictionOverride


def describe_calibration(
    *,
    predictions: QuerySet[Prediction],
    overrides: QuerySet[PredictionOverride],
    reports: QuerySet[MissedEvent],
    at: datetime,
) -> dict[str, Any]:
    """The answer as JSON values, from the rows that a person may see and asked for."""
    claims = settled_claims(predictions, at=at)
    misses = reported_misses(reports)
    return {
        **describe_track_record(claims, reported_misses=misses[MissedEventStatus.CONFIRMED]),
        "overrides": describe_overrides(settled_overrides(overrides, at=at)),
        "reported_misses": misses,
        "drift": describe_drift(claims),
        "probation": describe_probation(at),
    }
