"""Instants as integers: microseconds since 1970 in UTC, so that a history is arrays and not objects.

An instant that has not come (not resolved, not deleted) is NEVER, the largest integer: "at or before t" is then false
without a mask.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

Instants = NDArray[np.int64]
"""Microseconds since the epoch in UTC; NEVER where the instant has not come."""

NEVER: int = int(np.iinfo(np.int64).max)
SECONDS_PER_DAY = 86_400
MICROSECONDS_PER_SECOND = 1_000_000
MICROSECONDS_PER_MINUTE: int = 60 * MICROSECONDS_PER_SECOND
MICROSECONDS_PER_HOUR: int = 60 * MICROSECONDS_PER_MINUTE
MICROSECONDS_PER_DAY: int = SECONDS_PER_DAY * MICROSECONDS_PER_SECOND
MICROSECONDS_PER_WEEK: int = 7 * MICROSECONDS_PER_DAY
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAUSIBLE_FROM_US: int = 365 * MICROSECONDS_PER_DAY
"""Nobody kept a record of work before 1971: 0001-01-01, 1900-01-01 and 1970-01-01 are what tools keep for "no date"."""


def to_us(at: datetime | None) -> int:
    """Microseconds since the epoch; NEVER for None.

    Raises ValueError for a naive datetime: an instant without a zone is not an instant.
    """
    if at is None:
        return NEVER
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; instants are aware")
    since = at - EPOCH
    return (since.days * SECONDS_PER_DAY + since.seconds) * MICROSECONDS_PER_SECOND + since.microseconds


def from_us(us: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch.  Raises ValueError for NEVER."""
    if us == NEVER:
        raise ValueError("this instant has not come")
    return EPOCH + timedelta(microseconds=int(us))


def last_day(over_at: datetime, zone: tzinfo = UTC) -> date:
    """The last day before an aware instant: what is over at midnight is about the day that ends then."""
    return (over_at - timedelta(microseconds=1)).astimezone(zone).date()
