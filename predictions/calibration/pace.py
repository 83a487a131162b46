"""How fast a team was at every moment of its past: the series that forecasts of its throughput start from.

1. A week far above its year (four times the median of the weeks with work, and more than five items) is capped: a board
   that was tidied up sets no pace. What was done is not changed, only what is believed of it.
2. The rate at each moment is the recency-weighted mean of the weeks before, with half-lives from 2 to 64 weeks.
3. The centre for h weeks is the geometric mean of three of these rates times h: of the last weeks, of two months and of
   the half-year. No single half-life is right for a steady and for a changing team.
4. Features say how the rates stand to one another. They have no scale, so that teams of all sizes can share a model.

Example: ten weeks of 4 items each: every rate is 4, the centre for 2 weeks is 8.5 with the half item of step 3, and the
features of change are 0.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.pace_break import Flags, after_break

FloatArray = NDArray[np.float64]

HALF_ITEM = 0.5
"""Added before logarithms, so that k items are the interval [k, k + 1) and none is finite."""
HALF_LIVES_WEEKS = (2.0, 8.0, 16.0, 32.0, 64.0)
CENTRE_HALF_LIVES_WEEKS = (2.0, 8.0, 32.0)
CAP_FACTOR, CAP_ITEMS, CAP_WEEKS, MIN_CAP_WEEKS = 4.0, 5.0, 52, 8
"""Starting values: a burst is four usual weeks in one; eight weeks are needed to know what is usual."""
FEATURES = (
    "last weeks against two months",
    "two months against half a year",
    "half a year against a year",
    "size",
    "age",
)


@dataclass(frozen=True, eq=False)
class Pace:
    """One team's weekly throughput, and what could be said of its rate before each week.

    weekly: items finished per week, oldest first, shape (weeks,)
    Arrays over origins have shape (weeks + 1,): entry k knows the first k weeks, the last one all.
    """

    weekly: FloatArray

    @property
    def weeks(self) -> int:
        """Length of the record."""
        return len(self.weekly)

    def until(self, week: int) -> "Pace":
        """The same team when only its first weeks were known. What was computed is cut, since it never looked ahead."""
        past = Pace(self.weekly[:week])
        vars(past)["capped"] = self.capped[:week]
        vars(past)["after_break"] = self.after_break[: week + 1]
        vars(past)["rates"] = {half_life: rates[: week + 1] for half_life, rates in self.rates.items()}
        return past

    @cached_property
    def capped(self) -> FloatArray:
        """Weekly throughput without bursts: shape (weeks,)."""
        capped = self.weekly.copy()
        if self.weeks > MIN_CAP_WEEKS:
            usual = _medians_of_worked_weeks(self.weekly)[MIN_CAP_WEEKS:]
            capped[MIN_CAP_WEEKS:] = np.minimum(capped[MIN_CAP_WEEKS:], np.maximum(CAP_FACTOR * usual, CAP_ITEMS))
        return capped

    @cached_property
    def after_break(self) -> Flags:
        """Whether the pace had just broken, at each origin (`pace_break`)."""
        return after_break(self.weekly)

    @cached_property
    def rates(self) -> dict[float, FloatArray]:
        """Items per week by half-life, each over all origins."""
        return {half_life: recency_weighted_means(self.capped, half_life) for half_life in HALF_LIVES_WEEKS}

    @cached_property
    def cumulative(self) -> FloatArray:
        """Items finished before each origin."""
        return np.concatenate([[0.0], np.cumsum(self.weekly)])

    def centres(self, horizon_weeks: float) -> FloatArray:
        """Items to expect within the horizon, plus half an item, at each origin; above 0."""
        logs = [self._log_expected(half_life, horizon_weeks) for half_life in CENTRE_HALF_LIVES_WEEKS]
        centres: FloatArray = np.exp(np.mean(logs, axis=0))
        return centres

    def features(self, horizon_weeks: float) -> FloatArray:
        """How the rates stand to one another at each origin: shape (weeks + 1, len(FEATURES))."""
        two, eight, _, half_year, year = (self._log_expected(hl, horizon_weeks) for hl in HALF_LIVES_WEEKS)
        size = np.log(self.centres(horizon_weeks))
        age = np.log1p(np.arange(self.weeks + 1))
        return np.stack([two - eight, eight - half_year, half_year - year, size, age], axis=1)

    def items_done(self, horizon_weeks: float, origins: NDArray[np.intp]) -> FloatArray:
        """Items finished within the horizon after each origin; weeks are cut evenly. Shape of origins."""
        ends = np.interp(origins + horizon_weeks, np.arange(self.weeks + 1), self.cumulative)
        done: FloatArray = ends - self.cumulative[origins]
        return done

    def _log_expected(self, half_life: float, horizon_weeks: float) -> FloatArray:
        logs: FloatArray = np.log(self.rates[half_life] * horizon_weeks + HALF_ITEM)
        return logs


def _medians_of_worked_weeks(weekly: FloatArray) -> FloatArray:
    """Median of the weeks with work in the year before each week, 1 where there is none: shape (weeks,)."""
    padded = np.concatenate([np.full(CAP_WEEKS, np.inf), np.where(weekly > 0, weekly, np.inf)])
    years = np.sort(np.lib.stride_tricks.sliding_window_view(padded, CAP_WEEKS)[: len(weekly)], axis=1)
    worked = np.isfinite(years).sum(axis=1)
    rows, upper = np.arange(len(weekly)), worked // 2
    lower = np.maximum(upper - 1 + worked % 2, 0)
    middles = (years[rows, lower] + years[rows, np.minimum(upper, CAP_WEEKS - 1)]) / 2
    medians: FloatArray = np.where(worked > 0, middles, 1.0)
    return medians


def recency_weighted_means(weekly: FloatArray, half_life_weeks: float) -> FloatArray:
    """Mean of all weeks before each week and before the end: shape (weeks + 1,), the first is 0."""
    decay = 0.5 ** (1 / half_life_weeks)
    means = np.zeros(len(weekly) + 1)
    total = weight = 0.0
    for index, count in enumerate(weekly.tolist()):
        total, weight = total * decay + count, weight * decay + 1
        means[index + 1] = total / weight
    return means
