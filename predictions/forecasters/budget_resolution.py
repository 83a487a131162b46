"""What became of a claimed overrun: was the budget crossed before the items of the claim were all done?

1. The scope is restored as for a delay; the ledger is read by the days on which costs were incurred.
2. The event occurred at the first instant, up to the end of the horizon, at which the costs on record add up to more
   than the budget at issue, if the scope was not all done at once before.
3. It did not occur when the scope was done first, or when the horizon is over. Both wait LEDGER_GRACE, because costs
   are booked late: what was incurred before counts, whenever it is recorded until then.
4. Censored: the project was cancelled, the scope cannot be restored, or nothing was booked since the claim was made.

Assumes one currency, that of the claim; costs in others are not converted and do not count.

Example: budget 100, 90 spent. 15 are booked on 3 May, the scope is done on 9 May: occurred on 3 May (at the end of that
day). Had the scope been done on 2 May: not occurred, known in June.
"""

from datetime import timedelta

import numpy as np

from predictions.enums import OutcomeResult
from predictions.forecasters.answers import EvidenceFact
from predictions.forecasters.cost_readiness import COSTS_STALE_AFTER_DAYS
from predictions.forecasters.resolution import (
    Circumstances,
    Resolution,
    ResolutionReason,
    done_at_once_us,
    is_cancelled,
    open_items,
    scope_of,
)
from predictions.forecasters.risk import Claim, IssuedClaim
from projects.history.columns import Flags
from projects.history.instants import from_us, to_us
from projects.history.project_history import ProjectHistory

LEDGER_GRACE = timedelta(days=COSTS_STALE_AFTER_DAYS)
"""A monthly ledger with two weeks until it is closed."""


def resolve_budget_overrun(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Decide a claim by what is known at `now.at`.  Raises ValueError for naive instants.

    history: unrestricted, or restricted to `now.at`
    """
    known, claim = history.as_of(now.at), issued.claim
    is_due, scope_us = now.at >= claim.ends_at, to_us(issued.as_of)
    until_us = min(to_us(claim.ends_at), known.known_at_us)
    crossed_us = crossed_at_us(known, claim, until_us)
    by_date = open_items(known, scope_us)
    if not is_due and crossed_us is None and done_at_once_us(known, by_date, scope_us, until_us) is None:
        return Resolution(None, ResolutionReason.NOT_DUE)  # asked at every run, so without the scope's hash
    scope = scope_of(known, issued, by_date)
    if scope is None:
        return (
            Resolution(OutcomeResult.CENSORED, ResolutionReason.SCOPE_LOST, claim.ends_at)
            if is_due
            else Resolution(None, ResolutionReason.NOT_DUE)
        )
    done_us = done_at_once_us(known, scope, scope_us, until_us)
    if crossed_us is not None and (done_us is None or crossed_us <= done_us):
        return _verdict(known, claim, OutcomeResult.OCCURRED, ResolutionReason.BUDGET_CROSSED, crossed_us)
    return _not_crossed(known, issued, now, scope=scope, done_us=done_us)


def crossed_at_us(known: ProjectHistory, claim: Claim, until_us: int) -> int | None:
    """The first instant, up to one, at which more than the claim's level had been spent; None where there was none."""
    at_us, amounts = _costs(known, claim, until_us)
    crossed = np.flatnonzero(np.cumsum(amounts) > (claim.threshold or 0.0))
    return int(at_us[crossed[0]]) if crossed.size else None


def _not_crossed(
    known: ProjectHistory, issued: IssuedClaim, now: Circumstances, *, scope: Flags, done_us: int | None
) -> Resolution:
    claim = issued.claim
    decided_at = claim.ends_at if done_us is None else from_us(done_us)
    if now.at < decided_at + LEDGER_GRACE:
        return Resolution(None, ResolutionReason.NOT_DUE)
    if done_us is not None:
        reason = ResolutionReason.SCOPE_DONE_FIRST
        return _verdict(known, claim, OutcomeResult.NOT_OCCURRED, reason, done_us, items=int(scope.sum()))
    if is_cancelled(claim.ends_at, now):
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.CANCELLED, claim.ends_at)
    if not bool((known.costs.recorded_us > to_us(issued.issued_at)).any()):
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.NOT_OBSERVED, claim.ends_at)
    reason = ResolutionReason.NOT_CROSSED
    return _verdict(known, claim, OutcomeResult.NOT_OCCURRED, reason, to_us(claim.ends_at))


def _costs(known: ProjectHistory, claim: Claim, until_us: int) -> tuple[np.ndarray, np.ndarray]:
    """Instants, each once and ascending, and what was spent at each: in the claim's currency, up to an instant."""
    costs = known.spent
    chosen = (costs.at_us <= until_us) & (costs.currency == claim.unit)
    at_us, place = np.unique(costs.at_us[chosen], return_inverse=True)
    return at_us, np.bincount(place, weights=costs.amount[chosen], minlength=len(at_us))


def _verdict(
    known: ProjectHistory, claim: Claim, result: OutcomeResult, reason: ResolutionReason, at_us: int, *, items: int = 0
) -> Resolution:
    moment = from_us(at_us)
    spent = float(_costs(known, claim, at_us)[1].sum())
    facts = [
        EvidenceFact("project", "", "Budget at issue", "budget", f"{claim.threshold:.2f} {claim.unit}", moment),
        EvidenceFact("project", "", "Spent by then", "actual_cost", f"{spent:.2f} {claim.unit}", moment),
    ]
    if items:
        facts.append(EvidenceFact("project", "", "Scope at issue", "items_done", str(items), moment))
    return Resolution(result, reason, moment, tuple(facts))
