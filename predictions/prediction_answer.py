"""What a prediction says, in words: what is claimed, how sure we are, why, on which facts and assumptions."""

from __future__ import annotations

from dataclasses import dataclass

from predictions.models import Prediction
from projects.plain_words import Fact, Limit, duration, fact, limits, percent


@dataclass(frozen=True, slots=True)
class PredictionAnswer:
    """One prediction in words. Empty text: nothing was stored, and nothing is guessed."""

    prediction: Prediction
    claim: str
    chance: str
    interval: str
    usual: str
    time_to_act: str
    drivers: tuple[str, ...]
    assumptions: tuple[str, ...]
    evidence: tuple[Fact, ...]
    limits: tuple[Limit, ...]


def prediction_answer(prediction: Prediction) -> PredictionAnswer:
    """Put a stored prediction into words; asks the database nothing."""
    low, high = prediction.probability_low, prediction.probability_high
    return PredictionAnswer(
        prediction=prediction,
        claim=str(prediction.event.get("claim", "")),
        chance=percent(prediction.probability),
        interval="" if low is None or high is None else f"{percent(low)} to {percent(high)}",
        usual="" if prediction.base_rate is None else percent(prediction.base_rate),
        time_to_act="" if prediction.prevention_window_h is None else duration(prediction.prevention_window_h),
        drivers=tuple(str(driver["text"]) for driver in prediction.drivers),
        assumptions=tuple(str(assumption["text"]) for assumption in prediction.assumptions),
        evidence=tuple(fact(row) for row in prediction.evidence),
        limits=tuple(limits(prediction.readiness_reasons)),
    )
