"""Moving claims of one kind by what became of earlier ones: of the tenant's other projects first, then of the own.

1. A settled event counts once, however often it was forecast: by the mean log-odds of what the model said of it, before
   anything was moved. Recent events count more, half after a year.
2. The events of the tenant's other projects give a first recalibration (calibration.recalibration), shrunk to none as
   if twenty events had come out as said.
3. The own events, moved by the first, give a second one, shrunk likewise; both are applied, one after the other. So a
   team without a record is moved as the others were, and its own record takes over with n / (n + 20).

Assumes that the model errs tomorrow as it erred. Events against which somebody acted are left out by whoever loads
them: what was prevented is no error of the forecast.

Example: others saw 5 of 20 events said to be even: a claim of .5 becomes about .38; twenty own ones of which ten
happened bring it back to about .44.
Source: partial pooling by shrinkage, Gelman and Hill (2007), Data Analysis Using Regression, chapter 12.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictions.calibration.recalibration import Recalibration, fit_recalibration

FloatArray = NDArray[np.float64]

PRIOR_EVENTS = 20.0
"""Whole events, not forecasts: far fewer of them are needed than where outcomes come in lots. Starting value."""
HALF_LIFE_DAYS = 365.0


@dataclass(frozen=True, slots=True)
class SettledEvent:
    """What was said of an event and what became of it.

    probability: that the model gave, in (0, 1), nothing moved;  age_days: since it was settled, 0 or above
    is_own: of the project forecast, not of another one of the tenant
    """

    probability: float
    occurred: bool
    age_days: float
    is_own: bool


@dataclass(frozen=True, slots=True)
class EventRecalibration:
    """Two recalibrations, applied one after the other.  events: all that they rest on"""

    of_others: Recalibration
    of_own: Recalibration
    events: int

    def apply(self, probabilities: ArrayLike) -> FloatArray:
        """The recalibrated probabilities: same shape, in (0, 1)."""
        return self.of_own.apply(self.of_others.apply(probabilities))


def fit_events(events: Iterable[SettledEvent]) -> EventRecalibration:
    """What the settled events ask for; nothing is moved where there are none."""
    found = list(events)
    of_others = _fitted([event for event in found if not event.is_own], Recalibration())
    of_own = _fitted([event for event in found if event.is_own], of_others)
    return EventRecalibration(of_others, of_own, len(found))


def _fitted(events: list[SettledEvent], before: Recalibration) -> Recalibration:
    return fit_recalibration(
        before.apply([event.probability for event in events]),
        [event.occurred for event in events],
        [event.age_days for event in events],
        prior_forecasts=PRIOR_EVENTS,
        half_life_days=HALF_LIFE_DAYS,
    )
