"""What a benchmark is asked, and how it refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from predictions.backtesting.reports import BenchmarkReport


class BenchmarkRefused(Exception):
    """A directory that does not hold what the task reads; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class BenchmarkRequest:
    """What to judge on.

    data: directory of test projects;  train: directory of other organisations for the pool, or None
    at: percentage of the way at which the forecast is made, or the snapshot's name; None is the task's default
    """

    data: Path
    train: Path | None = None
    at: str | None = None
    on_progress: Callable[[int, int, str], None] = lambda done, total, unit: None


@dataclass(frozen=True, slots=True)
class BenchmarkTask:
    """One benchmark. choices: what `at` may be, the first being the default; option: its name on the command line."""

    run: Callable[[BenchmarkRequest], BenchmarkReport]
    help: str
    option: str | None = None
    choices: tuple[str, ...] = ()
