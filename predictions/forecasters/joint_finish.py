"""Dates that several projects can keep together, where the same people work on them.

1. Each project's own forecast stands as it is: P(on time), and the days of its quantiles.
2. How far projects err together is measured on their past. An error of a project: ln of the items it finished in four
   weeks over what it finished on average in four weeks of the twelve before, half an item added to both. The errors of
   two projects in the same weeks correlate by r; n such errors are believed as r * n / (n + 10).
3. 10,000 times a level is drawn for every project, uniform, by normal scores that correlate as measured.
4. P(all on time) is the share of draws in which each level is at most that project's P(on time). However projects
   depend on each other, it lies between the sum of their probabilities less (n - 1), and the least of them.
5. The joint level is the least one that no project's draw exceeds in 85 % of the draws; each project's joint date is
   its own quantile at that level. Between known quantiles ln of the days is taken as linear in the normal score.

Assumes that people go on being shared as they were. Do not believe it where a project is about to lose its people to
another: that is a decision, and shows in neither past.

Example: two projects of .80 each that never erred together: all on time with .64, between .60 and .80; to promise both
dates with 85 % each has to be promised at its own 92 %.
Source: Nelsen (2006), An Introduction to Copulas, chapter 2 (bounds of a joint probability).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

FloatArray = NDArray[np.float64]

BLOCK_WEEKS, REFERENCE_BLOCKS = 4, 3
STRENGTH = 10.0
"""Errors side by side that are believed by half. Starting value."""
DRAWS, SEED = 10_000, 1
HALF_ITEM = 0.5
LEAST_EIGENVALUE = 1e-6
MOST_DAYS = 3_650.0
"""Dates later than in ten years are no dates."""


@dataclass(frozen=True, slots=True, eq=False)
class ProjectForecast:
    """What one project's own forecast says.

    p_on_time: of its target, in [0, 1];  None without a target
    levels, days: of its quantiles, both rising, two or more: levels in (0, 1), days from now
    weekly: items finished per week, oldest first, NaN where not known; the last weeks of all projects are the same
    """

    p_on_time: float | None
    levels: FloatArray
    days: FloatArray
    weekly: FloatArray

    def days_at(self, level: float) -> float:
        """Days within which it is done with that probability; infinite beyond ten years."""
        scores, logs = ndtri(self.levels), np.log(np.maximum(self.days, HALF_ITEM))
        place = int(np.clip(np.searchsorted(self.levels, level), 1, len(scores) - 1))
        slope = (logs[place] - logs[place - 1]) / (scores[place] - scores[place - 1])
        days = float(np.exp(logs[place] + slope * (float(ndtri(level)) - scores[place])))
        return days if days <= MOST_DAYS else float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class JointFinish:
    """What several projects can promise together.

    p_all_on_time: in [low, high], which hold whatever the dependence; all None where a project has no target
    level: at which each project's own date is taken;  days: of each project, infinite beyond ten years
    correlations: of the projects' errors, shape (projects, projects)
    """

    p_all_on_time: float | None
    low: float | None
    high: float | None
    level: float
    days: tuple[float, ...]
    correlations: FloatArray


def joint_finish(projects: Sequence[ProjectForecast], *, accepted: float = 0.85) -> JointFinish:
    """What the projects can promise together.  accepted: probability with which all joint dates are kept, in (0, 1)

    Raises ValueError for fewer than two projects.
    """
    if len(projects) <= 1:
        raise ValueError("a single project keeps no date together with others")
    correlations = error_correlations([project.weekly for project in projects])
    scores = _standard_scores(len(projects)) @ np.linalg.cholesky(correlations).T
    level = float(ndtr(np.quantile(scores.max(axis=1), accepted, method="inverted_cdf")))
    low = high = value = None
    chances = np.array([project.p_on_time for project in projects if project.p_on_time is not None])
    if len(chances) == len(projects):
        low, high = max(0.0, float(chances.sum()) - (len(chances) - 1)), float(chances.min())
        value = float(np.clip((scores <= ndtri(chances)).all(axis=1).mean(), low, high))
    return JointFinish(
        p_all_on_time=value,
        low=low,
        high=high,
        level=level,
        days=tuple(project.days_at(level) for project in projects),
        correlations=correlations,
    )


def error_correlations(weekly: Sequence[FloatArray]) -> FloatArray:
    """How far the errors of projects go together, shrunk to nothing where there are few: shape (projects, projects).

    weekly: items finished per week of each project, oldest first, NaN where not known, ending in the same week
    """
    errors = [_errors(one) for one in weekly]
    found = np.eye(len(errors))
    for row, first in enumerate(errors):
        for column, second in enumerate(errors[:row]):
            found[row, column] = found[column, row] = _shrunk_correlation(first, second)
    return _made_possible(found)


def _errors(weekly: FloatArray) -> FloatArray:
    """Errors of saying that a block will be as the three before it, oldest first; blocks are counted from the end."""
    blocks = len(weekly) // BLOCK_WEEKS
    sums = weekly[len(weekly) - blocks * BLOCK_WEEKS :].reshape(blocks, BLOCK_WEEKS).sum(axis=1)
    if blocks <= REFERENCE_BLOCKS:
        return np.zeros(0)
    before = np.lib.stride_tricks.sliding_window_view(sums[:-1], REFERENCE_BLOCKS).mean(axis=1)
    errors: FloatArray = np.log((sums[REFERENCE_BLOCKS:] + HALF_ITEM) / (before + HALF_ITEM))
    return errors


def _shrunk_correlation(first: FloatArray, second: FloatArray) -> float:
    side_by_side = min(len(first), len(second))
    a, b = first[len(first) - side_by_side :], second[len(second) - side_by_side :]
    known = np.isfinite(a) & np.isfinite(b)
    n = int(known.sum())
    if n <= 1:
        return 0.0
    a, b = a[known] - a[known].mean(), b[known] - b[known].mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return 0.0 if scale == 0 else float(a @ b) / scale * n / (n + STRENGTH)


def _made_possible(correlations: FloatArray) -> FloatArray:
    """The nearest matrix that correlations can have: pairs of different length may contradict each other."""
    values, vectors = np.linalg.eigh(correlations)
    mended = (vectors * np.maximum(values, LEAST_EIGENVALUE)) @ vectors.T
    scale = np.sqrt(np.diag(mended))
    possible: FloatArray = mended / scale / scale[:, None]
    return possible


@cache
def _standard_scores(projects: int) -> FloatArray:
    """Independent normal scores, the same at every call: shape (draws, projects)."""
    return np.random.default_rng(SEED).standard_normal((DRAWS, projects))
