"""The shipped prior of effort: a pool of simulated projects."""

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from predictions.calibration.effort_pool import RUNGS, EffortPool
from predictions.calibration.effort_tasks import EffortTasks
from predictions.calibration.simulated_efforts import simulate_efforts

FILE_NAME = "effort.json"
PROJECTS, SEED = 200, 20261127
DIGITS = 4
ORIGIN = "200 simulated projects (predictions.calibration.simulated_efforts); no data of any organisation."


@lru_cache(maxsize=1)
def shipped_effort_pool() -> EffortPool:
    """The pool of the shipped file."""
    content = json.loads(files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8"))
    count = len(content["shares"])
    return EffortPool(
        level=content["level"],
        tail=content["tail"],
        shares=np.array(content["shares"]),
        errors=np.array([content["errors"][rung] for rung in RUNGS]),
        weights=np.full(count, 1 / count),
        projects=0.0,
        total_errors=np.array([content["total_errors"][rung] for rung in RUNGS]),
    )


def effort_pool_of(finished: Sequence[EffortTasks], *, prior: EffortPool) -> EffortPool:
    """The prior with a tenant's other finished projects laid over it, by how many there are."""
    return prior.blended(EffortPool.of_projects(finished))


def built_prior() -> dict[str, Any]:
    """The content of the shipped file, made anew."""
    pool = EffortPool.of_projects(simulate_efforts(PROJECTS, seed=SEED))
    if pool is None:
        raise ValueError("the simulated projects are too small")
    return {
        "fitted_on": ORIGIN,
        "seed": SEED,
        "level": round(pool.level, DIGITS),
        "tail": round(pool.tail, DIGITS),
        "total_errors": dict(zip(RUNGS, np.round(pool.total_errors, DIGITS).tolist(), strict=True)),
        "shares": np.round(pool.shares, DIGITS).tolist(),
        "errors": dict(zip(RUNGS, np.round(pool.errors, DIGITS).tolist(), strict=True)),
    }
