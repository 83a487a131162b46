from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.calibration.scoring import (
    Coverage,
    brier_score,
    brier_skill,
    coverage,
    pinball_loss,
    sample_crps,
    wilson_interval,
)


def test_brier_score_of_two_forecasts() -> None:
    assert brier_score([0.8, 0.4], [True, False]) == pytest.approx((0.04 + 0.16) / 2)


def test_brier_skill_is_one_for_the_truth_and_zero_for_the_base_rate() -> None:
    outcomes = [True, False, False, True]

    assert brier_skill([1.0, 0.0, 0.0, 1.0], outcomes, [0.5] * 4) == 1.0
    assert brier_skill([0.5] * 4, outcomes, [0.5] * 4) == 0.0
    assert brier_skill([0.5] * 4, outcomes, [1.0, 0.0, 0.0, 1.0]) is None


def test_pinball_loss_weighs_the_two_sides() -> None:
    assert pinball_loss([10.0, 10.0], [12.0, 8.0], 0.85) == pytest.approx((0.85 * 2 + 0.15 * 2) / 2)


@given(st.lists(st.floats(0, 100), min_size=5, max_size=40))
def test_pinball_loss_is_least_at_a_quantile_of_the_outcomes(outcomes: list[float]) -> None:
    quantile = float(np.quantile(outcomes, 0.85, method="inverted_cdf"))
    best = pinball_loss([quantile] * len(outcomes), outcomes, 0.85)

    for other in (quantile - 1, quantile + 1, quantile * 2):
        assert pinball_loss([other] * len(outcomes), outcomes, 0.85) >= best - 1e-9


def test_crps_of_a_certain_forecast_is_its_error() -> None:
    assert sample_crps([7.0] * 10, 10.0) == pytest.approx(3.0)


def test_crps_of_two_values_by_hand() -> None:
    # E|X - 1| = (1 + 1) / 2; E|X - X'| = 2 * 2 / 4
    assert sample_crps([0.0, 2.0], 1.0) == pytest.approx(1.0 - 0.5)


def test_wilson_interval_of_the_published_example_in_coverage() -> None:
    result = coverage([True] * 23 + [False] * 4, 0.85)

    rounded = Coverage(result.nominal, result.share, round(result.low, 3), round(result.high, 3), result.n)
    assert rounded == Coverage(0.85, 23 / 27, 0.675, 0.941, 27)


def test_wilson_interval_stays_in_range_at_the_ends() -> None:
    assert wilson_interval(0, 3)[0] == 0.0
    assert wilson_interval(3, 3)[1] == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: brier_score([], []), "needs outcomes"),
        (lambda: brier_score([0.5], [True, False]), "1 forecasts for 2 outcomes"),
        (lambda: brier_score([1.5], [True]), "lie in"),
        (lambda: pinball_loss([1.0], [1.0], 1.0), "inside"),
        (lambda: sample_crps([], 1.0), "needs a sample"),
        (lambda: coverage([], 0.85), "needs outcomes"),
        (lambda: wilson_interval(0, 0), "needs outcomes"),
    ],
)
def test_scores_refuse_what_they_cannot_score(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
