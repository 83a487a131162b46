import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.calibration.reliability import expected_calibration_error, reliability_bins


def test_bins_have_equal_counts_and_say_what_was_observed() -> None:
    low, high = reliability_bins([0.1, 0.9, 0.3, 0.7], [False, True, True, True], bins=2)

    assert low.forecast == pytest.approx(0.2)
    assert (low.observed, low.n) == (0.5, 2)
    assert high.forecast == pytest.approx(0.8)
    assert (high.observed, high.n) == (1.0, 2)
    assert low.low < 0.5 < low.high


def test_the_expected_calibration_error_is_the_mean_distance() -> None:
    error = expected_calibration_error([0.1, 0.9, 0.3, 0.7], [False, True, True, True], bins=2)

    assert error == pytest.approx((0.3 + 0.2) / 2)


def test_the_error_of_honest_forecasts_is_small_and_of_boastful_ones_is_not() -> None:
    rng = np.random.default_rng(1)
    honest = rng.random(5_000)
    occurred = rng.random(5_000) < honest

    assert expected_calibration_error(honest, occurred) < 0.03
    assert expected_calibration_error(np.round(honest), occurred) > 0.2


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.integers(1, 12))
def test_bins_hold_every_forecast_once_in_order(rows: list[tuple[float, bool]], bins: int) -> None:
    table = reliability_bins([row[0] for row in rows], [row[1] for row in rows], bins=bins)

    counts = [row.n for row in table]
    assert sum(counts) == len(rows)
    assert max(counts) - min(counts) <= 1
    assert [row.forecast for row in table] == pytest.approx(sorted(row.forecast for row in table))
    assert all(row.low - 1e-9 <= row.observed <= row.high + 1e-9 for row in table)


@pytest.mark.parametrize(("forecasts", "outcomes"), [([], []), ([0.5], [True, False])])
def test_bins_refuse_what_does_not_pair(forecasts: list[float], outcomes: list[bool]) -> None:
    with pytest.raises(ValueError, match="forecasts for"):
        reliability_bins(forecasts, outcomes)
