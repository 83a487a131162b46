"""A line on a terminal that says how far a long command has come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from projects.domain.importing import Progress

BAR_CHARACTERS: Final = 24
SECONDS_PER_MINUTE: Final = 60


class ProgressBar:
    """Redraws one line: a bar, records, records per second and the time that is left at the present rate.

    write: puts text on the terminal as it is;  clock: seconds that only grow;  unit: what is counted
    """

    def __init__(
        self, write: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic, unit: str = "records"
    ) -> None:
        self._write = write
        self._unit = unit
        self._clock = clock
        self._began_s = clock()
        self._is_drawn = False

    def show(self, progress: Progress) -> None:
        self._is_drawn = True
        elapsed_s = max(self._clock() - self._began_s, 1e-6)
        share = min(progress.bytes_read / max(progress.file_bytes, 1), 1.0)
        bar = "█" * int(share * BAR_CHARACTERS)
        left_s = elapsed_s * (1 - share) / share if share else 0.0
        self._write(
            f"\r{bar:░<{BAR_CHARACTERS}} {share:4.0%}  {progress.records:,} {self._unit}  "
            f"{progress.records / elapsed_s:,.0f}/s  {_duration(left_s)} left \x1b[K"
        )

    def close(self) -> None:
        """Leave the line, if there is one."""
        if self._is_drawn:
            self._write("\n")


def _duration(seconds: float) -> str:
    minutes, rest_s = divmod(round(seconds), SECONDS_PER_MINUTE)
    return f"{minutes}:{rest_s:02}"
