import numpy as np
import pytest

from predictions.calibration.error_pool import MAX_ERRORS, ErrorPool
from predictions.calibration.pace import Pace
from predictions.calibration.simulated_teams import simulate_teams


def pool_of(count: int, *, seed: int = 1, horizon_weeks: float = 4.0) -> ErrorPool:
    pool = ErrorPool.of_teams(
        [Pace(weekly) for weekly in simulate_teams(count, seed=seed)], horizon_weeks=horizon_weeks
    )
    assert pool is not None
    return pool


def test_bursts_that_always_end_are_expected_to_end() -> None:
    rng = np.random.default_rng(1)
    teams = []
    for _ in range(6):
        weekly = np.full(160, 5.0)
        weekly[rng.choice(np.arange(10, 150), 8, replace=False)] = 18.0
        teams.append(Pace(weekly))
    pool = ErrorPool.of_teams(teams, horizon_weeks=4.0)
    assert pool is not None
    after_a_burst = Pace(np.array([5.0] * 50 + [18.0]))

    expected = pool.corrections(after_a_burst.features(4.0)[-1:])[0]

    assert expected < -0.05


def test_pool_keeps_few_errors_with_the_same_distribution() -> None:
    teams = [Pace(weekly) for weekly in simulate_teams(30, seed=3)]

    thinned = ErrorPool.of_teams(teams, horizon_weeks=4.0)

    assert thinned is not None
    assert len(thinned.errors) == MAX_ERRORS
    assert thinned.weights.sum() == pytest.approx(1.0)
    assert abs(float(np.median(thinned.errors))) < 0.25


def test_errors_of_forecasts_of_the_same_size_weigh_most() -> None:
    pool = pool_of(20)

    small, large = pool.weights_near(np.log(np.array([1.5, 200.0])))

    assert small @ pool.log_centres < large @ pool.log_centres
    assert small.sum() == pytest.approx(1.0)


def test_nearer_pool_counts_by_what_it_has_seen() -> None:
    prior, little, much = pool_of(20), pool_of(1, seed=5), pool_of(60, seed=6)

    for nearer in (little, much):
        blended = prior.blended(nearer)
        share = blended.weights[len(prior.errors) :].sum()
        assert share == pytest.approx(nearer.independent / (nearer.independent + 200.0))
        assert blended.weights.sum() == pytest.approx(1.0)
    assert prior.blended(None) is prior


def test_teams_without_a_past_make_no_pool() -> None:
    assert ErrorPool.of_teams([Pace(np.full(5, 3.0))], horizon_weeks=4.0) is None
    assert ErrorPool.of_teams([], horizon_weeks=4.0) is None
