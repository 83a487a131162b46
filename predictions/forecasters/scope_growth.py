"""How the scope grew against what was approved: the facts behind SCOPE_CREEP, for its forecast and its settlement.

1. The scope is what exists and was not taken out (projects.history.scope). Growth is the scope less what is approved.
2. Items created in one go after the plan was approved are left out, when they come and when they go: they came from an
   import. They are counted apart.
3. Week by week since the first plan was approved: items added, items taken out, and what was approved of it.

Example: 100 approved, 103 in the scope a year later and 12 items imported at once: growth is 3, and 12 came in bulk.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.estimates import points_of
from projects.enums import TrackedField
from projects.history.calendar import counts_between
from projects.history.columns import Flags
from projects.history.facts import BaselineFact
from projects.history.instants import MICROSECONDS_PER_WEEK, NEVER, Instants, to_us
from projects.history.project_history import ProjectHistory
from projects.history.scope import created_in_bulk, left_scope_us

FloatArray = NDArray[np.float64]

GROWTH_SHARE = 0.1
"""Tolerance of a scope: a tenth of what was approved."""


@dataclass(frozen=True, slots=True, eq=False)
class ScopeGrowth:
    """The growth as known at a moment.

    approved_items: in force;  growth_items: scope less approved, without what came in bulk;  bulk_items: that
    added, taken_out: items per week since the first plan, oldest first, shape (weeks,);  approvals: how many, likewise
    approved_of_growth: the share of what stands that an approval usually covers, in (0, 1)
    counted: the items that count, shape (items,);  left_us: when each left the scope, NEVER while it has not
    weeks: since the first plan was approved
    """

    plan: BaselineFact
    growth_items: int
    bulk_items: int
    weeks: float
    added: FloatArray
    taken_out: FloatArray
    approvals: FloatArray
    approved_of_growth: float
    counted: Flags
    left_us: Instants

    @property
    def approved_items(self) -> int:
        return self.plan.scope_items

    @property
    def threshold_items(self) -> int:
        """So many items above what is approved are scope creep."""
        return threshold_items(self.plan.scope_items)


def threshold_items(approved_items: int) -> int:
    """The least whole number of items that is a tenth of the approved scope."""
    return max(1, int(np.ceil(GROWTH_SHARE * approved_items - 1e-9)))


def counted_items(known: ProjectHistory, since_us: int) -> Flags:
    """All but what was created in one go after a plan was approved: shape (items,)."""
    flags: Flags = known.states.exists & ~(created_in_bulk(known) & (known.items.created_us > since_us))
    return flags


def plans_in_force(known: ProjectHistory) -> list[BaselineFact]:
    """The plans and approved changes of a positive scope that were in force by the history's moment, oldest first."""
    return [plan for plan in known.baselines if to_us(plan.approved_at) <= known.known_at_us and plan.scope_items > 0]


def scope_growth(known: ProjectHistory) -> ScopeGrowth | None:
    """The growth at the history's moment; None where no plan with a scope is in force."""
    plan = known.baseline
    if plan is None or plan.scope_items <= 0:
        return None
    now_us = known.known_at_us
    plans = plans_in_force(known)
    since_us = to_us(plans[0].approved_at)
    counted, left_us = counted_items(known, since_us), left_scope_us(known)
    in_scope = known.states.exists & (left_us > now_us)
    edges_us = (
        now_us
        + 1
        + MICROSECONDS_PER_WEEK * np.arange(-((now_us - since_us) // MICROSECONDS_PER_WEEK), 1, dtype=np.int64)
    )
    created_us = known.items.created_us
    approvals_us = np.array([to_us(later.approved_at) for later in plans[1:]], dtype=np.int64)
    return ScopeGrowth(
        plan=plan,
        growth_items=int((in_scope & counted).sum()) - plan.scope_items,
        bulk_items=int((in_scope & ~counted).sum()),
        weeks=(now_us - since_us) / MICROSECONDS_PER_WEEK,
        added=counts_between(created_us[counted], edges_us).astype(np.float64),
        taken_out=counts_between(np.where(left_us <= now_us, left_us, NEVER)[counted], edges_us).astype(np.float64),
        approvals=counts_between(approvals_us, edges_us).astype(np.float64),
        approved_of_growth=_approved_of_growth(plans, created_us[counted], left_us[counted]),
        counted=counted,
        left_us=left_us,
    )


def _approved_of_growth(plans: list[BaselineFact], created_us: Instants, left_us: Instants) -> float:
    """Of the growth that stood when something was approved, the share that was approved then, shrunk to one half."""
    stood = approved = 0.0
    for before, after in pairwise(plans):
        at_us = to_us(after.approved_at)
        growth = float(((created_us <= at_us) & (left_us > at_us)).sum()) - before.scope_items
        if growth > 0:
            stood += growth
            approved += float(np.clip(after.scope_items - before.scope_items, 0, growth))
    return (approved + APPROVED_PRIOR_ITEMS / 2) / (stood + APPROVED_PRIOR_ITEMS)


APPROVED_PRIOR_ITEMS = 8.0
"""Two decisions about four items each weigh as much as saying that half of what stands gets approved."""


def estimate_inflation(known: ProjectHistory, since_us: int) -> float | None:
    """Growth of the estimates of items that were estimated at a moment, as a share; None where none was.

    Counted apart from the items: work that turns out larger is no work that was added.
    """
    fields = known.fields
    rows = fields.take((fields.field == TrackedField.ESTIMATE_POINTS.value) & (fields.at_us <= known.known_at_us))
    values = rows.value.tolist()
    number_of = {value: points_of(value) for value in set(values)}
    points = np.array([number_of[value] for value in values], dtype=np.float64)
    now, then = np.full(len(known.items), np.nan), np.full(len(known.items), np.nan)
    now[rows.item] = points
    early = rows.at_us <= since_us
    then[rows.item[early]] = points[early]
    both = known.states.exists & known.states.live & ~np.isnan(now) & (then > 0)
    total = float(then[both].sum())
    return float(now[both].sum()) / total - 1 if total > 0 else None
