import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.calibration.past_errors import past_errors, prior_spread, rates_per_week


def test_rate_of_equal_weeks_is_that_of_each() -> None:
    assert rates_per_week(np.full(10, 4.0))[1:].tolist() == pytest.approx([4.0] * 10)


def test_rate_forgets_half_in_eight_weeks() -> None:
    weekly = np.concatenate([np.full(400, 2.0), np.full(8, 6.0)])

    assert rates_per_week(weekly)[-1] == pytest.approx(4.0, abs=1e-6)


def test_error_of_the_worked_example() -> None:
    # 2 a week until week 16, then 8 items in 5 weeks; the origin at week 16 forecasts 8 items in 4 weeks
    weekly = np.concatenate([np.full(16, 2.0), np.full(5, 1.6)])

    errors = past_errors(weekly, horizon_weeks=4.0)

    assert errors.log_ratios[16 - 8] == pytest.approx(math.log(5 / 4))


def test_steady_team_has_no_errors_and_a_weight_that_grows() -> None:
    short, long = (past_errors(np.full(weeks, 3.0), horizon_weeks=4.0) for weeks in (20, 100))

    assert np.abs(long.log_ratios).max() == pytest.approx(0.0, abs=1e-6)
    assert 0 < short.weight < long.weight < 1


def test_duration_that_is_not_over_counts_as_what_it_is() -> None:
    weekly = np.concatenate([np.full(40, 5.0), np.zeros(10)])

    errors = past_errors(weekly, horizon_weeks=5.0)

    assert errors.log_ratios[40 - 8] == pytest.approx(math.log(10 / 5))


def test_long_horizon_is_judged_by_shorter_windows_and_widened() -> None:
    rng = np.random.default_rng(3)
    weekly = rng.poisson(4, 40).astype(float)

    near, far = past_errors(weekly, horizon_weeks=10.0), past_errors(weekly, horizon_weeks=40.0)

    widening = prior_spread(40.0) / prior_spread(10.0)
    assert far.log_ratios == pytest.approx(near.log_ratios * widening)


@pytest.mark.parametrize("weekly", [np.zeros(0), np.zeros(30), np.full(5, 3.0)])
def test_past_that_shows_nothing_has_no_weight(weekly: np.ndarray) -> None:
    errors = past_errors(weekly, horizon_weeks=4.0)

    assert (errors.log_ratios.size, errors.weight) == (0, 0.0)


@given(st.floats(0.1, 500), st.floats(0.1, 500))
def test_prior_never_narrows_with_the_horizon(one: float, other: float) -> None:
    assert prior_spread(min(one, other)) <= prior_spread(max(one, other))
