"""Preparing what comes next while the database is busy with what came before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Full, Queue
from typing import Final, TypeVar

POLL_S: Final = 0.1
"""How often a waiting reader looks whether anybody still wants what it has read, in seconds."""
Item = TypeVar("Item")


class _End:
    """The last thing a reader hands over: nothing more comes, or only this error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def read_ahead(items: Iterator[Item], *, depth: int = 1) -> Iterator[Item]:
    """The same items in the same order, read by a thread that is up to `depth` items ahead.

    For items that are made without the database, whose connections and tenant belong to the calling thread. An error of
    the reader is raised here, in its turn; when the caller stops early the thread ends before the generator is closed.
    """
    queue: Queue[Item | _End] = Queue(maxsize=depth)
    stopped = threading.Event()
    thread = threading.Thread(target=_fill, args=(items, queue, stopped), name="read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()


def _fill(items: Iterator[Item], queue: Queue[Item | _End], stopped: threading.Event) -> None:
    end = _End()
    try:
        for item in items:
            if not _put(queue, item, stopped):
                return
    except BaseException as error:
        end = _End(error)
    _put(queue, end, stopped)


def _put(queue: Queue[Item | _End], item: Item | _End, stopped: threading.Event) -> bool:
    """Wait for room. False when nobody wants the item any more."""
    while not stopped.is_set():
        try:
            queue.put(item, timeout=POLL_S)
        except Full:
            continue
        return True
    return False
