"""BUDGET: the work will cost more than was approved.

1. Take the trials of the finish forecast and what the rest costs in each (predictions.forecasters.spending, the same
   trials as BUDGET_OVERRUN has). The cost at completion is that and what was spent; where all is done, what was spent.
2. The effect is the mean overrun over the trials, none of them counted for more than the P85 cost. T is 5 % of the
   budget, or what the project tolerates.
3. It opens when P(cost > budget + T) is at least 80 %; or when the cost of an item in the newest four weeks is a signal
   of its chart (four-week periods, limits of those before), the effect is 1 T or more and P(cost > budget + T) is at
   least 50 %. A budget that is spent already is as open as one that will be.
4. Root causes: the same overrun, split exactly into price, efficiency, volume and rework (gaps.causes.budget_split),
   and what is unknown. They add up to the effect.

Facts: costs, an approved budget in the same currency, finished and open items; hours in the ledger for the price, a
baseline for the volume. Gate: that of costs and of the finish; without costs the type is off. Do not believe it for
fixed-price work, or where one purchase still to come decides. False alarms: 0.02 a project-year where the budget
suffices by a tenth; on real records at most half an alarm a project-year.

Example: budget 100,000 for 200 items; 150 are done and cost 90,000, 50 are open at about 600 each: 120,000 in the end.
T is 5,000, the effect about 20,000 = 4 T: CRITICAL; with 160 items approved at first most of it is VOLUME.
Source: ISO 21508 (variances at completion); PMI (2019), Standard for Earned Value Management.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaps.causes.budget_split import BudgetFactor, BudgetPart, BudgetSplit, CostBasis, split_overrun
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.evidence import project_fact
from gaps.detectors.finding import (
    AffectedAreaFinding,
    CorrectiveActionFinding,
    Effect,
    Finding,
    Measure,
    RootCauseFinding,
)
from gaps.detectors.gate import zero_tolerance
from gaps.detectors.ranked_causes import NAMED_CONFIDENCE, UNEXPLAINED_CONFIDENCE, unexplained
from gaps.detectors.severity import opens
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Priority
from predictions.forecasters.answers import MAX_EVIDENCE_ITEMS, EvidenceFact, ModelIdentity, cost_fact, hash_of, seed_of
from predictions.forecasters.budget_overrun import earning_items
from predictions.forecasters.budget_prevention import budget_options, budget_window
from predictions.forecasters.cost_readiness import cost_readiness
from predictions.forecasters.finish import FinishForecast, forecast_finish
from predictions.forecasters.risk import PreventiveOption
from predictions.forecasters.spending import CostTrials, burn_rate, cost_trials
from predictions.priors.effort import shipped_effort_pool
from projects.enums import Readiness
from projects.history.facts import BudgetFact
from projects.history.instants import MICROSECONDS_PER_WEEK, from_us
from projects.history.process_signals import has_signal_at_end, natural_limits
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, report
from projects.history.spells import active_spells, active_time
from projects.history.work_clock import WorkClock
from tenants.enums import Role

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("budget.expected-overrun", "1")
CAP_PROBABILITY = 0.85
SIGNAL_PROBABILITY = 0.5
FALSE_ALARMS_PER_YEAR = 0.02
PERIOD_WEEKS, PERIODS = 4, 13
NO_LIMIT = frozenset(
    {ReasonCode.NOTHING_REMAINING, ReasonCode.BUDGET_SPENT, ReasonCode.NO_TARGET, ReasonCode.TARGET_PASSED}
)
"""What limits a forecast and not this: money that is gone is a gap as well, and a date is not asked for."""
TEXTS = {
    BudgetFactor.PRICE: (GapCategory.STRATEGIC, "An hour costs {} than in the first weeks"),
    BudgetFactor.EFFICIENCY: (GapCategory.OPERATIONAL, "An item costs {} than planned"),
    BudgetFactor.VOLUME: (GapCategory.STRATEGIC, "There is {} to do than was approved"),
    BudgetFactor.REWORK: (GapCategory.OPERATIONAL, "Work is done over again"),
}
STEPS = {
    "LEAVE_OUT_SCOPE": (
        ("List the open items by what they are worth", "Agree with the sponsor on a fifth to leave out",
         "Approve the smaller scope"),
        16.0,
        Role.PROJECT_MANAGER,
    ),
    "SPEND_LESS": (
        ("List running contracts and licences", "Give notice for what the open work does not need",
         "Agree on new prices"),
        24.0,
        Role.PROJECT_MANAGER,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What one answer is made of, once the gate is passed.  trials: None where nothing is left to do"""

    known: ProjectHistory
    budget: BudgetFact
    trials: CostTrials | None
    tolerance: float
    inputs_hash: str

    @property
    def spent(self) -> float:
        return float(self.known.spent.amount.sum())

    @property
    def totals(self) -> FloatArray:
        rest = np.zeros(1) if self.trials is None else self.trials.rest
        return self.spent + rest

    @property
    def capped_rest(self) -> FloatArray:
        rest = self.totals - self.spent
        capped: FloatArray = np.minimum(rest, np.quantile(rest, CAP_PROBABILITY))
        return capped

    @property
    def overrun(self) -> float:
        return float(np.maximum(self.spent + self.capped_rest - self.budget.amount, 0.0).mean())

    def share_above(self, money: float) -> float:
        """P(cost at completion > money); what is spent already is certain."""
        if self.trials is None:
            return float(self.spent > money)
        rest = self.trials.rest
        return (float((rest > money - self.spent).sum()) + 1) / (len(rest) + 2)  # one more trial each way


def detect_budget(context: DetectionContext) -> tuple[Detection, ...]:
    """The approved budget against the cost to be expected."""
    known = context.known
    finish = context.finish
    if finish.trials is None:  # one that abstains for want of a target still has a say in money
        finish = forecast_finish(known, as_of=context.as_of, calendar=context.calendar)
    reasons = (*cost_readiness(known).reasons, *finish.readiness.reasons)
    readiness = report(dict.fromkeys(reason for reason in reasons if reason.code not in NO_LIMIT))
    basis = _basis(context, finish) if readiness.carries_value else None
    if readiness.carries_value and basis is None:
        readiness = readiness.with_reasons([_no_rate()])
    effect, finding = None, None
    if basis is not None and basis.tolerance <= 0:
        readiness = readiness.with_reasons([zero_tolerance("budget")])
    elif basis is not None:
        effect = basis.overrun / basis.tolerance
        if _opens(basis, effect, readiness):
            finding = _finding(context, basis, readiness)
    return (Detection(type=GapType.BUDGET, model=MODEL, readiness=readiness, effect=effect, finding=finding),)


def _basis(context: DetectionContext, finish: FinishForecast) -> _Basis | None:
    known, budget = context.known, context.known.budget
    if budget is None:
        return None
    inputs_hash = hash_of(
        {"finish": finish.inputs_hash, "costs": known.costs_hash, "percent": context.tolerances.budget_percent}
    )
    tolerance = context.tolerances.budget_percent / 100 * budget.amount
    if not known.states.open.any():
        return _Basis(known, budget, None, tolerance, inputs_hash)
    burn = burn_rate(known.spent, now_us=known.known_at_us)
    if burn is None or finish.trials is None:
        return None
    trials = cost_trials(
        finish=finish.trials,
        burn=burn,
        tasks=earning_items(known, budget.amount),
        pool=shipped_effort_pool(),
        rng=np.random.default_rng(seed_of(finish.inputs_hash)),
    )
    return _Basis(known, budget, trials, tolerance, inputs_hash)


def _opens(basis: _Basis, effect: float, readiness: ReadinessReport) -> bool:
    p_beyond = basis.share_above(basis.budget.amount + basis.tolerance)
    if opens(p_beyond_tolerance=p_beyond, readiness=readiness):
        return True
    return effect >= 1 and p_beyond >= SIGNAL_PROBABILITY and _has_cost_signal(basis.known)


def _has_cost_signal(known: ProjectHistory) -> bool:
    """Whether an item costs more of late, by four-week periods of the last year."""
    length = PERIOD_WEEKS * MICROSECONDS_PER_WEEK
    edges_us = known.known_at_us + 1 - length * np.arange(PERIODS, -1, -1, dtype=np.int64)
    order = np.argsort(known.spent.at_us, kind="stable")
    costs = np.concatenate([[0.0], np.cumsum(known.spent.amount[order])])
    cost = np.diff(costs[np.searchsorted(known.spent.at_us[order], edges_us)])
    finished = np.diff(np.searchsorted(known.finished_us, edges_us))
    usable = (finished > 0) & (cost > 0)
    if not usable[-1]:
        return False
    values = cost[usable] / finished[usable]
    limits = natural_limits(values[:-1])
    is_above = limits is not None and values[-1] > limits.mean
    return is_above and has_signal_at_end(values, limits=limits)


def _finding(context: DetectionContext, basis: _Basis, readiness: ReadinessReport) -> Finding:
    known, budget, at = basis.known, basis.budget, basis.known.as_of_moment
    currency = budget.currency
    split = split_overrun(_cost_basis(context, basis), seed=seed_of(basis.inputs_hash))
    effect = Effect(split.overrun, basis.tolerance, currency)
    p50, p85, p95 = (float(value) for value in np.quantile(basis.totals, (0.5, 0.85, 0.95)))
    p_over = basis.share_above(budget.amount)
    left, accepted = budget.amount - basis.spent, 1 - context.tolerances.accepted_risk
    window = None if basis.trials is None or left <= 0 else budget_window(
        basis.trials, money_left=left, accepted=accepted
    )  # fmt: skip
    options = () if basis.trials is None else budget_options(basis.trials, money_left=left, accepted=accepted)
    remaining = int(known.states.open.sum())
    return Finding(
        type=GapType.BUDGET,
        category=GapCategory.STRATEGIC,
        title=f"{p_over:.0%} sure to cost more than the approved {budget.amount:,.0f} {currency}",
        description=(
            f"{basis.spent:,.0f} {currency} are spent and {remaining} items are open. With 85 % probability it costs "
            f"no more than {p85:,.0f} {currency} in the end; {budget.amount:,.0f} {currency} are approved."
        ),
        impact=f"{split.overrun:,.0f} {currency} of expected overrun, against a tolerance of {basis.tolerance:,.0f}.",
        as_of=at,
        current=Measure(p85, currency, "85% sure to cost no more; between: 50% and 95% sure", low=p50, high=p95),
        target=Measure(budget.amount, currency, "approved"),
        effect=effect,
        confidence=min(max(p_over, 0.01), 0.99),
        urgency_h=None if window is None else window.hours,
        affected_areas=(AffectedAreaFinding(AreaKind.WORK_ITEMS, f"{remaining} open items"),),
        evidence=_evidence(basis),
        root_causes=_causes(split, basis),
        corrective_actions=tuple(_corrective(option, 1 - p_over, currency) for option in options),
        readiness=_with_off(readiness, split),
        is_reconstructed=known.is_reconstructed or bool((known.costs.recorded_us > known.known_at_us).any()),
        model=MODEL,
        inputs_hash=basis.inputs_hash,
    )


def _cost_basis(context: DetectionContext, basis: _Basis) -> CostBasis:
    known, calendar = basis.known, context.calendar
    spells = active_spells(known)
    first_us = int(spells.begin_us.min()) if len(spells.item) else known.known_at_us
    clock = WorkClock(calendar, calendar.local_date(first_us), calendar.local_date(known.known_at_us))
    time = active_time(spells, clock, items=len(known.items))
    return CostBasis(known, basis.budget.amount, basis.capped_rest, time.total, time.rework)


# --- causes, evidence, actions ---


def _causes(split: BudgetSplit, basis: _Basis) -> tuple[RootCauseFinding, ...]:
    named = {part.factor for part in split.parts if part.is_named and part.money > 0}
    causes = [_cause(part, split.overrun, basis, named) for part in split.parts if round(part.money, 2)]
    off = ", ".join(factor.lower() for factor in split.off)
    description = "Over budget although all else is as planned, or not explained by the record."
    description += f" The record cannot tell: {off}." if off else ""
    causes.append(unexplained(description, split.unknown, split.overrun))
    return tuple(sorted(causes, key=lambda cause: (-(cause.contribution or 0.0), cause.code)))


def _cause(part: BudgetPart, overrun: float, basis: _Basis, named: set[BudgetFactor]) -> RootCauseFinding:
    category, words = TEXTS[part.factor]
    text = words.format("more" if part.money > 0 else "less")
    text = text[0].upper() + text[1:]
    at, label = basis.known.as_of_moment, part.factor.lower()
    interval = project_fact(label, "interval", f"{part.low:,.2f} to {part.high:,.2f}", at)
    multiples = project_fact(label, "multiple_of_plan", f"{part.past:.3f} so far, {part.rest:.3f} for the rest", at)
    # Less is done over again before efficiency is worth a look: what comes back is in the cost of an item as well.
    waits_for = part.factor == BudgetFactor.EFFICIENCY and BudgetFactor.REWORK in named
    return RootCauseFinding(
        code=part.factor,
        category=category,
        description=f"{text}: {part.past:.2f} times the plan so far, {part.rest:.2f} times for the rest"
        + ("." if part.is_named else "; chance explains it as well."),
        contribution=part.money,
        share=part.money / overrun if overrun else None,
        confidence=NAMED_CONFIDENCE if part.is_named else UNEXPLAINED_CONFIDENCE,
        evidence_for=(multiples, interval) if part.is_named else (multiples,),
        evidence_against=() if part.is_named else (interval,),
        depends_on=(BudgetFactor.REWORK,) if waits_for else (),
    )


def _evidence(basis: _Basis) -> tuple[EvidenceFact, ...]:
    known, budget = basis.known, basis.budget
    costs, currency = known.spent, budget.currency
    largest = np.lexsort((costs.at_us, -costs.amount))[:MAX_EVIDENCE_ITEMS]
    return (
        project_fact("Approved budget", "budget", f"{budget.amount:.2f} {currency}", budget.approved_at),
        project_fact("Spent so far", "actual_cost", f"{basis.spent:.2f} {currency}", known.as_of_moment),
        *(cost_fact(str(costs.ids[row]), from_us(int(costs.at_us[row]))) for row in largest),
    )


def _corrective(option: PreventiveOption, before: float, currency: str) -> CorrectiveActionFinding:
    steps, effort_h, owner = STEPS.get(option.code, ((), None, Role.PROJECT_MANAGER))
    return CorrectiveActionFinding(
        code=option.code,
        title=option.title,
        description=option.description,
        priority=Priority(option.priority),
        expected_effect=f"Within budget: from {before:.0%} to {1 - option.probability_after:.0%} sure; "
        f"85% sure {option.money_saved_p85 or 0.0:,.0f} {currency} less",
        latest_start_h=option.latest_start_h,
        steps=steps,
        effort_h=effort_h,
        owner_role=owner,
    )


def _with_off(readiness: ReadinessReport, split: BudgetSplit) -> ReadinessReport:
    if BudgetFactor.VOLUME not in split.off:
        return readiness
    message = "No baseline is approved, so what was added cannot be told from what an item costs."
    return readiness.with_reasons(
        [ReadinessReason(ReasonCode.NO_BASELINE, Readiness.LIMITED, message, UnlockStep.APPROVE_BASELINE)]
    )


def _no_rate() -> ReadinessReason:
    message = "Nothing was spent of late, net of reversals: there is no rate to go on."
    return ReadinessReason(ReasonCode.COSTS_REVERSED, Readiness.INSUFFICIENT, message, UnlockStep.RECORD_COSTS, 0, 1)
