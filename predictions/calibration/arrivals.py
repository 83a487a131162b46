"""How many of something arrive: a level that is followed week by week, and how far counts stray from it.

1. The level after each week is the mean of the weeks so far, older ones counting less by a half-life, shrunk towards a
   given level as if that had been seen for some weeks.
2. Counts stray more than chance: their dispersion (variance over mean) is that of each week around the level before it,
   shrunk towards a usual one. The error of the level follows from both, and how far it may drift from the half-life: a
   walk with such steps is what that half-life is the best one for.
3. A count over several weeks is negative binomial with that mean and variance.
4. The half-life is the one under which earlier counts over the same number of weeks would have been likeliest.

Assumes that weeks differ by chance around a level that moves slowly. Do not believe it across a re-organisation.

Example: 4 a week for a year: after it the level is near 4, and 4 weeks bring 16, give or take 5.
Source: Harvey (1989), Forecasting, structural time series models and the Kalman filter: the local level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammaln

FloatArray = NDArray[np.float64]

HALF_LIVES_WEEKS = (52.0, 20.0, 8.0, 4.0)
"""From slow to fast: equally likely ones go to the slower."""
USUAL_DISPERSION, DISPERSION_WEEKS = 2.0, 12.0
"""Arrivals come in twos and threes; a quarter of own weeks weighs as much."""
LEAST_LEVEL = 0.02
"""One in a year: a level of zero would make the first arrival impossible."""
MAX_DRIFT = 1.0
"""Standard deviation of the logarithm that a level may drift by over a horizon: a factor of e."""


@dataclass(frozen=True, slots=True, eq=False)
class CountForecast:
    """A negative binomial count.  mean: above 0;  variance: above the mean;  level_error: of the logarithm of the mean

    Numbers, or arrays of one shape.
    """

    mean: FloatArray
    variance: FloatArray
    level_error: FloatArray

    def above(self, limit: ArrayLike, *, factor: float = 1.0) -> FloatArray:
        """P(count > limit), in (0, 1).  factor: by which the mean is taken to be off"""
        shape = self.mean**2 / (self.variance - self.mean)
        mean = self.mean * factor
        success = shape / (shape + mean)
        below = betainc(shape, np.floor(np.asarray(limit, dtype=np.float64)) + 1, success)
        chance: FloatArray = np.clip(1 - below, 1e-6, 1 - 1e-6)
        return chance

    def log_likelihood(self, count: ArrayLike) -> FloatArray:
        """ln P(count)."""
        counts = np.asarray(count, dtype=np.float64)
        shape = self.mean**2 / (self.variance - self.mean)
        success = shape / (shape + self.mean)
        ways = gammaln(counts + shape) - gammaln(shape) - gammaln(counts + 1)
        chance: FloatArray = ways + shape * np.log(success) + counts * np.log1p(-success)
        return chance


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The level after each number of weeks: shape (weeks + 1,) each, the first before any.

    per_week: expected arrivals;  weight: weeks it rests on;  dispersion: variance over mean of a week
    """

    per_week: FloatArray
    weight: FloatArray
    dispersion: FloatArray
    half_life_weeks: float

    def counts(self, weeks: float) -> CountForecast:
        """How many arrive in the next weeks, asked after each week."""
        level = np.maximum(self.per_week, LEAST_LEVEL)
        spread = self.dispersion * level
        kept = 0.5 ** (1 / self.half_life_weeks)
        drift = np.minimum(spread * (1 - kept) ** 2 / kept * weeks / 3, (MAX_DRIFT * level) ** 2)
        error = spread / self.weight + drift
        mean = weeks * level
        return CountForecast(mean, weeks * spread + weeks**2 * error + 1e-9 * mean, np.sqrt(error) / level)


def follow_levels(weekly: FloatArray, *, towards: ArrayLike, towards_weeks: float, half_life_weeks: float) -> Levels:
    """The levels of a series of weekly counts, oldest first.

    towards: the level it is shrunk to, a number or one after each number of weeks: shape (weeks + 1,)
    """
    kept = 0.5 ** (1 / half_life_weeks)
    centre = np.broadcast_to(np.asarray(towards, dtype=np.float64), (len(weekly) + 1,))
    counted, seen = np.zeros(len(weekly) + 1), np.zeros(len(weekly) + 1)
    for week, count in enumerate(weekly.tolist()):
        counted[week + 1] = kept * counted[week] + count
        seen[week + 1] = kept * seen[week] + 1
    weight = towards_weeks + seen
    per_week = np.maximum((towards_weeks * centre + counted) / weight, LEAST_LEVEL)
    return Levels(per_week, weight, _dispersion(weekly, per_week, weight), half_life_weeks)


def _dispersion(weekly: FloatArray, per_week: FloatArray, weight: FloatArray) -> FloatArray:
    """After each week, from how far the weeks so far were from the level before them."""
    strayed = (weekly - per_week[:-1]) ** 2 / np.maximum(per_week[:-1], 0.25) / (1 + 1 / weight[:-1])
    total = np.concatenate([[0.0], np.cumsum(np.minimum(strayed, 50.0))])
    weeks = np.arange(len(weekly) + 1)
    dispersion: FloatArray = (DISPERSION_WEEKS * USUAL_DISPERSION + total) / (DISPERSION_WEEKS + weeks)
    return np.maximum(dispersion, 1.05)


def best_levels(
    weekly: FloatArray,
    *,
    towards: ArrayLike,
    towards_weeks: float,
    horizon_weeks: int,
    half_lives: Sequence[float] = HALF_LIVES_WEEKS,
) -> Levels:
    """The levels under the half-life that would have done best on the counts over horizon_weeks so far."""
    candidates = [
        follow_levels(weekly, towards=towards, towards_weeks=towards_weeks, half_life_weeks=half_life)
        for half_life in half_lives
    ]
    return max(candidates, key=lambda levels: _walked_likelihood(weekly, levels, horizon_weeks))


def _walked_likelihood(weekly: FloatArray, levels: Levels, horizon_weeks: int) -> float:
    """Mean ln P of the counts over windows that began after each week; those that overlap count alike for all."""
    starts = len(weekly) - horizon_weeks
    if starts < 1:
        return 0.0
    counts = np.convolve(weekly, np.ones(horizon_weeks), mode="valid")[: starts + 1]
    forecast = levels.counts(float(horizon_weeks))
    chosen = slice(0, starts + 1)
    part = CountForecast(forecast.mean[chosen], forecast.variance[chosen], forecast.level_error[chosen])
    return round(float(part.log_likelihood(counts).mean()), 6)
