"""When a digest is due: on working days, in the organisation's own zone, once its quiet hours are over.

1. A daily digest belongs to each day from Monday to Friday, a weekly one to each Monday.
2. It is due from the end of the quiet hours in which that day begins; where the day begins outside of them, from seven.
3. It stays due until it is handled or the next one begins, so a worker that comes late sends it late, and once.
4. In quiet hours nothing is due: what was missed waits for their end.

Example: quiet from 20:00 until 07:00 in Europe/Berlin. The weekly digest of Monday, 30 March 2026 is due from 07:00
there, which is 05:00 UTC; a week before, on the other side of the change of the clocks, it was 06:00 UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from integrations.enums import DigestRhythm
from predictions.forecasters.alert_rules import PushPolicy, end_of_quiet_hours

WITHOUT_QUIET_HOURS: Final = time(7)
FRIDAY: Final = 4


def newest_digest_at(rhythm: DigestRhythm, policy: PushPolicy, at: datetime) -> datetime | None:
    """The newest moment, not after `at`, from which a digest is due; in UTC. None where none ever is."""
    if rhythm == DigestRhythm.OFF:
        return None
    today = at.astimezone(ZoneInfo(policy.time_zone)).date()
    begun = (_due_at(day, policy) for day in _days_back(today) if _has_digest(day, rhythm))
    return next((moment for moment in begun if moment <= at), None)


def may_be_sent(policy: PushPolicy, at: datetime) -> bool:
    """Whether nobody sleeps."""
    return end_of_quiet_hours(at, policy) is None


def _days_back(today: date) -> list[date]:
    return [today - timedelta(days=back) for back in range(15)]


def _has_digest(day: date, rhythm: DigestRhythm) -> bool:
    return day.weekday() == 0 if rhythm == DigestRhythm.WEEKLY else day.weekday() <= FRIDAY


def _due_at(day: date, policy: PushPolicy) -> datetime:
    zone = ZoneInfo(policy.time_zone)
    midnight = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    seven = datetime.combine(day, WITHOUT_QUIET_HOURS, tzinfo=zone).astimezone(UTC)
    morning = end_of_quiet_hours(midnight, policy) or seven
    return end_of_quiet_hours(morning, policy) or morning  # quiet hours of a day that begins before them
