"""Errors that were made, as the distribution of the next one: weighted and smoothed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

FloatArray = NDArray[np.float64]

GRID_POINTS = 161
TAIL_WIDTHS = 4.0
MIN_WIDTH = 1e-3
"""A thousandth of the forecast: a team that never varied still may."""


@dataclass(frozen=True, eq=False)
class ErrorMixture:
    """A mixture of normal distributions of one width around errors seen before.

    errors, weights: shape (n,), n at least 1, weights sum to 1;  width: standard deviation, above 0
    """

    errors: FloatArray
    weights: FloatArray
    width: float

    @property
    def spread(self) -> float:
        """Standard deviation."""
        mean = float(self.weights @ self.errors)
        return float(np.sqrt(self.weights @ (self.errors - mean) ** 2 + self.width**2))

    def cdf(self, values: FloatArray) -> FloatArray:
        """P(error <= value): shape of values, in [0, 1]; infinities are allowed."""
        shares: FloatArray = ndtr((values[..., None] - self.errors) / self.width) @ self.weights
        return shares

    def stretched(self, factor: float) -> "ErrorMixture":
        """The same distribution with all errors and the width multiplied."""
        return self if factor == 1.0 else ErrorMixture(self.errors * factor, self.weights, self.width * factor)

    def quantiles(self, levels: FloatArray) -> FloatArray:
        """The errors that are not exceeded with these probabilities, each in [0, 1]: shape of levels."""
        grid, reached = self._grid
        values: FloatArray = np.interp(levels, reached, grid)
        return values

    @cached_property
    def _grid(self) -> tuple[FloatArray, FloatArray]:
        """Errors from end to end, and the probability of each not being exceeded."""
        margin = TAIL_WIDTHS * self.width
        grid = np.linspace(self.errors.min() - margin, self.errors.max() + margin, GRID_POINTS)
        return grid, np.maximum.accumulate(self.cdf(grid))


def smoothing_widths(
    errors: FloatArray, weights: FloatArray, *, independent: FloatArray, strength: float, standard_errors: float
) -> FloatArray:
    """How wide to smooth mixtures over the same errors: by what is not known of their level. Shape (mixtures,).

    weights: shape (mixtures, n), rows sum to 1
    independent: own errors that weigh alike and do not overlap, 0 or above;  strength: the same of the pool behind them
    """
    means = weights @ errors
    spreads = np.sqrt(np.maximum(weights @ errors**2 - means**2, 0.0))
    widths = standard_errors * spreads / np.sqrt(np.maximum(independent, 1.0) + strength / 2)
    return np.maximum(widths, MIN_WIDTH)
