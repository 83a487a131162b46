"""Whether the settled claims of a tenant show that its forecasts have ceased to be right, by type, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from predictions.calibration.claim_drift import ClaimDrift, drift_of_coverage, drift_of_probabilities
from predictions.calibration.drift_alarm import ALARM_AT
from predictions.calibration.track_record import SettledClaim


def describe_drift(claims: Sequence[SettledClaim]) -> list[dict[str, Any]]:
    """Two alarms for each type that has settled claims: of its probabilities, and of its P85 dates where it has any."""
    by_type: dict[str, list[SettledClaim]] = {}
    for claim in claims:
        by_type.setdefault(claim.type, []).append(claim)
    found = []
    for prediction_type, own in sorted(by_type.items()):
        found.append(_row(prediction_type, "probability", drift_of_probabilities(own)))
        coverage = drift_of_coverage(own)
        if coverage.drift.steps:
            found.append(_row(prediction_type, "coverage_p85", coverage))
    return found


def _row(prediction_type: str, watched: str, found: ClaimDrift) -> dict[str, Any]:
    drift = found.drift
    return {
        "type": prediction_type,
        "watched": watched,
        "steps": drift.steps,
        "is_alarming": drift.is_alarming,
        "fault": drift.fault,
        "evidence": drift.evidence,
        "alarm_at": ALARM_AT,
        "since": found.since,
        "alarmed_at": found.alarmed_at,
        "alarms": drift.alarms,
    }
