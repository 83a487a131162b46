"""Did the forecasts keep their promise? The served simulation, walked forward through a team's past.

1. At each origin the weeks before it forecast how long as many items take as the present rate does in h weeks.
2. The promise is the nominal quantile of that duration. An origin counts if the record goes on until the promised day:
   that is known when the forecast is made, so that leaving origins out does not leave out the slow ones.
3. The share of promises kept is the coverage.

Assumes nothing of the team. Do not read coverage of overlapping windows as if they were independent: its interval is
too narrow by about the square root of horizon over step.

Example: of 27 forecasts at 85 %, 23 came true: coverage 0.852, interval [0.675, 0.941].
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import Pace
from predictions.calibration.scoring import Coverage, coverage
from predictions.forecasters.items_done import ItemsDoneForecaster
from predictions.forecasters.simulation import RATE_HALF_LIFE_WEEKS, weeks_at
from predictions.priors.throughput import shipped_pools

FloatArray = NDArray[np.float64]

MIN_ORIGIN_WEEKS = 12
MIN_RECENT_ITEMS, RECENT_WEEKS = 10, 52
"""The data gate of the finish forecast: origins that it would refuse are not forecast here."""


def walk_forward_coverage(
    weekly: FloatArray,
    *,
    horizons_weeks: Sequence[int],
    probability: float = 0.85,
    step_weeks: int = 4,
) -> dict[int, Coverage | None]:
    """Coverage of one quantile per horizon; None for a horizon that the history is too short to judge.

    weekly: shape (weeks,), items finished per week, oldest first;  probability: nominal, in (0, 1)
    """
    return {
        horizon: coverage(hits, probability) if hits else None
        for horizon in horizons_weeks
        for hits in [walk_forward_hits(Pace(weekly), horizon, probability, step_weeks=step_weeks)]
    }


def walk_forward_hits(
    pace: Pace,
    horizon_weeks: int,
    probability: float,
    *,
    step_weeks: int,
    first_origin: int = MIN_ORIGIN_WEEKS,
    pools: Sequence[ErrorPool] | None = None,
) -> list[bool]:
    """Whether each forecast of the past held, oldest first."""
    hits = []
    for origin in range(max(first_origin, MIN_ORIGIN_WEEKS), pace.weeks, step_weeks):
        past = pace.until(origin)
        if pace.weekly[max(0, origin - RECENT_WEEKS) : origin].sum() < MIN_RECENT_ITEMS:
            continue
        items = max(1.0, float(round(past.rates[RATE_HALF_LIFE_WEEKS][-1] * horizon_weeks)))
        promised = weeks_at(ItemsDoneForecaster(past, pools or shipped_pools()), items, probability)
        if origin + promised <= pace.weeks:
            hits.append(_weeks_taken(pace.cumulative, origin, items) <= promised)
    return hits


def _weeks_taken(cumulative: FloatArray, origin: int, items: float) -> float:
    """Weeks from an origin until so many items were done, even within a week; infinite where they never were."""
    wanted = cumulative[origin] + items
    if cumulative[-1] < wanted:
        return float("inf")
    week = int(np.searchsorted(cumulative, wanted))
    done_before, done_after = cumulative[week - 1], cumulative[week]
    return week - 1 - origin + float((wanted - done_before) / (done_after - done_before))
