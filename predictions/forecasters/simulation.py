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
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import HALF_ITEM, Pace
from predictions.forecasters.items_done import ItemsDoneForecaster
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
    paths: along which the trials went
    forecaster: of the items done, which the paths come from
    is_after_break: the pace has just broken, so that no more is expected than the last weeks allow
    """

    weeks: FloatArray
    rate: float
    own_forecasts: float
    own_weight: float
    spread: float
    paths: "FinishPaths"
    forecaster: ItemsDoneForecaster
    is_after_break: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FinishPaths:
    """How far each trial gets, whatever is to be done: scenarios of one forecast go along the same paths.

    horizons_weeks: shape (rungs + 1,), from 0;  done: items done by then, shape (rungs + 1, trials), rising
    rate: items per week now
    """

    horizons_weeks: FloatArray
    done: FloatArray
    rate: float

    def weeks_for(self, items: FloatArray) -> FloatArray:
        """When each path reaches so many items: shape (trials,), above 0; fewer items are never later.

        items: shape (trials,), at most those that the paths were made for
        """
        wanted = np.maximum(items - HALF_ITEM, HALF_ITEM)
        last = len(self.horizons_weeks) - 1
        trials = np.arange(len(wanted))
        upper = np.minimum((self.done < wanted).sum(axis=0), last)
        before, after = self.done[upper - 1, trials], self.done[upper, trials]
        share = np.clip((wanted - before) / np.maximum(after - before, 1e-12), 0.0, 1.0)
        inside = self.horizons_weeks[upper - 1] + share * (self.horizons_weeks[upper] - self.horizons_weeks[upper - 1])
        longest = self.done[-1]
        pace_later = np.maximum(longest / self.horizons_weeks[-1], self.rate * SLOWEST_SHARE)
        beyond = self.horizons_weeks[-1] + (wanted - longest) / pace_later
        weeks: FloatArray = np.where(longest >= wanted, inside, beyond)
        return np.maximum(weeks, 1 / 7)


def simulate_finish(
    pace: Pace | ItemsDoneForecaster,
    items: FloatArray,
    rng: np.random.Generator,
    *,
    pools: Sequence[ErrorPool] | None = None,
) -> SimulatedFinish:
    """Weeks until so many items are done.

    pace: the team's record of finished items, or the forecaster made of it;  items: shape (trials,), above 0
    pools: what other teams' forecasts were off by; the shipped prior unless given, those of a forecaster given
    Raises ValueError where nothing was finished.
    """
    forecaster = pace if isinstance(pace, ItemsDoneForecaster) else forecaster_of(pace, pools=pools)
    trials = len(items)
    levels = (rng.permutation(trials) + rng.random(trials)) / trials
    paths = finish_paths(forecaster, most_items=float(items.max()), levels=levels, rate=rate_of(forecaster.pace))
    weeks = paths.weeks_for(items)
    at_median = forecaster.forecast(float(np.median(weeks)))
    return SimulatedFinish(
        weeks=weeks,
        rate=paths.rate,
        own_forecasts=at_median.own_forecasts,
        own_weight=at_median.own_weight,
        spread=at_median.mixture.spread,
        paths=paths,
        forecaster=forecaster,
        is_after_break=at_median.is_after_break,
    )


def rate_of(pace: Pace) -> float:
    """Items per week now.  Raises ValueError where nothing was finished."""
    rate = float(pace.rates[RATE_HALF_LIFE_WEEKS][-1])
    if pace.weeks == 0 or rate <= 0:
        raise ValueError("a team that finishes nothing has no rate")
    return rate


def forecaster_of(pace: Pace, *, pools: Sequence[ErrorPool] | None = None) -> ItemsDoneForecaster:
    """The forecaster of the items done that all durations go by, from the prior that ships unless pools are given."""
    return ItemsDoneForecaster(pace, pools or shipped_pools())


def finish_paths(
    forecaster: ItemsDoneForecaster,
    *,
    most_items: float,
    levels: FloatArray,
    rate: float,
    errors_of: ItemsDoneForecaster | None = None,
) -> FinishPaths:
    """One path per level, long enough for so many items (or ten years).

    levels: shape (trials,), in (0, 1);  errors_of: spread and levels are those of another forecaster, centres are not
    """
    horizons = [0.0]
    rows = [np.zeros(len(LEVELS))]
    for horizon_weeks in LADDER_WEEKS:
        rung = forecaster.forecast(float(horizon_weeks))
        if errors_of is not None:
            errors = errors_of.forecast(float(horizon_weeks))
            rung = replace(rung, mixture=errors.mixture, record=errors.record)
        horizons.append(float(horizon_weeks))
        rows.append(np.maximum(rung.quantiles(LEVELS), rows[-1]))  # done stays done
        if rows[-1][0] >= max(most_items - HALF_ITEM, HALF_ITEM):
            break
    return FinishPaths(np.array(horizons), _at_levels(np.stack(rows), levels), rate)


def _at_levels(rows: FloatArray, levels: FloatArray) -> FloatArray:
    """Each row, given at LEVELS, at other levels: shape (rows, levels).  As np.interp, with one search for all rows."""
    place = np.searchsorted(LEVELS, levels, side="right") - 1
    inside = np.clip(place, 0, len(LEVELS) - 2)
    slopes = np.diff(rows, axis=1) / np.diff(LEVELS)
    held = np.clip(levels, LEVELS[0], LEVELS[-1]) - LEVELS[inside]
    found: FloatArray = np.take(slopes, inside, axis=1)
    found *= held
    found += np.take(rows, inside, axis=1)
    found[:, place >= len(LEVELS) - 1] = rows[:, -1:]
    return found


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
