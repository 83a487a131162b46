"""A clock that only moves when somebody sleeps, and no chance at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integrations.http.waiting import Waiting

START = datetime(2026, 6, 1, 12, tzinfo=UTC)


class FakeClock:
    """slept: every wait, in seconds, in order"""

    def __init__(self, start: datetime = START) -> None:
        self.now = start
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def waiting(self) -> Waiting:
        return Waiting(
            now=lambda: self.now,
            monotonic=self._monotonic,
            sleep=self.sleep,
            uniform=lambda low, high: (low + high) / 2,
        )
