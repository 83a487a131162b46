"""How many of something arrive: a level that is followed week by week, and how far counts stray from it.

1. The level after each week is the mean of the weeks so far, older ones counting less by a half-life, shrunk towards a
   given level as if that had been seen for some weeks.
2. Counts stray more than chance: their dispersion (variance over mean) is that of each week around the level before it,
   shrunk towards a usual one. The error of the level follows from both, and how far it may drift from the half-life: a
   walk with such steps is what that half-life is the best one for.
3. A count over several weeks is negative binomial with that mean and variance.
4. The half-life is the one under which earlier counts over the same number of weeks would have been likeliest. Or
   levels of several half-lives are blended, each by how likely it made the counts of late: a team that was steady for
   years and is no longer is then followed fast.

Assumes that weeks differ by chance around a level that moves slowly. Do not believe it across a re-organisation.

Example: 4 a week for a year: after it the level is near 4, and 4 weeks bring 16, give or take 5.
Source: Harvey (1989), Forecasting, structural time series models and the Kalman filter: the local level. Raftery,
Karny and Ettler (2010), Technometrics 52(1), 52-66: dynamic model averaging.
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
LIKELIHOOD_HALF_LIFE_WEEKS = 26.0
"""How fast levels are to be followed may change within a year. Starting value."""
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


def upper_limit(mean: float, variance: float, share: float) -> int:
    """The least count that a negative binomial count exceeds with at most the rest of a share, say .95."""
    shape = mean**2 / (variance - mean)
    success, low, high = shape / (shape + mean), -1, int(mean + 12 * variance**0.5) + 2
    while high - low > 1:  # by halves: asked after every week of years
        middle = (low + high) // 2
        low, high = (low, middle) if betainc(shape, middle + 1, success) >= share else (middle, high)
    return high


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


@dataclass(frozen=True, slots=True, eq=False)
class BlendedLevels:
    """Levels of several half-lives.  shares: of each after each number of weeks, shape (half-lives, weeks + 1)"""

    levels: tuple[Levels, ...]
    shares: FloatArray

    @property
    def per_week(self) -> FloatArray:
        """Expected arrivals after each number of weeks: shape (weeks + 1,)."""
        rates: FloatArray = (self.shares * np.stack([levels.per_week for levels in self.levels])).sum(axis=0)
        return rates

    def above(self, limits: ArrayLike, weeks: float) -> FloatArray:
        """P(count of the next weeks > limit), asked after each week: shape (weeks + 1,)."""
        chances: FloatArray = sum(
            share * levels.counts(weeks).above(limits) for share, levels in zip(self.shares, self.levels, strict=True)
        )
        return chances

    def newest(self, weeks: float) -> "BlendedCount":
        """How many arrive in the next weeks, asked after the last one."""
        parts = [levels.counts(weeks) for levels in self.levels]
        forecast = CountForecast(
            np.array([part.mean[-1] for part in parts]),
            np.array([part.variance[-1] for part in parts]),
            np.array([part.level_error[-1] for part in parts]),
        )
        return BlendedCount(forecast, self.shares[:, -1])


@dataclass(frozen=True, slots=True, eq=False)
class BlendedCount:
    """One count, by levels of several half-lives.  parts: shape (half-lives,);  shares: of each, adding up to 1"""

    parts: CountForecast
    shares: FloatArray

    @property
    def level_error(self) -> float:
        """Standard error of the logarithm of the mean: that of the levels, and how far they are apart."""
        parts, mean = self.parts, float(self.shares @ self.parts.mean)
        squares = (parts.mean * parts.level_error) ** 2 + (parts.mean - mean) ** 2
        return float(np.sqrt(self.shares @ squares)) / mean

    def above(self, limit: float, *, factor: float = 1.0) -> float:
        """P(count > limit), in (0, 1).  factor: by which the mean is taken to be off"""
        return float(self.shares @ self.parts.above(limit, factor=factor))

    def within(self, share: float) -> "BlendedCount":
        """The count of the first part of the time.  share: in (0, 1]"""
        parts = self.parts
        chance = parts.variance - (parts.mean * parts.level_error) ** 2
        means = parts.mean * share
        variances = chance * share + (means * parts.level_error) ** 2
        return BlendedCount(CountForecast(means, np.maximum(variances, 1.0001 * means), parts.level_error), self.shares)


def blended_levels(
    weekly: FloatArray,
    *,
    towards: ArrayLike,
    towards_weeks: float,
    horizon_weeks: int,
    half_lives: Sequence[float] = HALF_LIVES_WEEKS,
) -> BlendedLevels:
    """Levels of every half-life, each with the share that the counts which were over by each week give it."""
    followed = tuple(
        follow_levels(weekly, towards=towards, towards_weeks=towards_weeks, half_life_weeks=half_life)
        for half_life in half_lives
    )
    told = np.zeros((len(followed), len(weekly) + 1))
    counts = np.convolve(weekly, np.ones(horizon_weeks), mode="valid") if len(weekly) >= horizon_weeks else weekly[:0]
    each = np.stack([_log_likelihoods(counts, levels, horizon_weeks) for levels in followed])
    kept = 0.5 ** (1 / LIKELIHOOD_HALF_LIFE_WEEKS)
    for window in range(len(counts)):
        week = window + horizon_weeks
        told[:, week] = kept * told[:, week - 1] + each[:, window] / horizon_weeks
    shares = np.exp(told - told.max(axis=0))
    return BlendedLevels(followed, shares / shares.sum(axis=0))


def _log_likelihoods(counts: FloatArray, levels: Levels, horizon_weeks: int) -> FloatArray:
    """ln P of each count over the weeks after each number of weeks: shape of counts."""
    forecast, chosen = levels.counts(float(horizon_weeks)), slice(0, len(counts))
    part = CountForecast(forecast.mean[chosen], forecast.variance[chosen], forecast.level_error[chosen])
    return part.log_likelihood(counts)


def _walked_likelihood(weekly: FloatArray, levels: Levels, horizon_weeks: int) -> float:
    """Mean ln P of the counts over windows that began after each week; those that overlap count alike for all."""
    if len(weekly) <= horizon_weeks:
        return 0.0
    counts = np.convolve(weekly, np.ones(horizon_weeks), mode="valid")
    return round(float(_log_likelihoods(counts, levels, horizon_weeks).mean()), 6)
