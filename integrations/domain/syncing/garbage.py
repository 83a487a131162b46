"""How often Python looks for circular garbage in a process that reads tools."""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 200_000
OLDER_GENERATIONS: Final = (20, 100)


def collect_rarely() -> None:
    """For a process that does nothing but read: look after 200,000 new objects.

    Answers and facts are no circles and go without it. A first sync takes a quarter less of the processor, and no more
    memory (`tests/benchmarks/test_sync_speed.py`). It holds until the process ends.
    """
    gc.set_threshold(YOUNG_OBJECTS, *OLDER_GENERATIONS)
