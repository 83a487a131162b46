import numpy as np
from numpy.typing import NDArray

from predictions.calibration.pace import Pace
from predictions.forecasters.coverage import walk_forward_coverage, walk_forward_hits


def drifting_team(seed: int, weeks: int = 180) -> NDArray[np.float64]:
    """Poisson weeks around a level whose logarithm walks at random: simulated, no team's data."""
    rng = np.random.default_rng(seed)
    level = np.exp(np.log(6.0) + np.cumsum(rng.normal(0, 0.12, weeks)))
    counts: NDArray[np.float64] = rng.poisson(np.clip(level, 0.3, 60)).astype(np.float64)
    return counts


def test_p85_holds_for_teams_whose_rate_drifts() -> None:
    hits = {
        horizon: [
            hit
            for seed in range(6)
            for hit in walk_forward_hits(Pace(drifting_team(seed)), horizon, 0.85, step_weeks=12)
        ]
        for horizon in (2, 8)
    }

    for horizon, outcomes in hits.items():
        assert len(outcomes) > 60
        assert 0.8 <= np.mean(outcomes) <= 0.99, (horizon, np.mean(outcomes))


def test_coverage_is_per_horizon_and_none_where_nothing_can_be_judged() -> None:
    result = walk_forward_coverage(np.full(40, 5.0), horizons_weeks=(4, 30))

    assert result[30] is None
    assert result[4] is not None
    assert (result[4].nominal, result[4].n) == (0.85, 5)


def test_team_that_stops_is_a_miss_and_not_left_out() -> None:
    stops = np.concatenate([np.full(20, 5.0), np.zeros(30)])

    hits = walk_forward_hits(Pace(stops), 8, 0.85, step_weeks=4)

    assert False in hits
