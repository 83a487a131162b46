"""Moving forecast probabilities to where the own resolved forecasts say they belong.

1. Each resolved forecast counts by its age, half after HALF_LIFE_DAYS: the delay rate of a team drifts.
2. The intercept is the shift of all log-odds that makes them fit best, shrunk to no shift as if PRIOR_FORECASTS
   forecasts had been right on average. It is always fitted; without resolved forecasts it is 0.
3. The slope (Platt) is fitted only from MIN_FORECASTS_FOR_SLOPE recent forecasts on, shrunk to 1: on fewer it made
   forecasts worse than no recalibration.

Assumes that tomorrow's forecasts are off as yesterday's were. Do not believe it across a re-organisation.

Example: ten forecasts of .5 of which eight came true: the shift is positive, and less than the log-odds of .8.
Source: Platt (1999), Advances in Large Margin Classifiers, 61-74, here with a Gaussian prior at the identity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

HALF_LIFE_DAYS = 120.0
PRIOR_FORECASTS = 200.0
"""Outcomes come in lots that share their fate; two hundred of them tell what a few dozen independent ones would."""
MIN_FORECASTS_FOR_SLOPE = 200.0
SLOPE_PRIOR_FORECASTS = 200.0
"""As many forecasts of the identity as recent ones must be there: half-way at the least."""
NEWTON_STEPS, TOLERANCE = 25, 1e-8
PRIOR_CURVATURE = 0.25
"""What one forecast near one half tells about the intercept."""
EDGE = 1e-3
"""Nothing is certain: log-odds are taken of probabilities within [EDGE, 1 - EDGE]."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """p becomes expit(intercept + slope * logit(p)).  n: forecasts it rests on, by weight"""

    intercept: float = 0.0
    slope: float = 1.0
    n: float = 0.0

    def apply(self, probabilities: ArrayLike) -> FloatArray:
        """The recalibrated probabilities: same shape, in (0, 1)."""
        return expit(self.intercept + self.slope * logit(probabilities))

    def undo(self, probability: float) -> float:
        """The probability that would be moved to this one; itself where more is not moved to more."""
        if self.slope <= 0:
            return probability
        return float(expit((logit(probability) - self.intercept) / self.slope))


def logit(probabilities: ArrayLike) -> FloatArray:
    """Log-odds of probabilities, cut to [EDGE, 1 - EDGE]."""
    cut = np.clip(np.asarray(probabilities, dtype=np.float64), EDGE, 1 - EDGE)
    odds: FloatArray = np.log(cut / (1 - cut))
    return odds


def expit(log_odds: ArrayLike) -> FloatArray:
    """The probabilities that have these log-odds, without overflow."""
    half = np.tanh(np.asarray(log_odds, dtype=np.float64) / 2)
    probabilities: FloatArray = (1 + half) / 2
    return probabilities


def age_weights(age_days: ArrayLike, *, half_life_days: float) -> FloatArray:
    """How much each resolved forecast counts, in (0, 1]: same shape; what is not resolved yet counts as of today."""
    weights: FloatArray = 0.5 ** (np.maximum(np.asarray(age_days, dtype=np.float64), 0.0) / half_life_days)
    return weights


def fit_recalibration(
    probabilities: ArrayLike,
    occurred: ArrayLike,
    age_days: ArrayLike,
    *,
    prior_forecasts: float = PRIOR_FORECASTS,
    half_life_days: float = HALF_LIFE_DAYS,
    weights: ArrayLike = 1.0,
) -> Recalibration:
    """What the resolved forecasts ask for.

    probabilities, occurred, age_days: shape (n,), in [0, 1], truth and days since each was resolved; n may be 0
    prior_forecasts: that are taken to have been right on average, above 0
    weights: what each counts beside its age, in (0, 1], less than 1 where several share their fate
    """
    log_odds, truth = logit(probabilities), np.asarray(occurred, dtype=np.float64)
    counts = np.asarray(weights, dtype=np.float64) * age_weights(age_days, half_life_days=half_life_days)
    total = float(counts.sum())
    if total < MIN_FORECASTS_FOR_SLOPE:
        return Recalibration(_intercept(log_odds, truth, counts, prior_forecasts), 1.0, total)
    intercept, slope = _platt(log_odds, truth, counts, prior_forecasts)
    return Recalibration(intercept, slope, total)


def _intercept(log_odds: FloatArray, truth: FloatArray, weights: FloatArray, prior_forecasts: float) -> float:
    shifted = fit_shrunk_logistic(
        np.ones((len(truth), 1)), truth, weights, centre=[0.0], pseudo_forecasts=[prior_forecasts], offset=log_odds
    )
    return float(shifted[0])


def _platt(log_odds: FloatArray, truth: FloatArray, weights: FloatArray, prior_forecasts: float) -> tuple[float, float]:
    values = fit_shrunk_logistic(
        np.column_stack([np.ones_like(log_odds), log_odds]),
        truth,
        weights,
        centre=[0.0, 1.0],
        pseudo_forecasts=[prior_forecasts, SLOPE_PRIOR_FORECASTS],
    )
    return float(values[0]), float(max(values[1], 0.0))


def fit_shrunk_logistic(
    design: FloatArray,
    truth: FloatArray,
    weights: FloatArray,
    *,
    centre: Sequence[float],
    pseudo_forecasts: Sequence[float],
    offset: FloatArray | None = None,
) -> FloatArray:
    """Coefficients of a logistic model that are shrunk to a centre: shape (columns,).

    design: shape (n, columns);  pseudo_forecasts: how many forecasts near one half the centre is worth, per column
    offset: log-odds that are given, shape (n,)
    Newton's method with halved steps: the penalised likelihood has one maximum, and no step may lead away from it.
    """
    given = np.zeros(len(truth)) if offset is None else offset
    middle, prior = np.asarray(centre, dtype=np.float64), np.asarray(pseudo_forecasts) * PRIOR_CURVATURE

    def loss(values: FloatArray) -> float:
        margins = given + design @ values
        fit = float((weights * (np.logaddexp(0.0, margins) - truth * margins)).sum())
        return fit + float((prior * (values - middle) ** 2).sum()) / 2

    values = middle.copy()
    for _ in range(NEWTON_STEPS):
        fitted = expit(given + design @ values)
        gradient = design.T @ (weights * (truth - fitted)) - prior * (values - middle)
        curvature = (design * (weights * fitted * (1 - fitted))[:, None]).T @ design + np.diag(prior)
        step, now = np.linalg.solve(curvature, gradient), loss(values)
        while float(np.abs(step).max()) > TOLERANCE and loss(values + step) > now:
            step = step / 2
        if float(np.abs(step).max()) <= TOLERANCE:
            break
        values = values + step
    return values
