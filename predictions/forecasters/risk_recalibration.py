"""A claim moved to where earlier claims of its kind say it belongs, with what moved it among its drivers.

Where the base rate did better than the model it is served in its place, and the identity of the model says so. The
driver keeps what the model said before: probability less its effect. So the next recalibration starts from there,
and nothing is moved twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from predictions.calibration.recalibration import expit, logit
from predictions.calibration.settled_events import EventRecalibration
from predictions.forecasters.answers import Driver, ModelIdentity, ProbabilityEstimate, hash_of
from predictions.forecasters.risk import RiskForecast

SETTLED_FORECASTS = "SETTLED_FORECASTS"
"""Code of the driver."""
LEAST_MOVE = 0.001


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
        inputs_hash=hash_of({"forecast": risk.inputs_hash, "moved": round(value - said.value, 6)}),
    )


def _around(value: float, said: ProbabilityEstimate) -> tuple[float, float, float]:
    """A probability with as much room on either side, in log-odds, as what was said."""
    middle, low, high = (float(each) for each in logit([said.value, said.low, said.high]))
    moved = expit(float(logit(value)) + np.array([0.0, low - middle, high - middle]))
    return float(moved[0]), float(moved[1]), float(moved[2])


def probability_before(probability: float, drivers: Iterable[Mapping[str, Any]]) -> float:
    """What the model said before anything was moved.  drivers: as JSON columns keep them"""
    moved = sum(float(driver["effect"]) for driver in drivers if driver["code"] == SETTLED_FORECASTS)
    return min(max(probability - moved, 0.0), 1.0)
