"""BUDGET_OVERRUN: will the cumulative cost cross the approved budget before the scope is complete?

1. The event is fixed when it is issued: the open items as of t and the budget in force at t, whatever moves later. It
   can be decided once either has happened, and at the latest at the P95 finish (ten years at most): the horizon.
2. Each trial of the finish forecast gets a cost of the rest (spending); P is the share of trials whose rest costs more
   than what is left of the budget. Its interval repeats that with all rests dearer or cheaper by their level error.
3. The base rate asks less: how often the rest took more than planned on other projects at this share of the way.
4. Time to occurrence: P10, P50 and P90 of when the trials that cross it do.
5. Prevention: two generic actions under the same trials; the window is the latest start, to the hour, at which P(within
   budget) is still at least the accepted one, over the actions; none where no action does.
6. Impact: the median overrun if it happens, in tolerances of 5 % of the budget.

Items earn the budget in equal shares. Assumes that what is booked is what was spent and that the open items are the
scope. Do not believe it for fixed-price work, or where most of the money goes into one purchase still to come.

Example: budget 100, 60 spent on half of the items, so CPI .83; the other half costs about 60 again, 20 too many: P is
near 1, and as 40 of the 60 fit, it is crossed two thirds of the way to the finish.
Source: ISO 21508 (EAC, TCPI); Flyvbjerg (2006), Project Management Journal 37(3), 5-15.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.effort_pool import EffortPool, EffortRung
from predictions.calibration.effort_tasks import EffortTasks
from predictions.calibration.error_pool import ErrorPool
from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import (
    Driver,
    EvidenceFact,
    ModelIdentity,
    ProbabilityEstimate,
    cost_fact,
    hash_of,
    oldest_open_items,
    seed_of,
)
from predictions.forecasters.budget_prevention import budget_options, budget_window
from predictions.forecasters.cost_readiness import cost_readiness
from predictions.forecasters.finish import INTERVAL_Z, MAX_HORIZON_WEEKS, FinishForecast, forecast_finish
from predictions.forecasters.indicators import Indicator, trend_of
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY
from predictions.forecasters.resolution import scope_hash
from predictions.forecasters.risk import Claim, HoursToEvent, Quantile, Quantiles, RiskForecast
from predictions.forecasters.severity import severity_of
from predictions.forecasters.spending import (
    INDICATOR_WEEKS,
    BurnRate,
    CostTrials,
    burn_rate,
    cost_trials,
    weekly_costs,
)
from predictions.priors.effort import shipped_effort_pool
from projects.enums import Readiness
from projects.history.calendar import WorkCalendar
from projects.history.earned_value import EarnedValue, earned_value
from projects.history.facts import BudgetFact
from projects.history.instants import MICROSECONDS_PER_WEEK, from_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("budget-overrun.cost-trials", "1")
ALERT_TCPI = 1.1
"""An index out of reach warns whatever the trials say: most of them assume that the past rate goes on."""
HORIZON_PROBABILITY = 0.95
BUDGET_TOLERANCE_SHARE = 0.05
QUANTILES = (0.1, 0.5, 0.85, 0.9)
EVIDENCE_COSTS = 3
ASSUMPTIONS = (
    "What is booked is what was spent, near the day it was spent.",
    "The open items are the scope, and each earns an equal share of the budget.",
    "Money is spent by the week or by the item as before; the ledger cannot tell which.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetOverrun(RiskForecast):
    """The probability of crossing the budget, or why it cannot be said.

    quantiles: of the cost at completion;  expected_overrun: median money above the budget, if it is crossed
    spent: AC;  currency: of every amount
    cost_performance, to_complete_performance: CPI and TCPI, None where earned value has none
    """

    expected_overrun: float | None = None
    spent: float | None = None
    currency: str = ""
    cost_performance: float | None = None
    to_complete_performance: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What one answer is made of, once the gate is passed."""

    known: ProjectHistory
    budget: BudgetFact
    trials: CostTrials
    tasks: EffortTasks
    pool: EffortPool
    burn: BurnRate

    @property
    def spent(self) -> float:
        return float(self.known.spent.amount.sum())

    @property
    def left(self) -> float:
        return self.budget.amount - self.spent

    @property
    def value(self) -> EarnedValue:
        return earned_value(
            plan=None, elapsed=0.0, earned=self.tasks.earned, actual_cost=self.spent, budget=self.budget.amount
        )


def forecast_budget_overrun(
    history: ProjectHistory,
    *,
    as_of: datetime,
    calendar: WorkCalendar | None = None,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    finish: FinishForecast | None = None,
    pool: EffortPool | None = None,
    pools: Sequence[ErrorPool] | None = None,
) -> BudgetOverrun:
    """Forecast whether the cost crosses the budget before the open work is done. Never raises on data; abstains.

    accepted_probability: P(within budget) that the tenant accepts, in (0, 1)
    finish: the finish forecast for the same moment, where it is at hand;  pool: of effort, the shipped prior without
    one;  pools: of throughput, as for the finish forecast
    Raises ValueError for a naive as_of, or a finish forecast of another moment.
    """
    known = history.as_of(as_of)
    if finish is not None and finish.as_of != as_of:
        raise ValueError("the finish forecast is of another moment")
    if finish is None or finish.trials is None:  # one that abstains for want of a target still has no say in money
        finish = forecast_finish(known, as_of=as_of, calendar=calendar, pools=pools)
    inputs_hash = hash_of({"finish": finish.inputs_hash, "costs": known.costs_hash, "accepted": accepted_probability})
    readiness = cost_readiness(known).with_reasons(finish.readiness.reasons)
    budget = known.budget
    burn = burn_rate(known.spent, now_us=known.known_at_us) if readiness.carries_value else None
    if readiness.carries_value and burn is None:
        readiness = readiness.with_reasons([_nothing_spent_of_late()])
    if finish.trials is None or burn is None or budget is None or not readiness.carries_value:
        return _abstain(known, readiness, inputs_hash)
    tasks = earning_items(known, budget.amount)
    pool = pool or shipped_effort_pool()
    rng = np.random.default_rng(seed_of(finish.inputs_hash))  # a cost must not draw other trials
    trials = cost_trials(finish=finish.trials, burn=burn, tasks=tasks, pool=pool, rng=rng)
    basis = _Basis(known, budget, trials, tasks, pool, burn)
    return _forecast(basis, accepted=accepted_probability, readiness=readiness, inputs_hash=inputs_hash)


def earning_items(known: ProjectHistory, budget: float) -> EffortTasks:
    """The items as tasks that share the budget evenly, and what was spent among those that are done."""
    states = known.states
    done = int(states.finished.sum() + states.done_without_date.sum())
    remaining = int(states.open.sum())
    value = budget / max(done + remaining, 1)
    spent = float(known.spent.amount.sum())
    return EffortTasks(np.full(done, value), np.full(done, spent / max(done, 1)), np.full(remaining, value))


def _forecast(basis: "_Basis", *, accepted: float, readiness: ReadinessReport, inputs_hash: str) -> BudgetOverrun:
    known, budget, trials, left = basis.known, basis.budget, basis.trials, basis.left
    overrun = expected_overrun(trials, left)
    horizon_days = min(float(np.quantile(trials.days, HORIZON_PROBABILITY)), MAX_HORIZON_WEEKS * 7.0)
    tcpi = basis.value.to_complete_performance.value
    return BudgetOverrun(
        as_of=known.as_of_moment,
        type=PredictionType.BUDGET_OVERRUN,
        readiness=readiness,
        is_reconstructed=_is_reconstructed(known),
        model=MODEL,
        inputs_hash=inputs_hash,
        probability=_probability(trials, left, horizon_days),
        base_rate=_base_rate(basis.tasks, basis.pool),
        time_to_occurrence=_hours_to_event(trials, left),
        prevention_window=budget_window(trials, money_left=left, accepted=accepted),
        impact=severity_of(overrun / (BUDGET_TOLERANCE_SHARE * budget.amount)) or Severity.LOW,
        drivers=_drivers(basis),
        indicators=_indicators(basis),
        evidence=_evidence(known, budget, basis.spent),
        claim=_claim(basis, horizon_days),
        options=budget_options(trials, money_left=left, accepted=accepted),
        assumptions=ASSUMPTIONS,
        alerts_anyway=tcpi is not None and tcpi > ALERT_TCPI,
        quantiles=_cost_at_completion(basis),
        expected_overrun=overrun,
        spent=basis.spent,
        currency=budget.currency,
        cost_performance=basis.value.cost_performance.value,
        to_complete_performance=tcpi,
    )


def _abstain(known: ProjectHistory, readiness: ReadinessReport, inputs_hash: str) -> BudgetOverrun:
    return BudgetOverrun(
        as_of=known.as_of_moment,
        type=PredictionType.BUDGET_OVERRUN,
        readiness=readiness,
        is_reconstructed=_is_reconstructed(known),
        model=MODEL,
        inputs_hash=inputs_hash,
    )


def _nothing_spent_of_late() -> ReadinessReason:
    message = "Nothing was spent of late, net of reversals: there is no rate to go on."
    return ReadinessReason(ReasonCode.COSTS_REVERSED, Readiness.INSUFFICIENT, message, UnlockStep.RECORD_COSTS, 0, 1)


def _is_reconstructed(known: ProjectHistory) -> bool:
    return known.is_reconstructed or bool((known.costs.recorded_us > known.known_at_us).any())


def _claim(basis: "_Basis", horizon_days: float) -> Claim:
    """More than the budget is spent before these items are all done, and by the end of the horizon."""
    known, budget = basis.known, basis.budget
    items = int(known.states.open.sum())
    ends_at = known.as_of_moment + timedelta(days=horizon_days)
    return Claim(
        description=f"More than {budget.amount:,.2f} {budget.currency} is spent before the {items} open items "
        f"are all done, and by {ends_at.date().isoformat()}.",
        ends_at=ends_at,
        scope_items=items,
        scope_hash=scope_hash(known, known.states.open),
        threshold=budget.amount,
        unit=budget.currency,
        terms={"spent_at_issue": basis.spent},
    )


# --- numbers ---


def _probability(trials: CostTrials, left: float, horizon_days: float) -> ProbabilityEstimate:
    factor = math.exp(INTERVAL_Z * trials.level_error)
    value, low, high = (
        trials.share_crossing(left * scale, within_days=horizon_days) for scale in (1.0, factor, 1 / factor)
    )
    return ProbabilityEstimate(value, low, high)


def _cost_at_completion(basis: _Basis) -> Quantiles:
    totals = basis.spent + np.quantile(basis.trials.rest, QUANTILES)
    points = zip(QUANTILES, totals.tolist(), strict=True)
    return Quantiles(basis.budget.currency, tuple(Quantile(*point) for point in points))


def _base_rate(tasks: EffortTasks, pool: EffortPool) -> float:
    """How often the rest took more than planned on other projects at this share of the way."""
    within = float(pool.rest_errors(tasks, EffortRung.PLAN).cdf(np.zeros(1))[0])
    return min(max(1 - within, 0.01), 0.99)


def expected_overrun(trials: CostTrials, money_left: float) -> float:
    """Median money above the budget of the trials that cross it; 0 when none does."""
    over = trials.rest[trials.rest > money_left] - money_left
    return float(np.median(over)) if over.size else 0.0


def _hours_to_event(trials: CostTrials, left: float) -> HoursToEvent | None:
    days = trials.crossing_days(left)
    if days.size == 0:
        return None
    p10, p50, p90 = (float(value) * 24 for value in np.quantile(days, (0.1, 0.5, 0.9)))
    return HoursToEvent(p10, p50, p90)


# --- what moves it ---


def _drivers(basis: _Basis) -> tuple[Driver, ...]:
    """What moves P, strongest first; each effect is under the same trials, with that one thing as planned."""
    trials, left, log_ratio = basis.trials, basis.left, basis.tasks.log_cost_ratio
    now = float((trials.rest > left).mean())
    on_plan = float((trials.rest * math.exp(-log_ratio) > left).mean())
    without_newcomers = float((trials.rest / trials.newcomer_factor > left).mean())
    newcomers = float(1 - (1 / trials.newcomer_factor).mean())
    drivers = (
        Driver("COST_RATIO", "Cost of what is done, against plan", math.exp(log_ratio), "AC / EV", now - on_plan),
        Driver("NEWCOMERS", "Work that came in later", newcomers, "share of capacity", now - without_newcomers),
    )
    return tuple(sorted(drivers, key=lambda driver: -abs(driver.effect)))


def _indicators(basis: _Basis) -> tuple[Indicator, ...]:
    """CPI and TCPI with the direction they took, in hundredths, and the burn rate against the one that would hold."""
    known, tasks, burn, budget = basis.known, basis.tasks, basis.burn, basis.budget.amount
    cpi, tcpi = basis.value.cost_performance.value, basis.value.to_complete_performance.value
    edges_us = known.known_at_us - MICROSECONDS_PER_WEEK * np.arange(INDICATOR_WEEKS - 1, -1, -1, dtype=np.int64)
    value = tasks.budget_at_completion / max(len(tasks.done_plan) + len(tasks.rest_plan), 1)
    earned = np.searchsorted(known.finished_us, edges_us, side="right") * value
    order = np.argsort(known.spent.at_us, kind="stable")
    costs = np.concatenate([[0.0], np.cumsum(known.spent.amount[order])])
    spent = costs[np.searchsorted(known.spent.at_us[order], edges_us, side="right")]
    begun = spent > 0
    cpi_series = 100 * earned[begun] / spent[begun]
    has_left = begun & (budget > spent)
    tcpi_series = 100 * (budget - earned[has_left]) / (budget - spent[has_left])
    burn_series = weekly_costs(known.spent, now_us=known.known_at_us, weeks=INDICATOR_WEEKS)
    sustainable = burn.per_week / tcpi if tcpi else burn.per_week
    found = [Indicator("burn_rate", burn.per_week, "a week", sustainable, trend_of(burn_series), 0.3)]
    if cpi is not None:
        found.append(Indicator("cpi", cpi, "EV / AC", 1.0, trend_of(cpi_series), 0.4))
    if tcpi is not None:
        found.append(Indicator("tcpi", tcpi, "ratio", ALERT_TCPI, trend_of(tcpi_series), 0.3))
    return tuple(found)


def _evidence(known: ProjectHistory, budget: BudgetFact, spent: float) -> tuple[EvidenceFact, ...]:
    moment, costs = known.as_of_moment, known.spent
    newest = np.argsort(costs.at_us, kind="stable")[::-1][:EVIDENCE_COSTS]
    return (
        EvidenceFact(
            "project", "", "Approved budget", "budget", f"{budget.amount:.2f} {budget.currency}", budget.approved_at
        ),
        EvidenceFact("project", "", "Spent so far", "actual_cost", f"{spent:.2f} {budget.currency}", moment),
        *(cost_fact(str(costs.ids[row]), from_us(int(costs.at_us[row]))) for row in newest),
        *oldest_open_items(known),
    )
