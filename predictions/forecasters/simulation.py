"""Simulated durations: how many weeks a team needs for so many items.

1. At a ladder of horizons, from a week to ten years, the items done have a distribution (items_done). Its quantile of
   one level over all horizons is a path: how far a team gets that is just that lucky.
2. A trial draws a level and follows its path until its items are done; between two horizons progress is even.
3. So P(duration <= h) is P(items done in h weeks >= items): one forecast, read in two directions, and what recalibrates
   the one recalibrates the other.

Assumes what the forecast of items done assumes. The generator is the caller's: same seed, same trials, so that two
scenarios differ by their inputs alone. Levels are drawn evenly (one in each n-th part), which takes noise out.

Example: a team that finished exactly 5 items in each week needs about 4 weeks for 20; the spread that is left is what
teams in general change in a month.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import HALF_ITEM, Pace
from predictions.forecasters.items_done import ItemsDone, ItemsDoneForecaster
from predictions.priors.throughput import shipped_pools

FloatArray = NDArray[np.float64]

TRIALS = 10_000
"""Standard error of a probability of .85: 0.4 points."""
LADDER_WEEKS = (1, 2, 3, 4, 6, 8, 10, 13, 17, 22, 28, 36, 46, 60, 78, 104, 130, 156, 208, 260, 390, 520)
LEVELS = np.concatenate([[0.0005], np.linspace(0.005, 0.995, 199), [0.9995]])
RATE_HALF_LIFE_WEEKS = 8.0
SLOWEST_SHARE = 1e-3
"""A path that stands still after ten years goes on at a thousandth of the rate, so that durations stay finite."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFinish:
    """Durations of all trials, in the order of the trials.

    weeks: shape (trials,), above 0;  rate: items per week now
    own_forecasts: own past windows that do not overlap, at about the median duration;  own_weight: of them, in [0, 1)
    spread: standard deviation of the logarithmic error at that horizon
    is_after_break: the own record was set aside because the pace has just broken
    """

    weeks: FloatArray
    rate: float
    own_forecasts: float
    own_weight: float
    spread: float
    is_after_break: bool = False


def simulate_finish(
    pace: Pace, items: FloatArray, rng: np.random.Generator, *, pools: Sequence[ErrorPool] | None = None
) -> SimulatedFinish:
    """Weeks until so many items are done.

    pace: the team's record of finished items;  items: shape (trials,), above 0
    pools: what other teams' forecasts were off by; the shipped prior unless given
    Raises ValueError where nothing was finished.
    """
    rate = float(pace.rates[RATE_HALF_LIFE_WEEKS][-1])
    if pace.weeks == 0 or rate <= 0:
        raise ValueError("a team that finishes nothing has no rate")
    forecaster = ItemsDoneForecaster(pace, pools or shipped_pools())
    wanted = np.maximum(items - HALF_ITEM, HALF_ITEM)
    rungs, progress = _ladder(forecaster, float(wanted.max()))
    trials = len(items)
    levels = (rng.permutation(trials) + rng.random(trials)) / trials
    weeks = _weeks_along_paths(rungs, progress, levels, wanted, rate)
    at_median = forecaster.forecast(float(np.median(weeks)))
    return SimulatedFinish(
        weeks=weeks,
        rate=rate,
        own_forecasts=at_median.own_forecasts,
        own_weight=at_median.own_weight,
        spread=at_median.mixture.spread,
        is_after_break=at_median.is_after_break,
    )


def weeks_at(forecaster: ItemsDoneForecaster, items: float, probability: float) -> float:
    """Weeks within which so many items are done with a probability: the quantile that the trials would have.

    items: above 0;  probability: in (0, 1)
    Infinite where ten years are not enough.
    """
    wanted, level = max(items - HALF_ITEM, HALF_ITEM), np.array([1 - probability])
    weeks_before = done_before = 0.0
    for horizon_weeks in LADDER_WEEKS:
        done = max(done_before, float(forecaster.forecast(float(horizon_weeks)).quantiles(level)[0]))
        if done >= wanted:
            share = (wanted - done_before) / (done - done_before)
            return weeks_before + share * (horizon_weeks - weeks_before)
        weeks_before, done_before = float(horizon_weeks), done
    return math.inf


def _ladder(forecaster: ItemsDoneForecaster, most_items: float) -> tuple[list[ItemsDone], FloatArray]:
    """Forecasts by rising horizon until even the slowest path is through, and items by horizon and level."""
    rungs: list[ItemsDone] = []
    rows: list[FloatArray] = []
    for horizon_weeks in LADDER_WEEKS:
        rungs.append(forecaster.forecast(float(horizon_weeks)))
        row = rungs[-1].quantiles(LEVELS)
        rows.append(np.maximum(row, rows[-1]) if rows else row)  # done stays done
        if rows[-1][0] >= most_items:
            break
    return rungs, np.stack(rows)


def _weeks_along_paths(
    rungs: Sequence[ItemsDone], progress: FloatArray, levels: FloatArray, wanted: FloatArray, rate: float
) -> FloatArray:
    """When each path reaches the items wanted: shape (trials,)."""
    horizons = np.array([0.0, *(rung.horizon_weeks for rung in rungs)])
    paths = np.zeros((len(horizons), len(levels)))
    for index, row in enumerate(progress, start=1):
        paths[index] = np.interp(levels, LEVELS, row)
    trials = np.arange(len(levels))
    reached = paths[-1] >= wanted
    upper = np.where(reached, np.argmax(paths >= wanted, axis=0), len(horizons) - 1)
    before, after = paths[upper - 1, trials], paths[upper, trials]
    share = np.clip((wanted - before) / np.maximum(after - before, 1e-12), 0.0, 1.0)
    inside = horizons[upper - 1] + share * (horizons[upper] - horizons[upper - 1])
    pace_later = np.maximum(paths[-1] / horizons[-1], rate * SLOWEST_SHARE)
    weeks: FloatArray = np.where(reached, inside, horizons[-1] + (wanted - paths[-1]) / pace_later)
    return np.maximum(weeks, 1 / 7)
