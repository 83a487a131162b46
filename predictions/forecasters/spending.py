"""How fast money is spent, and what the rest of the work will cost: the trials behind the forecast of a budget.

1. Money is spent in two ways, and each trial draws one of them with even chance, because the ledger cannot tell them
   apart: by time (people are paid by the week: burn rate times the duration of the trial), or by work (each item costs
   what the items so far did, shrunk towards what projects usually take over plan: the cost ratio of earned value).
2. The durations are those of the finish forecast, so that a late finish costs money, and work that comes in later too.
3. The burn rate is the mean of the last half-year in months of four weeks; its error is that of this mean, and its
   level may drift. The error of the cost of the work is that of other projects at this share of the way (effort_pool).
4. Within a trial the rest is spent evenly until its finish, so the budget is crossed when its share is used up.

Assumes that costs are booked near the day they were incurred. Do not believe it where one invoice at the end decides.

Example: 10 a week, 6 weeks to go, nothing uncertain: by time the rest costs 60. 50 spent on 25 of 40 items: by work the
other 15 cost 30 (unshrunk).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.effort_pool import DRIFT, EffortPool, EffortRung
from predictions.calibration.effort_tasks import EffortTasks
from predictions.forecasters.finish import FinishTrials
from projects.history.costs import CostColumns
from projects.history.instants import MICROSECONDS_PER_WEEK

FloatArray = NDArray[np.float64]

BURN_WEEKS, BURN_PERIOD_WEEKS, INDICATOR_WEEKS = 26, 4, 26
MIN_BURN_ERROR, MAX_BURN_ERROR = 0.05, 1.5
DAYS_PER_WEEK = 7
MAX_DAYS = 1e6
"""Beyond that a duration is arithmetic; it only has to stay finite."""
ITEMS_STRENGTH = 30.0
"""Items done that make the own cost ratio weigh as much as the usual one. Starting value."""


@dataclass(frozen=True, slots=True)
class BurnRate:
    """Money a week of late.  error: standard error of its logarithm"""

    per_week: float
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class CostTrials:
    """What the rest costs and how long it takes, in each trial: shape (trials,).

    rest: money, above 0;  days: elapsed, from t;  level_error: standard error of the logarithm of the level of all
    rests
    """

    rest: FloatArray
    days: FloatArray
    newcomer_factor: FloatArray
    level_error: float

    def crossing_days(self, money_left: float) -> FloatArray:
        """Elapsed days until so much is spent, of the trials that spend it before their finish."""
        crosses = self.rest > money_left
        days: FloatArray = self.days[crosses] * money_left / self.rest[crosses]
        return days

    def share_crossing(self, money_left: float, *, within_days: float) -> float:
        """Share of the trials that spend so much before their finish and in time, with one more each way: in (0, 1)."""
        crossing = self.crossing_days(money_left)
        return (float((crossing <= within_days).sum()) + 1) / (len(self.rest) + 2)


def weekly_costs(costs: CostColumns, *, now_us: int, weeks: int) -> FloatArray:
    """Money spent in each of the last weeks that end now, oldest first: shape (weeks,)."""
    ages = (now_us - costs.at_us) // MICROSECONDS_PER_WEEK
    recent = (ages >= 0) & (ages < weeks)
    amounts: FloatArray = np.zeros(weeks)
    np.add.at(amounts, weeks - 1 - ages[recent], costs.amount[recent])
    return amounts


def burn_rate(costs: CostColumns, *, now_us: int) -> BurnRate | None:
    """The rate of late; None where it is not above zero."""
    known_weeks = (now_us - int(costs.at_us.min())) // MICROSECONDS_PER_WEEK + 1
    weeks = int(min(BURN_WEEKS, known_weeks))
    periods = max(1, weeks // BURN_PERIOD_WEEKS)
    length = min(weeks, BURN_PERIOD_WEEKS)
    recent = weekly_costs(costs, now_us=now_us, weeks=periods * length).reshape(periods, length).sum(axis=1)
    mean = float(recent.mean())
    if not mean > 0:
        return None
    error = float(recent.std(ddof=1)) / mean / np.sqrt(periods) if periods > 1 else MAX_BURN_ERROR
    return BurnRate(mean / length, float(np.clip(error, MIN_BURN_ERROR, MAX_BURN_ERROR)))


def cost_trials(
    *,
    finish: FinishTrials,
    burn: BurnRate,
    tasks: EffortTasks,
    pool: EffortPool,
    rng: np.random.Generator,
) -> CostTrials:
    """The rest of the cost in each trial of a finish forecast.

    tasks: the items with their share of the budget as plan, and of what was spent as actual
    """
    trials = len(finish.days)
    days = np.clip(finish.days, 1e-9, MAX_DAYS)
    burn_noise = np.exp(rng.standard_normal(trials) * np.hypot(burn.error, DRIFT))
    by_time = burn.per_week * burn_noise * days / DAYS_PER_WEEK
    errors = pool.rest_errors(tasks, EffortRung.COST_RATIO).quantiles(rng.random(trials))
    by_work = tasks.remaining_plan * np.exp(rest_cost_level(tasks, pool) + errors) * finish.newcomer_factor
    is_by_time = rng.random(trials) < 0.5  # noqa: PLR2004  # even chance
    own_error = tasks.spread / np.sqrt(max(tasks.effective_done, 1.0))
    return CostTrials(
        rest=np.maximum(np.where(is_by_time, by_time, by_work), 1e-9),
        days=days,
        newcomer_factor=finish.newcomer_factor,
        level_error=float(0.5 * np.hypot(finish.level_error, burn.error) + 0.5 * min(own_error, MAX_BURN_ERROR)),
    )


def rest_cost_level(tasks: EffortTasks, pool: EffortPool) -> float:
    """Logarithm of how much more than planned the rest costs, by work: own cost ratio and the usual level."""
    weight = tasks.effective_done / (tasks.effective_done + ITEMS_STRENGTH)
    return weight * tasks.log_cost_ratio + (1 - weight) * pool.level
