"""How many items will be done in the next h weeks: a distribution that is as wide as it has to be.

1. The centre is what the team's rates say (calibration.pace), corrected by what other teams' rates turned out to mean
   (calibration.error_pool).
2. Around it lie errors that were made: with weight n / (n + 10) the team's own at this horizon, the recent ones more,
   else those of other teams at forecasts of the same size. n counts own windows that do not overlap.
3. The mixture is smoothed by twice the standard error of its level: few windows say little.
4. The whole forecast, steps 1 to 3, is made for past moments too, and where the outcomes fell in it recalibrates the
   levels (calibration.levels).
5. Where the pace has just broken (calibration.pace_break), the own record may mislead: until it is steady again no
   quantile is above what the rate of the last weeks and the errors of other teams alone say.
6. For horizons beyond a quarter of the record the errors at that quarter stand in, wider as drift widens with time.

Nothing is drawn at random: the same record gives the same distribution to the last bit.
Assumes that teams change as they and others changed before. Do not believe it within two weeks of a re-organisation.

Example: 52 weeks of exactly 5 items, 4 weeks ahead: the centre is 20.5; with the wide prior that ships, P10 to P90 is
about 16 to 24 items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from predictions.calibration.drift import drift_spread
from predictions.calibration.error_pool import FIRST_ORIGIN, ErrorPool
from predictions.calibration.levels import LevelRecord
from predictions.calibration.mixtures import ErrorMixture, smoothing_widths
from predictions.calibration.pace import HALF_ITEM, Pace
from predictions.forecasters.answers import ModelIdentity

FloatArray = NDArray[np.float64]
Origins = NDArray[np.intp]

MODEL = ModelIdentity("items-done.recalibrated-mixture", "3")
OWN_STRENGTH = 10.0
"""Own windows that weigh as much as all other teams'."""
ERROR_HALF_LIFE_WEEKS = 52.0
LEVEL_STRENGTH, LEVEL_HALF_LIFE_WEEKS = 10.0, 104.0
MAX_ERROR_ORIGINS = 260
"""Errors of more than five years ago are those of another team."""
MAX_LEVEL_ORIGINS = 40
WIDENING = 2.0
"""Standard errors of the level by which the mixture is smoothed. Starting value, borne out by walking forward."""
BREAK_HALF_LIFE_WEEKS = 2.0
"""After a break only the last weeks are of the team as it is now."""
SHARE_OF_RECORD = 4
"""Horizons up to a quarter of the record are judged by own errors: at least three windows fit side by side."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemsDone:
    """The distribution of the items done within a horizon.

    centre: items to expect plus half an item, after correction;  own_weight: of the team's own errors, in [0, 1)
    own_forecasts: own past windows that do not overlap, recent ones counting more
    no_more_than: what the last weeks alone say, where the pace has just broken
    """

    horizon_weeks: float
    centre: float
    mixture: ErrorMixture
    record: LevelRecord
    own_forecasts: float
    own_weight: float
    no_more_than: "ItemsDone | None" = None

    @property
    def is_after_break(self) -> bool:
        """Whether the pace has just broken."""
        return self.no_more_than is not None

    def quantiles(self, levels: FloatArray) -> FloatArray:
        """Items done with probability `level` at the most: shape of levels, 0 or above, not rounded."""
        nominal = self.record.nominal_levels(levels, strength=LEVEL_STRENGTH)
        items: FloatArray = np.maximum(self.centre * np.exp(self.mixture.quantiles(nominal)) - HALF_ITEM, 0.0)
        return items if self.no_more_than is None else np.minimum(items, self.no_more_than.quantiles(levels))


class ItemsDoneForecaster:
    """Forecasts from the end of one team's record, at any horizon.

    pools: errors of other teams by horizon, at least one; the one nearest by ratio is used
    Raises ValueError for an empty record or no pools.
    """

    def __init__(self, pace: Pace, pools: Sequence[ErrorPool]) -> None:
        if pace.weeks == 0:
            raise ValueError("a team without a record has no pace")
        if not pools:
            raise ValueError("a forecast needs errors of other teams to start from")
        self._pace = pace
        self._pools = tuple(pools)
        self._judged: dict[float, tuple[_Mixtures, LevelRecord]] = {}
        self._forecasts: dict[float, ItemsDone] = {}

    @property
    def pace(self) -> Pace:
        """The record it forecasts from."""
        return self._pace

    def forecast(self, horizon_weeks: float) -> ItemsDone:
        """The items done within a horizon, in weeks, above 0.  Kept: all that a run asks goes by the same few."""
        if horizon_weeks not in self._forecasts:
            self._forecasts[horizon_weeks] = self._forecast(horizon_weeks)
        return self._forecasts[horizon_weeks]

    def _forecast(self, horizon_weeks: float) -> ItemsDone:
        pool = self._nearest_pool(horizon_weeks)
        judged_weeks = max(1.0, min(horizon_weeks, self._pace.weeks / SHARE_OF_RECORD))
        mixtures, record = self._judged_at(judged_weeks)
        expected = float(pool.corrections(self._pace.features(horizon_weeks)[-1:])[0])
        return ItemsDone(
            horizon_weeks=horizon_weeks,
            centre=float(self._pace.centres(horizon_weeks)[-1] * np.exp(expected)),
            mixture=mixtures.only().stretched(drift_spread(horizon_weeks) / drift_spread(judged_weeks)),
            record=record,
            own_forecasts=float(mixtures.independent[0]),
            own_weight=float(mixtures.own_weights[0]),
            no_more_than=self._of_last_weeks(horizon_weeks, pool) if self._pace.after_break[-1] else None,
        )

    def _of_last_weeks(self, horizon_weeks: float, pool: ErrorPool) -> ItemsDone:
        """What other teams' errors say around the rate of the last weeks."""
        centre = float(self._pace.rates[BREAK_HALF_LIFE_WEEKS][-1]) * horizon_weeks + HALF_ITEM
        weights, none = pool.weights_near(np.log(np.array([centre]))), np.zeros(1)
        widths = smoothing_widths(
            pool.errors, weights, independent=none, strength=OWN_STRENGTH, standard_errors=WIDENING
        )
        wider = drift_spread(max(horizon_weeks, pool.horizon_weeks)) / drift_spread(pool.horizon_weeks)
        return ItemsDone(
            horizon_weeks=horizon_weeks,
            centre=centre,
            mixture=ErrorMixture(pool.errors, weights[0], float(widths[0])).stretched(wider),
            record=LevelRecord(np.zeros(0), np.zeros(0), np.zeros(0), 0.0),
            own_forecasts=0.0,
            own_weight=0.0,
        )

    def _judged_at(self, horizon_weeks: float) -> "tuple[_Mixtures, LevelRecord]":
        if horizon_weeks not in self._judged:
            judged = _Judged.of(self._pace, horizon_weeks, self._nearest_pool(horizon_weeks))
            self._judged[horizon_weeks] = judged.mixtures_at(np.array([self._pace.weeks])), judged.level_record()
        return self._judged[horizon_weeks]

    def _nearest_pool(self, horizon_weeks: float) -> ErrorPool:
        return min(self._pools, key=lambda pool: abs(np.log(pool.horizon_weeks / horizon_weeks)))


@dataclass(frozen=True, eq=False)
class _Judged:
    """One horizon of one team with everything that was forecast in its past.

    centres: corrected, over all origins;  origins: those whose window is over, ascending
    bounds: ln of outcome and of outcome plus one over centre, shape (origins, 2): the error of a count is this range
    """

    pace: Pace
    pool: ErrorPool
    horizon_weeks: float
    centres: FloatArray
    origins: Origins
    bounds: FloatArray

    @classmethod
    def of(cls, pace: Pace, horizon_weeks: float, pool: ErrorPool) -> "_Judged":
        centres = pace.centres(horizon_weeks) * np.exp(pool.corrections(pace.features(horizon_weeks)))
        last = int(np.floor(pace.weeks - horizon_weeks))
        origins = np.arange(min(FIRST_ORIGIN, pace.weeks), last + 1, dtype=np.intp)
        done = pace.items_done(horizon_weeks, origins)
        with np.errstate(divide="ignore"):  # nothing done: the range of errors begins at minus infinity
            bounds = np.log(np.stack([done, done + 2 * HALF_ITEM], axis=1) / centres[origins, None])
        return cls(pace, pool, horizon_weeks, centres, origins, bounds)

    @cached_property
    def errors(self) -> FloatArray:
        """ln of outcome plus half an item over centre: shape (origins,)."""
        done = np.exp(self.bounds[:, 1]) - HALF_ITEM / self.centres[self.origins]
        errors: FloatArray = np.log(done)
        return errors

    def mixtures_at(self, origins: Origins) -> "_Mixtures":
        """The distributions of the error as they were to be expected at some origins."""
        known = self.origins <= origins[:, None] - self.horizon_weeks
        ages = np.cumsum(known[:, ::-1], axis=1)[:, ::-1] - 1
        recency = np.where(known & (ages < MAX_ERROR_ORIGINS), 0.5 ** (ages / ERROR_HALF_LIFE_WEEKS), 0.0)
        total = recency.sum(axis=1)
        independent = total / max(self.horizon_weeks, 1.0)
        own_weight = independent / (independent + OWN_STRENGTH)
        own = recency * (own_weight / np.maximum(total, 1e-12))[:, None]
        others = self.pool.weights_near(np.log(self.centres[origins])) * (1 - own_weight)[:, None]
        errors, weights = np.concatenate([self.errors, self.pool.errors]), np.concatenate([own, others], axis=1)
        widths = smoothing_widths(
            errors, weights, independent=independent, strength=OWN_STRENGTH, standard_errors=WIDENING
        )
        return _Mixtures(errors, weights, widths, own_weight, independent)

    def level_record(self) -> LevelRecord:
        """Where the outcomes fell in the forecasts that this same method would have made."""
        step = max(1, -(-len(self.origins) // MAX_LEVEL_ORIGINS))
        chosen = np.arange(len(self.origins))[::-1][::step][::-1]
        ranges = self.mixtures_at(self.origins[chosen]).cdf(self.bounds[chosen])
        ages = self.pace.weeks - self.origins[chosen] - self.horizon_weeks
        weights = np.asarray(0.5 ** (ages / LEVEL_HALF_LIFE_WEEKS), dtype=np.float64)
        independent = float(weights.sum()) * min(1.0, step / max(self.horizon_weeks, 1.0))
        return LevelRecord(ranges[:, 0], ranges[:, 1], weights, independent)


@dataclass(frozen=True, slots=True, eq=False)
class _Mixtures:
    """One mixture per origin over the same errors.

    errors: shape (n,);  weights: shape (origins, n), rows sum to 1
    widths, own_weights, independent: shape (origins,), the last counting own windows that do not overlap
    """

    errors: FloatArray
    weights: FloatArray
    widths: FloatArray
    own_weights: FloatArray
    independent: FloatArray

    def cdf(self, values: FloatArray) -> FloatArray:
        """P(error <= value) of each origin's own values: shape (origins, values)."""
        below = ndtr((values[:, :, None] - self.errors) / self.widths[:, None, None])
        shares: FloatArray = (below @ self.weights[:, :, None])[:, :, 0]
        return shares

    def only(self) -> ErrorMixture:
        """The mixture where there is one origin."""
        used = self.weights[0] > 0
        return ErrorMixture(self.errors[used], self.weights[0][used], float(self.widths[0]))
