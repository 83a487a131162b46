"""Did the forecasts keep their promise? The served simulation, walked forward through a team's past.

1. At each origin the weeks before it forecast how long as many items take as the present rate does in h weeks.
2. The weeks after it say how long they took. An origin counts for a horizon only if twice that horizon lies after it,
   whether the items got done or not: leaving out what is not done would leave out the slow.
3. The share of outcomes at or below the nominal quantile is the coverage; not done in time is a miss.

Assumes nothing of the team. Do not read coverage of overlapping windows as if they were independent: its interval is
too narrow by about the square root of horizon over step.

Example: of 27 forecasts at 85 %, 23 came true: coverage 0.852, interval [0.675, 0.941].
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.past_errors import rates_per_week
from predictions.calibration.scoring import Coverage, coverage
from predictions.forecasters.simulation import simulate_finish

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
    trials: int = 2_000,
) -> dict[int, Coverage | None]:
    """Coverage of one quantile per horizon; None for a horizon that the history is too short to judge.

    weekly: shape (weeks,), items finished per week, oldest first;  probability: nominal, in (0, 1)
    """
    return {
        horizon: coverage(hits, probability) if hits else None
        for horizon in horizons_weeks
        for hits in [walk_forward_hits(weekly, horizon, probability, step_weeks=step_weeks, trials=trials)]
    }


def walk_forward_hits(
    weekly: FloatArray, horizon_weeks: int, probability: float, *, step_weeks: int, trials: int
) -> list[bool]:
    """Whether each forecast of the past held, oldest first."""
    cumulative = np.concatenate([[0.0], np.cumsum(weekly)])
    hits = []
    for origin in range(MIN_ORIGIN_WEEKS, len(weekly) - 2 * horizon_weeks + 1, step_weeks):
        past = weekly[:origin]
        if past[-RECENT_WEEKS:].sum() < MIN_RECENT_ITEMS:
            continue
        items = max(1.0, float(round(rates_per_week(past)[-1] * horizon_weeks)))
        simulated = simulate_finish(past, np.full(trials, items), np.random.default_rng(origin))
        promised = float(np.quantile(simulated.weeks, probability))
        hits.append(_weeks_taken(cumulative, origin, items) <= promised)
    return hits


def _weeks_taken(cumulative: FloatArray, origin: int, items: float) -> float:
    """Weeks from an origin until so many items were done, even within a week; infinite where they never were."""
    wanted = cumulative[origin] + items
    if cumulative[-1] < wanted:
        return float("inf")
    week = int(np.searchsorted(cumulative, wanted))
    done_before, done_after = cumulative[week - 1], cumulative[week]
    return week - 1 - origin + float((wanted - done_before) / (done_after - done_before))
