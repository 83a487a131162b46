"""How much effort the whole work will have taken, from what the completed part took.

1. Three rungs say how much more than planned the rest takes: as planned (BAC), as the completed part did (BAC / CPI),
   or recalibrated: the project's own tasks shrunk towards what projects usually do (effort_pool). The one that was
   nearest on other finished projects is served and named.
2. Total = what was spent + the plan of the rest times exp(level + error). The errors are those made on other projects
   at about this share of the way, in proportion to the number and the spread of this project's tasks; they have heavy
   tails.
3. Quantiles of that are given, never mean and standard deviation: effort is fat-tailed.

Assumes that what is planned is the scope: tasks that nobody has planned yet are in it only as far as other projects had
them too. Do not believe it where plans are rewritten to match what was spent.

Example: 100 h of 400 h are earned and took 120 h; the level of the rest is 0.1, its errors are symmetrical: P50 is
120 + 300 * 1.105 = 452 h, where BAC / CPI says 480 h.
Source: ISO 21508 (estimate at completion); Flyvbjerg (2006), Project Management Journal 37(3), 5-15 (outside view).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from predictions.calibration.effort_pool import EffortPool, EffortRung
from predictions.calibration.effort_tasks import EffortTasks
from predictions.forecasters.answers import ModelIdentity, hash_of
from predictions.priors.effort import shipped_effort_pool
from projects.enums import Readiness
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, report

MODEL = ModelIdentity("effort-at-completion.median-level", "1")
PROBABILITIES = (0.1, 0.5, 0.7, 0.85, 0.9, 0.95)
LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9
"""80 % interval."""
MIN_TASKS, GOOD_TASKS = 10, 30
"""Ten completed tasks tell a level to within a third. Starting values, as for items finished."""
LIMITED_SHARE, INSUFFICIENT_SHARE = 0.2, 0.5
MAX_EFFORT = 1e12
"""Above it a number is a typing error in any unit."""


@dataclass(frozen=True, slots=True)
class EffortQuantile:
    """With this probability the whole work takes no more effort, in the unit of the tasks."""

    probability: float
    total: float


@dataclass(frozen=True, slots=True)
class EffortForecast:
    """The effort at completion, or why it cannot be said: then every number is None.

    budget: BAC;  spent, earned: AC, EV;  cost_ratio_total: BAC / CPI, where there is one
    rung: the one served;  own_weight: of the project's own tasks in the level of the rest, in [0, 1]
    """

    readiness: ReadinessReport
    quantiles: tuple[EffortQuantile, ...]
    budget: float | None
    spent: float | None
    earned: float | None
    cost_ratio_total: float | None
    rung: EffortRung | None
    own_weight: float | None
    inputs_hash: str
    model: ModelIdentity = MODEL

    def total(self, probability: float) -> float | None:
        """The quantile given for one of PROBABILITIES; None when the forecast abstains."""
        return next((q.total for q in self.quantiles if q.probability == probability), None)


def forecast_effort(tasks: EffortTasks, *, pool: EffortPool | None = None) -> EffortForecast:
    """Forecast the effort at completion. Never raises on data; abstains and says why.

    pool: what other projects were off by; the shipped prior without one
    """
    pool = pool or shipped_effort_pool()
    inputs_hash = hash_of({name: getattr(tasks, name).tolist() for name in ("done_plan", "done_actual", "rest_plan")})
    readiness = effort_readiness(tasks)
    if not readiness.carries_value:
        return EffortForecast(readiness, (), None, None, None, None, None, None, inputs_hash)
    rung = pool.best_rung
    errors = pool.rest_errors(tasks, rung).quantiles(np.array(PROBABILITIES))
    totals = tasks.spent + tasks.remaining_plan * np.exp(pool.rest_level(tasks, rung) + errors)
    return EffortForecast(
        readiness=readiness,
        quantiles=tuple(EffortQuantile(*pair) for pair in zip(PROBABILITIES, totals.tolist(), strict=True)),
        budget=tasks.budget_at_completion,
        spent=tasks.spent,
        earned=tasks.earned,
        cost_ratio_total=tasks.budget_at_completion * tasks.spent / tasks.earned,
        rung=rung,
        own_weight={EffortRung.PLAN: 0.0, EffortRung.COST_RATIO: 1.0}.get(rung, pool.own_weight(tasks)),
        inputs_hash=inputs_hash,
    )


def effort_readiness(tasks: EffortTasks) -> ReadinessReport:
    """Whether the tasks can carry a level and something left to forecast."""
    efforts = np.concatenate([tasks.done_plan, tasks.done_actual, tasks.rest_plan])
    if not bool((np.isfinite(efforts) & (efforts >= 0) & (efforts <= MAX_EFFORT)).all()):
        message = "Some efforts are negative, infinite or no numbers."
        reason = ReadinessReason(ReasonCode.EFFORT_INVALID, Readiness.INSUFFICIENT, message, UnlockStep.RECORD_EFFORT)
        return report([reason])
    if tasks.budget_at_completion <= 0:
        message = "No task has a planned effort."
        reason = ReadinessReason(
            ReasonCode.NO_PLANNED_EFFORT, Readiness.MISCONFIGURED, message, UnlockStep.PLAN_EFFORT, 0, 1
        )
        return report([reason])
    return report(_limits(tasks))


def _limits(tasks: EffortTasks) -> Iterable[ReadinessReason]:
    if tasks.remaining_plan <= 0:
        message = "Every planned task is completed, so there is nothing left to forecast."
        code, unlock = ReasonCode.NOTHING_REMAINING, UnlockStep.ADD_REMAINING_WORK
        yield ReadinessReason(code, Readiness.MISCONFIGURED, message, unlock, 0, 1)
    count = len(tasks.log_ratios)
    if count < GOOD_TASKS:
        level, required = (Readiness.INSUFFICIENT, MIN_TASKS) if count < MIN_TASKS else (Readiness.LIMITED, GOOD_TASKS)
        message = f"{count} tasks with a planned effort are completed; {required} are needed."
        yield ReadinessReason(
            ReasonCode.TOO_FEW_FINISHED, level, message, UnlockStep.FINISH_MORE_ITEMS, count, required
        )
    planned = tasks.done_plan > 0
    unrecorded = float((tasks.done_actual[planned] <= 0).mean()) if count else 0.0
    if unrecorded > LIMITED_SHARE:
        level = Readiness.INSUFFICIENT if unrecorded > INSUFFICIENT_SHARE else Readiness.LIMITED
        message = f"{unrecorded:.0%} of the completed tasks have no recorded effort."
        code, unlock = ReasonCode.EFFORT_NOT_RECORDED, UnlockStep.RECORD_EFFORT
        yield ReadinessReason(code, level, message, unlock, unrecorded, LIMITED_SHARE)
