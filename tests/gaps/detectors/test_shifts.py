import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaps.detectors.severity import gap_severity
from gaps.detectors.shifts import (
    Shift,
    dispersion,
    drop_shift,
    duration_shift,
    rate_shift,
    rate_test,
    share_test,
    tail_at_least,
)
from gaps.detectors.shifts import test_level as level_of
from predictions.enums import Severity

counts_of_weeks = st.lists(st.integers(min_value=0, max_value=30), min_size=26, max_size=26)


def binomial_tail(count: int, total: int, share: float) -> float:
    return sum(math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(count, total + 1))


@pytest.mark.parametrize(("count", "total", "share"), [(0, 10, 0.2), (3, 10, 0.2), (10, 10, 0.5), (24, 48, 0.25)])
def test_tail_is_that_of_the_binomial(count: int, total: int, share: float) -> None:
    assert tail_at_least(count, total, share) == pytest.approx(binomial_tail(count, total, share))


def test_worked_example_of_the_rates() -> None:
    assert rate_test(24, 40, 24, 120) == pytest.approx(binomial_tail(24, 48, 0.25))
    assert rate_test(24, 40, 24, 120) < 0.001
    assert rate_test(24, 40, 24, 120, factor=1.25) > rate_test(24, 40, 24, 120)


def test_share_is_judged_by_what_its_past_leaves_open() -> None:
    often, rarely = share_test(8, 20, 150, 1_000), share_test(8, 20, 3, 20)

    assert often == pytest.approx(binomial_tail(8, 20, 0.15), rel=0.2)
    assert often < rarely  # twenty earlier ones say less than a thousand
    assert share_test(8, 20, 150, 1_000, more=0.2) > 0.3
    assert share_test(0, 20, 150, 1_000) == 1.0


def test_level_shares_out_the_alarms_of_a_year() -> None:
    assert level_of(0.02, 3) == pytest.approx(0.02 / 26 / 3)
    assert level_of(0.02, 0) == level_of(0.02, 1)


def test_dispersion_is_one_for_chance_and_more_for_bursts_and_one_odd_week_does_not_count() -> None:
    rng = np.random.default_rng(1)
    by_chance = [dispersion(rng.poisson(6, 22).astype(float), np.ones(22)) for _ in range(400)]
    bursts = np.array([0.0, 12.0] * 11)
    odd_week = np.array([6.0, 5.0, 7.0, 6.0] * 5 + [6.0, 40.0])

    assert np.median(by_chance) == pytest.approx(1.0, abs=0.1)
    assert np.mean(by_chance) == pytest.approx(1.15, abs=0.1)  # never below 1
    assert dispersion(bursts, np.ones(22)) > 5
    assert dispersion(odd_week, np.ones(22)) < 3


def test_chance_alone_crosses_the_level_as_rarely_as_it_says() -> None:
    rng = np.random.default_rng(2)
    level, tries = 0.01, 2_000
    crossed = 0
    for _ in range(tries):
        shift = rate_shift(rng.poisson(4, 26).astype(float), np.ones(26), recent=4, tolerance_share=0.5)
        assert shift is not None
        crossed += shift.p_value <= level

    assert crossed / tries <= level * 1.5


def test_durations_that_are_all_alike_are_no_rise() -> None:
    week = np.repeat(np.arange(26), 6)

    shift = duration_shift(week, np.ones(156), weeks=26, recent=4, tolerance_share=0.25, least_tolerance=1.0)

    assert shift is not None
    assert (shift.usual, shift.recent, shift.rise, shift.p_value) == (1.0, 1.0, 0.0, 1.0)
    assert not shift.is_rise(1.0)


def test_missing_periods_have_no_shift() -> None:
    nothing = np.zeros(26)

    assert rate_shift(nothing, nothing, recent=4, tolerance_share=0.5) is None
    assert drop_shift(nothing, recent=4, tolerance_share=0.5) is None
    assert (
        duration_shift(np.zeros(0, np.int64), np.zeros(0), weeks=26, recent=4, tolerance_share=0.25, least_tolerance=1)
        is None
    )


@settings(deadline=timedelta(seconds=2))  # the first call loads what the tests need
@given(counts_of_weeks, st.integers(min_value=1, max_value=40))
def test_more_events_of_late_are_never_better(counts: list[int], more: int) -> None:
    fewer = np.array(counts, dtype=np.float64)
    many = fewer.copy()
    many[-1] += more

    less, worse = (rate_shift(each, np.full(26, 5.0), recent=4, tolerance_share=0.5) for each in (fewer, many))

    assert less is not None
    assert worse is not None
    assert worse.p_value <= less.p_value + 1e-12
    assert worse.p_beyond >= less.p_beyond - 1e-12
    assert _severity(worse) >= _severity(less)


@settings(deadline=timedelta(seconds=2))  # the first call loads what the tests need
@given(counts_of_weeks)
def test_every_number_is_finite_and_a_probability_where_it_says_so(counts: list[int]) -> None:
    values = np.array(counts, dtype=np.float64)
    for shift in (
        rate_shift(values, np.full(26, 40.0), recent=4, tolerance_share=0.5, is_share=True),
        rate_shift(values, np.full(26, 1.0), recent=4, tolerance_share=0.5),
        drop_shift(values, recent=4, tolerance_share=1 / 3),
    ):
        if shift is not None:
            assert all(map(math.isfinite, (shift.usual, shift.recent, shift.low, shift.high, shift.rise)))
            assert shift.tolerance > 0
            assert 0 <= shift.p_value <= 1
            assert -1e-9 <= shift.p_beyond <= 1


def _severity(shift: Shift) -> int:
    return list(Severity).index(gap_severity(shift.rise / shift.tolerance))
