"""Rows of the first table of an HTML page: what some tools call an Excel file."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from projects.imports.csv_reader import COLUMNS, CsvRow
from projects.imports.errors import LineError
from projects.imports.lines import TextLine

CELL_CHARACTERS: Final = 100_000
UNREAD_CHARACTERS: Final = 128 * 1024
"""An open comment or tag is looked through again with every line that follows it."""


class _Table(HTMLParser):
    """Collects rows; cells of tables inside of cells are text of the outer cell."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._row: list[str] | None = None
        self._cell: list[str] | None = None
        self._room = CELL_CHARACTERS
        self.has_ended = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._end_row()
            self._row = []
        elif tag in ("td", "th"):
            self._end_cell()
            self._cell, self._room = [], CELL_CHARACTERS
        elif tag == "br" and self._cell is not None:
            self.handle_data("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell()
        elif tag in ("tr", "table"):
            self._end_row()
            self.has_ended = tag == "table" or self.has_ended

    def handle_data(self, data: str) -> None:
        if self._cell is not None and self._room > 0:
            self._cell.append(data[: self._room])
            self._room -= len(data)

    def _end_cell(self) -> None:
        if self._row is not None and self._cell is not None and len(self._row) < COLUMNS:
            self._row.append("".join(self._cell).replace("\xa0", " ").strip())
        self._cell = None

    def _end_row(self) -> None:
        self._end_cell()
        if self._row:
            self.rows.append(self._row)
        self._row = None


def html_rows(lines: Iterator[TextLine | LineError]) -> Iterator[CsvRow | LineError]:
    """Each with the line on which it ends. A line that cannot be read is an error, and the table goes on."""
    table = _Table()
    for line in lines:
        if isinstance(line, LineError):
            yield line
            continue
        table.feed(line.text)
        for values in table.rows:
            if any(values):
                yield CsvRow(line.number, line.number, values)
        table.rows = []
        if len(table.rawdata) > UNREAD_CHARACTERS:
            yield LineError(line.number, "something before this is not closed; what follows was not read")
            return
        if table.has_ended:
            return
