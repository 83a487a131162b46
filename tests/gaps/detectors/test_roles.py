"""Absences and decisions in roles: sums of hours, and nobody's alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import pytest

from gaps.detectors.roles import NO_ROLE, OTHER_ROLES, HoursOff, hours_off_by_role
from projects.history.capacity import CapacityCalendars
from projects.history.team_facts import CapacityFact
from tests.project_histories import IMPORTED

MONDAY = date(2026, 3, 2)
FRIDAY = MONDAY + timedelta(days=4)
FIVE_DAYS = (8.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0)
LEAD, MEMBER = "team leader", "member"


def account(number: int) -> UUID:
    return UUID(int=number)


def calendars(*days_off: Sequence[int]) -> CapacityCalendars:
    """One for each contributor, numbered from 1, with the days of the week that are off."""
    return CapacityCalendars(
        tuple(
            CapacityFact(
                id=UUID(int=100 + number),
                recorded_at=IMPORTED,
                contributor_id=account(number),
                first_date=MONDAY,
                last_date=None,
                weekly_hours=FIVE_DAYS,
                exceptions=tuple((MONDAY + timedelta(days=day), 0.0) for day in days),
            )
            for number, days in enumerate(days_off, 1)
        )
    )


def test_hours_off_are_told_by_role_the_most_first() -> None:
    found = hours_off_by_role(
        calendars([0], [1, 2], [], [3]),
        {account(1): LEAD, account(2): LEAD, account(3): MEMBER, account(4): MEMBER},
        MONDAY,
        FRIDAY,
    )

    assert found == [HoursOff(LEAD, 2, 24.0, 80.0), HoursOff(MEMBER, 2, 8.0, 80.0)]


def test_role_of_one_person_is_told_with_others_alone() -> None:
    roles = {account(1): LEAD, account(2): MEMBER, account(3): MEMBER}

    assert hours_off_by_role(calendars([0], [1], []), roles, MONDAY, FRIDAY) == [HoursOff(MEMBER, 2, 8.0, 80.0)]
    assert hours_off_by_role(calendars([0], [1], [], [2]), roles, MONDAY, FRIDAY) == [
        HoursOff(OTHER_ROLES, 2, 16.0, 80.0),
        HoursOff(MEMBER, 2, 8.0, 80.0),
    ]


def test_accounts_of_nobody_here_have_no_role() -> None:
    assert hours_off_by_role(calendars([0], []), {}, MONDAY, FRIDAY) == [HoursOff(NO_ROLE, 2, 8.0, 80.0)]


@pytest.mark.parametrize("first", [MONDAY, MONDAY + timedelta(days=7)])
def test_nothing_off_is_no_absence(first: date) -> None:
    assert hours_off_by_role(calendars([], []), {}, first, FRIDAY) == []
    assert hours_off_by_role(CapacityCalendars(), {}, first, FRIDAY) == []
