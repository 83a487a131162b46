import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.calibration.recalibration import Recalibration, expit, fit_recalibration, fit_shrunk_logistic, logit


def test_no_resolved_forecasts_leave_forecasts_as_they_are() -> None:
    recalibration = fit_recalibration([], [], [])

    assert recalibration == Recalibration()
    assert recalibration.apply([0.2, 0.9]) == pytest.approx([0.2, 0.9])


def test_the_intercept_moves_towards_the_outcomes_and_not_all_the_way() -> None:
    recalibration = fit_recalibration([0.5] * 10, [True] * 8 + [False] * 2, [0.0] * 10)

    assert recalibration.slope == 1.0
    assert 0 < recalibration.intercept < float(logit(0.8))


def test_few_recent_forecasts_leave_the_slope_alone_and_many_do_not() -> None:
    rng = np.random.default_rng(3)
    truth_odds = rng.normal(0, 2, 2_000)
    occurred = rng.random(2_000) < expit(truth_odds)
    overconfident = expit(2 * truth_odds)

    few = fit_recalibration(overconfident[:150], occurred[:150], np.zeros(150))
    many = fit_recalibration(overconfident, occurred, np.zeros(2_000))

    assert few.slope == 1.0
    assert many.slope == pytest.approx(0.5, abs=0.1)


def test_old_forecasts_count_less() -> None:
    recent = fit_recalibration([0.5] * 20, [True] * 20, [0.0] * 20)
    old = fit_recalibration([0.5] * 20, [True] * 20, [1_200.0] * 20)

    assert 0 < old.intercept < recent.intercept / 5


def test_forecasts_that_share_their_fate_count_as_fewer() -> None:
    alone = fit_recalibration([0.5] * 5, [True] * 5, [0.0] * 5)
    together = fit_recalibration([0.5] * 25, [True] * 25, [0.0] * 25, weights=[0.2] * 25)

    assert together.intercept == pytest.approx(alone.intercept)
    assert together.n == pytest.approx(5)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(0, 2_000)), max_size=60))
def test_whatever_was_resolved_the_recalibration_keeps_the_order(rows: list[tuple[float, bool, float]]) -> None:
    probabilities, occurred, ages = ([row[index] for row in rows] for index in range(3))

    applied = fit_recalibration(probabilities, occurred, ages).apply(np.linspace(0, 1, 21))

    assert np.isfinite(applied).all()
    assert (np.diff(applied) >= 0).all()
    assert ((applied > 0) & (applied < 1)).all()


def test_a_shrunk_fit_without_data_is_its_centre() -> None:
    fitted = fit_shrunk_logistic(
        np.zeros((0, 2)), np.zeros(0), np.zeros(0), centre=[0.3, 1.0], pseudo_forecasts=[1.0, 1.0]
    )

    assert fitted.tolist() == [0.3, 1.0]


def test_a_separable_fit_stays_finite() -> None:
    fitted = fit_shrunk_logistic(
        np.array([[-5.0], [5.0]] * 500),
        np.array([0.0, 1.0] * 500),
        np.ones(1_000),
        centre=[1.0],
        pseudo_forecasts=[10.0],
    )

    assert 1.0 < fitted[0] < 5.0
