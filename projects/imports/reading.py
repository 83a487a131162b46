"""A file and what it is said to be, turned into a stream of records: the one entry to this package.

1. The first bytes tell a packed file (zip, gzip, tar in gzip) from text, and the first character of a text tells JSON,
   an HTML table and a table with separators apart. A file's name says nothing.
2. A workbook is a packed file with a workbook in it; it and an HTML table are tables like any other.
3. Of JSON the names of its members, of a table the names of its columns, of an archive the names of its files tell
   which form it has: the first in the list whose form it is. A table of no known form is read as a generic one.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import chain, dropwhile, islice
from typing import IO, Final

from projects.imports import jira_rest
from projects.imports.csv_items import RowReader
from projects.imports.csv_profiles import PROFILES, CsvProfile, plain_name
from projects.imports.csv_reader import DELIMITERS, CsvRow, CsvTable, read_table
from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.formats import (
    Archive,
    ArchiveFormat,
    ImportFormat,
    JsonFile,
    JsonFormat,
    JsonShape,
    TableFormat,
    added_formats,
)
from projects.imports.html_tables import html_rows
from projects.imports.json_access import JsonObject
from projects.imports.json_stream import JsonPart, json_parts
from projects.imports.lines import TextLine, is_gzip, most_bytes, open_unpacked, read_lines, unpacked
from projects.imports.packed import TAR_MAGIC, TAR_MAGIC_AT, ZIP_MAGIC, open_tar, open_zip
from projects.imports.records import ParsedRecord
from projects.imports.workbooks import is_workbook, workbook_rows

JIRA_REST: Final = "jira-rest"
JIRA_TITLE: Final = "Jira issues with their history, from the REST interface (JSON)"
MOST_BROKEN_RECORDS: Final = 10_000
HEADER_WITHIN: Final = 20
"""Some tools write the name of a board, or nothing, above the line that names the columns."""
BEGINNING_BYTES: Final = 4096
CSV_PROFILES: Final = {profile.name: profile for profile in PROFILES}
Rows = Iterator[CsvRow | LineError]


@dataclass(frozen=True, slots=True)
class ReadFile:
    """profile: the form that was asked for, or the one that fits;  title: what it is, for people

    source: under which to record its facts;  records: read as they are asked for, in the order of the file
    """

    profile: str
    title: str
    source: str
    records: Iterator[ParsedRecord]


@dataclass(frozen=True, slots=True)
class FileReading:
    """How a file is to be read.

    profile: one of `profile_names()`; None to tell by the content
    zone: for instants without a UTC offset; without it such a row is an error
    encoding: of a text without a mark, one of `encodings.ENCODINGS`; "" for UTF-8
    date_order: of days between slashes, one of `written_dates.DATE_ORDERS`; "" to refuse them
    read_at: what stands in for the creation of items of which a file does not tell it
    """

    profile: str | None = None
    zone: tzinfo | None = None
    encoding: str = ""
    date_order: str = ""
    read_at: datetime | None = None


def profile_names() -> tuple[str, ...]:
    """The forms that can be asked for."""
    return tuple(known_titles())


def title_of(profile: str) -> str:
    """What a form is, for people; its name for one that is no longer known."""
    return known_titles().get(profile, profile)


def known_titles() -> dict[str, str]:
    """Every form by name, with what it is for people."""
    own = {JIRA_REST: JIRA_TITLE, **{profile.name: profile.title for profile in PROFILES}}
    return {**own, **{each.name: each.title for each in added_formats()}}


def read_file(
    stream: IO[bytes], *, profile: str | None = None, zone: tzinfo | None = None, reading: FileReading | None = None
) -> ReadFile:
    """Open a file of any known form, plain or packed.

    stream: binary and seekable, at its start;  reading: takes the place of profile and zone
    Raises ImportFileRefused when the whole file cannot be what it should be.
    """
    wanted = reading or FileReading(profile=profile, zone=zone)
    if wanted.profile is not None and wanted.profile not in profile_names():
        raise ImportFileRefused(f"There is no profile of that name; there are {', '.join(profile_names())}.")
    if _starts_with(stream, ZIP_MAGIC):
        return _read_packed(open_zip(stream), wanted)
    if is_gzip(stream) and _is_tar(stream):
        return _read_packed(open_tar(stream, unpacked(stream)), wanted)
    beginning = _beginning(stream, wanted)
    if beginning.startswith(("{", "[")) or wanted.profile in _json_names():
        return _read_json(stream, beginning, wanted)
    lines = dropwhile(_is_blank, _lines(stream, wanted))
    if beginning.startswith("<"):
        return _read_rows(html_rows(lines), wanted)
    return _read_separated(lines, wanted)


def _beginning(stream: IO[bytes], wanted: FileReading) -> str:
    """The first characters that are no space: a document may be one line, which is too long to be looked at."""
    try:
        head = open_unpacked(stream, wanted.encoding).read(BEGINNING_BYTES)
    except (OSError, EOFError, zlib.error):
        raise ImportFileRefused("The compressed file is damaged at its start.") from None
    stream.seek(0)
    return head.decode(errors="replace").lstrip()


# --- JSON ---


def _json_names() -> set[str]:
    return {JIRA_REST, *(each.name for each in added_formats() if isinstance(each, JsonFormat))}


def _read_json(stream: IO[bytes], beginning: str, wanted: FileReading) -> ReadFile:
    file_bytes = most_bytes(stream)

    def parts() -> Iterator[JsonPart | LineError]:
        stream.seek(0)
        return json_parts(open_unpacked(stream, wanted.encoding), file_bytes=file_bytes)

    def whole_lines() -> Iterator[TextLine | LineError]:
        stream.seek(0)
        return _lines(stream, wanted)

    formats = [each for each in added_formats() if isinstance(each, JsonFormat)]
    shape = _shape(parts, formats)
    if wanted.profile is None:
        chosen = next((each for each in formats if each.fits(shape)), None)
    else:
        chosen = next((each for each in formats if each.name == wanted.profile), None)
    if chosen is not None:
        return _made(chosen, chosen.records(JsonFile(parts, whole_lines, wanted.zone)))
    opening = beginning.partition("\n")[0].strip()
    is_document = bool(shape.firsts) and (opening == "{" or opening.startswith("["))
    records = jira_rest.parse_parts(parts()) if is_document else _jira_records(whole_lines())
    return ReadFile(JIRA_REST, JIRA_TITLE, jira_rest.SOURCE, _until_hopeless(records))


def _shape(parts: Callable[[], Iterator[JsonPart | LineError]], formats: Iterable[JsonFormat]) -> JsonShape:
    """As much of the file's shape as it takes for one of the forms to fit, else all of it."""
    members: set[str] = set()
    firsts: dict[str, JsonObject] = {}
    shape = JsonShape(is_list=False, members=frozenset(), firsts={})
    for part in parts():
        if isinstance(part, LineError):
            break
        if (part.member == "" and part.index) or (part.member in members and not part.index):
            break  # the second element of a list, or the second object of several, is like the first
        if part.index:
            continue
        members.add(part.member)
        value = part.value if isinstance(part.value, dict) else {}
        firsts[part.member] = value
        is_list = part.member == ""
        shape = JsonShape(is_list, frozenset(value if is_list else members), dict(firsts))
        if any(each.fits(shape) for each in formats):
            break
    return shape


def _jira_records(lines: Iterable[TextLine | LineError]) -> Iterator[ParsedRecord]:
    for line in lines:
        record = _failed(line) if isinstance(line, LineError) else jira_rest.parse_line(line)
        if record is not None:
            yield record


# --- tables ---


def _read_separated(lines: Iterator[TextLine | LineError], wanted: FileReading) -> ReadFile:
    """A table with separators. What stands above its header is passed over if the form is known by the header."""
    top = list(islice(lines, HEADER_WITHIN))
    everything = chain(top, lines)
    for index, line in enumerate(top):
        header = _split(line.text) if isinstance(line, TextLine) else []
        chosen = _fitting(header, wanted.profile)
        if chosen is None:
            continue
        if isinstance(chosen, TableFormat) and chosen.arrange is not None:
            return _read_table(chosen.arrange(_loose_rows(everything)), chosen.profile, wanted)
        table = read_table(islice(everything, index, None))
        return _read_table(table, chosen.profile if isinstance(chosen, TableFormat) else chosen, wanted)
    table = read_table(everything)
    return _read_table(table, _asked(wanted.profile) or PROFILES[-1], wanted)


def _read_rows(rows: Rows, wanted: FileReading) -> ReadFile:
    """A table that comes as rows already: of a workbook or of a page."""
    top = list(islice(rows, HEADER_WITHIN))
    everything = chain(top, rows)
    for index, row in enumerate(top):
        chosen = None if isinstance(row, LineError) else _fitting(row.values, wanted.profile)
        if chosen is None or isinstance(row, LineError):
            continue
        if isinstance(chosen, TableFormat) and chosen.arrange is not None:
            return _read_table(chosen.arrange(everything), chosen.profile, wanted)
        profile = chosen.profile if isinstance(chosen, TableFormat) else chosen
        below = islice(everything, index + 1, None)
        return _read_table(CsvTable(tuple(row.values), _fitted(below, len(row.values))), profile, wanted)
    first = next(everything, None)
    if first is None or isinstance(first, LineError):
        raise ImportFileRefused("The first row, which names the columns, cannot be read.")
    profile = _asked(wanted.profile) or PROFILES[-1]
    table = CsvTable(tuple(first.values), _fitted(everything, len(first.values)))
    return _read_table(table, profile, wanted)


def _asked(name: str | None) -> CsvProfile | None:
    """Raises ImportFileRefused for the export of a tool, whose header was not found."""
    form = next((each for each in added_formats() if each.name == name), None)
    if form is not None:
        raise ImportFileRefused(f"The file lacks a column of “{form.title}”, or is no such file at all.")
    return CSV_PROFILES.get(name or "")


def _fitting(header: list[str], asked: str | None) -> CsvProfile | TableFormat | None:
    """The form whose signature the header has; None for a line that is the header of none."""
    names = {plain_name(column) for column in header}
    known: list[CsvProfile | TableFormat] = [each for each in added_formats() if isinstance(each, TableFormat)]
    known += [profile for profile in PROFILES if profile.signature]
    return next((each for each in known if (asked is None or each.name == asked) and _has_header(each, names)), None)


def _has_header(form: CsvProfile | TableFormat, names: set[str]) -> bool:
    signatures = form.signatures if isinstance(form, TableFormat) else (form.signature,)
    return any(signature <= names for signature in signatures)


def _read_table(table: CsvTable, profile: CsvProfile, wanted: FileReading) -> ReadFile:
    read_at = None if "created_at" in profile.necessary else wanted.read_at
    reader = RowReader(profile, table.header, zone=wanted.zone, date_order=wanted.date_order, read_at=read_at)
    return ReadFile(profile.name, profile.title, profile.source, _until_hopeless(_csv_records(table, reader)))


def _csv_records(table: CsvTable, reader: RowReader) -> Iterator[ParsedRecord]:
    for row in table.rows:
        yield _failed(row) if isinstance(row, LineError) else reader.read(row)


def _split(text: str) -> list[str]:
    delimiter = max(DELIMITERS, key=text.count)
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def _loose_rows(lines: Iterable[TextLine | LineError]) -> Rows:
    """Rows of whatever length, one from each line."""
    for line in lines:
        if isinstance(line, LineError):
            yield line
        elif values := _split(line.text):
            yield CsvRow(line.number, line.number, values)


def _fitted(rows: Iterable[CsvRow | LineError], count: int) -> Rows:
    """Rows of a sheet end with their last cell that is not empty; those that are longer than the header are errors."""
    for row in rows:
        if isinstance(row, LineError):
            yield row
        elif any(row.values[count:]):
            yield LineError(row.first_line, f"has {len(row.values)} columns where the first row names {count}")
        elif any(row.values):
            yield CsvRow(row.first_line, row.last_line, [*row.values[:count], *[""] * (count - len(row.values))])


# --- packed files ---


def _read_packed(archive: Archive, wanted: FileReading) -> ReadFile:
    if is_workbook(archive.names):
        return _read_rows(workbook_rows(archive), wanted)
    formats = [each for each in added_formats() if isinstance(each, ArchiveFormat)]
    chosen = next((each for each in formats if wanted.profile in (None, each.name) and each.fits(archive.names)), None)
    if chosen is None:
        raise ImportFileRefused("The packed file is no export that is known. Unpack it, and import its parts.")
    return _made(chosen, chosen.records(archive))


def _is_tar(stream: IO[bytes]) -> bool:
    try:
        head = unpacked(stream).read(TAR_MAGIC_AT + len(TAR_MAGIC))
    except (OSError, EOFError, zlib.error):
        head = b""
    stream.seek(0)
    return head[TAR_MAGIC_AT:] == TAR_MAGIC


def _starts_with(stream: IO[bytes], magic: bytes) -> bool:
    head = stream.read(len(magic))
    stream.seek(0)
    return head == magic


# --- what all have ---


def _made(chosen: ImportFormat, records: Iterator[ParsedRecord]) -> ReadFile:
    return ReadFile(chosen.name, chosen.title, chosen.source, _until_hopeless(records))


def _lines(stream: IO[bytes], wanted: FileReading) -> Iterator[TextLine | LineError]:
    file_bytes = most_bytes(stream)
    return read_lines(open_unpacked(stream, wanted.encoding), file_bytes=file_bytes)


def _is_blank(line: TextLine | LineError) -> bool:
    return isinstance(line, TextLine) and not line.text.strip()


def _until_hopeless(records: Iterable[ParsedRecord]) -> Iterator[ParsedRecord]:
    """The records, up to where it is plain that the file is something else: most of very many are broken.

    A file that cannot be read further once it was begun ends with that error; what was read stays.
    """
    broken_count, last_line = 0, 1
    try:
        for count, record in enumerate(records, start=1):
            yield record
            last_line = record.last_line
            broken_count += bool(record.errors)
            if broken_count >= MOST_BROKEN_RECORDS and 2 * broken_count > count:
                reason = f"most of the first {count:,} records cannot be read; what follows was not tried"
                yield _failed(LineError(record.last_line, reason))
                return
    except ImportFileRefused as refused:
        yield _failed(LineError(last_line, str(refused)))


def _failed(error: LineError) -> ParsedRecord:
    return ParsedRecord(error.line_number, error.line_number, errors=(error,))
