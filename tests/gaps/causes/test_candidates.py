import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaps.causes.candidates import (
    Candidate,
    Part,
    judge_candidates,
    judge_parts,
    passes_false_discovery,
)

WEEKS, RECENT = 34, 6


def test_benjamini_hochberg_by_hand() -> None:
    # Thresholds at 10 % of four: .025, .05, .075, .1. The third largest that holds lets all below it pass.
    assert passes_false_discovery([0.07, None, 0.01, 0.3, 0.06]) == (True, False, True, False, True)
    assert passes_false_discovery([0.06, 0.2]) == (False, False)
    assert passes_false_discovery([]) == ()


def test_driver_that_moves_with_the_outcome_is_named_and_a_flat_one_is_not() -> None:
    rng = np.random.default_rng(1)
    driver = np.concatenate([rng.normal(5, 1, WEEKS - RECENT), rng.normal(9, 1, RECENT)])
    outcome = 10 + 0.9 * (driver - 5) + rng.normal(0, 0.5, WEEKS)
    flat = rng.normal(3, 1, WEEKS)

    named, other = judge_candidates(
        outcome, [Candidate("FLAT", flat), Candidate("REVIEW", driver)], recent=RECENT, effect=4.0, seed=7
    )

    assert (named.code, named.is_named, named.moves_within) == ("REVIEW", True, True)
    assert named.contribution == pytest.approx(3.6, abs=0.6)
    assert 0 < named.low < named.contribution
    assert (other.code, other.is_named) == ("FLAT", False)


def test_driver_that_improved_explains_nothing() -> None:
    outcome = np.concatenate([np.full(WEEKS - RECENT, 1.0), np.full(RECENT, 3.0)])

    (tested,) = judge_candidates(outcome, [Candidate("BETTER", -outcome)], recent=RECENT, effect=2.0, seed=1)

    assert (tested.contribution, tested.p_value, tested.is_named) == (0.0, 1.0, False)


@pytest.mark.parametrize("driver", [np.full(WEEKS, np.nan), np.ones(WEEKS), np.r_[np.full(28, np.nan), np.arange(6.0)]])
def test_driver_that_cannot_be_tested_has_no_p_value(driver: np.ndarray) -> None:
    (tested,) = judge_candidates(
        np.arange(float(WEEKS)), [Candidate("UNKNOWN", driver)], recent=RECENT, effect=2.0, seed=1
    )

    assert (tested.p_value, tested.is_named, tested.contribution) == (None, False, 0.0)


def test_unrelated_drivers_are_seldom_named() -> None:
    """Slow random drivers, a step in the outcome: at most one in ten projects names any of five."""
    named = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        outcome = rng.normal(0, 1, WEEKS) + np.r_[np.zeros(WEEKS - RECENT), np.full(RECENT, 3.0)]
        drivers = [rng.normal(0, 1, WEEKS) for _ in range(5)]
        tested = judge_candidates(
            outcome,
            [Candidate(f"C{index}", driver) for index, driver in enumerate(drivers)],
            recent=RECENT,
            effect=3.0,
            seed=seed,
        )
        named += any(cause.is_named for cause in tested)

    assert named <= 14


def test_parts_are_named_where_they_are_surely_something_and_never_exceed_the_effect() -> None:
    rng = np.random.default_rng(3)
    sure, unsure = rng.uniform(2, 4, 500), rng.uniform(2, 4, 500) * (rng.random(500) < 0.5)

    tested = judge_parts([Part("UNSURE", unsure), Part("SURE", sure)], effect=1.5)

    assert [(cause.code, cause.is_named) for cause in tested] == [("SURE", True), ("UNSURE", False)]
    assert tested[0].contribution == pytest.approx(1.5)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), order=st.permutations(range(3)))
def test_order_of_candidates_does_not_matter(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    outcome = rng.normal(0, 1, WEEKS)
    candidates = [Candidate(f"C{index}", rng.normal(0, 1, WEEKS) + outcome * index) for index in range(3)]

    one = judge_candidates(outcome, candidates, recent=RECENT, effect=1.0, seed=seed)
    other = judge_candidates(outcome, [candidates[index] for index in order], recent=RECENT, effect=1.0, seed=seed)

    assert one == other
    assert sum(cause.contribution for cause in one if cause.is_named) <= 1.0 + 1e-9
