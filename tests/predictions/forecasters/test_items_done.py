import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from predictions.calibration.pace import Pace
from predictions.calibration.simulated_teams import simulate_teams
from predictions.forecasters.items_done import ItemsDoneForecaster
from predictions.forecasters.simulation import simulate_finish, weeks_at
from predictions.priors.throughput import shipped_pools

LEVELS = np.array([0.1, 0.5, 0.9])


def quantiles(weekly: NDArray[np.float64], horizon_weeks: float) -> NDArray[np.float64]:
    return ItemsDoneForecaster(Pace(weekly), shipped_pools()).forecast(horizon_weeks).quantiles(LEVELS)


def test_steady_team_of_the_worked_example() -> None:
    low, median, high = quantiles(np.full(52, 5.0), 4.0)

    assert 10 < low < 19
    assert median == pytest.approx(20.0, rel=0.1)
    assert 21 < high < 32


def test_long_steady_record_is_believed_more_than_a_short_one() -> None:
    widths = [
        float(np.log(high / low)) for weeks in (26, 300) for low, _, high in [quantiles(np.full(weeks, 5.0), 4.0)]
    ]

    assert widths[1] < 0.6 * widths[0]


def test_far_horizon_is_relatively_wider_than_a_near_one() -> None:
    weekly = np.random.default_rng(1).poisson(6, 60).astype(float)

    near, far = ((high + 1) / (low + 1) for low, _, high in (quantiles(weekly, 4.0), quantiles(weekly, 100.0)))

    assert far > near


def test_p10_to_p90_holds_the_outcome_four_times_in_five_for_teams_never_seen() -> None:
    inside = []
    for weekly in simulate_teams(25, seed=99):
        pace = Pace(weekly)
        for origin in range(40, pace.weeks - 4, 16):
            forecast = ItemsDoneForecaster(pace.until(origin), shipped_pools()).forecast(4.0)
            low, _, high = np.round(forecast.quantiles(LEVELS))
            inside.append(low <= pace.items_done(4.0, np.array([origin]))[0] <= high)

    assert len(inside) > 200
    assert 0.74 <= np.mean(inside) <= 0.92


def test_durations_and_items_are_one_forecast_read_in_two_directions() -> None:
    pace = Pace(np.random.default_rng(3).poisson(5, 120).astype(float))

    trials = simulate_finish(pace, np.full(10_000, 40.0), np.random.default_rng(1)).weeks

    forecaster = ItemsDoneForecaster(pace, shipped_pools())
    for probability in (0.15, 0.5, 0.85):
        assert weeks_at(forecaster, 40.0, probability) == pytest.approx(np.quantile(trials, probability), rel=0.02)


def test_forecast_needs_a_record_and_a_prior() -> None:
    with pytest.raises(ValueError, match="no pace"):
        ItemsDoneForecaster(Pace(np.zeros(0)), shipped_pools())
    with pytest.raises(ValueError, match="other teams"):
        ItemsDoneForecaster(Pace(np.ones(4)), ())


@settings(deadline=None)  # a busy machine is not a failure
@given(
    weekly=st.lists(st.integers(0, 2_000), min_size=1, max_size=70),
    horizon_weeks=st.sampled_from([0.5, 1.0, 5.0, 80.0]),
)
def test_any_record_gives_ordered_finite_quantiles_and_the_same_twice(weekly: list[int], horizon_weeks: float) -> None:
    record = np.array(weekly, dtype=float)

    first, second = quantiles(record, horizon_weeks), quantiles(record, horizon_weeks)

    assert np.array_equal(first, second)
    assert np.isfinite(first).all()
    assert (first >= 0).all()
    assert (np.diff(first) >= 0).all()
