"""What a finish forecast looks like: the burn-up so far, and the cone of what will be done of today's scope.

1. The past is the burn-up at week ends, the last one at t (projects.history.burn_up), over at most a year and a half.
2. Ahead, the items done in h weeks have the distribution that the finish forecast's paths have (items_done); what
   newcomers take of it counts for nothing here, because the question is when today's scope is done.
3. A line of the cone is one quantile over all horizons of the ladder, and ends where it meets the scope: the middle one
   on about the P50 finish, the low one on about the P90 finish.
4. The cone is cut at three times the median duration (at least a quarter): behind it lies a tail, not a plan.

Assumes what the finish forecast assumes. Few points by design: they are kept with every run and drawn without reading
the record again.

Example: 40 of 60 items are done, 5 in every week, nothing new: the cone begins at 40 and its middle line is at 60 after
about four weeks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import Pace
from predictions.forecasters.finish import FinishForecast, FinishTrials
from predictions.forecasters.items_done import ItemsDoneForecaster
from predictions.forecasters.simulation import LADDER_WEEKS, forecaster_of
from predictions.forecasters.throughput import weekly_finishes
from projects.history.burn_up import BurnUpDay, burn_up
from projects.history.calendar import DAYS_PER_WEEK, WorkCalendar
from projects.history.instants import MICROSECONDS_PER_WEEK
from projects.history.project_history import ProjectHistory

FloatArray = NDArray[np.float64]

CONE = (0.1, 0.5, 0.9)
"""Eight times in ten the truth lies between the outer lines: the coverage that walking forward checks."""
PAST_WEEKS = 78
MAX_CONE_IN_MEDIANS, MIN_CONE_WEEKS = 3.0, 13.0
LEVELS = (np.arange(99) + 0.5) / 99
SHARES = (np.arange(25) + 0.5) / 25
"""Evenly spaced levels of progress and of what newcomers leave: together 2,475 equally likely cases."""


@dataclass(frozen=True, slots=True)
class ConeDay:
    """Items of today's scope that are done by a day, those of the past included: at most with 10, 50 and 90 %."""

    day: date
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """The burn-up and the cone, both in items and by day, oldest first.

    past: at most 79 rows, the last at the moment;  cone: at most 26, the first at the moment
    newcomer_share: of the capacity, in [0, 1]
    """

    past: tuple[BurnUpDay, ...]
    cone: tuple[ConeDay, ...]
    newcomer_share: float


def forecast_outlook(
    known: ProjectHistory,
    *,
    finish: FinishForecast,
    calendar: WorkCalendar,
    pools: Sequence[ErrorPool] | None = None,
) -> Outlook | None:
    """The outlook behind a finish forecast; None where that abstained.

    known: restricted to the forecast's moment;  pools: those that the forecast was made with, else the shipped ones
    """
    if finish.trials is None or finish.remaining_items is None or finish.newcomers is None:
        return None
    days = burn_up(known, as_of=finish.as_of, calendar=calendar).days
    past = days[::-1][:: int(DAYS_PER_WEEK)][: PAST_WEEKS + 1][::-1]
    forecaster = finish.forecaster or forecaster_of(Pace(weekly_finishes(known, calendar=calendar)), pools=pools)
    weeks, progress = _progress(forecaster, finish.trials, finish.remaining_items)
    done = past[-1].done
    cone = {
        calendar.local_date(known.known_at_us + round(week * MICROSECONDS_PER_WEEK)): row
        for week, row in zip(weeks.tolist(), progress.tolist(), strict=True)
    }
    return Outlook(
        past=past,
        cone=tuple(ConeDay(day, *(done + items for items in row)) for day, row in cone.items()),
        newcomer_share=finish.newcomers.mean,
    )


def outlook_row(outlook: Outlook | None) -> dict[str, Any] | None:
    """An outlook as JSON."""
    if outlook is None:
        return None
    return {
        "unit": "items",
        "newcomer_share": outlook.newcomer_share,
        "past": [
            {"day": row.day.isoformat(), "done": row.done, "scope": row.scope, "approved": row.approved}
            for row in outlook.past
        ],
        "cone": [
            {"day": row.day.isoformat(), "p10": row.low, "p50": row.middle, "p90": row.high} for row in outlook.cone
        ],
    }


def _progress(forecaster: ItemsDoneForecaster, trials: FinishTrials, remaining: int) -> tuple[FloatArray, FloatArray]:
    """Weeks ahead, from 0, and items done of what remains by then at the quantiles of CONE: shape (weeks, 3)."""
    last_week = max(MIN_CONE_WEEKS, MAX_CONE_IN_MEDIANS * float(np.median(trials.days)) / DAYS_PER_WEEK)
    left = np.quantile(1 / trials.newcomer_factor, SHARES)
    horizons, rows = [0.0], [np.zeros(len(CONE))]
    for horizon_weeks in LADDER_WEEKS:
        cases = np.outer(forecaster.forecast(float(horizon_weeks)).quantiles(LEVELS), left)
        horizons.append(float(horizon_weeks))
        rows.append(np.maximum(np.quantile(cases, CONE), rows[-1]))  # done stays done
        if rows[-1][0] >= remaining or horizon_weeks >= last_week:
            break
    ladder, done = np.array(horizons), np.stack(rows)
    ends = [_week_of(ladder, line, remaining) for line in done.T]
    weeks = np.unique(np.minimum(np.concatenate([ladder, ends]), last_week))
    progress = np.stack([np.interp(weeks, ladder, line) for line in done.T], axis=1)
    return weeks, np.minimum(progress, remaining)


def _week_of(ladder: FloatArray, line: FloatArray, items: int) -> float:
    """When a line meets the scope, between two rungs evenly; the last rung if it does not."""
    above = np.flatnonzero(line >= items)
    if not above.size:
        return float(ladder[-1])
    upper = int(above[0])
    share = (items - line[upper - 1]) / (line[upper] - line[upper - 1])
    return float(ladder[upper - 1] + share * (ladder[upper] - ladder[upper - 1]))
