"""What a forecaster's own record says about its probabilities: nominal levels read as what they turned out to be.

1. Each forecast that came due has a level: the probability it had given to no more than what happened. An outcome that
   is a whole number covers a range of levels, since its forecast gave it a probability of its own.
2. If the levels are spread evenly, the forecasts were calibrated. If they crowd near 1, too little was expected.
3. The record's distribution of levels is mixed with the even one, with weight n / (n + k): few outcomes change little.
4. A nominal level is replaced by the one that held as often.

Assumes that the forecaster goes on erring as it did. Do not use it across a change of model.

Example: of many levels half lie in [0.8, 1] and half in [0, 0.8]: the median outcome was at the nominal 80 %, so the
recalibrated 50 % is near the nominal 80 %.
Source: Gneiting, Balabdaoui and Raftery (2007), JRSS B 69, 243-268 (probability integral transform).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEVEL_GRID = np.linspace(0.0, 1.0, 401)
SMOOTHING = 0.04
"""A level is known to about one in twenty-five; without it the quantiles of small records jump."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelRecord:
    """The levels at which outcomes were found.

    low, high: range of levels of each outcome, in [0, 1], shape (n,);  weights: above 0, shape (n,)
    independent: outcomes that weigh alike and do not overlap, 0 or above
    """

    low: FloatArray
    high: FloatArray
    weights: FloatArray
    independent: float

    def nominal_levels(self, levels: FloatArray, *, strength: float) -> FloatArray:
        """The nominal levels to read for these probabilities: shape of levels, each in [0, 1], rising with them.

        strength: independent outcomes that weigh as much as calibration taken on trust
        """
        if self.low.size == 0:
            return levels
        weight = self.independent / (self.independent + strength)
        held = (1 - weight) * LEVEL_GRID + weight * self._share_below(LEVEL_GRID)
        nominal: FloatArray = np.interp(levels, held, LEVEL_GRID)
        return nominal

    def _share_below(self, levels: FloatArray) -> FloatArray:
        low, high = np.maximum(self.low - SMOOTHING, 0), np.minimum(self.high + SMOOTHING, 1)
        inside = np.clip((levels[:, None] - low) / np.maximum(high - low, SMOOTHING), 0, 1)
        inside[-1] = 1.0
        shares: FloatArray = inside @ (self.weights / self.weights.sum())
        return shares
