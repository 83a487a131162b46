"""Comparing works on a machine that others use too: in turns, in blocks, by the clock and by the processor.

Works that take turns see the same machine, but not within one turn: another process that wakes up between two of them
is charged to one. Hence two measures of each block of turns:

- the clock: the median duration of a turn, which is what somebody waits for;
- the processor: what our thread and the work's own database backend spent, in nanoseconds counted by the kernel
  (``/proc/<pid>/schedstat``), divided by the turns. Waiting for a processor that others use is not in it.

What counts is the block in the middle, so that one that was disturbed moves no outcome.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

BLOCKS = 7
TURNS = 15
WARM_UPS = 3
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Work:
    """One way to do something.

    run: what is timed;  around: entered before and left after each turn, untimed
    backend_pid: answers the process of the database server that works for it, on this machine, or None
    """

    run: Callable[[], Any]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    backend_pid: Callable[[], int | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Spent:
    """What one block of turns took, per turn."""

    clock_ms: float
    processor_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One work beside the one it is compared with, block by block."""

    ours: tuple[Spent, ...]
    theirs: tuple[Spent, ...]

    @property
    def clock_ratio(self) -> float:
        return statistics.median(a.clock_ms / b.clock_ms for a, b in self._pairs())

    @property
    def processor_ratio(self) -> float:
        return statistics.median(a.processor_ms / b.processor_ms for a, b in self._pairs())

    @property
    def added_ms(self) -> float:
        """By the clock."""
        return statistics.median(a.clock_ms - b.clock_ms for a, b in self._pairs())

    @property
    def added_processor_ms(self) -> float:
        return statistics.median(a.processor_ms - b.processor_ms for a, b in self._pairs())

    @property
    def least_added_ms(self) -> float:
        """By the processor, between the quietest block of each: what is added where nobody is in the way."""
        return min(a.processor_ms for a in self.ours) - min(b.processor_ms for b in self.theirs)

    @property
    def least_ratio(self) -> float:
        """By the processor, between the quietest block of each."""
        return min(a.processor_ms for a in self.ours) / min(b.processor_ms for b in self.theirs)

    @property
    def least_clock_ratio(self) -> float:
        """By the clock, between the quietest block of each."""
        return min(a.clock_ms for a in self.ours) / min(b.clock_ms for b in self.theirs)

    def as_json(self) -> dict[str, float]:
        """What is printed: each measure of the block in the middle, and the clock of the quietest."""
        numbers = {
            "ours_ms": statistics.median(a.clock_ms for a in self.ours),
            "theirs_ms": statistics.median(b.clock_ms for b in self.theirs),
            "least_ours_ms": min(a.clock_ms for a in self.ours),
            "least_theirs_ms": min(b.clock_ms for b in self.theirs),
            "ours_processor_ms": statistics.median(a.processor_ms for a in self.ours),
            "theirs_processor_ms": statistics.median(b.processor_ms for b in self.theirs),
            "added_ms": self.added_ms,
            "added_processor_ms": self.added_processor_ms,
            "least_added_processor_ms": self.least_added_ms,
            "least_processor_ratio": self.least_ratio,
            "ratio": self.clock_ratio,
            "processor_ratio": self.processor_ratio,
        }
        return {name: round(number, 4) for name, number in numbers.items()}

    def _pairs(self) -> zip[tuple[Spent, Spent]]:
        return zip(self.ours, self.theirs, strict=True)


def compare(ours: Work, theirs: Work, *, blocks: int = BLOCKS, turns: int = TURNS) -> Comparison:
    """Let two works take turns."""
    first, second = take_turns(ours, theirs, blocks=blocks, turns=turns)
    return Comparison(first, second)


def take_turns(*works: Work, blocks: int = BLOCKS, turns: int = TURNS) -> list[tuple[Spent, ...]]:
    """What each work takes, block by block. Every other turn goes backwards, so that none is always first."""
    for work in works * WARM_UPS:
        _turn(work)
    kept = [_block(works, turns) for _ in range(blocks)]
    return list(zip(*kept, strict=True))


def first_that_holds(measure: Callable[[], T], holds: Callable[[T], bool]) -> T:
    """Repeat a whole measurement up to three times and return the first that holds, else the last.

    A level that is really missed is missed three times; a machine that is in the way is so for a while.
    """
    found = measure()
    for _ in range(ATTEMPTS - 1):
        if holds(found):
            break
        found = measure()
    return found


def _block(works: tuple[Work, ...], turns: int) -> list[Spent]:
    backends = [processor_ns_of(work.backend_pid()) for work in works]
    durations: list[list[tuple[int, int]]] = [[] for _ in works]
    numbered = list(enumerate(works))
    for turn in range(turns):
        for place, work in numbered if turn % 2 else reversed(numbered):
            durations[place].append(_turn(work))
    found = []
    for work, before_ns, taken in zip(works, backends, durations, strict=True):
        clock_ns = statistics.median(clock for clock, _ in taken)
        processor_ns = sum(thread for _, thread in taken) + processor_ns_of(work.backend_pid()) - before_ns
        found.append(Spent(clock_ns / 1e6, processor_ns / turns / 1e6))
    return found


def _turn(work: Work) -> tuple[int, int]:
    """Nanoseconds by the clock, and of our thread."""
    with work.around():
        began, thread = time.perf_counter_ns(), time.thread_time_ns()
        work.run()
        return time.perf_counter_ns() - began, time.thread_time_ns() - thread


def processor_ns_of(pid: int | None) -> int:
    """Nanoseconds a process has been on a processor since it started, 0 where that cannot be read."""
    if pid is None:
        return 0
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except OSError:
        return 0
