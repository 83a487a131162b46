"""Values worth watching next to a forecast, each with the direction it has been taking.

1. A series is one value per week, oldest first. The last four weeks are compared with the eight before them.
2. VOLATILE: the weeks differ from one another by more than their mean. UP or DOWN: the difference of the two means is
   more than chance in weeks that vary so would give once in ten. Else STABLE.

Assumes that weeks are independent enough for that. Do not read UP as good: it depends on what is counted.

Example: eight weeks of 5 then four of 9, with little spread, are UP; 0, 12, 0, 11, ... are VOLATILE.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.enums import Trend

FloatArray = NDArray[np.float64]

RECENT_WEEKS, EARLIER_WEEKS = 4, 8
TREND_Z = 1.645
"""Two-sided 10 %: an indicator that moves for no reason costs attention, not a decision."""
VOLATILE_FROM = 1.0
"""Standard deviation as a share of the mean."""
POISSON_FLOOR = 0.5
"""Smallest variance assumed of a weekly count, so that three equal weeks do not make the fourth a trend."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One watched value.

    threshold: from where on it speaks for the risk;  weight: share of attention in [0, 1], all weights add up to 1
    """

    name: str
    value: float
    unit: str
    threshold: float
    trend: Trend
    weight: float


def trend_of(series: FloatArray) -> Trend:
    """Direction of a weekly series: shape (weeks,), oldest first; STABLE where it is shorter than twelve weeks."""
    if len(series) < RECENT_WEEKS + EARLIER_WEEKS:
        return Trend.STABLE
    window = series[-(RECENT_WEEKS + EARLIER_WEEKS) :]
    recent, earlier = window[-RECENT_WEEKS:], window[:-RECENT_WEEKS]
    mean = float(window.mean())
    within = (float(recent.var()) * RECENT_WEEKS + float(earlier.var()) * EARLIER_WEEKS) / len(window)
    if mean > 0 and float(np.sqrt(within)) > VOLATILE_FROM * mean:
        return Trend.VOLATILE
    error = float(np.sqrt(max(within, POISSON_FLOOR) * (1 / RECENT_WEEKS + 1 / EARLIER_WEEKS)))
    shift = (float(recent.mean()) - float(earlier.mean())) / error
    if abs(shift) < TREND_Z:
        return Trend.STABLE
    return Trend.UP if shift > 0 else Trend.DOWN
