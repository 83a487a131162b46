"""The data gate of the budget: whether costs and a budget can carry an answer, why not, and what would unlock it."""

from collections.abc import Iterable

import numpy as np

from projects.enums import Readiness
from projects.history.costs import CostColumns
from projects.history.facts import BudgetFact
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, PLAUSIBLE_FROM_US
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    INSUFFICIENT_SHARE,
    LIMITED_SHARE,
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    doubtful_share,
    report,
)

MIN_COST_WEEKS, GOOD_COST_WEEKS = 4, 12
"""As for items finished: four weeks show that they differ, a quarter shows how much. Starting values."""
MIN_COST_DAYS = 4
"""Four bookings on different days: fewer are a lump sum, not a rate."""
COSTS_STALE_AFTER_DAYS = 45
"""A monthly ledger with two weeks until it is closed."""


def cost_readiness(known: ProjectHistory) -> ReadinessReport:
    """Whether costs and budget at the history's moment can carry a rate and a distance."""
    return report(_reasons(known))


def _reasons(known: ProjectHistory) -> Iterable[ReadinessReason]:
    budget, spent = known.budget, known.spent
    if budget is None or not 0 < budget.amount < np.inf:
        message = "No budget above zero is approved, so there is nothing to overrun."
        yield _wrong(ReasonCode.NO_BUDGET, message, UnlockStep.APPROVE_BUDGET)
    yield from _future(known, spent)
    if len(spent) == 0:
        yield _wrong(ReasonCode.NO_COSTS, "No cost is recorded.", UnlockStep.RECORD_COSTS)
        return
    currencies = sorted({str(currency) for currency in spent.currency} | ({budget.currency} if budget else set()))
    if len(currencies) > 1:
        message = f"Costs and budget are in {', '.join(currencies)}; nothing is converted silently."
        yield _wrong(ReasonCode.SEVERAL_CURRENCIES, message, UnlockStep.USE_ONE_CURRENCY)
        return
    yield from _implausible(spent)
    yield from _amounts(budget, spent)
    yield from _span(known, spent)


def _implausible(spent: CostColumns) -> Iterable[ReadinessReason]:
    reason = doubtful_share(
        doubtful=int((spent.at_us < PLAUSIBLE_FROM_US).sum()),
        total=len(spent),
        code=ReasonCode.IMPLAUSIBLE_DATE,
        of="costs",
        what="were incurred before 1971, which is how tools write that they have no date",
        unlock=UnlockStep.CORRECT_DATES,
    )
    return () if reason is None else (reason,)


def _amounts(budget: BudgetFact | None, spent: CostColumns) -> Iterable[ReadinessReason]:
    total = float(spent.amount.sum())
    if not total > 0 or not np.isfinite(total):
        message = "What is recorded adds up to no cost: reversals are as large as what they reverse."
        yield ReadinessReason(ReasonCode.COSTS_REVERSED, Readiness.INSUFFICIENT, message, UnlockStep.RECORD_COSTS, 0, 1)
    elif budget is not None and 0 < budget.amount <= total:
        message = "The budget is spent; what has happened is not forecast."
        yield _wrong(ReasonCode.BUDGET_SPENT, message, UnlockStep.APPROVE_BUDGET)


def _span(known: ProjectHistory, spent: CostColumns) -> Iterable[ReadinessReason]:
    weeks = (known.known_at_us - int(spent.at_us.min())) / MICROSECONDS_PER_WEEK
    days = len(np.unique(spent.at_us))
    if weeks < GOOD_COST_WEEKS or days < MIN_COST_DAYS:
        is_too_little = weeks < MIN_COST_WEEKS or days < MIN_COST_DAYS
        level = Readiness.INSUFFICIENT if is_too_little else Readiness.LIMITED
        message = f"Costs are recorded on {days} days over {weeks:.1f} weeks; {MIN_COST_DAYS} days are needed."
        unlock = UnlockStep.WAIT_FOR_HISTORY
        yield ReadinessReason(ReasonCode.TOO_FEW_COSTS, level, message, unlock, weeks, GOOD_COST_WEEKS)
    quiet_days = (known.known_at_us - int(spent.at_us.max())) / MICROSECONDS_PER_DAY
    if quiet_days > COSTS_STALE_AFTER_DAYS:
        message = f"The newest cost is {quiet_days:.0f} days old."
        code, unlock = ReasonCode.COSTS_STALE, UnlockStep.RECORD_COSTS
        yield ReadinessReason(code, Readiness.STALE, message, unlock, quiet_days, COSTS_STALE_AFTER_DAYS)


def _future(known: ProjectHistory, spent: CostColumns) -> Iterable[ReadinessReason]:
    total = known.future_costs + len(spent)
    share = known.future_costs / total if total else 0.0
    if share > LIMITED_SHARE:
        level = Readiness.INSUFFICIENT if share > INSUFFICIENT_SHARE else Readiness.LIMITED
        message = f"{known.future_costs} of {total} costs carry a date that had not come when they were recorded."
        code, unlock = ReasonCode.FUTURE_COSTS, UnlockStep.CORRECT_DATES
        yield ReadinessReason(code, level, message, unlock, share, LIMITED_SHARE)


def _wrong(code: ReasonCode, message: str, unlock: UnlockStep) -> ReadinessReason:
    return ReadinessReason(code, Readiness.MISCONFIGURED, message, unlock)
