"""Planned and real effort, task by task: what is completed, and what is still only planned.

1. The level of a project is the logarithm of how much more effort its tasks take than planned.
2. Two readings of it: the cost ratio AC / EV of what is completed, which a few large tasks decide; and the median of
   the tasks' own log ratios, which no single task moves but which leaves the heavy tail out.
3. Tasks without a plan earn nothing: their effort is in AC, not in EV.
4. The effective number of tasks is that of equally large ones which would tell as much: (sum of plans)^2 / sum of
   squares.

Assumes that a completed task takes no further effort. Do not read the level of a handful of tasks.

Example: plans 2, 2, 4 h took 3, 2, 8 h: AC / EV = 13 / 8, the median ratio is 1.5, and 8^2 / 24 = 2.7 tasks are
effective.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SMALL_EFFORT = 1 / 60
"""One minute of an hour, added before logarithms: a task booked with nothing stays finite."""
IQR_OF_NORMAL = 1.349
MIN_SPREAD, USUAL_SPREAD, USUAL_TASKS = 0.1, 0.8, 10.0
"""Standard deviation of the tasks' log ratios until ten tasks have shown their own. Starting value: a factor of two."""


@dataclass(frozen=True, eq=False)
class EffortTasks:
    """The tasks of one project at one moment; all efforts in one unit, hours, 0 or above.

    done_plan, done_actual: of the completed tasks, in the order of completion, shape (done,)
    rest_plan: of the tasks not completed, shape (rest,)
    """

    done_plan: FloatArray
    done_actual: FloatArray
    rest_plan: FloatArray

    @classmethod
    def of(cls, *, done: Sequence[tuple[float, float]], rest: Sequence[float]) -> "EffortTasks":
        """From pairs of plan and actual."""
        pairs = np.array(done, dtype=np.float64).reshape(-1, 2)
        return cls(pairs[:, 0].copy(), pairs[:, 1].copy(), np.array(rest, dtype=np.float64))

    @cached_property
    def earned(self) -> float:
        """EV: planned effort of what is completed."""
        return float(self.done_plan.sum())

    @cached_property
    def spent(self) -> float:
        """AC: real effort of what is completed."""
        return float(self.done_actual.sum())

    @cached_property
    def remaining_plan(self) -> float:
        """Planned effort of what is not completed."""
        return float(self.rest_plan.sum())

    @property
    def budget_at_completion(self) -> float:
        """BAC: planned effort of all tasks."""
        return self.earned + self.remaining_plan

    @property
    def earned_share(self) -> float:
        """EV / BAC, in [0, 1]; 0 without a plan."""
        return self.earned / self.budget_at_completion if self.budget_at_completion else 0.0

    @cached_property
    def log_ratios(self) -> FloatArray:
        """ln(actual / plan) of the completed tasks that have a plan."""
        planned = self.done_plan > 0
        ratios: FloatArray = np.log(
            (self.done_actual[planned] + SMALL_EFFORT) / (self.done_plan[planned] + SMALL_EFFORT)
        )
        return ratios

    @property
    def log_cost_ratio(self) -> float:
        """ln(AC / EV) = -ln CPI."""
        return float(np.log((self.spent + SMALL_EFFORT) / (self.earned + SMALL_EFFORT)))

    @property
    def median_log_ratio(self) -> float:
        """Median of the tasks' log ratios; 0 without one."""
        return float(np.median(self.log_ratios)) if self.log_ratios.size else 0.0

    @property
    def effective_done(self) -> float:
        """Equally large completed tasks that would tell as much, 0 or above."""
        return effective_number(self.done_plan)

    @property
    def spread(self) -> float:
        """Robust standard deviation of the tasks' log ratios, mixed with the usual one while tasks are few."""
        count = self.log_ratios.size
        own = float(np.subtract(*np.quantile(self.log_ratios, (0.75, 0.25)))) / IQR_OF_NORMAL if count else 0.0
        share = count / (count + USUAL_TASKS)
        return max(MIN_SPREAD, share * own + (1 - share) * USUAL_SPREAD)

    def until(self, share: float) -> "tuple[EffortTasks, float]":
        """The same project when its completed tasks first had earned such a share of the whole plan.

        Returns the tasks as they were known then, and the real effort of all that was completed after.
        """
        reached = np.cumsum(self.done_plan) / max(self.budget_at_completion, SMALL_EFFORT)
        count = min(int(np.searchsorted(reached, share - 1e-9)) + 1, len(self.done_plan))
        rest = np.concatenate([self.done_plan[count:], self.rest_plan])
        past = EffortTasks(self.done_plan[:count], self.done_actual[:count], rest)
        return past, float(self.done_actual[count:].sum())


def effective_number(plans: FloatArray) -> float:
    """Equally large plans that weigh as much as these together, 0 or above."""
    squares = float((plans**2).sum())
    return float(plans.sum()) ** 2 / squares if squares > 0 else 0.0
