"""Whether a team's pace has just broken, so that its own record misleads: an alarm, and its way back.

1. Each week is ranked among the half-year before it. While weeks are exchangeable every rank is equally likely,
   whatever the team's pace and however it scatters, so the rate of false alarms is known without knowing the team.
2. Ranks that crowd at one end raise the alarm (`drift_alarm`): the pace fell, or rose.
3. As the half-year fills with weeks of the new pace, ranks spread again, and that ends the alarm.

What follows from it is decided where forecasts are made (`forecasters.items_done`). Assumes nothing of the pace. Do not
expect it to see a slow fade: that is what recency-weighted rates are for.

Example: a team of 12 a week falls to 5. The alarm is raised after about five weeks; after about twenty it is over.
Source of the ranks: Vovk, Nouretdinov and Gammerman (2003), ICML 20, 768-775 (testing exchangeability on-line).
"""

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.drift_alarm import TOO_HIGH, TOO_LOW, Ratios, alarm_states

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]

REFERENCE_WEEKS, MIN_REFERENCE_WEEKS = 26, 12
ALARM_AT, RECOVERED_AT = 40.0, 10.0
"""Set by simulation: a steady team is under alarm in one week of fifty, a fall to a quarter is seen in four weeks."""
POWERS = (0.3, 0.6)
"""Ranks crowd at one end like u to these powers: a sharp and a mild break."""


def after_break(weekly: FloatArray) -> Flags:
    """Whether the pace has just broken, before each week and at the end: shape (weeks + 1,). No entry looks ahead.

    weekly: items finished per week, oldest first, shape (weeks,)
    """
    found = np.zeros(len(weekly) + 1, dtype=np.bool_)
    if len(weekly) <= MIN_REFERENCE_WEEKS:
        return found
    low, high = _ranks(weekly)
    states = alarm_states(ratios_of_ranks(low, high), alarm_at=ALARM_AT, recovered_at=RECOVERED_AT)
    found[MIN_REFERENCE_WEEKS + 1 :] = [state.is_alarming for state in states]
    return found


def _ranks(weekly: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The range of ranks of each week among those before it and itself, in [0, 1]: shape (weeks - minimum,)."""
    # Weeks before the record compare with nothing: NaN is neither less nor equal.
    padded = np.concatenate([np.full(REFERENCE_WEEKS, np.nan), weekly])
    before = np.lib.stride_tricks.sliding_window_view(padded, REFERENCE_WEEKS)[MIN_REFERENCE_WEEKS : len(weekly)]
    own = weekly[MIN_REFERENCE_WEEKS:, None]
    count = 1 + (~np.isnan(before)).sum(axis=1)
    less = (before < own).sum(axis=1)
    low: FloatArray = less / count
    high: FloatArray = (less + (before == own).sum(axis=1) + 1) / count
    return low, high


def ratios_of_ranks(low: FloatArray, high: FloatArray) -> Ratios:
    """How much likelier each rank is after a break: mean of the density over the range, for both ends and powers.

    low, high: range of each rank, in [0, 1], low below high
    """
    ways = [ends for power in POWERS for ends in (high**power - low**power, (1 - low) ** power - (1 - high) ** power)]
    values = np.stack(ways, axis=1) / (high - low)[:, None]
    return Ratios(values, (TOO_HIGH, TOO_LOW) * len(POWERS), (2, 3) * len(POWERS))
