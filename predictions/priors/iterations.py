"""The shipped prior of iteration delivery: iterations of simulated teams at four moments of their planned days."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from predictions.calibration.iterations import COLUMNS, IterationTable
from predictions.calibration.simulated_iterations import simulate_iterations

FILE_NAME = "iterations.json"
SNAPSHOTS = ("0", "30", "50", "80")
"""Percentages of the planned days that have passed."""
TEAMS, SEED = 16, 20261127
ORIGIN = f"{TEAMS} simulated teams (predictions.calibration.simulated_iterations); no data of any organisation."


@cache
def shipped_iterations(at: str) -> tuple[IterationTable, ...]:
    """The shipped tables, a team each, at a snapshot.  Raises KeyError for one that does not ship."""
    content = json.loads(files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8"))
    return tuple(IterationTable.of_columns(dict(zip(COLUMNS, team, strict=True))) for team in content["snapshots"][at])


def built_prior() -> dict[str, Any]:
    """The content of the shipped file, made anew."""
    snapshots = {
        at: [
            [[round(value) for value in columns[name].tolist()] for name in COLUMNS]
            for columns in simulate_iterations(TEAMS, elapsed=int(at) / 100, seed=SEED)
        ]
        for at in SNAPSHOTS
    }
    return {"fitted_on": ORIGIN, "seed": SEED, "columns": list(COLUMNS), "snapshots": snapshots}
