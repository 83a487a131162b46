"""Forecasts of risks as a forecaster would give them, for tests of what becomes of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import ModelIdentity, ProbabilityEstimate, hash_of
from predictions.forecasters.risk import Claim, RiskForecast, Subject
from projects.history.readiness import report
from tests.project_histories import NOW


def risk_of(
    kind: PredictionType,
    probability: float,
    *,
    as_of: datetime = NOW,
    subject: Subject | None = None,
    days: float = 28,
    claim: dict[str, Any] | None = None,
    **fields: Any,
) -> RiskForecast:
    """A forecast of so much; days: until its claim can be decided."""
    terms = {
        "subject": subject or Subject(),
        "description": "It happens.",
        "ends_at": as_of + timedelta(days=days),
        **(claim or {}),
    }
    return RiskForecast(
        as_of=as_of,
        type=kind,
        readiness=report([]),
        is_reconstructed=False,
        model=ModelIdentity("a.model", "1"),
        inputs_hash=hash_of({"as_of": as_of, "p": probability, "terms": terms}),
        probability=ProbabilityEstimate(probability, probability, probability),
        base_rate=0.3,
        impact=Severity.MEDIUM,
        claim=Claim(**terms),
        **fields,
    )
