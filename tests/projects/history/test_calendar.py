from datetime import UTC, date, datetime

import numpy as np
import pytest

from projects.history.calendar import WorkCalendar, counts_between
from projects.history.instants import NEVER, from_us, to_us

BERLIN = WorkCalendar("Europe/Berlin")


def test_week_begins_on_monday_in_the_zone_of_the_project() -> None:
    sunday_evening_utc = datetime(2024, 6, 30, 22, 30, tzinfo=UTC)  # already Monday in Berlin

    edges = BERLIN.week_edges_us(to_us(sunday_evening_utc), to_us(sunday_evening_utc))

    assert [from_us(int(edge)) for edge in edges] == [
        datetime(2024, 6, 30, 22, tzinfo=UTC),
        datetime(2024, 7, 7, 22, tzinfo=UTC),
    ]


def test_days_are_as_long_as_the_clock_makes_them() -> None:
    day_of_change = to_us(datetime(2024, 3, 31, 12, tzinfo=UTC))

    edges = BERLIN.day_edges_us(day_of_change, day_of_change)

    assert np.diff(edges).tolist() == [23 * 3600 * 1_000_000]


def test_target_day_is_over_when_the_next_one_begins() -> None:
    assert from_us(BERLIN.end_of_day_us(date(2024, 7, 1))) == datetime(2024, 7, 1, 22, tzinfo=UTC)


def test_next_working_day_skips_weekends_and_days_off() -> None:
    calendar = WorkCalendar(holidays=frozenset({date(2024, 7, 8)}))

    assert calendar.next_working_day(date(2024, 7, 6)) == date(2024, 7, 9)
    assert calendar.next_working_day(date(2024, 7, 9)) == date(2024, 7, 9)


def test_working_days_count_both_ends_and_no_days_off() -> None:
    calendar = WorkCalendar(holidays=frozenset({date(2024, 7, 3)}))

    assert calendar.working_days(date(2024, 7, 1), date(2024, 7, 7)) == 4
    assert calendar.working_days(date(2024, 7, 7), date(2024, 7, 1)) == 0


def test_calendar_without_working_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one working weekday"):
        WorkCalendar(working_weekdays=frozenset())


def test_counts_between_takes_the_left_edge_and_leaves_the_right() -> None:
    instants = np.array([NEVER, 5, 10, 10, 19, 20], dtype=np.int64)

    assert counts_between(instants, np.array([0, 10, 20], dtype=np.int64)).tolist() == [1, 3]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_first_and_last_day_of_the_calendar_have_a_beginning_and_an_end(zone: str) -> None:
    calendar = WorkCalendar(zone)

    for day in (date.min, date.max):
        begins_us, ends_us = calendar.start_of_day_us(day), calendar.end_of_day_us(day)
        assert begins_us < ends_us
        assert from_us(begins_us) <= from_us(ends_us)
        assert calendar.local_date(begins_us).year == day.year
        assert calendar.next_working_day(day).year == day.year
    assert calendar.working_days(date.max, date.max) == 1
    edges_us = calendar.week_edges_us(calendar.start_of_day_us(date(9999, 12, 1)), calendar.end_of_day_us(date.max))
    assert len(edges_us) > 4
    assert np.all(np.diff(edges_us) > 0)


def test_key_of_a_calendar_is_the_same_whatever_order_its_days_off_were_given_in() -> None:
    days = [date(2024, 5, day) for day in range(1, 20)]

    keys = {repr(WorkCalendar("UTC", holidays=frozenset(some)).key()) for some in (days, days[::-1])}

    assert keys == {repr(["UTC", [0, 1, 2, 3, 4], days])}
