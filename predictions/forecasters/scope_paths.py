"""How the scope may grow from now on: simulated paths, and what they come to where less is added.

1. Items added and items taken out each week are drawn around their levels (calibration.arrivals), which differ by trial
   by their error and walk from week to week.
2. Now and then somebody approves: as often as so far, and the share of the growth standing then that usually is.
3. A path has crept when its growth first reaches the threshold; the items of a week come evenly over it.
4. Actions are the same trials with what is added from some moment on scaled.

Example: growth 2 of 10, one item more every week for sure: it has crept after 8 weeks; with half of it from now on, 16.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.arrivals import Levels

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]
ALL = slice(None)

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


@dataclass(frozen=True, eq=False)
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
        return (self._crossed(from_hour, scale) + 1) / (len(self.added) + 2)

    def crossing_hours(self, *, growth_items: float | None = None) -> FloatArray:
        """When each trial has crept, infinite where it does not: shape (trials,)."""
        weeks = self._weeks
        growth = np.full(weeks.trials, float(self.growth_items if growth_items is None else growth_items))
        hours = np.full(weeks.trials, np.inf)
        for week in range(weeks.count):
            step = weeks.step(week)
            after = growth + step
            crosses = self._reaches(after) & np.isinf(hours)
            needed = self.threshold_items - growth[crosses] - weeks.phase[week, crosses]
            within = np.clip(needed / np.maximum(step[crosses], 1e-9), 0.0, 1.0)
            hours[crosses] = week * HOURS_PER_WEEK + self._lasts(week) * within
            growth = weeks.after_approval(week, after)
        return hours

    def final_growth(self) -> FloatArray:
        """The largest growth of each trial: shape (trials,)."""
        weeks = self._weeks
        growth = np.full(weeks.trials, float(self.growth_items))
        largest = growth.copy()
        for week in range(weeks.count):
            after = growth + weeks.added[week] - weeks.taken_out[week]
            largest = np.maximum(largest, after)
            growth = weeks.after_approval(week, after)
        return largest

    def _crossed(self, from_hour: float, scale: float) -> int:
        """How many trials creep.

        An action changes nothing before it starts: what the trials come to until then is worked out once for all
        starts that are asked about, and from there on only those that have not crept yet go on.
        """
        weeks = self._weeks
        begun, first_week = self._untouched
        start = weeks.count if from_hour >= self.hours else int(from_hour // HOURS_PER_WEEK)
        rest = np.flatnonzero(first_week >= start)
        growth = begun[start, rest]
        for week in range(start, weeks.count):
            before = float(np.clip((from_hour - week * HOURS_PER_WEEK) / self._lasts(week), 0.0, 1.0))
            after = growth + weeks.step(week, rest, before + (1 - before) * scale)
            stays = ~self._reaches(after)
            if not stays.all():
                rest, after = rest[stays], after[stays]
            if scale == 0 or rest.size == 0:  # nothing more comes in, so no other trial gets there
                break
            growth = weeks.after_approval(week, after, rest)
        return weeks.trials - len(rest)

    @cached_property
    def _untouched(self) -> tuple[FloatArray, NDArray[np.intp]]:
        """Growth before each week and after the last, shape (weeks + 1, trials), and the week in which each has crept.

        The number of weeks stands for never.
        """
        weeks = self._weeks
        begun = np.empty((weeks.count + 1, weeks.trials))
        begun[0] = self.growth_items
        first_week = np.full(weeks.trials, weeks.count, dtype=np.intp)
        for week in range(weeks.count):
            after = begun[week] + weeks.step(week)
            first_week[self._reaches(after) & (first_week == weeks.count)] = week
            begun[week + 1] = weeks.after_approval(week, after)
        return begun, first_week

    @cached_property
    def _weeks(self) -> "_Weeks":
        return _Weeks(
            *(np.ascontiguousarray(each.T) for each in (self.added, self.taken_out, self.approved, self.phase))
        )

    def _reaches(self, growth: FloatArray) -> Flags:
        reaches: Flags = growth >= self.threshold_items - 1e-9
        return reaches

    def _lasts(self, week: int) -> float:
        return min(HOURS_PER_WEEK, self.hours - week * HOURS_PER_WEEK)


@dataclass(frozen=True, slots=True, eq=False)
class _Weeks:
    """The same by week, so that the trials of a week lie side by side: shape (weeks, trials)."""

    added: FloatArray
    taken_out: FloatArray
    approved: FloatArray
    phase: FloatArray

    @property
    def count(self) -> int:
        return len(self.added)

    @property
    def trials(self) -> int:
        return int(self.added.shape[1])

    def step(self, week: int, chosen: "NDArray[np.intp] | slice" = ALL, scale: float = 1.0) -> FloatArray:
        """What a week adds to the growth of the chosen trials."""
        come = np.floor(self.added[week, chosen] * scale + self.phase[week, chosen])
        step: FloatArray = come - self.taken_out[week, chosen]
        return step

    def after_approval(self, week: int, growth: FloatArray, chosen: "NDArray[np.intp] | slice" = ALL) -> FloatArray:
        """What is left of the growth of the chosen trials once the week is over."""
        left: FloatArray = growth - self.approved[week, chosen] * np.maximum(growth, 0.0)
        return left


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
) -> GrowthPaths:
    """Draw the paths."""
    parts, rng = _parts_of_weeks(hours), np.random.default_rng(seed).spawn(2)[1]
    added = added_items(rates.added, hours=hours, seed=seed, trials=trials)
    taken_out = _draw(rates.taken_out, parts, rng, trials, 0.0)
    approves = rng.random((trials, len(parts))) < 1 - np.exp(-rates.approvals_per_week * parts)
    approved = np.where(approves, rates.approved_share, 0.0)
    phase = rng.random((trials, len(parts)))
    return GrowthPaths(growth_items, threshold_items, hours, added, taken_out, approved, phase)


def added_items(
    rate: WeeklyRate, *, hours: float, seed: int, trials: int = TRIALS, level_shift: float = 0.0
) -> FloatArray:
    """What each trial adds: shape (trials, weeks).  level_shift: standard errors by which the level is taken to be off

    From a stream of its own, so that paths with another level of it have all else in common.
    """
    rng = np.random.default_rng(seed).spawn(2)[0]
    return _draw(rate, _parts_of_weeks(hours), rng, trials, level_shift)


def _parts_of_weeks(hours: float) -> FloatArray:
    """How much of each week lies within the horizon: shape (weeks,), in (0, 1]."""
    parts: FloatArray = np.minimum(1.0, hours / HOURS_PER_WEEK - np.arange(int(np.ceil(hours / HOURS_PER_WEEK))))
    return parts


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
