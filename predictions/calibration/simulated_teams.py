"""Teams that never existed, as varied as teams are: what the shipped prior of throughput is made of.

1. The logarithm of a team's rate walks at random, by a step of its own, and is drawn back slowly to its usual level.
2. Half of the teams fade: from some week on they lose a few per cent a week, as projects do that near their end.
3. A week's items follow a negative binomial distribution around the rate: finishes come in bunches.
4. Teams rest (spells of up to six weeks with hardly any work), go slow at the turn of the year, and now and then close
   many items at once.

No data were fitted: the ranges are wide guesses, so that the prior admits to know little. A team's own record replaces
it. Do not read anything about real teams out of it.

Example: with a step of 0.1 a week the rate doubles or halves within half a year in one of seven cases.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

WEEKS_PER_YEAR = 52
TEAM_WEEKS = (80, 420)
USUAL_ITEMS = (0.5, 60.0)
WALK_STEP = (0.06, 0.36)
"""Standard deviation of the logarithm of the rate, a week."""
REVERSION_PER_WEEK = 0.015
FADE_SHARE, FADE_PER_WEEK = 0.5, (0.01, 0.1)
BUNCHING = (0.8, 8.0)
"""Shape of the negative binomial: below 1 bunches decide, above 8 it is nearly Poisson."""
REST_CHANCE, REST_WEEKS, REST_PACE = 0.01, (1, 7), 0.1
YEAR_END_PACE = 0.4
BURST_CHANCE, BURST_WEEKS_OF_WORK = 0.006, (3.0, 30.0)


def simulate_teams(count: int, *, seed: int) -> list[FloatArray]:
    """Items finished per week of so many teams, each oldest first."""
    rng = np.random.default_rng(seed)
    return [_simulate_team(rng) for _ in range(count)]


def _simulate_team(rng: np.random.Generator) -> FloatArray:
    weeks = int(rng.integers(*TEAM_WEEKS))
    usual = np.log(USUAL_ITEMS[0]) + rng.random() * np.log(USUAL_ITEMS[1] / USUAL_ITEMS[0])
    pace = np.exp(usual + _walk(weeks, _log_uniform(rng, *WALK_STEP), rng))
    pace *= _fading(weeks, rng) * _rests(weeks, rng) * _year_ends(weeks, rng)
    bunching = _log_uniform(rng, *BUNCHING)
    items = rng.poisson(pace * rng.gamma(bunching, 1 / bunching, weeks)).astype(np.float64)
    bursts = rng.random(weeks) < BURST_CHANCE
    items[bursts] += np.round(pace[bursts] * rng.uniform(*BURST_WEEKS_OF_WORK, int(bursts.sum())))
    return np.asarray(items, dtype=np.float64)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(low * (high / low) ** rng.random())


def _walk(weeks: int, step: float, rng: np.random.Generator) -> FloatArray:
    steps = rng.standard_normal(weeks) * step
    level, path = 0.0, np.zeros(weeks)
    for week in range(weeks):
        level = level * (1 - REVERSION_PER_WEEK) + float(steps[week])
        path[week] = level
    return path


def _fading(weeks: int, rng: np.random.Generator) -> FloatArray:
    if rng.random() >= FADE_SHARE:
        return np.ones(weeks)
    since = np.maximum(np.arange(weeks) - rng.uniform(0.3, 1.0) * weeks, 0)
    fading: FloatArray = np.exp(-since * rng.uniform(*FADE_PER_WEEK))
    return fading


def _rests(weeks: int, rng: np.random.Generator) -> FloatArray:
    pace = np.ones(weeks)
    for begin in np.flatnonzero(rng.random(weeks) < REST_CHANCE):
        pace[begin : begin + int(rng.integers(*REST_WEEKS))] = REST_PACE
    return pace


def _year_ends(weeks: int, rng: np.random.Generator) -> FloatArray:
    week_of_year = (np.arange(weeks) + int(rng.integers(WEEKS_PER_YEAR))) % WEEKS_PER_YEAR
    return np.where(week_of_year >= WEEKS_PER_YEAR - 2, YEAR_END_PACE, 1.0)
