"""Projects as the detectors about people are asked of them."""

from collections.abc import Iterable
from datetime import date, datetime

from gaps.backtesting.simulated_people_gaps import SEEN_AT
from gaps.detectors.detection import DetectionContext, Tolerances
from predictions.forecasters.finish import forecast_finish
from projects.history import HistoryFact, ProjectHistory, WorkCalendar

TRIALS = 500
"""Enough for what these detectors take of the finish forecast."""


def context_of(
    facts: Iterable[HistoryFact],
    *,
    at: datetime = SEEN_AT,
    target_date: date | None = None,
    tolerances: Tolerances | None = None,
) -> DetectionContext:
    """A project at a moment; its target is that of the plan in force unless given."""
    known = ProjectHistory.from_facts(facts).as_of(at)
    if target_date is None and known.baseline is not None:
        target_date = known.baseline.target_date
    finish = forecast_finish(known, as_of=at, target_date=target_date, trials=TRIALS)
    return DetectionContext(known, WorkCalendar(), finish, tolerances or Tolerances())
