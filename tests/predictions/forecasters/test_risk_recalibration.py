"""A claim that was moved says so, and what the model said before can be read from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from predictions.calibration.recalibration import Recalibration
from predictions.calibration.settled_events import EventRecalibration
from predictions.domain.forecast_results import driver_row
from predictions.enums import PredictionType
from predictions.forecasters.answers import ProbabilityEstimate
from predictions.forecasters.risk import RiskForecast
from predictions.forecasters.risk_recalibration import SETTLED_FORECASTS, probability_before, recalibrated
from tests.predictions.risk_forecasts import risk_of

SHIFT = Recalibration(intercept=-1.0)
NONE = Recalibration()


def _claim(p: float = 0.6) -> RiskForecast:
    risk = risk_of(PredictionType.SCOPE_CREEP, p)
    return replace(risk, probability=ProbabilityEstimate(p, p - 0.1, p + 0.1), base_rate=0.2)


def test_probability_and_interval_move_and_the_driver_leads_back() -> None:
    before, by = _claim(), EventRecalibration(SHIFT, NONE, events=12, base_rate_is_better=False)

    after = recalibrated(before, by)

    assert after.probability is not None
    assert after.probability.low < after.probability.value < after.probability.high
    assert after.probability.value == pytest.approx(0.356, abs=0.001)
    assert after.inputs_hash != before.inputs_hash
    assert after.model == before.model
    assert after.drivers[:-1] == before.drivers
    assert after.drivers[-1].code == SETTLED_FORECASTS
    assert probability_before(after.probability.value, [driver_row(each) for each in after.drivers]) == pytest.approx(
        0.6
    )


def test_the_base_rate_is_served_under_its_name() -> None:
    before, by = _claim(), EventRecalibration(SHIFT, NONE, events=25, base_rate_is_better=True)

    after = recalibrated(before, by)

    assert after.probability is not None
    assert after.probability.value == pytest.approx(0.2)
    assert after.probability.low < 0.2 < after.probability.high
    assert after.model.id == f"{before.model.id}.base-rate"
    assert "base rate did better" in after.drivers[-1].label
    assert probability_before(0.2, [driver_row(each) for each in after.drivers]) == pytest.approx(0.6)


def test_nothing_settled_or_no_move_to_speak_of_leaves_the_claim_as_it_is() -> None:
    before = _claim()

    assert recalibrated(before, EventRecalibration(SHIFT, NONE, events=0, base_rate_is_better=False)) is before
    assert recalibrated(before, EventRecalibration(NONE, NONE, events=9, base_rate_is_better=False)) is before


def test_an_abstention_stays_one() -> None:
    abstention = replace(_claim(), probability=None, claim=None)

    assert recalibrated(abstention, EventRecalibration(SHIFT, NONE, events=9, base_rate_is_better=True)) is abstention
