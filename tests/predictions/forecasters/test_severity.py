import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.enums import Severity
from predictions.forecasters.severity import schedule_tolerance_days, severity_of

ORDER = [None, Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL]


@pytest.mark.parametrize(
    ("effect", "severity"),
    [
        (-1.0, None),
        (0.99, None),
        (1.0, Severity.LOW),
        (1.5, Severity.MEDIUM),
        (2.5, Severity.HIGH),
        (3.0, Severity.CRITICAL),
    ],
)
def test_severity_table(effect: float, severity: Severity | None) -> None:
    assert severity_of(effect) == severity


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_severity_never_falls_with_the_effect(one: float, other: float) -> None:
    less, more = sorted([one, other])

    assert ORDER.index(severity_of(less)) <= ORDER.index(severity_of(more))


def test_schedule_tolerance_is_five_percent_and_at_least_three_days() -> None:
    assert schedule_tolerance_days(200.0) == 10.0
    assert schedule_tolerance_days(20.0) == 3.0
