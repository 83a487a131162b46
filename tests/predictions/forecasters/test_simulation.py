import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.calibration.pace import Pace
from predictions.forecasters.simulation import simulate_finish


def test_team_of_the_worked_example_needs_about_four_weeks() -> None:
    simulated = simulate_finish(Pace(np.full(104, 5.0)), np.full(10_000, 20.0), np.random.default_rng(1))

    assert np.median(simulated.weeks) == pytest.approx(4.0, rel=0.1)
    assert simulated.rate == pytest.approx(5.0)


def test_same_seed_gives_the_same_trials() -> None:
    weekly = np.random.default_rng(2).poisson(4, 60).astype(float)

    one, other = (simulate_finish(Pace(weekly), np.full(500, 30.0), np.random.default_rng(7)).weeks for _ in range(2))

    assert np.array_equal(one, other)


def test_erratic_team_gets_a_wider_spread_than_a_steady_one() -> None:
    erratic = np.tile([0.0, 0.0, 0.0, 0.0, 0.0, 20.0, 2.0, 10.0, 0.0, 8.0], 10)

    widths = [
        np.subtract(
            *np.quantile(np.log(simulate_finish(Pace(weekly), items, np.random.default_rng(1)).weeks), [0.9, 0.1])
        )
        for weekly in (np.full(100, 4.0), erratic)
        for items in [np.full(4_000, 16.0)]
    ]

    assert widths[1] > 1.3 * widths[0]


def test_recent_level_counts_for_more_than_an_old_one() -> None:
    slowed_down = np.concatenate([np.full(60, 10.0), np.full(26, 2.0)])

    simulated = simulate_finish(Pace(slowed_down), np.full(4_000, 20.0), np.random.default_rng(1))

    assert 6 < np.median(simulated.weeks) < 14


def test_far_horizon_is_reached_without_running_out_of_blocks() -> None:
    simulated = simulate_finish(Pace(np.full(30, 1.0)), np.full(1_000, 2_000.0), np.random.default_rng(1))

    assert np.isfinite(simulated.weeks).all()
    assert np.median(simulated.weeks) == pytest.approx(2_000, rel=0.4)


def test_team_that_finishes_nothing_has_no_rate() -> None:
    with pytest.raises(ValueError, match="no rate"):
        simulate_finish(Pace(np.zeros(20)), np.full(10, 5.0), np.random.default_rng(1))


@settings(deadline=None)  # a busy machine is not a failure
@given(
    weekly=st.lists(st.integers(0, 30), min_size=4, max_size=60).filter(lambda weeks: sum(weeks) > 0),
    items=st.integers(1, 300),
)
def test_durations_are_positive_and_finite(weekly: list[int], items: int) -> None:
    simulated = simulate_finish(
        Pace(np.array(weekly, dtype=float)), np.full(200, float(items)), np.random.default_rng(1)
    )

    assert np.isfinite(simulated.weeks).all()
    assert (simulated.weeks > 0).all()


@settings(deadline=None)  # a busy machine is not a failure
@given(weekly=st.lists(st.integers(1, 9), min_size=8, max_size=60), items=st.integers(1, 100))
def test_more_items_never_take_less_time(weekly: list[int], items: int) -> None:
    history = np.array(weekly, dtype=float)

    fewer, more = (
        np.median(simulate_finish(Pace(history), np.full(400, float(count)), np.random.default_rng(1)).weeks)
        for count in (items, items * 2)
    )

    assert fewer < more
