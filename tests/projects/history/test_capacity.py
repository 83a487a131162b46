from datetime import date, timedelta
from uuid import UUID

from projects.history import ProjectHistory
from projects.history.capacity import calendars_of, newest_calendars
from projects.history.team_facts import CapacityFact
from tests.project_histories import DAY, NOW

MONDAY = date(2024, 7, 1)
FIVE_DAYS = (8.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0)


def calendar(
    number: int,
    contributor: int | None,
    first: date = MONDAY,
    last: date | None = None,
    *,
    weekly: tuple[float, float, float, float, float, float, float] = FIVE_DAYS,
    days: tuple[tuple[date, float], ...] = (),
    allocation: float = 1.0,
) -> CapacityFact:
    person = None if contributor is None else UUID(int=contributor)
    return CapacityFact(UUID(int=number), NOW - 9 * DAY, person, first, last, weekly, days, allocation)


def hours(*facts: CapacityFact, days: int = 7) -> list[float]:
    calendars = newest_calendars(calendars_of(facts))
    given: list[float] = calendars.daily_hours(MONDAY, MONDAY + timedelta(days=days - 1)).tolist()
    return given


def test_hours_of_the_worked_example() -> None:
    holiday = calendar(3, None, days=((MONDAY + DAY, 0.0),))
    away = calendar(1, 1, days=((MONDAY + 2 * DAY, 0.0),))

    assert hours(away, calendar(2, 2, allocation=0.5), holiday, days=5) == [12.0, 0.0, 4.0, 12.0, 12.0]


def test_the_calendar_of_the_team_counts_where_there_is_no_other() -> None:
    assert hours(calendar(1, None, days=((MONDAY, 4.0),))) == [4.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0]


def test_where_periods_overlap_the_one_that_starts_latest_counts_and_an_ended_one_gives_nothing() -> None:
    first = calendar(1, 1, MONDAY - 30 * DAY, MONDAY + 3 * DAY)
    second = calendar(2, 1, MONDAY + DAY, MONDAY + 2 * DAY, weekly=(6.0,) * 5 + (0.0, 0.0))

    assert hours(second, first) == [8.0, 6.0, 6.0, 8.0, 0.0, 0.0, 0.0]


def test_calendar_observed_again_counts_once_as_recorded_last() -> None:
    old = calendar(1, 1)
    new = CapacityFact(old.id, NOW, old.contributor_id, MONDAY, None, FIVE_DAYS, allocation=0.5)

    assert hours(new, old, days=1) == [4.0]
    history = ProjectHistory.from_facts([new, old])
    assert [history.as_of(at).capacity.daily_hours(MONDAY, MONDAY).tolist() for at in (NOW - DAY, NOW)] == [
        [8.0],
        [4.0],
    ]


def test_no_calendar_and_no_days_give_no_hours() -> None:
    assert hours(days=2) == [0.0, 0.0]
    assert hours(calendar(1, 1), days=0) == []
    assert not newest_calendars(()).has_contributors
    assert newest_calendars(()).first_date is None
