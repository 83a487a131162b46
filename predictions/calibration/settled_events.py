"""Moving claims of one kind by what became of earlier ones: of the tenant's other projects first, then of the own.

1. A settled event counts once, however often it was forecast: by the mean log-odds of what the model said of it, before
   anything was moved. Recent events count more, half after a year.
2. The events of the tenant's other projects give a first recalibration (calibration.recalibration), shrunk to none as
   if twenty events had come out as said.
3. The own events, moved by the first, give a second one, shrunk likewise; both are applied, one after the other. So a
   team without a record is moved as the others were, and its own record takes over with n / (n + 20).
4. From twenty events on the base rate is a rival: where its Brier score over them is lower than the model's by a tenth,
   it is served in the model's place. The ledger is a walk forward: everything in it was said before it was known.

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

from predictions.calibration.recalibration import Recalibration, age_weights, fit_recalibration

FloatArray = NDArray[np.float64]

PRIOR_EVENTS = 20.0
"""Whole events, not forecasts: far fewer of them are needed than where outcomes come in lots. Starting value."""
HALF_LIFE_DAYS = 365.0
MIN_RIVAL_EVENTS, RIVAL_MARGIN = 20, 0.1
"""Scores of a few dozen events are noisy: the lower one outright would switch for no reason."""


@dataclass(frozen=True, slots=True)
class SettledEvent:
    """What was said of an event and what became of it.

    probability: that the model gave, in (0, 1), nothing moved;  age_days: since it was settled, 0 or above
    base_rate: that stood beside it, None where there was none
    is_own: of the project forecast, not of another one of the tenant
    """

    probability: float
    occurred: bool
    age_days: float
    is_own: bool
    base_rate: float | None = None


@dataclass(frozen=True, slots=True)
class EventRecalibration:
    """Two recalibrations, applied one after the other.

    events: all that they rest on;  base_rate_is_better: than the model, over them
    """

    of_others: Recalibration
    of_own: Recalibration
    events: int
    base_rate_is_better: bool

    def apply(self, probabilities: ArrayLike) -> FloatArray:
        """The recalibrated probabilities: same shape, in (0, 1)."""
        return self.of_own.apply(self.of_others.apply(probabilities))

    def undo(self, probability: float) -> float:
        """The probability that would be moved to this one, in (0, 1)."""
        return self.of_others.undo(self.of_own.undo(probability))


def fit_events(events: Iterable[SettledEvent]) -> EventRecalibration:
    """What the settled events ask for; nothing is moved where there are none."""
    found = list(events)
    of_others = _fitted([event for event in found if not event.is_own], Recalibration())
    of_own = _fitted([event for event in found if event.is_own], of_others)
    return EventRecalibration(of_others, of_own, len(found), _base_rate_is_better(found))


def _base_rate_is_better(events: list[SettledEvent]) -> bool:
    judged = [(event, event.base_rate) for event in events if event.base_rate is not None]
    if len(judged) < MIN_RIVAL_EVENTS:
        return False
    weights = age_weights([event.age_days for event, _ in judged], half_life_days=HALF_LIFE_DAYS)
    truth = np.array([event.occurred for event, _ in judged], dtype=np.float64)
    of_model = float(weights @ (np.array([event.probability for event, _ in judged]) - truth) ** 2)
    of_base_rate = float(weights @ (np.array([base_rate for _, base_rate in judged]) - truth) ** 2)
    return of_base_rate < of_model * (1 - RIVAL_MARGIN)


def _fitted(events: list[SettledEvent], before: Recalibration) -> Recalibration:
    return fit_recalibration(
        before.apply([event.probability for event in events]),
        [event.occurred for event in events],
        [event.age_days for event in events],
        prior_forecasts=PRIOR_EVENTS,
        half_life_days=HALF_LIFE_DAYS,
    )
