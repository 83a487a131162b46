import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.history.process_signals import (
    NaturalLimits,
    ProcessSignal,
    SignalRule,
    has_signal_at_end,
    natural_limits,
    process_signals,
)

series = st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=60).map(np.array)
FIXED = NaturalLimits(low=0.0, mean=6.0, high=12.0, range_high=7.4, n=20)


def test_limits_of_a_series_that_can_be_checked_by_hand() -> None:
    limits = natural_limits(np.array([3.0, 5, 4, 4, 3, 5, 4, 4]))

    assert limits is not None
    assert (limits.mean, limits.n) == (4.0, 8)
    assert limits.high - limits.mean == pytest.approx(2.66)  # moving ranges 2 1 0 1 2 1 0, mean 1
    assert limits.range_high == pytest.approx(3.27)


@pytest.mark.parametrize("values", [[], [4.0] * 7, [4.0] * 8 + [np.nan]])
def test_too_few_values_or_none_have_no_limits_and_no_signal(values: list[float]) -> None:
    assert natural_limits(np.array(values)) is None
    assert process_signals(np.array(values)) == ()


def test_equal_values_are_no_signal() -> None:
    assert process_signals(np.full(30, 5.0)) == ()


def test_value_outside_is_found_where_it_is() -> None:
    values = np.array([6.0, 7, 5, 6, 12.1, 6, 5, 7])

    assert process_signals(values, limits=FIXED) == (ProcessSignal(SignalRule.OUTSIDE_LIMITS, 4, 4, True),)
    assert not has_signal_at_end(values, limits=FIXED)


def test_eight_on_one_side_are_a_signal_and_seven_are_not() -> None:
    eight, seven = np.array([5.0, 7] + [5.0] * 8), np.array([5.0, 7] + [5.0] * 7)

    assert process_signals(eight, limits=FIXED) == (ProcessSignal(SignalRule.RUN_ON_ONE_SIDE, 2, 9, False),)
    assert has_signal_at_end(eight, limits=FIXED)
    assert process_signals(seven, limits=FIXED) == ()


def test_three_of_four_near_a_limit_are_a_signal_and_on_two_sides_are_not() -> None:
    one_side, two_sides = np.array([6.0, 10, 6, 10, 10, 6]), np.array([6.0, 10, 2, 10, 2, 6])

    assert process_signals(one_side, limits=FIXED) == (ProcessSignal(SignalRule.NEAR_A_LIMIT, 1, 4, True),)
    assert process_signals(two_sides, limits=FIXED) == ()


@given(values=series)
def test_mirrored_series_has_mirrored_signals(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    limits = natural_limits(values)
    assert limits is not None
    mirrored = NaturalLimits(-limits.high, -limits.mean, -limits.low, limits.range_high, limits.n)

    one, other = process_signals(values, limits=limits), process_signals(-values, limits=mirrored)

    flipped = {ProcessSignal(s.rule, s.first, s.last, not s.is_above) for s in other}
    assert set(one) == flipped


@given(values=series, later=st.lists(st.floats(-1e6, 1e6), max_size=10))
def test_later_values_change_no_earlier_signal_under_fixed_limits(
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]", later: list[float]
) -> None:
    whole = process_signals(np.concatenate([values, later]), limits=FIXED)

    for signal in process_signals(values, limits=FIXED):
        assert any(
            (found.rule, found.first, found.is_above) == (signal.rule, signal.first, signal.is_above)
            and found.last >= signal.last
            for found in whole
        )


def test_noise_of_a_stable_process_signals_rarely() -> None:
    rng = np.random.default_rng(7)
    alarms = [has_signal_at_end(rng.normal(10, 2, 26)) for _ in range(400)]

    assert np.mean(alarms) < 0.12  # all rules together, at the newest value
