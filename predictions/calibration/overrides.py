"""People against the model on the same events: were the overrides worth it?

1. An override is compared with the prediction it was made of: both before the event, both settled by its outcome.
2. An event counts once: the mean over its overrides, for the person and for the model alike.
3. What was said when the event was decided already is hindsight, and not compared.
4. Below MIN_EVENTS events there is no score. The difference has a 95 % bootstrap interval over events.

Do not read skill of people in general out of it: they override where they think they know better.

Example: of 20 events with p = .6 by the model 10 came; somebody who said .9 of those and .1 of the others has a Brier
score of .01 against .26.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.track_record import INTERVAL, MIN_EVENTS, RESAMPLES, Score

FloatArray = NDArray[np.float64]
SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class SettledOverride:
    """One override and what became of its event.  occurred: None when censored;  decided_at: when it was known"""

    event: tuple[str, str]
    made_at: datetime
    decided_at: datetime
    said: float
    model_said: float
    occurred: bool | None


@dataclass(frozen=True, slots=True)
class OverrideRecord:
    """Brier scores on the same events; None while events are missing.

    difference: people minus model, below 0 where people were better;  in_hindsight: overrides left out
    """

    events: int
    overrides: int
    in_hindsight: int
    missing_events: int
    brier_people: float | None
    brier_model: float | None
    difference: Score | None


def override_record(overrides: Sequence[SettledOverride]) -> OverrideRecord:
    """Score a set of overrides, in any order."""
    decided = [each for each in overrides if each.occurred is not None]
    in_time = [each for each in decided if each.made_at < each.decided_at]
    hindsight = len(decided) - len(in_time)
    people, model = _event_means(in_time)
    events = len(people)
    missing = max(0, MIN_EVENTS - events)
    if missing:
        return OverrideRecord(events, len(in_time), hindsight, missing, None, None, None)
    gap = people - model
    rows = np.random.default_rng(SEED).integers(events, size=(RESAMPLES, events))
    low, high = np.quantile(gap[rows].mean(axis=1), INTERVAL)
    difference = Score(float(gap.mean()), float(low), float(high))
    return OverrideRecord(events, len(in_time), hindsight, 0, float(people.mean()), float(model.mean()), difference)


def _event_means(overrides: Sequence[SettledOverride]) -> tuple[FloatArray, FloatArray]:
    """Squared errors of people and model, each a mean over an event: shape (events,), in the order of events."""
    groups: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for each in overrides:
        truth = float(bool(each.occurred))
        groups.setdefault(each.event, []).append(((each.said - truth) ** 2, (each.model_said - truth) ** 2))
    means = np.array([np.mean(groups[event], axis=0) for event in sorted(groups)]).reshape(-1, 2)
    return means[:, 0], means[:, 1]
