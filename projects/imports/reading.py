"""A file and what it is said to be, turned into a stream of records: the one entry to this package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import chain, dropwhile
from typing import IO, Final

from projects.imports import jira_rest
from projects.imports.csv_items import RowReader, fitting_profile
from projects.imports.csv_profiles import PROFILES
from projects.imports.csv_reader import CsvTable, read_table
from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.lines import TextLine, most_bytes, open_unpacked, read_lines
from projects.imports.records import ParsedRecord

JIRA_REST: Final = "jira-rest"
PROFILE_NAMES: Final = (JIRA_REST, *(profile.name for profile in PROFILES))
MOST_BROKEN_RECORDS: Final = 10_000
CSV_PROFILES: Final = {profile.name: profile for profile in PROFILES}


@dataclass(frozen=True, slots=True)
class ReadFile:
    """profile: the one that was asked for, or the one that fits;  source: under which to record its facts

    records: read as they are asked for, in the order of the file
    """

    profile: str
    source: str
    records: Iterator[ParsedRecord]


def read_file(stream: IO[bytes], *, profile: str | None = None, zone: tzinfo | None = None) -> ReadFile:
    """Open a plain or gzipped file of Jira issues or CSV rows.

    stream: binary and seekable, at its start
    profile: one of PROFILE_NAMES; None to tell by the content: JSON begins with a brace, a table with its header
    zone: for instants without a UTC offset; without it such a row is an error

    Raises ImportFileRefused when the whole file cannot be what it should be.
    """
    if profile is not None and profile not in PROFILE_NAMES:
        raise ImportFileRefused(f"There is no profile of that name; there are {', '.join(PROFILE_NAMES)}.")
    file_bytes = most_bytes(stream)
    lines = dropwhile(_is_blank, read_lines(open_unpacked(stream), file_bytes=file_bytes))
    first = next(lines, None)
    everything = lines if first is None else chain([first], lines)
    if profile == JIRA_REST or (profile is None and _is_json(first)):
        return ReadFile(JIRA_REST, jira_rest.SOURCE, _until_hopeless(_jira_records(everything)))
    table = read_table(everything)
    chosen = fitting_profile(table.header) if profile is None else CSV_PROFILES[profile]
    reader = RowReader(chosen, table.header, zone=zone)
    return ReadFile(chosen.name, chosen.source, _until_hopeless(_csv_records(table, reader)))


def _is_blank(line: TextLine | LineError) -> bool:
    return isinstance(line, TextLine) and not line.text.strip()


def _is_json(line: TextLine | LineError | None) -> bool:
    return isinstance(line, TextLine) and line.text.lstrip().startswith(("{", "["))


def _jira_records(lines: Iterable[TextLine | LineError]) -> Iterator[ParsedRecord]:
    for line in lines:
        record = _failed(line) if isinstance(line, LineError) else jira_rest.parse_line(line)
        if record is not None:
            yield record


def _csv_records(table: CsvTable, reader: RowReader) -> Iterator[ParsedRecord]:
    for row in table.rows:
        yield _failed(row) if isinstance(row, LineError) else reader.read(row)


def _until_hopeless(records: Iterable[ParsedRecord]) -> Iterator[ParsedRecord]:
    """The records, up to where it is plain that the file is something else: most of very many are broken."""
    broken_count = 0
    for count, record in enumerate(records, start=1):
        yield record
        broken_count += bool(record.errors)
        if broken_count >= MOST_BROKEN_RECORDS and 2 * broken_count > count:
            reason = f"most of the first {count:,} records cannot be read; what follows was not tried"
            yield _failed(LineError(record.last_line, reason))
            return


def _failed(error: LineError) -> ParsedRecord:
    return ParsedRecord(error.line_number, error.line_number, errors=(error,))
