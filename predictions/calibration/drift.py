"""How far a rate wanders, where no record is long enough to show it.

The logarithm of a team's rate walks at random, by DRIFT_PER_SQRT_WEEK each week: an assumption, wide on purpose.

Example: over 13 weeks the logarithmic error has a standard deviation of 0.22 * sqrt((13 + 11.5) / 3) = 0.63.
"""

import math

DRIFT_PER_SQRT_WEEK = 0.22
"""A rate at least doubles or halves within a quarter in two quarters of five (0.88 standard deviations)."""
RATE_MEMORY_WEEKS = 8 / math.log(2)
"""Mean age of the weeks a rate of two months' half-life rests on: drift since then is an error from the start."""
DRIFT_WEEKS = 52.0
"""Drift adds up for a year; teams neither grow nor shrink without end."""


def drift_spread(horizon_weeks: float) -> float:
    """Standard deviation of the logarithmic error over a horizon that drift alone explains.

    The mean of a random walk over h weeks has variance h / 3 per squared step; so has the estimate behind us.
    """
    return DRIFT_PER_SQRT_WEEK * math.sqrt((min(horizon_weeks, DRIFT_WEEKS) + RATE_MEMORY_WEEKS) / 3)
