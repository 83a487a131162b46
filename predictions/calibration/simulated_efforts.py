"""Projects that never existed, with planned and real effort: what the shipped prior of effort is made of.

1. A project has a level: the logarithm of how much more it takes than planned, a tenth more in the middle, between a
   third less and four fifths more for nine in ten.
2. The level walks while the project goes on, since phases differ.
3. Plans are log-normal; a task's effort is its plan times the level times a heavy-tailed factor (Student t of four
   degrees of freedom in logarithms), which is 1 on average over the project.
4. Some tasks have no plan, and short ones tend to be completed first.

No data were fitted: the ranges are wide guesses, so that the prior admits to know little. Do not read anything about
real projects out of it.

Example: a level of 0.1 and no spread: every task takes 10.5 % more than planned.
Source of the heavy tail: single tasks explode where most are on plan (Flyvbjerg et al. 2022, JMIS 39(3), 607-639).
"""

import numpy as np

from predictions.calibration.effort_tasks import EffortTasks

LEVEL_MEAN, LEVEL_SPREAD = 0.1, 0.3
WALK_SPREAD = (0.1, 0.5)
"""Standard deviation of the level between beginning and end."""
TASKS = (30, 2_000)
PLAN_SPREAD, TASK_SPREAD = (0.6, 1.4), (0.3, 0.9)
MEDIAN_PLAN_H = 3.0
TAIL_DEGREES = 4
MAX_LOG_FACTOR = 3.0
"""A task of twenty times its plan; beyond it people split the task."""
UNPLANNED_SHARE = 0.05
ORDER_NOISE = 3.0
"""How little the length of a task says about when it is completed, in standard deviations of log plans."""


def simulate_efforts(count: int, *, seed: int) -> list[EffortTasks]:
    """So many finished projects, their tasks in the order of completion."""
    rng = np.random.default_rng(seed)
    return [_simulate_project(rng) for _ in range(count)]


def _simulate_project(rng: np.random.Generator) -> EffortTasks:
    count = int(np.exp(rng.uniform(*np.log(TASKS))))
    plan = MEDIAN_PLAN_H * np.exp(rng.standard_normal(count) * rng.uniform(*PLAN_SPREAD))
    order = np.argsort(np.log(plan) + ORDER_NOISE * rng.standard_normal(count), kind="stable")
    plan = plan[order]
    walk = np.cumsum(rng.standard_normal(count)) / np.sqrt(count) * rng.uniform(*WALK_SPREAD)
    noise = np.clip(rng.standard_t(TAIL_DEGREES, count) * rng.uniform(*TASK_SPREAD), -MAX_LOG_FACTOR, MAX_LOG_FACTOR)
    factor = np.exp(noise)
    factor *= plan.sum() / float(plan @ factor)
    actual = plan * factor * np.exp(LEVEL_MEAN + LEVEL_SPREAD * rng.standard_normal() + walk)
    unplanned = rng.random(count) < rng.uniform(0, UNPLANNED_SHARE)
    return EffortTasks(np.where(unplanned, 0.0, plan), actual, np.zeros(0))
