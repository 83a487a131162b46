"""A claim moved to where earlier claims of its kind say it belongs, with what moved it among its drivers.

Where the base rate did better than the model it is served in its place, and the identity of the model says so. The
driver keeps what the model said before: probability less its effect. So the next recalibration starts from there,
and nothing is moved twice.

The options move with the claim. The time that is left to act is not moved afterwards: the forecaster is asked for it
with the probability that will be moved to the accepted one (`accepted_before_move`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from predictions.calibration.recalibration import expit, logit
from predictions.calibration.settled_events import EventRecalibration
from predictions.forecasters.answers import Driver, ModelIdentity, ProbabilityEstimate, hash_of
from predictions.forecasters.risk import PreventiveOption, RiskForecast

SETTLED_FORECASTS = "SETTLED_FORECASTS"
"""Code of the driver."""
LEAST_MOVE = 0.001


def accepted_before_move(accepted_probability: float, by: EventRecalibration) -> float:
    """P(the event stays away) that a forecaster has to be held to, so that the moved one is the accepted one.

    Example: .85 is accepted and events happened more often than was said, so that .06 is moved to .15: .94. Where the
    base rate stands in for the model there is no such probability, and the accepted one stays.
    """
    if not by.events or by.base_rate_is_better:
        return accepted_probability
    return 1 - by.undo(1 - accepted_probability)


def recalibrated(risk: RiskForecast, by: EventRecalibration) -> RiskForecast:
    """The same claim with its probability and interval moved; what abstains or hardly moves stays as it is."""
    said = risk.probability
    if said is None or not by.events:
        return risk
    label, model = "What became of earlier forecasts", risk.model
    value, low, high = (float(p) for p in by.apply([said.value, said.low, said.high]))
    if by.base_rate_is_better and risk.base_rate is not None:
        value, low, high = _around(risk.base_rate, said)
        label, model = (
            "The base rate did better on earlier forecasts",
            ModelIdentity(f"{model.id}.base-rate", model.version),
        )
    if abs(value - said.value) < LEAST_MOVE:
        return risk
    moved = Driver(SETTLED_FORECASTS, label, float(by.events), "settled events", value - said.value)
    return replace(
        risk,
        model=model,
        probability=ProbabilityEstimate(value, low, high),
        drivers=(*risk.drivers, moved),
        options=tuple(_moved_option(option, said.value, value) for option in risk.options),
        inputs_hash=hash_of({"forecast": risk.inputs_hash, "moved": round(value - said.value, 6)}),
    )


def _moved_option(option: PreventiveOption, said: float, moved: float) -> PreventiveOption:
    """The option with its probability moved as far, in log-odds, as the claim was."""
    shift = float(logit(moved)) - float(logit(said))
    return replace(option, probability_after=float(expit(float(logit(option.probability_after)) + shift)))


def _around(value: float, said: ProbabilityEstimate) -> tuple[float, float, float]:
    """A probability with as much room on either side, in log-odds, as what was said."""
    middle, low, high = (float(each) for each in logit([said.value, said.low, said.high]))
    moved = expit(float(logit(value)) + np.array([0.0, low - middle, high - middle]))
    return float(moved[0]), float(moved[1]), float(moved[2])


def probability_before(probability: float, drivers: Iterable[Mapping[str, Any]]) -> float:
    """What the model said before anything was moved.  drivers: as JSON columns keep them"""
    moved = sum(float(driver["effect"]) for driver in drivers if driver["code"] == SETTLED_FORECASTS)
    return min(max(probability - moved, 0.0), 1.0)
