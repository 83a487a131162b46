"""A claim that was moved says so, and what the model said before can be read from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from predictions.calibration.recalibration import Recalibration
from predictions.calibration.settled_events import EventRecalibration
from predictions.domain.forecast_results import driver_row
from predictions.enums import PredictionType, Priority
from predictions.forecasters.answers import ProbabilityEstimate
from predictions.forecasters.budget_overrun import forecast_budget_overrun
from predictions.forecasters.risk import PreventiveOption, RiskForecast
from predictions.forecasters.risk_recalibration import (
    SETTLED_FORECASTS,
    accepted_before_move,
    probability_before,
    recalibrated,
)
from projects.history import ProjectHistory
from tests.predictions.risk_forecasts import risk_of
from tests.project_histories import NOW, costly_project

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


@pytest.mark.parametrize("accepted", [0.5, 0.85, 0.95])
@pytest.mark.parametrize("intercept", [-1.0, 0.0, 1.2])
@pytest.mark.parametrize("slope", [0.8, 1.0, 1.6])
def test_what_is_accepted_is_what_the_moved_claim_is_held_to(accepted: float, intercept: float, slope: float) -> None:
    by = EventRecalibration(Recalibration(intercept, slope), Recalibration(0.3), events=9, base_rate_is_better=False)

    before = accepted_before_move(accepted, by)

    assert float(by.apply(1 - before)) == pytest.approx(1 - accepted)


def test_where_nothing_is_moved_in_order_what_is_accepted_stays() -> None:
    upside_down = EventRecalibration(Recalibration(slope=-1.0), NONE, events=9, base_rate_is_better=False)

    assert accepted_before_move(0.85, upside_down) == pytest.approx(0.85)
    assert accepted_before_move(0.85, replace(upside_down, events=0)) == 0.85
    assert accepted_before_move(0.85, EventRecalibration(SHIFT, NONE, events=9, base_rate_is_better=True)) == 0.85


@pytest.mark.parametrize("base_rate_is_better", [False, True])
def test_options_move_with_the_claim(base_rate_is_better: bool) -> None:
    options = [PreventiveOption(str(p), "", "", Priority.HIGH, p, None) for p in (0.1, 0.3, 0.6)]
    by = EventRecalibration(SHIFT, NONE, events=12, base_rate_is_better=base_rate_is_better)

    after = recalibrated(replace(_claim(), options=tuple(options)), by)

    assert after.probability is not None
    moved = [option.probability_after for option in after.options]
    assert moved == sorted(moved)
    assert moved[-1] == pytest.approx(after.probability.value)
    assert moved[0] < 0.1


def test_a_claim_that_is_moved_beyond_what_is_accepted_says_how_long_one_can_wait() -> None:
    """The model alone sees no need to act; moved, it does, and until the hour at which the moved claim is accepted."""
    record = ProjectHistory.from_facts(costly_project(54_000.0))
    by = EventRecalibration(Recalibration(0.7), NONE, events=40, base_rate_is_better=False)
    alone = forecast_budget_overrun(record, as_of=NOW)

    asked = forecast_budget_overrun(record, as_of=NOW, accepted_probability=accepted_before_move(0.85, by))
    moved = recalibrated(asked, by)

    assert alone.probability is not None
    assert moved.probability is not None
    assert alone.probability.value < 0.15 < moved.probability.value
    assert alone.prevention_window is None
    assert moved.prevention_window is not None
    best = next(option for option in moved.options if option.code == moved.prevention_window.action)
    assert best.latest_start_h == moved.prevention_window.hours
    assert best.probability_after <= 0.15
