import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaps.detectors.severity import gap_severity, opens, stays_open
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
    ("later_effects", "still_open"),
    [((), True), ((1.1,), True), ((1.1, 1.19), False), ((1.1, 1.2), True), ((1.1, 2.0, 1.0), True)],
)
def test_closes_after_two_runs_below_half_of_what_it_opened_with(
    later_effects: tuple[float, ...], still_open: bool
) -> None:
    assert stays_open(opened_at_effect=2.4, later_effects=later_effects) is still_open
