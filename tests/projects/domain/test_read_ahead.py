from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from projects.domain.read_ahead import read_ahead


def test_items_come_in_their_order() -> None:
    assert list(read_ahead(iter(range(50)), depth=3)) == list(range(50))


def test_error_of_the_reader_comes_in_its_turn() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    ahead = read_ahead(failing())

    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_thread_ends_when_the_caller_stops_early() -> None:
    ahead = read_ahead(iter(range(1_000_000)))
    next(ahead)

    ahead.close()  # type: ignore[attr-defined]  # it is a generator

    assert "read-ahead" not in {thread.name for thread in threading.enumerate()}
