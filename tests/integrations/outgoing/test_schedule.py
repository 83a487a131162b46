"""When a message is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.domain.outgoing.schedule import (
    MOST_ATTEMPTS,
    WAITS,
    has_failed_for_too_long,
    hold_after,
    wait_after,
)
from integrations.http.errors import BadRequest, RateLimited, ServerFailed, ToolError, Unreachable

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def lowest(low: float, _high: float) -> float:
    return low


def test_ten_tries_are_spread_over_three_days() -> None:
    waits = [wait_after(attempts, ServerFailed(), lowest) for attempts in range(1, MOST_ATTEMPTS + 1)]

    assert waits == [*WAITS, None]
    assert sum(WAITS, timedelta()) == timedelta(hours=75, minutes=36)


@given(
    attempts=st.integers(1, 9),
    asked_s=st.none() | st.floats(0, 1e15, allow_nan=False),
    share=st.floats(0, 1),
)
def test_wait_is_never_shorter_than_planned_nor_than_asked_up_to_a_day(
    attempts: int, asked_s: float | None, share: float
) -> None:
    error = RateLimited(retry_after_s=asked_s)

    wait = wait_after(attempts, error, lambda low, high: low + share * (high - low))

    assert wait is not None
    assert wait >= WAITS[attempts - 1]
    assert wait >= timedelta(seconds=min(asked_s or 0.0, 86_400.0))
    assert wait <= max(WAITS[attempts - 1] * 1.2, timedelta(days=1))


@pytest.mark.parametrize(
    ("error", "failures", "held"),
    [
        (BadRequest(), 1, None),
        (ServerFailed(), 1, None),
        (ServerFailed(retry_after_s=90.0), 1, timedelta(seconds=90)),
        (Unreachable(), 1, timedelta(minutes=1)),
        (Unreachable(), 2, timedelta(minutes=5)),
        (Unreachable(), 900, timedelta(minutes=5)),
        (RateLimited(retry_after_s=3600.0), 1, timedelta(hours=1)),
    ],
)
def test_place_is_left_alone_for_what_is_about_the_place(
    error: ToolError, failures: int, held: timedelta | None
) -> None:
    assert hold_after(failures, error) == held


def test_five_days_are_too_long() -> None:
    assert not has_failed_for_too_long(None, AT)
    assert not has_failed_for_too_long(AT, AT + timedelta(days=5, seconds=-1))
    assert has_failed_for_too_long(AT, AT + timedelta(days=5))
