"""The shipped prior of throughput: error pools of simulated teams at a few horizons."""

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import Pace
from predictions.calibration.simulated_teams import simulate_teams

FILE_NAME = "throughput.json"
HORIZONS_WEEKS = (1.0, 2.0, 4.0, 8.0, 13.0, 26.0)
TEAMS, SEED = 120, 20261127
DIGITS = 4
ORIGIN = "120 simulated teams (predictions.calibration.simulated_teams); no data of any organisation."


@lru_cache(maxsize=1)
def shipped_pools() -> tuple[ErrorPool, ...]:
    """The pools of the shipped file, by horizon."""
    content = json.loads(files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8"))
    return tuple(_pool_of(row) for row in content["pools"])


def pools_of(teams: Sequence[Pace], *, prior: Sequence[ErrorPool]) -> tuple[ErrorPool, ...]:
    """The prior with the records of a tenant's other teams laid over it, by how much they have seen."""
    return tuple(pool.blended(ErrorPool.of_teams(teams, horizon_weeks=pool.horizon_weeks)) for pool in prior)


def built_prior() -> dict[str, Any]:
    """The content of the shipped file, made anew."""
    teams = [Pace(weekly) for weekly in simulate_teams(TEAMS, seed=SEED)]
    pools = [ErrorPool.of_teams(teams, horizon_weeks=horizon_weeks) for horizon_weeks in HORIZONS_WEEKS]
    return {"fitted_on": ORIGIN, "seed": SEED, "pools": [_row_of(pool) for pool in pools if pool is not None]}


def _row_of(pool: ErrorPool) -> dict[str, Any]:
    return {
        "horizon_weeks": pool.horizon_weeks,
        "coefficients": np.round(pool.raw_coefficients, DIGITS).tolist(),
        "log_centres": np.round(pool.log_centres, 2).tolist(),
        "errors": np.round(pool.errors, DIGITS).tolist(),
    }


def _pool_of(row: dict[str, Any]) -> ErrorPool:
    features = len(row["coefficients"]) - 1
    count = len(row["errors"])
    return ErrorPool(
        horizon_weeks=row["horizon_weeks"],
        coefficients=np.array(row["coefficients"]),
        means=np.zeros(features),
        scales=np.ones(features),
        log_centres=np.array(row["log_centres"]),
        errors=np.array(row["errors"]),
        weights=np.full(count, 1 / count),
        independent=0.0,
    )
