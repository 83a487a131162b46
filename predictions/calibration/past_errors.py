"""How far a team's own finish forecasts were off, walked forward through its past, and what is assumed before that.

1. At each past week the recency-weighted rate gives a point forecast: so many items take so many weeks.
2. The error is the logarithm of actual over forecast duration. A duration that is not over counts as what it is so far.
3. Errors are taken at the horizon asked for, or at a quarter of the history where that is longer, and widened from the
   one to the other as the prior widens with the horizon.
4. Overlapping windows are not independent: n counts the windows that fit side by side.
5. Forecast errors are a mixture: the own ones with weight n / (n + 10), the prior with the rest.

The prior is simulated, not fitted: the logarithm of a team's rate walks at random, by DRIFT_PER_SQRT_WEEK each week.

Assumes that a team will surprise itself as it did before. Do not believe the own part after a re-organisation.

Example: at 2 items a week, 8 items are forecast to take 4 weeks; they took 5. The error is ln(5 / 4) = 0.223.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

RATE_HALF_LIFE_WEEKS = 8.0
"""Two months: a compromise between the noise of a week and the drift of a quarter."""
PRIOR_STRENGTH = 10.0
"""Own windows that weigh as much as the prior."""
DRIFT_PER_SQRT_WEEK = 0.22
"""Wide on purpose: a rate that at least doubles or halves within a quarter in two quarters of five (0.88 sd)."""
PRIOR_LEAN = 0.1
"""Work takes longer than the present rate says, because bursts end. The median error of the Titanium archive's five
teams (Apache-2.0) is 0.17 to 0.37 by horizon; being one organisation, it is believed by half of the least."""
DRIFT_WEEKS = 52.0
"""Drift adds up for a year; teams neither grow nor shrink without end, and past errors of years are no wider."""
RATE_MEMORY_WEEKS = RATE_HALF_LIFE_WEEKS / math.log(2)
"""Mean age of the weeks that the rate rests on: drift since then is an error already when the forecast is made."""
MIN_RATE_WEEKS = 8
"""A rate from fewer weeks says more about their number than about the team."""
MAX_PAST_WEEKS = 260
"""Errors of more than five years ago are those of another team."""
SHARE_OF_HISTORY = 4
"""Windows up to a quarter of the history: at least three of them fit side by side."""


@dataclass(frozen=True, slots=True, eq=False)
class PastErrors:
    """A team's own logarithmic errors at one horizon.

    log_ratios: shape (windows,), actual over forecast, ordered by origin;  independent: windows that fit side by side
    """

    horizon_weeks: float
    log_ratios: FloatArray
    independent: float

    @property
    def weight(self) -> float:
        """Share of the own errors in the mixture: in [0, 1)."""
        return self.independent / (self.independent + PRIOR_STRENGTH)


def rates_per_week(weekly: FloatArray) -> FloatArray:
    """Recency-weighted mean of all weeks before each week and before the end: shape (weeks + 1,), the first is 0.

    weekly: shape (weeks,), items finished per week, oldest first
    """
    decay = 0.5 ** (1 / RATE_HALF_LIFE_WEEKS)
    rates = np.zeros(len(weekly) + 1)
    total = weight = 0.0
    for index, count in enumerate(weekly.tolist()):
        total, weight = total * decay + count, weight * decay + 1
        rates[index + 1] = total / weight
    return rates


def past_errors(weekly: FloatArray, *, horizon_weeks: float) -> PastErrors:
    """Own errors at a horizon (weeks, above 0), or at the longest one that the past can show."""
    weekly = weekly[-MAX_PAST_WEEKS:]
    weeks = len(weekly)
    shown = min(horizon_weeks, weeks / SHARE_OF_HISTORY)
    last_origin = weeks - math.ceil(shown)
    origins = np.arange(MIN_RATE_WEEKS, last_origin + 1)
    rates = rates_per_week(weekly)[origins] if origins.size else np.zeros(0)
    origins, rates = origins[rates > 0], rates[rates > 0]
    if origins.size == 0:
        return PastErrors(horizon_weeks, np.zeros(0), 0.0)
    ratios = np.log(_weeks_needed(weekly, origins, rates * shown) / shown)
    widening = prior_spread(horizon_weeks) / prior_spread(shown)
    return PastErrors(horizon_weeks, ratios * widening, origins.size / max(shown, 1.0))


def prior_spread(horizon_weeks: float) -> float:
    """Standard deviation of the logarithmic error that drift alone explains.

    The mean of a random walk over h weeks has variance h / 3 per squared step; so has the estimate behind us.
    """
    return DRIFT_PER_SQRT_WEEK * math.sqrt((min(horizon_weeks, DRIFT_WEEKS) + RATE_MEMORY_WEEKS) / 3)


def _weeks_needed(weekly: FloatArray, origins: NDArray[np.int64], items: FloatArray) -> FloatArray:
    """Weeks from each origin until so many items were finished, or until the end of the record: shape (origins,)."""
    cumulative = np.concatenate([[0.0], np.cumsum(weekly)])
    rising = cumulative + np.arange(len(cumulative)) * 1e-9  # np.interp needs strictly rising abscissae
    ends = np.interp(rising[origins] + items, rising, np.arange(len(cumulative), dtype=np.float64))
    needed: FloatArray = np.maximum(ends - origins, 1 / 7)
    return needed
