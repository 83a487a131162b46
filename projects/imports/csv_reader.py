"""Rows of a CSV file, of which one that is broken costs only itself.

A quote that is never closed swallows all lines up to the next quote. So a record that spans several lines and proves
broken is given up at its first line only, and the lines after it are read again.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.lines import TextLine

DELIMITERS: Final = (",", ";", "\t")
RECORD_LINES: Final = 500  # a record with more line breaks than that is taken for an open quote
COLUMNS: Final = 2000


@dataclass(frozen=True, slots=True)
class CsvRow:
    """values: as many as the header has columns"""

    first_line: int
    last_line: int
    values: list[str]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """rows: read as they are asked for; blank ones are left out"""

    header: tuple[str, ...]
    rows: Iterator[CsvRow | LineError]


def read_table(lines: Iterable[TextLine | LineError]) -> CsvTable:
    """The delimiter is the one of comma, semicolon and tab that the first line has most of.

    Raises ImportFileRefused when the first record is no header.
    """
    remaining = iter(lines)
    first = next(remaining, None)
    if first is None or isinstance(first, LineError):
        raise ImportFileRefused("The first line, which names the columns, cannot be read.")
    feed = _Feed(chain([first], remaining))
    reader = csv.reader(feed, delimiter=max(DELIMITERS, key=first.text.count), strict=True)
    try:
        header = tuple(name.strip() for name in next(reader))
    except (csv.Error, _BrokenRecord, StopIteration):
        raise ImportFileRefused("The first line, which names the columns, is not CSV.") from None
    if not any(header) or len(header) > COLUMNS:
        raise ImportFileRefused(f"The first line must name the columns, at most {COLUMNS}.")
    return CsvTable(header=header, rows=_rows(reader, feed, column_count=len(header)))


class _BrokenRecord(Exception):
    """The record that is being read cannot be completed; the message says why."""


class _Feed:
    """Hands lines to the csv module, and remembers those of the record that it is reading."""

    def __init__(self, lines: Iterator[TextLine | LineError]) -> None:
        self._lines = lines
        self._again: deque[TextLine | LineError] = deque()
        self.taken: list[TextLine] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        if isinstance(line, LineError):
            self._again.appendleft(line)
            raise _BrokenRecord("the line after it cannot be read")
        self.taken.append(line)
        if "\x00" in line.text:
            raise _BrokenRecord("holds a NUL character")
        if len(self.taken) > RECORD_LINES:
            raise _BrokenRecord(f"a quote is not closed within {RECORD_LINES} lines")
        return line.text

    def start_record(self) -> None:
        self.taken = []

    def give_up(self, reason: str) -> LineError:
        """The error for the first line of the record. The lines after it will be handed out again."""
        if self.taken:
            self._again.extendleft(reversed(self.taken[1:]))
            return LineError(self.taken[0].number, reason)
        unreadable = self._again.popleft()
        assert isinstance(unreadable, LineError)  # noqa: S101 - only an unreadable line breaks a record of no lines
        return unreadable


def _rows(reader: Iterator[list[str]], feed: _Feed, *, column_count: int) -> Iterator[CsvRow | LineError]:
    while True:
        feed.start_record()
        try:
            values = next(reader)
        except StopIteration:
            return
        except _BrokenRecord as broken:
            yield feed.give_up(str(broken))
        except csv.Error:
            yield feed.give_up("a quote is out of place, or a field is too long")
        else:
            if not any(values):
                continue
            if len(values) == column_count:
                yield CsvRow(feed.taken[0].number, feed.taken[-1].number, values)
            else:
                yield feed.give_up(f"has {len(values)} columns where the first line names {column_count}")
