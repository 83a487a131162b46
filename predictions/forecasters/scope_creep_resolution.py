"""What became of a claimed scope creep: did the unapproved growth reach the threshold within the horizon?

1. Growth at a moment is that of issue, plus items created since, less items that left the scope since, less what was
   approved beyond the scope approved at t0. An approval raises the approved scope from its date on, also one recorded
   late; one that lowers it is left to the next claim, because items may be taken out before or after it.
2. Items created in one go since the first plan are left out, when they come and when they go (scope_growth). If only
   they bring the growth to the threshold, nobody can say whether it grew: censored.
3. Facts from before t0 that arrive late change nothing: the growth of issue stands in the claim.
4. The first moment in (t0, end] at which the growth is at the threshold decides (arrival_resolution).

Example: 10 missing at t0; 6 items come in March, 4 in April, and 3 of them are approved in May: reached in April. Had
the 3 been approved in March: not reached.
"""

from datetime import datetime

import numpy as np

from predictions.forecasters.answers import EvidenceFact, newest_items
from predictions.forecasters.arrival_resolution import decide_level, incomplete
from predictions.forecasters.resolution import Circumstances, Resolution
from predictions.forecasters.risk import IssuedClaim
from predictions.forecasters.scope_growth import counted_items
from projects.history.columns import Flags
from projects.history.instants import Instants, from_us, to_us
from projects.history.project_history import ProjectHistory
from projects.history.scope import left_scope_us


def resolve_scope_creep(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Decide a claim of scope creep by what is known at `now.at`.  Raises ValueError for naive instants.

    history: unrestricted, or restricted to `now.at`
    """
    claim, terms = issued.claim, issued.claim.terms
    growth, approved, since = (terms.get(name) for name in ("growth_items", "approved_items", "counted_since"))
    if claim.threshold is None or not isinstance(growth, int) or not isinstance(approved, int) or not since:
        return incomplete(claim.ends_at)
    known = history.as_of(now.at)
    begin_us, end_us = to_us(issued.as_of), min(to_us(claim.ends_at), known.known_at_us)
    left_us = left_scope_us(known)
    counted = counted_items(known, to_us(datetime.fromisoformat(str(since))))
    needed = claim.threshold - growth

    def reached(items: Flags) -> int | None:
        steps = _steps(known, items, left_us, begin_us, end_us)
        return _first_at(steps, _approvals(known, approved, begin_us, end_us), needed)

    reached_us, in_bulk_us = reached(counted), reached(known.states.exists)
    until_us = end_us if reached_us is None else reached_us
    return decide_level(
        known,
        claim.ends_at,
        now,
        reached_at=None if reached_us is None else from_us(reached_us),
        reached_in_bulk_at=None if in_bulk_us is None else from_us(in_bulk_us),
        evidence=_evidence(known, counted, left_us, begin_us, until_us),
    )


def _steps(
    known: ProjectHistory, items: Flags, left_us: Instants, begin_us: int, end_us: int
) -> tuple[Instants, Instants]:
    """When items came (1) and left (-1) in (begin, end], in no order."""
    created_us, gone_us = known.items.created_us[items], left_us[items]
    came = created_us[(created_us > begin_us) & (created_us <= end_us)]
    left = gone_us[(gone_us > begin_us) & (gone_us <= end_us)]
    return np.concatenate([came, left]), np.concatenate([np.ones_like(came), -np.ones_like(left)])


def _approvals(known: ProjectHistory, approved: int, begin_us: int, end_us: int) -> tuple[Instants, Instants]:
    """When how much more than at issue was approved, from (and with) the beginning on."""
    instants, extra = [begin_us], [0]
    for plan in known.baselines:
        at_us = to_us(plan.approved_at)
        if at_us <= end_us:
            instants.append(max(at_us, begin_us))
            extra.append(max(0, plan.scope_items - approved))
    return np.array(instants, dtype=np.int64), np.array(extra, dtype=np.int64)


def _first_at(steps: tuple[Instants, Instants], approvals: tuple[Instants, Instants], needed: float) -> int | None:
    """The first instant at which what came less what left less what was approved is what was needed."""
    order = np.argsort(steps[0], kind="stable")
    instants, net = steps[0][order], np.cumsum(steps[1][order])
    last = np.ones(len(instants), dtype=np.bool_)
    last[:-1] = instants[1:] != instants[:-1]
    instants, net = instants[last], net[last]
    # Baselines are ordered by their approval, so the latest one by each instant is in force.
    in_force = approvals[1][np.searchsorted(approvals[0], instants, side="right") - 1] if len(instants) else net
    reached = np.flatnonzero(net - in_force >= needed - 1e-9)
    return int(instants[reached[0]]) if reached.size else None


def _evidence(
    known: ProjectHistory, counted: Flags, left_us: Instants, begin_us: int, until_us: int
) -> tuple[EvidenceFact, ...]:
    created_us, until = known.items.created_us, from_us(until_us)
    came = counted & (created_us > begin_us) & (created_us <= until_us)
    left = counted & (left_us > begin_us) & (left_us <= until_us)
    return (
        EvidenceFact("project", "", "Added since issue", "items_added", str(int(came.sum())), until),
        EvidenceFact("project", "", "Taken out since issue", "items_taken_out", str(int(left.sum())), until),
        *newest_items(known, came),
    )
