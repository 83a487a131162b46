"""Is "70 %" right in seven cases of ten? Reliability in bins of equal count, and the error expected over them.

Bins of equal width leave the rare ends to chance; bins of equal count give every bar the same say, and an interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from predictions.calibration.scoring import wilson_interval

BINS = 10


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Forecasts of about one probability: how often the event came, with its 95 % Wilson interval.

    forecast: their mean probability;  observed, low, high: in [0, 1];  n: forecasts in the bin, at least 1
    """

    forecast: float
    observed: float
    low: float
    high: float
    n: int


def reliability_bins(probabilities: ArrayLike, occurred: ArrayLike, *, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """The bins from the lowest probability to the highest, their counts differing by one at most.

    probabilities, occurred: shape (n,).  Raises ValueError if n is 0 or the lengths differ.
    """
    forecasts, outcomes = np.asarray(probabilities, dtype=np.float64), np.asarray(occurred, dtype=np.float64)
    if forecasts.size == 0 or forecasts.shape != outcomes.shape:
        raise ValueError(f"{forecasts.size} forecasts for {outcomes.size} outcomes")
    order = np.argsort(forecasts, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return tuple(_bin(forecasts[part].tolist(), outcomes[part].tolist()) for part in parts)


def expected_calibration_error(probabilities: ArrayLike, occurred: ArrayLike, *, bins: int = BINS) -> float:
    """Mean distance between forecast and observed over the bins, by their counts: 0 is perfect.

    Not 0 even for perfect forecasts, by chance: about .05 at 500 forecasts near one half in ten bins.
    Raises ValueError as reliability_bins does.
    Source: Naeini, Cooper and Hauskrecht (2015), AAAI 29, 2901-2907, here with bins of equal count.
    """
    table = reliability_bins(probabilities, occurred, bins=bins)
    total = sum(row.n for row in table)
    return sum(row.n * abs(row.forecast - row.observed) for row in table) / total


def _bin(forecasts: Sequence[float], outcomes: Sequence[float]) -> ReliabilityBin:
    count = len(forecasts)
    low, high = wilson_interval(round(sum(outcomes)), count)
    return ReliabilityBin(float(np.mean(forecasts)), float(np.mean(outcomes)), low, high, count)
