"""What other projects' effort was off by: how far to trust a project's own tasks, and how wide to be.

1. From finished projects come the usual level (median of ln(actual / plan) of whole projects) and the usual tail: by
   how much that is above the median of the tasks, because single tasks explode.
2. Recalibrated level of a project under way = w (median of its tasks + tail) + (1 - w) usual level, w = n / (n + k), n
   its effective completed tasks. The median and not AC / EV, because early large tasks mislead.
3. Each finished project is forecast at four moments of its past without itself; the error of the rest, ln(actual rest /
   forecast rest), is kept in units of its own expected spread, so that small and large projects share a pool.
4. Three rungs keep errors: PLAN (the rest as planned), COST_RATIO (the rest at AC / EV), RECALIBRATED. The rung with
   the smallest mean error, the simplest first, is served.
5. Two pools become one: the nearer one with weight n / (n + k), n its projects.

Assumes that projects resemble each other in how they surprise. Do not use it where the plan is rewritten as work goes
on.

Example: usual level 0.1, usual tail 0.1, k = 50; a project with 50 effective tasks and median 0.3 gets 0.5 * 0.4 + 0.5
* 0.1 = 0.25: its rest is expected to take 28 % more than planned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.effort_tasks import EffortTasks, effective_number
from predictions.calibration.mixtures import ErrorMixture

FloatArray = NDArray[np.float64]

TASKS_STRENGTH = 50.0
"""Effective own tasks that weigh as much as the usual level. Starting value."""
PROJECTS_STRENGTH = 4.0
"""Finished projects of the nearer pool that weigh as much as the one behind it. Starting value."""
EARNED_SHARES = (0.1, 0.25, 0.5, 0.75)
SHARE_WIDTH = 0.25
"""Errors made at another share of the way count less: half at a quarter of the way off."""
DRIFT = 0.15
"""Standard deviation by which a level moves until the end, whatever the number of tasks; scales errors only."""
SMOOTHING = 0.25
"""Width of the mixture in units of the expected spread: what some tens of errors leave open."""
MIN_TASKS = 10
MAX_ERRORS = 240


class EffortRung(StrEnum):
    """How the level of the rest is read, the simplest first."""

    PLAN = "PLAN"
    COST_RATIO = "COST_RATIO"
    RECALIBRATED = "RECALIBRATED"


RUNGS = tuple(EffortRung)


@dataclass(frozen=True, slots=True, eq=False)
class EffortPool:
    """Finished projects, as far as a forecast needs them.

    level, tail: logarithms, see above;  shares: of the plan earned when each error was made, shape (n,)
    errors: in expected spreads, by rung, shape (rungs, n);  weights: shape (n,), sum to 1
    projects: finished projects behind it;  total_errors: mean |ln(total / forecast)| by rung, shape (rungs,)
    """

    level: float
    tail: float
    shares: FloatArray
    errors: FloatArray
    weights: FloatArray
    projects: float
    total_errors: FloatArray

    @classmethod
    def of_projects(cls, finished: Sequence[EffortTasks]) -> Self | None:
        """The pool of some finished projects; None below two that are large enough.

        Each is forecast from the others; what it still had open at the end never was finished and is left out.
        """
        usable = [project for project in finished if len(project.log_ratios) >= MIN_TASKS and project.spent > 0]
        if len(usable) < 2:  # noqa: PLR2004  # one project has no others to be forecast from
            return None
        levels = np.array([project.log_cost_ratio for project in usable])
        tails = levels - np.array([project.median_log_ratio for project in usable])
        rows = []
        for number, project in enumerate(usable):
            others = np.arange(len(usable)) != number
            level, tail = float(np.median(levels[others])), float(np.median(tails[others]))
            rows += _project_rows(project, level=level, tail=tail)
        return cls(
            level=float(np.median(levels)),
            tail=float(np.median(tails)),
            shares=np.array([row.share for row in rows]),
            errors=np.array([row.errors for row in rows]).T.reshape(len(RUNGS), -1),
            weights=np.full(len(rows), 1 / max(len(rows), 1)),
            projects=float(len(usable)),
            total_errors=np.mean([row.total_errors for row in rows], axis=0),
        )._thinned()

    def blended(self, nearer: "EffortPool | None") -> "EffortPool":
        """This pool with a nearer one laid over it by how many projects that one has seen."""
        if nearer is None:
            return self
        share = nearer.projects / (nearer.projects + PROJECTS_STRENGTH)
        return EffortPool(
            level=(1 - share) * self.level + share * nearer.level,
            tail=(1 - share) * self.tail + share * nearer.tail,
            shares=np.concatenate([self.shares, nearer.shares]),
            errors=np.concatenate([self.errors, nearer.errors], axis=1),
            weights=np.concatenate([self.weights * (1 - share), nearer.weights * share]),
            projects=self.projects + nearer.projects,
            total_errors=(1 - share) * self.total_errors + share * nearer.total_errors,
        )

    @property
    def best_rung(self) -> EffortRung:
        """The rung that was nearest on the pool's own projects."""
        return RUNGS[int(np.argmin(self.total_errors))]

    def own_weight(self, tasks: EffortTasks) -> float:
        """Weight of the project's own tasks in the recalibrated level, in [0, 1)."""
        return tasks.effective_done / (tasks.effective_done + TASKS_STRENGTH)

    def rest_level(self, tasks: EffortTasks, rung: EffortRung) -> float:
        """The level that a rung expects of what is not completed."""
        return _rung_levels(tasks, level=self.level, tail=self.tail)[RUNGS.index(rung)]

    def rest_errors(self, tasks: EffortTasks, rung: EffortRung) -> ErrorMixture:
        """The distribution of ln(actual rest / forecast rest) for a project under way."""
        near = self.weights * 0.5 ** (np.abs(self.shares - tasks.earned_share) / SHARE_WIDTH)
        scale = expected_spread(tasks)
        return ErrorMixture(self.errors[RUNGS.index(rung)] * scale, near / near.sum(), SMOOTHING * scale)

    def _thinned(self) -> Self:
        """At most MAX_ERRORS of them, evenly along share and recalibrated error."""
        count = self.errors.shape[1]
        if count <= MAX_ERRORS:
            return self
        order = np.lexsort((self.errors[-1], np.round(self.shares, 1)))
        kept = order[((np.arange(MAX_ERRORS) + 0.5) / MAX_ERRORS * count).astype(np.intp)]
        weights = np.full(MAX_ERRORS, 1 / MAX_ERRORS)
        return type(self)(
            self.level,
            self.tail,
            self.shares[kept],
            self.errors[:, kept],
            weights,
            self.projects,
            self.total_errors,
        )


def expected_spread(tasks: EffortTasks) -> float:
    """Standard deviation to expect of ln(actual rest / forecast rest), from the number and the spread of the tasks."""
    of_tasks = 1 / max(tasks.effective_done, 1.0) + 1 / max(effective_number(tasks.rest_plan), 1.0)
    return float(np.sqrt(DRIFT**2 + tasks.spread**2 * of_tasks))


@dataclass(frozen=True, slots=True)
class _Row:
    share: float
    errors: list[float]
    total_errors: list[float]


def _rung_levels(tasks: EffortTasks, *, level: float, tail: float) -> list[float]:
    weight = tasks.effective_done / (tasks.effective_done + TASKS_STRENGTH)
    recalibrated = weight * (tasks.median_log_ratio + tail) + (1 - weight) * level
    return [0.0, tasks.log_cost_ratio, recalibrated]


def _project_rows(project: EffortTasks, *, level: float, tail: float) -> list[_Row]:
    whole = EffortTasks(project.done_plan, project.done_actual, np.zeros(0))
    rows = []
    for share in EARNED_SHARES:
        past, actual_rest = whole.until(share)
        if len(past.log_ratios) < MIN_TASKS or past.remaining_plan <= 0 or actual_rest <= 0:
            continue
        levels = np.array(_rung_levels(past, level=level, tail=tail))
        forecasts = past.remaining_plan * np.exp(levels)
        errors = np.log(actual_rest / forecasts) / expected_spread(past)
        total_errors = np.abs(np.log((past.spent + actual_rest) / (past.spent + forecasts)))
        rows.append(_Row(past.earned_share, errors.tolist(), total_errors.tolist()))
    return rows
