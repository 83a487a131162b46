"""Whether a regular meeting of the team has fallen out: its cadence, and how many in a row are missing.

1. Touchpoints of one local day are one. The cadence is the median of the working days from one to the next, over 26
   weeks; at least 10 days with one are needed.
2. Missing = working days since the last one, without today, over the cadence, rounded down.
3. Luck = share of the earlier distances in which as many were missing, with one more of each kind counted: a team that
   meets now and then misses nothing.

Example: a stand-up every working day, the last one on Monday, asked on Thursday: Tuesday and Wednesday are missing.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from projects.enums import ActivityKind
from projects.history.activity import ACTIVITY_CODES
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory

FloatArray = NDArray[np.float64]

WINDOW_WEEKS, MIN_TOUCHPOINTS = 26, 10
"""Ten show a habit; what was half a year ago is none. Starting values."""


@dataclass(frozen=True, slots=True)
class Touchpoints:
    """The habit and the present. cadence_days: working days;  luck: in (0, 1);  last_date: of the last one"""

    cadence_days: float
    missing: int
    luck: float
    held: int
    last_date: date
    days: tuple[date, ...]


def touchpoints(known: ProjectHistory, calendar: WorkCalendar) -> Touchpoints | None:
    """The meetings of the window; None where there is no habit."""
    activity = known.activity
    today = calendar.local_date(known.known_at_us)
    first_us = calendar.start_of_day_us(today - timedelta(weeks=WINDOW_WEEKS))
    is_held = (activity.kind == ACTIVITY_CODES[ActivityKind.TOUCHPOINT]) & (activity.at_us >= first_us)
    days = sorted({calendar.local_date(int(at_us)) for at_us in activity.at_us[is_held]})
    if len(days) < MIN_TOUCHPOINTS:
        return None
    between = np.array([_working_days_between(calendar, one, two) for one, two in pairwise(days)])
    cadence = max(float(np.median(between)) + 1, 1.0)
    missed_before = np.floor(between / cadence)
    missing = int(_working_days_between(calendar, days[-1], today) // cadence)
    luck = (float((missed_before >= missing).sum()) + 1) / (len(between) + 2)
    return Touchpoints(cadence, missing, luck, len(days), days[-1], tuple(days))


def _working_days_between(calendar: WorkCalendar, first: date, last: date) -> int:
    """Working days that lie between two days, without both."""
    return calendar.working_days(first + timedelta(days=1), last - timedelta(days=1))
