"""Cumulative flow: how many items had reached each state by the end of every day.

1. Arrivals count each item once per state, at its first dated arrival: created, started (or done without a start),
   done.
2. A line never falls. The height between two lines is what stands between them, the width how long it takes.
3. Items found in a state without a date are left out of that line and counted as `undated`.

Assumes that work moves forward; an item that goes back keeps its first arrival. For what is done now, net of
reopenings, and against what scope, see burn_up.

Example: two items created on Monday, one started on Tuesday and done on Wednesday: 2/0/0, 2/1/0, 2/1/1.
Source: Anderson (2010), Kanban; Vacanti (2015), Actionable Agile Metrics for Predictability.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from projects.history.calendar import WorkCalendar
from projects.history.columns import DONE, StatusColumns
from projects.history.instants import NEVER, PLAUSIBLE_FROM_US, Instants
from projects.history.project_history import ProjectHistory


@dataclass(frozen=True, slots=True)
class FlowDay:
    """Items that had arrived in each state by the end of a local day (by the moment itself on the last one)."""

    day: date
    created: int
    started: int
    done: int


@dataclass(frozen=True, slots=True)
class CumulativeFlow:
    """One row per local day from the first item to the moment; empty for an empty record."""

    days: tuple[FlowDay, ...]
    undated: int
    is_reconstructed: bool


def cumulative_flow(history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar) -> CumulativeFlow:
    """The cumulative flow known at a moment."""
    known = history.as_of(as_of)
    states = known.states
    created_us = np.where(states.exists, known.items.created_us, NEVER)
    done_us = np.maximum(first_arrivals_us(known, DONE), created_us)  # dated before it existed: from then on
    started_us = np.maximum(np.minimum(states.started_us, done_us), created_us)
    exist_us = created_us[states.exists]
    if exist_us.size == 0:
        return CumulativeFlow((), 0, known.is_reconstructed)
    days, edges_us = day_ends(int(exist_us.min()), known, calendar)
    lines = [
        np.searchsorted(np.sort(each[states.exists]), edges_us, side="left")
        for each in (created_us, started_us, done_us)
    ]
    return CumulativeFlow(
        days=tuple(FlowDay(day, *(int(line[row]) for line in lines)) for row, day in enumerate(days)),
        undated=int((states.exists & (states.category == DONE) & (done_us == NEVER)).sum()),
        is_reconstructed=known.is_reconstructed,
    )


def day_ends(first_us: int, known: ProjectHistory, calendar: WorkCalendar) -> tuple[list[date], Instants]:
    """The local days from an instant to the moment of a history, and the instants each is over; the last one is now.

    No day before records began: what carries the date of a tool that knows none is there from the first day on.
    """
    starts_us = calendar.day_edges_us(max(first_us, PLAUSIBLE_FROM_US), known.known_at_us)
    edges_us = np.minimum(starts_us[1:], known.known_at_us + 1)
    return [calendar.local_date(int(start)) for start in starts_us[:-1]], edges_us


def first_arrivals_us(known: ProjectHistory, category: int) -> Instants:
    """First dated move of each item into a category, else NEVER: shape (items,)."""
    moves: StatusColumns = known.statuses.take(
        (known.statuses.category == category) & known.statuses.dated & (known.statuses.at_us <= known.known_at_us)
    )
    first_us = np.full(len(known.items), NEVER, dtype=np.int64)
    np.minimum.at(first_us, moves.item, moves.at_us)
    return first_us
