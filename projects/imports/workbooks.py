"""Rows of the first sheet of an .xlsx workbook: a packed file of XML, read as it comes.

Kept in memory: the workbook's distinct texts, because cells name them by number, and one row.
A cell of a date is a number that only its style tells from others: it becomes ISO 8601, without a zone, as it was seen.
Source: ECMA-376, part 1, 18.3 (cells), 18.8.30 (number formats), https://ecma-international.org/publications-and-standards/standards/ecma-376/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import IO, Final
from xml.parsers import expat

from projects.imports.csv_reader import COLUMNS, CsvRow
from projects.imports.errors import ImportFileRefused
from projects.imports.formats import Archive

WORKBOOK: Final = "xl/workbook.xml"
RELATIONS: Final = "xl/_rels/workbook.xml.rels"
STRINGS: Final = "xl/sharedStrings.xml"
STYLES: Final = "xl/styles.xml"
MOST_TEXT: Final = 32 * 1024 * 1024
MOST_STRINGS: Final = 2_000_000
MOST_UNPARSED: Final = 1024 * 1024
"""Of one tag, which the parser keeps until it ends."""
CELL_CHARACTERS: Final = 32_767  # what a cell may hold
READ_BYTES: Final = 64 * 1024
TOO_MUCH_TEXT: Final = "The workbook holds more text than may be kept. Save the sheet as CSV."
NO_WORKBOOK: Final = "The workbook is damaged. Save it again, as .xlsx or as CSV."
DAY_0: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a day of a sheet has no zone
DAY_0_OF_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001 - as above
LAST_DAY: Final = 2_958_465  # 31 December 9999
DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NOT_DATE: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_COLUMN: Final = re.compile(r"([A-Z]{1,3})\d+$")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")


def is_workbook(names: tuple[str, ...]) -> bool:
    return WORKBOOK in names


def workbook_rows(archive: Archive) -> Iterator[CsvRow]:
    """Rows of the first sheet, by their numbers, each as long as its last cell; empty ones are left out.

    Raises ImportFileRefused for one that cannot be read.
    """
    strings = _strings(archive) if STRINGS in archive.names else []
    dates = _date_styles(archive) if STYLES in archive.names else frozenset()
    sheet, day_0 = _first_sheet(archive)
    yield from _sheet_rows(archive.open(sheet), strings, dates, day_0)


Start = Callable[[str, dict[str, str]], None]


def _parse(stream: IO[bytes], start: Start, end: Callable[[str], None], text: Callable[[str], None]) -> Iterator[None]:
    """Feed a parser, and give way after each piece. A DTD is refused: its entities may unfold without end."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = lambda name, values: start(_local(name), values)
    parser.EndElementHandler = lambda name: end(_local(name))
    parser.CharacterDataHandler = text
    fed = 0
    try:
        while raw := stream.read(READ_BYTES):
            parser.Parse(raw, False)
            fed += len(raw)
            if fed - parser.CurrentByteIndex > MOST_UNPARSED:
                raise ImportFileRefused(NO_WORKBOOK)
            yield
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise ImportFileRefused(NO_WORKBOOK) from None
    yield


def _refuse_doctype(*_: object) -> None:
    raise ImportFileRefused(NO_WORKBOOK)


def _whole(text: str) -> int | None:
    """A number by which a workbook counts, None for what is none: more digits than rows or texts have are not read."""
    return int(text) if _WHOLE.fullmatch(text) else None


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _nothing(_: str) -> None:
    return


class _Strings:
    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] | None = None
        self._is_text = self._is_phonetic = False
        self._left = MOST_TEXT

    def start(self, name: str, _: dict[str, str]) -> None:
        if name == "si":
            self._parts = []
        self._is_phonetic = self._is_phonetic or name == "rPh"
        self._is_text = name == "t" and not self._is_phonetic

    def end(self, name: str) -> None:
        if name == "si" and self._parts is not None:
            if len(self.found) >= MOST_STRINGS:
                raise ImportFileRefused(TOO_MUCH_TEXT)
            self.found.append("".join(self._parts))
            self._parts = None
        self._is_phonetic = self._is_phonetic and name != "rPh"
        self._is_text = False

    def text(self, data: str) -> None:
        if self._is_text and self._parts is not None:
            self._left -= len(data)
            if self._left < 0:
                raise ImportFileRefused(TOO_MUCH_TEXT)
            self._parts.append(data)


def _strings(archive: Archive) -> list[str]:
    reader = _Strings()
    for _ in _parse(archive.open(STRINGS), reader.start, reader.end, reader.text):
        pass
    return reader.found


def _date_styles(archive: Archive) -> frozenset[int]:
    """Numbers of the styles in which a number is a date."""
    own: dict[str, bool] = {}
    styles: list[str] = []
    inside: list[str] = []

    def start(name: str, values: dict[str, str]) -> None:
        inside.append(name)
        if name == "numFmt":
            own[values.get("numFmtId", "")] = _is_date_format(values.get("formatCode", ""))
        elif name == "xf" and "cellXfs" in inside:
            styles.append(values.get("numFmtId", ""))

    def end(_: str) -> None:
        inside.pop()

    for _ in _parse(archive.open(STYLES), start, end, _nothing):
        pass
    return frozenset(index for index, number in enumerate(styles) if own.get(number, _whole(number) in DATE_FORMATS))


def _is_date_format(code: str) -> bool:
    return bool(re.search("[ymdhs]", _NOT_DATE.sub("", code.casefold())))


def _first_sheet(archive: Archive) -> tuple[str, datetime]:
    sheets: list[str] = []
    targets: dict[str, str] = {}
    counts_from_1904: list[bool] = []

    def start(name: str, values: dict[str, str]) -> None:
        if name == "sheet":
            sheets.append(next((value for key, value in values.items() if _local(key) == "id"), ""))
        elif name == "workbookPr":
            counts_from_1904.append(values.get("date1904") in ("1", "true"))
        elif name == "Relationship":
            targets[values.get("Id", "")] = values.get("Target", "")

    for part in (WORKBOOK, RELATIONS):
        for _ in _parse(archive.open(part), start, _nothing, _nothing):
            pass
    target = targets.get(sheets[0], "").lstrip("/") if sheets else ""
    found = target if target.startswith("xl/") else f"xl/{target}"
    if found not in archive.names:
        raise ImportFileRefused(NO_WORKBOOK)
    return found, DAY_0_OF_1904 if any(counts_from_1904) else DAY_0


class _Sheet:
    """Collects the cells of the row that is being read."""

    def __init__(self, strings: list[str], dates: frozenset[int], day_0: datetime) -> None:
        self.rows: list[CsvRow] = []
        self._strings, self._dates, self._day_0 = strings, dates, day_0
        self._number = 0
        self._values: dict[int, str] = {}
        self._column = -1
        self._kind = self._style = ""
        self._text: list[str] | None = None
        self._room = 0

    def start(self, name: str, values: dict[str, str]) -> None:
        if name == "row":
            told = _whole(values.get("r", ""))
            self._number = self._number + 1 if told is None else told
            self._values, self._column = {}, -1
        elif name == "c":
            self._column = _column_of(values.get("r", ""), self._column)
            self._kind, self._style = values.get("t", "n"), values.get("s", "")
        elif name in ("v", "t"):
            self._text, self._room = [], CELL_CHARACTERS

    def text(self, data: str) -> None:
        if self._text is not None and self._room > 0:
            self._text.append(data)
            self._room -= len(data)

    def end(self, name: str) -> None:
        if name in ("v", "t") and self._text is not None:
            if self._column < COLUMNS:
                told = self._values.get(self._column, "") if name == "t" else ""
                self._values[self._column] = (told + self._value("".join(self._text)))[:CELL_CHARACTERS]
            self._text = None
        elif name == "row" and any(self._values.values()):
            values = [self._values.get(index, "") for index in range(max(self._values) + 1)]
            self.rows.append(CsvRow(max(self._number, 1), max(self._number, 1), values))

    def _value(self, text: str) -> str:
        if self._kind == "s":
            index = _whole(text)
            return self._strings[index] if index is not None and index < len(self._strings) else ""
        if self._kind == "b":
            return "true" if text == "1" else "false"
        if self._kind == "n":
            return _day_text(text, self._day_0) if _whole(self._style) in self._dates else _number_text(text)
        return text


def _column_of(place: str, before: int) -> int:
    """Counted from 0; the one after the last, where a cell does not say. "A1" is 0, "AB7" is 27."""
    found = _COLUMN.match(place)
    if found is None:
        return before + 1
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _number_text(text: str) -> str:
    """A whole number without its fraction: identifiers are written as 1.234567891E9, too."""
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else text


def _day_text(text: str, day_0: datetime) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    if not 0 <= number <= LAST_DAY:
        return text
    moment = day_0 + timedelta(days=int(number), seconds=round((number - int(number)) * 86_400))
    is_day = number.is_integer()
    return moment.date().isoformat() if is_day else moment.isoformat()


def _sheet_rows(stream: IO[bytes], strings: list[str], dates: frozenset[int], day_0: datetime) -> Iterator[CsvRow]:
    sheet = _Sheet(strings, dates, day_0)
    for _ in _parse(stream, sheet.start, sheet.end, sheet.text):
        yield from sheet.rows
        sheet.rows = []
