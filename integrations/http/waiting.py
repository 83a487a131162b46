"""How long to wait before asking again. Clock, sleep and chance come from outside, so that a test neither waits nor
guesses.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from secrets import SystemRandom
from typing import Final

FIRST_BACKOFF_S: Final = 0.5
LONGEST_BACKOFF_S: Final = 30.0
_SECONDS: Final = re.compile(r"\d{1,12}(\.\d+)?")
_EPOCH_LIKE: Final = 1_000_000_000
"""Resets come as seconds from now or since 1970; nobody asks for a wait of thirty years."""


def _uniform(low: float, high: float) -> float:
    return SystemRandom().uniform(low, high)


@dataclass(frozen=True, slots=True)
class Waiting:
    """now: aware;  monotonic: seconds that only grow;  uniform: a number between two"""

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    uniform: Callable[[float, float], float] = _uniform

    def backoff_s(self, tries: int) -> float:
        """Full jitter: anything between 0 and a ceiling that doubles with each try.

        tries: made so far, from 1.  Source: Brooker (2015), Exponential Backoff And Jitter, AWS Architecture Blog.
        """
        return self.uniform(0.0, min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (tries - 1)))

    def until_s(self, moment: datetime) -> float:
        return max(0.0, (moment - self.now()).total_seconds())


def retry_after_s(headers: Mapping[str, str], waiting: Waiting) -> float | None:
    """The wait that `Retry-After` asks for, in seconds or as a date (RFC 9110, 10.2.3); None where it does not."""
    return _seconds_or_date(headers.get("retry-after", ""), waiting)


def quota_wait_s(headers: Mapping[str, str], waiting: Waiting) -> float | None:
    """How long until a used-up quota is filled again; None while something is left of it, or nothing is said.

    Read: X-RateLimit-Remaining and -Reset, RateLimit-Remaining and -Reset; a reset is a date, a moment since 1970 in
    seconds, or seconds from now.
    """
    for prefix in ("x-ratelimit-", "ratelimit-"):
        if headers.get(f"{prefix}remaining", "").strip() == "0":
            return _seconds_or_date(headers.get(f"{prefix}reset", ""), waiting)
    return None


def _seconds_or_date(text: str, waiting: Waiting) -> float | None:
    text = text.strip()
    if _SECONDS.fullmatch(text):
        number = float(text)
        return max(0.0, number - waiting.now().timestamp()) if number >= _EPOCH_LIKE else number
    moment = _date(text)
    return None if moment is None else waiting.until_s(moment)


def _date(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
