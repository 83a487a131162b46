"""Rows as a workbook (Office Open XML), for people who open files and do not import them.

- Text is text: nothing in it is taken for a formula or an address, so it needs no apostrophe in front.
- Days and instants are dates that sort and filter; instants are in UTC, which has no column of its own.
- A number that a spreadsheet would round (beyond 15 digits) is text; a JSON column is its JSON text.
- A cell holds 32,767 characters and a sheet 1,048,576 rows: what is longer is cut and says so, what is more goes on in
  a further sheet. The CSV holds everything.

Rows are written to a file on disk as they come, and the file is sent when it is whole: memory stays flat, and a
workbook that breaks off is no workbook.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from tenants.api.encoding import encode, spell

CHUNK_BYTES = 65_536
MOST_ROWS = 1_048_575
"""Of a sheet, below its line of names."""
MOST_CHARACTERS = 32_767
CUT = " … [cut; the CSV holds all of it]"
EXACT_DIGITS = 15
FIRST_YEAR = 1900
"""The calendar of spreadsheets begins there."""
COLUMN_WIDTH = 22
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "yyyy-mm-dd hh:mm:ss",
}

NamedTable = tuple[str | None, Sequence[str], Iterable[Mapping[str, Any]]]
"""Name (of a sheet: at most 31 characters, None for one that needs none), columns and rows."""


class XlsxFormat:
    """A workbook whose first line names the columns, stays in sight and filters."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    content_type = media_type
    extension = "xlsx"

    def chunks(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        """The file in pieces of 64 KiB, from when the last row has been read."""
        return self.sheets([(None, columns, rows)])

    def sheets(self, tables: Iterable[NamedTable]) -> Iterator[bytes]:
        """A workbook of several tables, each on a sheet of its name, in pieces of 64 KiB."""
        with TemporaryFile() as whole:
            with Workbook(whole, OPTIONS) as workbook:
                for name, columns, rows in tables:
                    _write(workbook, columns, rows, name=name)
            whole.seek(0)
            while piece := whole.read(CHUNK_BYTES):
                yield piece

    def broken_off(self) -> bytes:
        """Nothing: without its end it does not open."""
        return b""


def _write(
    workbook: Workbook, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, name: str | None = None
) -> None:
    day = workbook.add_format({"num_format": "yyyy-mm-dd"})
    sheet, line = _sheet(workbook, columns, name), 0
    for row in rows:
        if line == MOST_ROWS:
            sheet, line = _sheet(workbook, columns), 0
        line += 1
        for place, column in enumerate(columns):
            _write_value(sheet, line, place, row[column], day)


def _sheet(workbook: Workbook, columns: Sequence[str], name: str | None = None) -> Worksheet:
    sheet: Worksheet = workbook.add_worksheet(name)
    bold = workbook.add_format({"bold": True})
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column, bold)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, max(len(columns) - 1, 0), COLUMN_WIDTH)
    return sheet


def _write_value(sheet: Worksheet, line: int, place: int, value: Any, day: Format) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, place, value)
    elif isinstance(value, int | float | Decimal) and _is_exact(value):
        sheet.write_number(line, place, value)
    elif isinstance(value, datetime) and value.year >= FIRST_YEAR:
        sheet.write_datetime(line, place, value.astimezone(UTC).replace(tzinfo=None))
    elif isinstance(value, date) and not isinstance(value, datetime) and value.year >= FIRST_YEAR:
        sheet.write_datetime(line, place, value, day)
    else:
        sheet.write_string(line, place, _fitting(_text(value)))


def _is_exact(value: int | float | Decimal) -> bool:
    """Whether a spreadsheet, which keeps 15 digits, holds the number as it is."""
    return isinstance(value, float) or len(str(abs(value)).replace(".", "").lstrip("0")) <= EXACT_DIGITS


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return encode(value).decode()
    return str(value if isinstance(value, int) else spell(value))


def _fitting(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - len(CUT)] + CUT
