import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.calibration.arrivals import (
    CountForecast,
    best_levels,
    blended_levels,
    follow_levels,
    upper_limit,
)

STEADY = np.full(80, 4.0)
RISEN = np.concatenate([np.full(80, 4.0), np.full(10, 12.0)])


def test_level_of_steady_weeks_is_their_mean_and_without_any_it_is_the_usual_one() -> None:
    levels = follow_levels(STEADY, towards=1.0, towards_weeks=2.0, half_life_weeks=20.0)

    assert levels.per_week[0] == pytest.approx(1.0)
    assert levels.per_week[-1] == pytest.approx(4.0, rel=0.08)
    counts = levels.counts(4.0)
    assert counts.mean[-1] == pytest.approx(16.0, rel=0.08)
    assert 3.5 < np.sqrt(counts.variance[-1]) < 7.5


def test_faster_half_life_is_chosen_where_the_level_moves() -> None:
    rng = np.random.default_rng(1)
    walking = rng.poisson(np.exp(1.5 + np.cumsum(rng.normal(0, 0.25, 150)).clip(-2, 2))).astype(np.float64)
    still = rng.poisson(5.0, 150).astype(np.float64)

    fast, slow = (best_levels(weekly, towards=5.0, towards_weeks=4.0, horizon_weeks=4) for weekly in (walking, still))

    assert fast.half_life_weeks < slow.half_life_weeks == 52.0


def test_blend_follows_a_rise_that_the_slow_level_misses() -> None:
    blend = blended_levels(RISEN, towards=4.0, towards_weeks=2.0, horizon_weeks=4, half_lives=(52.0, 2.0))
    slow = follow_levels(RISEN, towards=4.0, towards_weeks=2.0, half_life_weeks=52.0)

    assert blend.shares.sum(axis=0) == pytest.approx(np.ones(len(RISEN) + 1))
    assert blend.shares[1, -1] > 0.5 > blend.shares[1, 60] - 0.2
    assert blend.per_week[-1] > slow.per_week[-1] + 1
    newest = blend.newest(4.0)
    assert newest.above(30) == pytest.approx(blend.above(np.full(len(RISEN) + 1, 30.0), 4.0)[-1])
    assert newest.within(0.5).above(30) < newest.above(30)
    assert newest.level_error > 0


@settings(deadline=None, max_examples=60)
@given(weekly=st.lists(st.integers(0, 30), max_size=30), cut=st.integers(0, 30))
def test_what_is_said_after_a_week_knows_nothing_of_later_ones(weekly: list[int], cut: int) -> None:
    counts = np.array(weekly, dtype=np.float64)
    part = counts[:cut]

    whole, before = (blended_levels(some, towards=2.0, towards_weeks=2.0, horizon_weeks=4) for some in (counts, part))

    seen = len(part) + 1
    assert whole.shares[:, :seen] == pytest.approx(before.shares)
    limits = np.full(len(counts) + 1, 9.0)
    assert whole.above(limits, 4.0)[:seen] == pytest.approx(before.above(limits[:seen], 4.0))


def test_chances_are_those_of_a_negative_binomial_count() -> None:
    rng = np.random.default_rng(2)
    mean, variance = 12.0, 30.0
    shape = mean**2 / (variance - mean)
    drawn = rng.poisson(rng.gamma(shape, mean / shape, 200_000))
    forecast = CountForecast(np.array([mean]), np.array([variance]), np.array([0.1]))

    assert float(forecast.above(20)[0]) == pytest.approx(float((drawn > 20).mean()), abs=0.003)
    assert float(np.exp(forecast.log_likelihood(12))[0]) == pytest.approx(float((drawn == 12).mean()), abs=0.003)
    limit = upper_limit(mean, variance, 0.95)
    assert float((drawn > limit).mean()) <= 0.052 < float((drawn > limit - 1).mean())


def test_nothing_seen_and_nothing_usual_is_still_a_small_chance() -> None:
    levels = follow_levels(np.zeros(60), towards=0.0, towards_weeks=2.0, half_life_weeks=8.0)

    assert 0 < float(levels.counts(4.0).above(2)[-1]) < 0.02
