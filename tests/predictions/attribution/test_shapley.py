from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.attribution.shapley import exact_parts, shapley_values, values_of_sets

FACTORS = 5
games = st.lists(st.floats(-1e4, 1e4), min_size=2**FACTORS, max_size=2**FACTORS).map(np.array)


def swapped(mask: int, first: int, second: int) -> int:
    bits = (mask >> first & 1, mask >> second & 1)
    return mask & ~(1 << first | 1 << second) | bits[0] << second | bits[1] << first


def by_orders(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[float]:
    """The definition itself: mean gain over all orders of coming in."""
    gains = [Fraction(0)] * FACTORS
    orders = list(permutations(range(FACTORS)))
    for order in orders:
        mask = 0
        for factor in order:
            gains[factor] += Fraction(float(values[mask | 1 << factor])) - Fraction(float(values[mask]))
            mask |= 1 << factor
    return [float(gain / len(orders)) for gain in gains]


def test_example_that_can_be_checked_by_hand() -> None:
    value = {frozenset[int](): 2.5, frozenset({0}): 7.5, frozenset({1}): 10.0, frozenset({0, 1}): 20.0}

    shares = shapley_values(values_of_sets(lambda chosen: np.array([value[chosen]]), 2))

    assert shares[:, 0].tolist() == [7.5, 10.0]
    assert exact_parts(20.0, shares[:, 0].tolist()) == (20.0, (7.5, 10.0), 2.5)


@settings(deadline=None, max_examples=20)  # a busy machine is not a failure
@given(values=games)
def test_values_are_the_mean_over_all_orders(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    assert shapley_values(values).tolist() == pytest.approx(by_orders(values), abs=1e-6)


@settings(deadline=None)  # a busy machine is not a failure
@given(values=games, dummy=st.integers(0, FACTORS - 1))
def test_factor_that_adds_nothing_gets_nothing(
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]", dummy: int
) -> None:
    without = np.array([values[mask & ~(1 << dummy)] for mask in range(2**FACTORS)])

    assert shapley_values(without)[dummy] == 0.0


@settings(deadline=None)  # a busy machine is not a failure
@given(values=games, pair=st.permutations(range(FACTORS)))
def test_factors_that_add_alike_get_alike(
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]", pair: list[int]
) -> None:
    first, second = pair[:2]
    symmetric = np.array([values[mask] + values[swapped(mask, first, second)] for mask in range(2**FACTORS)])

    shares = shapley_values(symmetric)

    assert shares[first] == pytest.approx(shares[second], abs=1e-6)


@settings(deadline=None)  # a busy machine is not a failure
@given(values=games)
def test_parts_and_rest_add_up_to_the_last_bit_in_any_order(
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> None:
    total, parts, rest = exact_parts(float(values[-1]), shapley_values(values).tolist())

    assert total == pytest.approx(float(values[-1]), abs=1 / 1024)
    assert sum(parts) + rest == total
    assert rest + sum(reversed(parts)) == total


def test_too_many_factors_are_refused() -> None:
    with pytest.raises(ValueError, match="evaluations"):
        values_of_sets(lambda _chosen: np.zeros(1), 21)
