"""When a digest is due, over working days, nights and changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.enums import DigestRhythm
from integrations.messages.digest_times import may_be_sent, newest_digest_at
from predictions.forecasters.alert_rules import PushPolicy

BERLIN = PushPolicy("Europe/Berlin", time(20), time(7))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 3, 23, 6, tzinfo=UTC), datetime(2026, 3, 23, 6, tzinfo=UTC)),
        (datetime(2026, 3, 23, 5, 59, tzinfo=UTC), datetime(2026, 3, 16, 6, tzinfo=UTC)),
        # The clocks change on Sunday, 29 March: seven o'clock is an hour earlier.
        (datetime(2026, 3, 30, 5, tzinfo=UTC), datetime(2026, 3, 30, 5, tzinfo=UTC)),
        (datetime(2026, 4, 3, 12, tzinfo=UTC), datetime(2026, 3, 30, 5, tzinfo=UTC)),
    ],
)
def test_weekly_digest_is_due_on_monday_when_the_night_is_over(at: datetime, expected: datetime) -> None:
    assert newest_digest_at(DigestRhythm.WEEKLY, BERLIN, at) == expected


def test_daily_digest_is_due_on_working_days() -> None:
    week = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in range(2, 9)]

    due = [newest_digest_at(DigestRhythm.DAILY, BERLIN, each) for each in week]

    assert [each.day for each in due if each is not None] == [2, 3, 4, 5, 6, 6, 6]


def test_without_quiet_hours_it_is_due_at_seven_and_off_never() -> None:
    always = PushPolicy("Asia/Kolkata", time(0), time(0))
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)

    assert newest_digest_at(DigestRhythm.WEEKLY, always, at) == datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    assert newest_digest_at(DigestRhythm.OFF, always, at) is None


zones = st.sampled_from(["America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Europe/Berlin", "America/Santiago"])
times = st.times().map(lambda each: each.replace(second=0, microsecond=0))
moments = st.integers(0, 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(zones, times, times, moments, st.sampled_from([DigestRhythm.DAILY, DigestRhythm.WEEKLY]))
def test_a_digest_begins_on_its_day_outside_of_the_quiet_hours_and_not_in_the_future(
    zone: str, quiet_from: time, quiet_until: time, at: datetime, rhythm: DigestRhythm
) -> None:
    policy = PushPolicy(zone, quiet_from, quiet_until)

    due = newest_digest_at(rhythm, policy, at)

    assert due is not None
    assert due <= at
    assert at - due <= timedelta(days=8 if rhythm == DigestRhythm.WEEKLY else 4)
    assert may_be_sent(policy, due)
    if quiet_from > quiet_until:  # the night ends on the day of the digest
        day = due.astimezone(ZoneInfo(zone)).weekday()
        assert day == 0 if rhythm == DigestRhythm.WEEKLY else day <= 4
