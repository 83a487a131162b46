"""What each of some factors contributes to a value, averaged over all the orders in which they can come in.

1. The value is asked once for each set of factors that are as they are now, the others being as planned.
2. The Shapley value of a factor is the weighted mean of what it adds to each set without it.
3. Efficiency: the shares add up to value(all) - value(none). Symmetry: factors that add alike get alike. Dummy: what
   adds nothing gets nothing. These follow from 2; rounding would spoil the first, which `exact_parts` restores.

Cost: 2^n values. Beyond twenty factors this is not the way.

Example: value {} 2.5, {scope} 7.5, {rate} 10, both 20: scope ((7.5 - 2.5) + (20 - 10)) / 2 = 7.5, rate 10.
Source: Shapley (1953), A value for n-person games; the axioms are his.
"""

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

DAY_FRACTION = 1024
"""Sums of multiples of 2^-10 are exact in binary floating point, up to 2^43."""
PROBABILITY_FRACTION = 2**20
"""The same for probabilities: to about a millionth."""
MAX_FACTORS = 20


def values_of_sets(value: Callable[[frozenset[int]], FloatArray], factors: int) -> FloatArray:
    """The value of every set of factors: shape (2 ** factors, ...); factor k is in set m where bit k of m is set.

    Raises ValueError for more than MAX_FACTORS.
    """
    if factors > MAX_FACTORS:
        raise ValueError(f"{factors} factors take {2**factors} evaluations")
    sets = [frozenset(k for k in range(factors) if mask >> k & 1) for mask in range(2**factors)]
    return np.stack([value(chosen) for chosen in sets])


def shapley_values(values: FloatArray) -> FloatArray:
    """Shares of the factors: shape (factors, ...) from values of shape (2 ** factors, ...), ordered as above."""
    factors = len(values).bit_length() - 1
    masks = np.arange(len(values))
    sizes = np.array([int(mask).bit_count() for mask in masks])
    weight_of_size = np.array(
        [factorial(size) * factorial(factors - size - 1) / factorial(factors) for size in range(factors)]
    )
    shares = np.zeros((factors, *values.shape[1:]))
    for factor in range(factors):
        without = masks[(masks >> factor) & 1 == 0]
        gains = values[without | 1 << factor] - values[without]
        shares[factor] = np.tensordot(weight_of_size[sizes[without]], gains, axes=1)
    return shares


def exact_parts(
    total: float, shares: Sequence[float], *, fraction: int = DAY_FRACTION
) -> tuple[float, tuple[float, ...], float]:
    """Total, shares and what is left of it, rounded so that shares and rest add up to the total exactly.

    fraction: a power of two; everything becomes a multiple of one over it
    """
    rounded, parts = _rounded(total, fraction), tuple(_rounded(share, fraction) for share in shares)
    return rounded, parts, rounded - sum(parts)


def rounded_days(days: float) -> float:
    """Days to the nearest 1/1024, about a minute and a half."""
    return _rounded(days, DAY_FRACTION)


def _rounded(value: float, fraction: int) -> float:
    return round(value * fraction) / fraction
