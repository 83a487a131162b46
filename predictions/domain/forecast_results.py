"""What a forecasting run said, as JSON: the AnalysisRecord of the run, and the JSON columns of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from predictions.forecasters.answers import Driver, EvidenceFact
from predictions.forecasters.delay_risk import DelayRisk
from predictions.forecasters.finish import FinishForecast
from predictions.forecasters.registry import Forecaster
from predictions.forecasters.risk import ALERT_LEVELS, Quantiles, RiskForecast
from projects.domain.analyses import reason_rows
from projects.history.readiness import ReasonCode

MAX_RISKS_PER_FORECASTER = 20
"""The most likely ones; thirty thousand items with a due date would not fit a row, and nobody reads them there."""
MAX_KEY_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class ForecasterAnswer:
    """What one forecaster said in a run.  risks: one a subject; a single one without a claim where it abstained"""

    forecaster: Forecaster
    risks: tuple[RiskForecast, ...]

    @property
    def has_failed(self) -> bool:
        """Whether it broke down instead of answering."""
        codes = {reason.code for risk in self.risks[:1] for reason in risk.readiness.reasons}
        return ReasonCode.FORECASTER_FAILED in codes


def forecast_results(
    finish: FinishForecast, answers: Sequence[ForecasterAnswer], *, weekly_finishes: Sequence[float] = ()
) -> dict[str, Any]:
    """What the run said; every number is null where it abstained.

    weekly_finishes: items finished in each past week, oldest first, for the tenant's other teams to learn from
    """
    return {
        "target_date": None if finish.target_date is None else finish.target_date.isoformat(),
        "remaining_items": finish.remaining_items,
        "p_on_time": _estimate(finish.p_on_time),
        "quantiles": [{"p": q.probability, "value": _plain(q.finish_date)} for q in finish.quantiles],
        "demonstrated_rate": finish.demonstrated_rate,
        "required_rate": finish.required_rate,
        "rate_unit": "items/week",
        "newcomer_share": None if finish.newcomers is None else finish.newcomers.mean,
        "own_forecasts": finish.own_forecasts,
        "own_weight": finish.own_weight,
        "is_reconstructed": finish.is_reconstructed,
        "assumptions": list(finish.assumptions),
        "drivers": [driver_row(driver) for driver in finish.drivers],
        "evidence": [evidence_row(fact) for fact in finish.evidence],
        "weekly_finishes": list(weekly_finishes),
        "delay_risk": _delay_row(answers),
        "risks": [answer_row(answer) for answer in answers],
    }


def answer_row(answer: ForecasterAnswer) -> dict[str, Any]:
    """One forecaster's answer: how many subjects it spoke about, and the likeliest of them."""
    forecaster, claims = answer.forecaster, [risk for risk in answer.risks if risk.probability is not None]
    first = answer.risks[0] if answer.risks else None
    model = forecaster.model if first is None else first.model
    likeliest = sorted(claims, key=_likelihood, reverse=True)
    return {
        "type": str(forecaster.type),
        "level": forecaster.level,
        "readiness": None if first is None else str(first.readiness.readiness),
        "reasons": [] if first is None else reason_rows(first.readiness),
        "model": {"id": model.id, "version": model.version},
        "claims": len(claims),
        "above_alert_level": sum(
            ALERT_LEVELS[forecaster.type].opens(_likelihood(risk), risk.base_rate) for risk in claims
        ),
        "likeliest": [_risk_row(risk) for risk in likeliest[:MAX_RISKS_PER_FORECASTER]],
    }


def _likelihood(risk: RiskForecast) -> float:
    return 0.0 if risk.probability is None else risk.probability.value


def _risk_row(risk: RiskForecast) -> dict[str, Any]:
    claim = risk.claim
    if claim is None:
        raise ValueError("a probability without a claim cannot be settled")
    return {
        "claim": claim.description,
        "subject": {"type": claim.subject.type, "id": claim.subject.id, "key": claim.subject.key[:MAX_KEY_CHARACTERS]},
        "ends_at": claim.ends_at.isoformat(),
        "probability": _estimate(risk.probability),
        "base_rate": risk.base_rate,
        "impact": None if risk.impact is None else str(risk.impact),
        "prevention_window_h": None if risk.prevention_window is None else risk.prevention_window.hours,
    }


def _delay_row(answers: Sequence[ForecasterAnswer]) -> dict[str, Any] | None:
    """The project's risk of delay, in the shape that it has had since before there were others."""
    risk = next((risk for answer in answers for risk in answer.risks if isinstance(risk, DelayRisk)), None)
    if risk is None:
        return None
    return {
        "probability": _estimate(risk.probability),
        "base_rate": risk.base_rate,
        "expected_slip_days": risk.expected_slip_days,
        "impact": None if risk.impact is None else str(risk.impact),
        "prevention_window_h": None if risk.prevention_window is None else risk.prevention_window.hours,
        "readiness": str(risk.readiness.readiness),
        "reasons": reason_rows(risk.readiness),
        "model": {"id": risk.model.id, "version": risk.model.version},
    }


# --- parts ---


def quantile_rows(quantiles: Quantiles | None) -> dict[str, Any] | None:
    """A distribution as the JSON column keeps it."""
    if quantiles is None:
        return None
    points = [{"p": point.probability, "value": _plain(point.value)} for point in quantiles.points]
    return {"unit": quantiles.unit, "points": points}


def driver_row(driver: Driver) -> dict[str, Any]:
    """One driver as JSON columns keep it, with its value in words."""
    amount = f"{driver.value:.3g} {driver.unit}"
    if driver.unit.startswith("share "):
        amount = f"{driver.value:.0%} {driver.unit.removeprefix('share ')}"
    text = f"{driver.label}: {amount}"
    return {"code": driver.code, "text": text, "effect": driver.effect, "unit": "probability"}


def evidence_row(fact: EvidenceFact) -> dict[str, Any]:
    """One fact as JSON columns keep it."""
    return {
        "object_type": fact.object_type,
        "object_id": fact.object_id,
        "object_key": fact.label[:MAX_KEY_CHARACTERS],
        "field": fact.field,
        "value": fact.value,
        "observed_at": fact.observed_at.isoformat(),
        "url": fact.url,
    }


def _estimate(estimate: Any) -> dict[str, float] | None:
    return None if estimate is None else {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _plain(value: float | date | None) -> float | str | None:
    return value.isoformat() if isinstance(value, date) else value
