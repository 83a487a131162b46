"""P(bugs above the limit within 28 days), by three rungs, and the one that did best on the project's own past.

1. Base rate: in how many earlier windows of 28 days were there more bugs than the limit that stood when they began?
2. Level: the arrivals follow a level, slow and fast ones blended by how likely they made what came of late
   (calibration.arrivals); negative binomial.
3. Learned: the log-odds of the level, moved by the covariates of the week; coefficients are shrunk to none as if three
   forecasts had been right without them, and learned only from windows that were over.
4. At every week of the past all three answer by what was over then; their Brier scores choose: the level, unless the
   base rate beats it by a tenth, or the learned one by a twentieth. Fewer than MIN_JUDGED weeks choose nothing.

Assumes that windows which overlap tell as much as a quarter each. Do not read a coefficient as a cause.

Example: the level says .10, work in progress is e^0.5 of the usual, its coefficient is 0.8: the learned one says .14.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.arrivals import BlendedCount, blended_levels
from predictions.calibration.recalibration import expit, fit_shrunk_logistic, logit
from predictions.forecasters.bug_arrivals import WINDOW_WEEKS, BugArrivals
from predictions.forecasters.quality_covariates import COVARIATES, Covariates

FloatArray = NDArray[np.float64]

FIRST_WEEK = 12
"""Before, the limit rests on less than three windows."""
HALF_LIVES_WEEKS = (26.0, 8.0, 4.0, 2.0)
TOWARDS_WEEKS = 2.0
"""Weeks that the mean of all weeks so far counts as beside the recent ones."""
BASE_RATE_PRIOR = (0.1, 1.0)
"""As if one window had been seen, a tenth of it above the limit: twice what chance alone makes it."""
OVERLAP_WEIGHT = 1 / WINDOW_WEEKS
SHRUNK_AS = 3.0
MIN_JUDGED, REFIT_WEEKS = 26, 4
BASE_RATE_MARGIN, LEARNED_MARGIN = 0.1, 0.05
"""A simpler rung has to be clearly better than the mechanism, and a richer one has to earn its keep."""
MIN_HITS_TO_LEARN = 3


class QualityRung(StrEnum):
    """From the simplest to the one that needs most."""

    BASE_RATE = "base_rate"
    LEVEL = "negative_binomial"
    LEARNED = "negative_binomial_with_covariates"


@dataclass(frozen=True, slots=True, eq=False)
class QualityRungs:
    """What each rung says now, and how good each was.

    brier: of the weeks judged, empty below MIN_JUDGED;  coefficients: of COVARIATES, 0 where nothing could be learned
    values: of the covariates now;  count: of bugs by the levels;  factor: by which their mean is taken to be off
    """

    served: QualityRung
    chances: Mapping[QualityRung, float]
    brier: Mapping[QualityRung, float]
    count: BlendedCount
    recent_per_week: float
    limit: int
    usual_per_week: float
    coefficients: FloatArray
    values: FloatArray
    factor: float = 1.0

    @property
    def chance(self) -> float:
        """P by the rung that is served."""
        return self.chances[self.served]

    def chance_at(self, *, level_factor: float = 1.0, moved: FloatArray | None = None) -> float:
        """P of the served rung, were the level off by a factor, or the covariates others."""
        if self.served is QualityRung.BASE_RATE:
            return self.chance
        chance = self.count.above(self.limit, factor=level_factor * self.factor)
        if self.served is QualityRung.LEVEL:
            return chance
        values = self.values if moved is None else moved
        return float(expit(logit(chance) + float(self.coefficients @ values)))

    def chance_by(self, days: FloatArray) -> FloatArray:
        """P that the levels bring the count above the limit within so many days, above 0: shape of days."""
        return np.array([self.count.within(day / (7 * WINDOW_WEEKS)).above(self.limit) for day in days.tolist()])


def quality_rungs(arrivals: BugArrivals, covariates: Covariates) -> QualityRungs:
    """All rungs, judged on the weeks so far."""
    weekly, limits = arrivals.weekly, arrivals.limits
    weeks = len(weekly)
    usual = (np.concatenate([[0.0], np.cumsum(weekly)]) + 0.5) / (np.arange(weeks + 1) + 2.0)
    levels = blended_levels(
        weekly, towards=usual, towards_weeks=TOWARDS_WEEKS, horizon_weeks=WINDOW_WEEKS, half_lives=HALF_LIVES_WEEKS
    )
    level = levels.above(limits, WINDOW_WEEKS)
    hits = _hits(weekly, limits)
    base = _running_base_rate(hits, weeks)
    learned, coefficients = _walked(level, hits, covariates.values)
    answers = {QualityRung.BASE_RATE: base, QualityRung.LEVEL: level, QualityRung.LEARNED: learned}
    judged = np.arange(FIRST_WEEK + WINDOW_WEEKS, len(hits))
    brier = {}
    if len(judged) >= MIN_JUDGED:
        brier = {rung: float(((answer[judged] - hits[judged]) ** 2).mean()) for rung, answer in answers.items()}
    return QualityRungs(
        served=_served(brier, bool(coefficients.any())),
        chances={rung: float(answer[-1]) for rung, answer in answers.items()},
        brier=brier,
        count=levels.newest(WINDOW_WEEKS),
        recent_per_week=float(levels.per_week[-1]),
        limit=arrivals.limit,
        usual_per_week=float(usual[-1]),
        coefficients=coefficients,
        values=covariates.values[-1],
    )


def _hits(weekly: FloatArray, limits: FloatArray) -> FloatArray:
    """Whether the four weeks after each number of weeks were above the limit: shape (weeks - 3,)."""
    if len(weekly) < WINDOW_WEEKS:
        return np.zeros(0)
    sums = np.convolve(weekly, np.ones(WINDOW_WEEKS), mode="valid")
    above: FloatArray = (sums > limits[: len(sums)]).astype(np.float64)
    return above


def _running_base_rate(hits: FloatArray, weeks: int) -> FloatArray:
    """After each number of weeks, of the windows that were over by then: shape (weeks + 1,)."""
    prior_hits, prior_windows = BASE_RATE_PRIOR
    usable = hits.copy()
    usable[:FIRST_WEEK] = 0.0
    over = np.concatenate([[0.0], np.cumsum(usable)])
    ends = np.maximum(np.arange(weeks + 1) - WINDOW_WEEKS + 1, 0)  # windows begun by then are over
    ends = np.minimum(ends, len(hits))
    seen = np.maximum(ends - FIRST_WEEK, 0) * OVERLAP_WEIGHT
    rate: FloatArray = (prior_hits + over[ends] * OVERLAP_WEIGHT) / (prior_windows + seen)
    return rate


def _walked(level: FloatArray, hits: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The learned rung after each number of weeks, each by what was over then; and the coefficients now."""
    answers, coefficients = level.copy(), np.zeros(len(COVARIATES))
    offset = logit(level)
    for week in range(FIRST_WEEK, len(level)):
        is_last = week == len(level) - 1
        if week % REFIT_WEEKS == 0 or is_last:
            coefficients = _fitted(offset, hits, values, week)
        answers[week] = expit(offset[week] + coefficients @ values[week])
    return answers, coefficients


def _fitted(offset: FloatArray, hits: FloatArray, values: FloatArray, week: int) -> FloatArray:
    over = slice(FIRST_WEEK, max(FIRST_WEEK, week - WINDOW_WEEKS + 1))
    truth = hits[over]
    if truth.sum() * OVERLAP_WEIGHT < MIN_HITS_TO_LEARN or not len(truth):
        return np.zeros(len(COVARIATES))
    return fit_shrunk_logistic(
        values[over],
        truth,
        np.full(len(truth), OVERLAP_WEIGHT),
        centre=[0.0] * len(COVARIATES),
        pseudo_forecasts=[SHRUNK_AS] * len(COVARIATES),
        offset=offset[over],
    )


def _served(brier: Mapping[QualityRung, float], has_learned: bool) -> QualityRung:
    if not brier:
        return QualityRung.LEVEL
    level = brier[QualityRung.LEVEL]
    if has_learned and brier[QualityRung.LEARNED] < (1 - LEARNED_MARGIN) * level:
        return QualityRung.LEARNED
    return QualityRung.BASE_RATE if brier[QualityRung.BASE_RATE] < (1 - BASE_RATE_MARGIN) * level else QualityRung.LEVEL
