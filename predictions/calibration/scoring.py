"""Scoring rules: numbers that are best, on average, for the forecaster who says what they believe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of outcomes at or below a nominal quantile, with its binomial interval.

    share, low, high: in [0, 1];  n: outcomes
    """

    nominal: float
    share: float
    low: float
    high: float
    n: int

    @classmethod
    def of_counts(cls, *, hits: int, n: int, nominal: float) -> Self:
        """From how many of how many.  Raises ValueError if n is 0."""
        low, high = wilson_interval(hits, n)
        return cls(nominal, hits / n, low, high, n)


def brier_score(probabilities: Sequence[float], occurred: Sequence[bool]) -> float:
    """Mean squared error of probability forecasts: 0 is perfect, 0.25 is a coin.

    probabilities: shape (n,), each in [0, 1];  occurred: shape (n,), same order
    Raises ValueError if n is 0, the lengths differ or a probability is outside [0, 1].
    Source: Brier (1950), Monthly Weather Review 78(1), 1-3.
    """
    forecasts, outcomes = _pairs(probabilities, occurred)
    if bool(((forecasts < 0) | (forecasts > 1)).any()):
        raise ValueError("probabilities lie in [0, 1]")
    return float(np.mean((forecasts - outcomes) ** 2))


def brier_skill(probabilities: Sequence[float], occurred: Sequence[bool], base_rates: Sequence[float]) -> float | None:
    """1 - BS / BS of the base rates: 1 is perfect, 0 no better than them; None where the base rates are perfect.

    Raises ValueError as brier_score does.
    Source: Murphy (1973), Journal of Applied Meteorology 12, 595-600.
    """
    reference = brier_score(base_rates, occurred)
    if reference == 0:
        return None
    return 1 - brier_score(probabilities, occurred) / reference


def pinball_loss(quantiles: Sequence[float], outcomes: Sequence[float], probability: float) -> float:
    """Mean loss of forecasts of one quantile, in the unit of the outcomes; least for the true quantile.

    Raises ValueError if n is 0, the lengths differ or probability is not inside (0, 1).
    Source: Koenker and Bassett (1978), Econometrica 46(1), 33-50.
    """
    if not 0 < probability < 1:
        raise ValueError("the probability of a quantile lies inside (0, 1)")
    forecasts, actual = _pairs(quantiles, outcomes)
    miss = actual - forecasts
    return float(np.mean(np.maximum(probability * miss, (probability - 1) * miss)))


def sample_crps(sample: ArrayLike, outcome: float) -> float:
    """Continuous ranked probability score of a simulated distribution, in the unit of the outcome; 0 is perfect.

    sample: shape (trials,)
    Raises ValueError for an empty sample.
    Source: Gneiting and Raftery (2007), JASA 102, 359-378, the form E|X - y| - E|X - X'|/2.
    """
    ordered = np.sort(np.asarray(sample, dtype=np.float64))
    trials = ordered.size
    if trials == 0:
        raise ValueError("a score needs a sample")
    spread = 2 * float(np.sum(ordered * (2 * np.arange(1, trials + 1) - trials - 1))) / trials**2
    return float(np.mean(np.abs(ordered - outcome))) - spread / 2


def coverage(hits: Sequence[bool], nominal: float) -> Coverage:
    """Share of hits against its nominal value, with the 95 % Wilson interval.  Raises ValueError if n is 0."""
    count = len(hits)
    if count == 0:
        raise ValueError("coverage needs outcomes")
    return Coverage.of_counts(hits=sum(hits), n=count, nominal=nominal)


def wilson_interval(successes: float, n: int, *, z: float = 1.959964) -> tuple[float, float]:
    """Interval of a proportion that stays within [0, 1] and holds for small n; z = 1.96 makes it 95 %.

    Raises ValueError if n is 0.
    Source: Wilson (1927), JASA 22, 209-212.
    """
    if n <= 0:
        raise ValueError("a proportion needs outcomes")
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _pairs(forecasts: Sequence[float], outcomes: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    left, right = np.asarray(forecasts, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if left.size == 0:
        raise ValueError("a score needs outcomes")
    if left.shape != right.shape:
        raise ValueError(f"{left.shape[0]} forecasts for {right.shape[0]} outcomes")
    return left, right
