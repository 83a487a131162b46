import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from gaps.detectors.severity import CLOSES_AFTER_RUNS, gap_severity, is_below_opening, opens
from gaps.detectors.timeline import FALSE_ALARMS_PER_YEAR
from predictions.enums import Severity
from projects.enums import Readiness
from projects.history.readiness import ReadinessReason, ReasonCode, UnlockStep, report

OK = report([])
ORDER = [Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL]


def test_open_gap_is_at_least_low() -> None:
    assert gap_severity(0.2) == Severity.LOW


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_severity_never_falls_with_the_effect(one: float, other: float) -> None:
    less, more = sorted([one, other])

    assert ORDER.index(gap_severity(less)) <= ORDER.index(gap_severity(more))


@pytest.mark.parametrize(
    ("p_beyond_tolerance", "p_breach", "expected"),
    [(0.8, 0.1, True), (0.79, 0.16, True), (0.79, 0.15, False), (0.0, 0.0, False)],
)
def test_opens_on_either_probability(p_beyond_tolerance: float, p_breach: float, expected: bool) -> None:
    assert (
        opens(p_beyond_tolerance=p_beyond_tolerance, p_breach=p_breach, accepted_breach=0.15, readiness=OK) is expected
    )


def test_does_not_open_on_a_record_that_carries_nothing() -> None:
    stale = report([ReadinessReason(ReasonCode.RECORD_STALE, Readiness.STALE, "old", UnlockStep.SYNCHRONISE)])

    assert not opens(p_beyond_tolerance=1.0, p_breach=1.0, accepted_breach=0.15, readiness=stale)


@pytest.mark.parametrize(
    ("effect", "breach", "is_below"),
    [(1.19, None, True), (1.2, None, False), (1.19, 0.49, True), (1.19, 0.5, False), (1.2, 0.1, False)],
)
def test_is_below_when_effect_and_risk_are_below_half(effect: float, breach: float | None, is_below: bool) -> None:
    assert is_below_opening(opened_at_effect=2.4, effect=effect, breach=breach) is is_below


def test_slight_gap_is_below_at_half_a_tolerance() -> None:
    assert [is_below_opening(opened_at_effect=0.2, effect=effect) for effect in (0.09, 0.49, 0.5)] == [
        True,
        True,
        False,
    ]


def test_calibrated_risk_raises_fewer_false_alarms_for_a_promise_than_allowed() -> None:
    accepted, promises, weeks = 0.15, 2000, 104
    rng = np.random.default_rng(7)
    shocks = np.cumsum(rng.normal(size=(promises, weeks)), axis=1)
    bound = norm.isf(accepted) * math.sqrt(weeks)
    left = np.sqrt(np.arange(weeks - 1, 0, -1))
    risk = norm.sf(
        (bound - shocks[:, :-1]) / left
    )  # P(missed), given the weeks so far: a martingale from the accepted risk
    is_missed = shocks[:, -1] > bound

    alarms = np.array([_alarms(path, accepted) for path in risk])

    false_per_promise = alarms[~is_missed].sum() / promises
    assert is_missed.mean() == pytest.approx(accepted, abs=0.03)
    assert 0.5 < false_per_promise < (1 - accepted) * (2 - accepted) < FALSE_ALARMS_PER_YEAR


def _alarms(risk: Sequence[float], accepted: float) -> int:
    """How often a gap opens whose effect stays too small to keep it open."""
    alarms, is_open, runs_below = 0, False, 0
    for p_breach in risk:
        if not is_open:
            is_open = opens(p_beyond_tolerance=0, p_breach=p_breach, accepted_breach=accepted, readiness=OK)
            alarms, runs_below = alarms + is_open, 0
            continue
        is_below = is_below_opening(opened_at_effect=0.4, effect=0.4, breach=p_breach / accepted)
        runs_below = runs_below + 1 if is_below else 0
        is_open = runs_below < CLOSES_AFTER_RUNS
    return alarms
