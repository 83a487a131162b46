"""Burn-up: what is done against the scope, day by day, with the scope as a line of its own.

1. Scope counts the items that exist and are not gone; an item deleted after it was done stays in both lines.
2. Done counts the items that stood in a DONE state at the end of the day: reopening takes away, unlike in
   cumulative_flow.
3. Approved is the scope of the baseline in force on that day; None before the first one. The height between scope and
   approved is growth that nobody approved.

Assumes items of like size on average. Do not read a rising done line beside a faster rising scope line as progress.

Example: 10 items approved and created on Monday, 2 done and 3 more created on Tuesday: Tuesday is done 2, scope 13,
approved 10.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from projects.history.calendar import WorkCalendar
from projects.history.columns import DONE, StatusColumns
from projects.history.cumulative_flow import day_ends
from projects.history.instants import NEVER, Instants, to_us
from projects.history.intervals import spans_of
from projects.history.project_history import ProjectHistory


@dataclass(frozen=True, slots=True)
class BurnUpDay:
    """The lines at the end of a local day (at the moment itself on the last one), in items."""

    day: date
    done: int
    scope: int
    approved: int | None


@dataclass(frozen=True, slots=True)
class BurnUp:
    """One row per local day from the first item to the moment; empty for an empty record."""

    days: tuple[BurnUpDay, ...]
    is_reconstructed: bool


def burn_up(history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar) -> BurnUp:
    """The burn-up known at a moment."""
    known = history.as_of(as_of)
    created_us = known.items.created_us[known.states.exists]
    if created_us.size == 0:
        return BurnUp((), known.is_reconstructed)
    days, edges_us = day_ends(int(created_us.min()), known, calendar)
    done, scope = _done_at(known, edges_us), _scope_at(known, edges_us)
    approved = [_approved_at(known, int(edge)) for edge in edges_us]
    rows = zip(days, done.tolist(), scope.tolist(), approved, strict=True)
    return BurnUp(tuple(BurnUpDay(*row) for row in rows), known.is_reconstructed)


def _done_at(known: ProjectHistory, edges_us: Instants) -> Instants:
    moves: StatusColumns = known.statuses.take(
        (known.statuses.at_us <= known.known_at_us) & known.states.exists[known.statuses.item]
    )
    spans = spans_of(moves, moves.category == DONE, moment_us=known.known_at_us)
    return spans.within(known.items.created_us, _left_us(known)).count_at(edges_us)  # done only while in scope


def _scope_at(known: ProjectHistory, edges_us: Instants) -> Instants:
    exists = known.states.exists
    created = np.searchsorted(np.sort(known.items.created_us[exists]), edges_us, side="left")
    left = np.searchsorted(np.sort(_left_us(known)[exists]), edges_us, side="left")
    return (created - left).astype(np.int64)


def _left_us(known: ProjectHistory) -> Instants:
    """When each item left the scope: found gone while it was not done, else NEVER; never before it was created."""
    left_us = np.where(known.states.category == DONE, NEVER, known.items.gone_us)
    return np.maximum(left_us, known.items.created_us)


def _approved_at(known: ProjectHistory, edge_us: int) -> int | None:
    in_force = [plan for plan in known.baselines if to_us(plan.approved_at) < edge_us]
    return in_force[-1].scope_items if in_force else None
