"""How the scope may grow from now on: simulated paths, and what they come to where less is added.

1. Items added and items taken out each week are drawn around their levels (calibration.arrivals), which differ by trial
   by their error and walk from week to week.
2. Now and then somebody approves: as often as so far, and the share of the growth standing then that usually is.
3. A path has crept when its growth first reaches the threshold; the items of a week come evenly over it.
4. Actions are the same trials with what is added from some moment on scaled.

Example: growth 2 of 10, one item more every week for sure: it has crept after 8 weeks; with half of it from now on, 16.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.arrivals import Levels

FloatArray = NDArray[np.float64]

TRIALS = 2_000
MAX_STEP = 0.25
"""Standard deviation of the logarithm of a level from one week to the next, at most."""
HOURS_PER_WEEK = 168


@dataclass(frozen=True, slots=True)
class WeeklyRate:
    """A level of weekly counts.  per_week, error: items;  dispersion: variance over mean, above 1

    step: standard deviation of the logarithm of the level from one week to the next
    """

    per_week: float
    error: float
    dispersion: float
    step: float

    @classmethod
    def of(cls, levels: Levels) -> "WeeklyRate":
        """The level after the last week."""
        level, dispersion = float(levels.per_week[-1]), float(levels.dispersion[-1])
        kept = 0.5 ** (1 / levels.half_life_weeks)
        step = min(MAX_STEP, float(np.sqrt(dispersion / level) * (1 - kept) / np.sqrt(kept)))
        return cls(level, float(np.sqrt(dispersion * level / levels.weight[-1])), dispersion, step)


@dataclass(frozen=True, slots=True, eq=False)
class GrowthPaths:
    """What each trial adds, takes out and approves: shape (trials, weeks), the last week in part.

    growth_items: at the beginning;  threshold_items: from where on it has crept;  hours: to the end of the horizon
    approved: share of the growth standing at the end of a week that is approved then, mostly 0
    phase: when in its share of the week the first item comes, in [0, 1)
    """

    growth_items: int
    threshold_items: int
    hours: float
    added: FloatArray
    taken_out: FloatArray
    approved: FloatArray
    phase: FloatArray

    def probability(self, *, from_hour: float = np.inf, scale: float = 1.0) -> float:
        """P(it creeps within the horizon), with one more trial each way.  scale: of what is added from an hour on"""
        crossed = np.isfinite(self.crossing_hours(from_hour=from_hour, scale=scale))
        return (float(crossed.sum()) + 1) / (len(crossed) + 2)

    def crossing_hours(
        self, *, from_hour: float = np.inf, scale: float = 1.0, growth_items: float | None = None
    ) -> FloatArray:
        """When each trial has crept, infinite where it does not: shape (trials,)."""
        growth = np.full(len(self.added), float(self.growth_items if growth_items is None else growth_items))
        hours = np.full(len(self.added), np.inf)
        for week in range(self.added.shape[1]):
            begins, lasts = week * HOURS_PER_WEEK, self._lasts(week)
            before = float(np.clip((from_hour - begins) / lasts, 0.0, 1.0))
            phase, added = self.phase[:, week], self.added[:, week]
            step = np.floor(added * (before + (1 - before) * scale) + phase) - self.taken_out[:, week]
            after = growth + step
            crosses = (after >= self.threshold_items - 1e-9) & np.isinf(hours)
            needed = self.threshold_items - growth[crosses] - phase[crosses]
            hours[crosses] = begins + lasts * np.clip(needed / np.maximum(step[crosses], 1e-9), 0.0, 1.0)
            growth = after - self.approved[:, week] * np.maximum(after, 0.0)
        return hours

    def final_growth(self) -> FloatArray:
        """The largest growth of each trial: shape (trials,)."""
        growth = np.full(len(self.added), float(self.growth_items))
        largest = growth.copy()
        for week in range(self.added.shape[1]):
            after = growth + self.added[:, week] - self.taken_out[:, week]
            largest = np.maximum(largest, after)
            growth = after - self.approved[:, week] * np.maximum(after, 0.0)
        return largest

    def _lasts(self, week: int) -> float:
        return min(HOURS_PER_WEEK, self.hours - week * HOURS_PER_WEEK)


@dataclass(frozen=True, slots=True)
class GrowthRates:
    """What the paths are drawn from.  approvals_per_week: how often;  approved_share: of the growth then"""

    added: WeeklyRate
    taken_out: WeeklyRate
    approvals_per_week: float
    approved_share: float


def simulate_growth(
    rates: GrowthRates,
    *,
    growth_items: int,
    threshold_items: int,
    hours: float,
    seed: int,
    trials: int = TRIALS,
    level_shift: float = 0.0,
) -> GrowthPaths:
    """Draw the paths.  level_shift: standard errors by which the level of what is added is taken to be off"""
    rng = np.random.default_rng(seed)
    weeks = int(np.ceil(hours / HOURS_PER_WEEK))
    parts = np.minimum(1.0, hours / HOURS_PER_WEEK - np.arange(weeks))
    added = _draw(rates.added, parts, rng, trials, level_shift)
    taken_out = _draw(rates.taken_out, parts, rng, trials, 0.0)
    approves = rng.random((trials, weeks)) < 1 - np.exp(-rates.approvals_per_week * parts)
    approved = np.where(approves, rates.approved_share, 0.0)
    phase = rng.random((trials, weeks))
    return GrowthPaths(growth_items, threshold_items, hours, added, taken_out, approved, phase)


def _draw(rate: WeeklyRate, parts: FloatArray, rng: np.random.Generator, trials: int, shift: float) -> FloatArray:
    share = rate.error / rate.per_week
    shape = 1 / share**2
    level = rate.per_week * rng.gamma(shape, 1 / shape, trials) * np.exp(shift * min(share, 1.0))
    walk = np.cumsum(rng.standard_normal((trials, len(parts))) * rate.step - rate.step**2 / 2, axis=1)
    means = level[:, None] * np.exp(walk) * parts
    excess = rate.dispersion - 1
    bunched = rng.standard_gamma(np.maximum(means / excess, 1e-12)) * excess
    items: FloatArray = rng.poisson(np.minimum(bunched, 1e6)).astype(np.float64)
    return items
