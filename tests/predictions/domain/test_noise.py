"""What counts as news."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from predictions.domain.noise import same_date, same_probability

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(("before", "now", "same"), [(0.5, 0.519, True), (0.5, 0.53, False), (0.53, 0.5, False)])
def test_probabilities(before: float, now: float, same: bool) -> None:
    assert same_probability(before, now) is same


@pytest.mark.parametrize(
    ("days_before", "days_now", "same"),
    [(10, 11, True), (10, 12, False), (100, 104, True), (104, 100, True), (100, 107, False), (-3, -3, True)],
)
def test_dates_may_move_by_a_share_of_the_time_to_them(days_before: int, days_now: int, same: bool) -> None:
    before, now = (TODAY + timedelta(days=days) for days in (days_before, days_now))

    assert same_date(before, now, seen_on=TODAY) is same


def test_no_date_is_the_same_as_no_date_only() -> None:
    assert same_date(None, None, seen_on=TODAY)
    assert not same_date(None, TODAY, seen_on=TODAY)
    assert not same_date(TODAY, None, seen_on=TODAY)
