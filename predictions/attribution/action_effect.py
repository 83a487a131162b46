"""What an action was worth: the finish now forecast, against the one that was forecast without it.

1. Take the last forecast before the action started, and the first one some weeks after it was done.
2. Play the earlier one on: by the median of its trials, so much of its work would be done by the later moment, evenly,
   and the same basis from there gives the P85 that would be forecast now had nothing changed. Without that a forecast
   would seem to improve by waiting: what has been lived through is not uncertain any more.
3. The raw effect is the P85 without the action less the P85 that is forecast: days, positive is earlier.
4. Forecasts that look bad improve by themselves (regression to the mean), and actions are taken where they look bad. So
   the same difference is taken of forecasts of about the same probability in whose time nobody acted. Their mean is
   subtracted, whole: drawn towards zero it would leave a part of what comes by itself to the action. Few forecasts make
   it uncertain, none leave it all to the action; the ledger counts no effect with fewer than five (`action_efficacy`).

Assumes that work gets done evenly and that the unacted forecasts were left alone for reasons that have nothing to do
with how they would go. Two actions at once share what neither was alone: each is given the whole.

Example: P85 was 100 days ahead and the median 80; 20 days later a quarter of the work would be done, and the P85 from
there is 75 days, 5 earlier than waiting alone makes it. It is forecast in 60 days: a raw effect of 15 days. Ten
unacted forecasts of that probability eased by 3 days in the mean, which are taken off: 12 days.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from predictions.forecasters.finish import MAX_HORIZON_WEEKS
from predictions.forecasters.finish_basis import FinishBasis, simulate_basis
from predictions.forecasters.prevention import P85
from projects.history.instants import MICROSECONDS_PER_DAY, to_us

METHOD = "action-effect.played-on 2"
MEASURED_AFTER_DAYS = 28
"""Two iterations after it was done, which is also what added people take to count."""
SAME_PROBABILITY = 0.1
"""Forecasts closer than ten points promise about the same."""


@dataclass(frozen=True, slots=True)
class PlayedOn:
    """A forecast, played on to a later moment.

    p85_days: elapsed days from that moment, None beyond ten years
    is_played: False where by its median all was done before, so that the P85 of then is left as it was
    """

    p85_days: float | None
    is_played: bool


def play_on(basis: FinishBasis, moment: datetime) -> PlayedOn:
    """The P85 that a forecast would give at a later moment if all went by its median.

    Raises ValueError for a moment before the forecast.
    """
    passed_days = (to_us(moment) - to_us(basis.as_of)) / MICROSECONDS_PER_DAY
    if passed_days < 0:
        raise ValueError("a forecast is played on, not back")
    durations = simulate_basis(basis).simulated.weeks * 7
    left = 1 - passed_days / float(np.median(durations))
    remaining = round(basis.scope.remaining * left)
    if remaining < 1:
        p85_days = _within_ten_years(float(np.quantile(durations, P85)))
        return PlayedOn(None if p85_days is None else p85_days - passed_days, is_played=False)
    scope = replace(basis.scope, done=basis.scope.done + basis.scope.remaining - remaining)
    later = simulate_basis(replace(basis, as_of=moment, scope=scope)).simulated.weeks * 7
    return PlayedOn(_within_ten_years(float(np.quantile(later, P85))), is_played=True)


def regression_days(unacted_days: Sequence[float]) -> float:
    """What forecasts ease by themselves; 0 where there is none to compare with.

    unacted_days: raw effects of forecasts in whose time nobody acted
    """
    return float(np.mean(unacted_days)) if unacted_days else 0.0


def _within_ten_years(days: float) -> float | None:
    return None if days > MAX_HORIZON_WEEKS * 7 else days
