"""When a message is tried again, and when a place is left alone. No clock and no chance of its own.

1. A try that fails is followed by the next after the wait of its place in `WAITS`, and up to a fifth more, so that what
   failed together does not come back together. After the last one the delivery has failed: 10 tries in 75 h 36 min.
2. What the place asks for (`Retry-After`) is the least, up to a day.
3. A place that cannot be reached, or asks for a pause, is left alone for a moment by all that waits for it. An error
   about one message alone holds up no other.
4. A place that has taken nothing for five days, and fails again, is switched off.

The worker's clock looks once a minute, so that each wait may take a minute longer.

    tried 12:00 (500) → 12:01 … 12:01:12 (500) → 12:06 … (taken)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from integrations.http.errors import AddressRefused, RateLimited, ToolError, Unreachable

WAITS: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
MOST_ATTEMPTS: Final = len(WAITS) + 1
MOST_JITTER: Final = 0.2
LONGEST_ASKED: Final = timedelta(days=1)
FAILING_FOR: Final = timedelta(days=5)
_ABOUT_THE_PLACE: Final = (AddressRefused, RateLimited, Unreachable)


def wait_after(attempts: int, error: ToolError, uniform: Callable[[float, float], float]) -> timedelta | None:
    """How long a delivery waits after so many tries, the last of which met the error; None: it was the last.

    uniform: a number between two
    """
    if attempts > len(WAITS):
        return None
    return max(WAITS[attempts - 1] * (1 + uniform(0.0, MOST_JITTER)), _asked(error))


def hold_after(failures: int, error: ToolError) -> timedelta | None:
    """How long nothing at all is sent to a place after so many failures in a row; None: it is not held."""
    if error.retry_after_s is None and not isinstance(error, _ABOUT_THE_PLACE):
        return None
    return max(WAITS[0] if failures <= 1 else WAITS[1], _asked(error))


def has_failed_for_too_long(failing_since: datetime | None, at: datetime) -> bool:
    return failing_since is not None and at - failing_since >= FAILING_FOR


def _asked(error: ToolError) -> timedelta:
    return min(timedelta(seconds=min(error.retry_after_s or 0.0, LONGEST_ASKED.total_seconds())), LONGEST_ASKED)
