"""What a team gets done in seven days, and how much of that goes to work that came in later.

Weeks are counted back from the moment asked about, so that none is incomplete and each holds every weekday once.
Bulk closures are left out: they say when a board was tidied.

Example: asked on a Wednesday, the newest week began on the Wednesday before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from projects.history.calendar import WorkCalendar, counts_between
from projects.history.instants import MICROSECONDS_PER_WEEK
from projects.history.project_history import ProjectHistory
from projects.history.readiness import worked_finishes

FloatArray = NDArray[np.float64]

MIN_NEWCOMER_WINDOW, MAX_NEWCOMER_WINDOW = 4, 52
NEWCOMER_PRIOR = (0.5, 1.5)
"""Before anything is seen, a quarter of the capacity is taken to go to work that is not yet known, give or take."""
ITEMS_PER_DECISION = 4.0
"""Items come in batches: four that arrived together are one piece of evidence."""


@dataclass(frozen=True, slots=True)
class NewcomerShare:
    """How much of what was finished in a window had come in during the window.

    newcomers, finished: items;  window_weeks: length of the window
    """

    newcomers: int
    finished: int
    window_weeks: int

    @property
    def parameters(self) -> tuple[float, float]:
        """Parameters (a, b) of the beta distribution of the share."""
        a, b = NEWCOMER_PRIOR
        return a + self.newcomers / ITEMS_PER_DECISION, b + (self.finished - self.newcomers) / ITEMS_PER_DECISION

    @property
    def mean(self) -> float:
        """Expected share: in (0, 1)."""
        a, b = self.parameters
        return a / (a + b)


def weekly_finishes(known: ProjectHistory, *, calendar: WorkCalendar) -> FloatArray:
    """Items finished in each complete week since the first finish, oldest first: shape (weeks,)."""
    worked_us = worked_finishes(known, as_of=known.as_of_moment, calendar=calendar)
    if worked_us.size == 0:
        return np.zeros(0)
    weeks = (known.known_at_us - int(worked_us[0])) // MICROSECONDS_PER_WEEK
    # An instant on the edge belongs to the week that ends there, because the record includes its own moment.
    edges_us = known.known_at_us + 1 + MICROSECONDS_PER_WEEK * np.arange(-weeks, 1, dtype=np.int64)
    return counts_between(worked_us, edges_us).astype(np.float64)


def newcomer_share(known: ProjectHistory, *, horizon_weeks: float, weeks: int) -> NewcomerShare:
    """The share at about the horizon of the forecast, because late-comers add up.

    horizon_weeks: duration expected without newcomers;  weeks: length of the history
    """
    longest = max(MIN_NEWCOMER_WINDOW, min(MAX_NEWCOMER_WINDOW, weeks))
    window = int(np.clip(round(horizon_weeks), MIN_NEWCOMER_WINDOW, longest))
    since_us = known.known_at_us - window * MICROSECONDS_PER_WEEK
    states = known.states
    finished = states.finished & (states.finished_us > since_us)
    newcomers = finished & (known.items.created_us > since_us)
    return NewcomerShare(int(newcomers.sum()), int(finished.sum()), window)
