"""Iterations that never were, of teams as varied as teams are: what the shipped prior of delivery is made of.

1. A team has a usual velocity, a habit of committing more or less than it, and a size of item.
2. An iteration's pace varies around the velocity; now and then hardly anything is done, or there is no estimate at all.
3. Items are worked one after another, some at the same time. What is done at a share of the days is what that share of
   the pace allows, less for teams that close everything at the end.
4. Work is added and removed along the way; what is removed comes from what nobody has begun.

No data were fitted: the ranges are wide guesses. Do not read anything about real teams out of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.iterations import COLUMNS

FloatArray = NDArray[np.float64]

ITERATIONS = (15, 45)
VELOCITY_POINTS = (2.0, 60.0)
POINTS_PER_ITEM = (1.0, 8.0)
COMMITMENT_OVER_VELOCITY = (0.7, 2.5)
COMMITMENT_SPREAD, PACE_SPREAD = (0.1, 0.6), (0.2, 0.9)
"""Standard deviations of logarithms, an iteration."""
EMPTY_CHANCE, IDLE_CHANCE = (0.0, 0.4), (0.02, 0.25)
ADDED_SHARE, REMOVED_SHARE = (0.0, 0.5), (0.0, 0.35)
LATENESS = (1.0, 2.5)
"""Power of elapsed time at which work is closed: 1 is evenly, above 2 nearly all at the end."""
PLANNED_DAYS = (7, 14, 14, 14, 21, 28)
TEAM_SIZE = (1, 10)


@dataclass(frozen=True, slots=True)
class _Team:
    velocity: float
    points_per_item: float
    overcommitment: float
    commitment_spread: float
    pace_spread: float
    empty_chance: float
    idle_chance: float
    added_share: float
    removed_share: float
    lateness: float
    planned_days: float
    people: int


def simulate_iterations(count: int, *, elapsed: float, seed: int) -> list[dict[str, FloatArray]]:
    """Columns of an iteration table for so many teams, at a share of the planned days in [0, 1].

    The same seed gives the same iterations at every share of their days.
    """
    return [_simulate_team(np.random.default_rng([seed, number]), elapsed) for number in range(count)]


def _simulate_team(rng: np.random.Generator, elapsed: float) -> dict[str, FloatArray]:
    team = _Team(
        velocity=_log_uniform(rng, *VELOCITY_POINTS),
        points_per_item=_log_uniform(rng, *POINTS_PER_ITEM),
        overcommitment=_log_uniform(rng, *COMMITMENT_OVER_VELOCITY),
        commitment_spread=rng.uniform(*COMMITMENT_SPREAD),
        pace_spread=rng.uniform(*PACE_SPREAD),
        empty_chance=rng.uniform(*EMPTY_CHANCE),
        idle_chance=rng.uniform(*IDLE_CHANCE),
        added_share=rng.uniform(*ADDED_SHARE),
        removed_share=rng.uniform(*REMOVED_SHARE),
        lateness=rng.uniform(*LATENESS),
        planned_days=float(rng.choice(PLANNED_DAYS)),
        people=int(rng.integers(*TEAM_SIZE)),
    )
    rows = [_simulate_iteration(team, rng, elapsed) for _ in range(int(rng.integers(*ITERATIONS)))]
    columns = {name: np.array([row.get(name, 0.0) for row in rows]) for name in COLUMNS}
    return columns | {"iteration": np.arange(len(rows), dtype=np.float64)}


def _simulate_iteration(team: _Team, rng: np.random.Generator, elapsed: float) -> dict[str, float]:
    """Draws come in a fixed order, whatever the elapsed share."""
    noise, chances, changes = rng.standard_normal(3), rng.random(2), rng.exponential(1.0, 2)
    people = max(1, round(team.people * float(np.exp(0.2 * noise[2]))))
    if chances[0] < team.empty_chance:
        return {"planned_days": team.planned_days, "team_size": 1.0}
    committed = round(team.velocity * team.overcommitment * float(np.exp(team.commitment_spread * noise[0])))
    added_in_all = committed * team.added_share * changes[0]
    removed_in_all = min(committed * team.removed_share * changes[1], committed * 0.9)
    pace = team.velocity * float(np.exp(team.pace_spread * noise[1])) * (0.05 if chances[1] < team.idle_chance else 1.0)
    delivered = float(np.floor(min(pace, committed + added_in_all - removed_in_all)))
    added, removed = (float(np.floor(part * elapsed)) for part in (added_in_all, removed_in_all))
    scope = committed + added - removed
    done = min(float(np.floor(pace * elapsed**team.lateness)), delivered, scope)
    in_progress = min(float(np.floor(pace * 0.3)) if elapsed > 0 else 0.0, scope - done)
    points = {"committed": float(committed), "added": added, "removed": removed, "done": done}
    points |= {"in_progress": in_progress, "todo": scope - done - in_progress}
    items = {f"{name}_items": float(np.ceil(value / team.points_per_item)) for name, value in points.items()}
    return {
        **{f"{name}_points": value for name, value in points.items()},
        **items,
        "planned_days": team.planned_days,
        "team_size": float(people),
        "delivered_points": delivered,
    }


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(low * (high / low) ** rng.random())
