"""The forms of files that can be read, in one list: each says by what content it is recognised, and how it is read.

Forms that need nothing but this package are listed in `reading`. The exports of tools whose interfaces are read by
connectors are added to the list by the app that has the connectors, when Django starts: this package knows no tool's
interface, and the same mapping reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import IO, Final

from projects.imports.csv_profiles import CsvProfile
from projects.imports.csv_reader import CsvRow, CsvTable
from projects.imports.errors import LineError
from projects.imports.json_access import JsonObject
from projects.imports.json_stream import JsonPart
from projects.imports.lines import TextLine
from projects.imports.records import ParsedRecord


@dataclass(frozen=True, slots=True)
class JsonShape:
    """What a JSON file shows of itself.

    is_list: its outermost is a list, or lines with one object each
    members: of its outermost object; of a list those of its first element
    firsts: member that is a list -> its first element, {} where that is no object
    """

    is_list: bool
    members: frozenset[str]
    firsts: Mapping[str, JsonObject]


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A JSON file that can be gone through more than once.

    parts: as one document;  lines: of a file with a document on each
    zone: for days of instants, None for UTC
    """

    parts: Callable[[], Iterator[JsonPart | LineError]]
    lines: Callable[[], Iterator[TextLine | LineError]]
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """A packed file with files in it. names: of all;  open: one of them, bounded in size"""

    names: tuple[str, ...]
    open: Callable[[str], IO[bytes]]
    parts: Callable[[str], Iterator[JsonPart | LineError]]
    lines: Callable[[str], Iterator[TextLine | LineError]]


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """name: what the run keeps, at most 32 characters;  title: for people

    source: under which its facts are recorded: that of the connector of the same tool, if there is one
    fits: whether a file of that shape is one;  records: all of it, in the order of the file
    """

    name: str
    title: str
    source: str


@dataclass(frozen=True, slots=True)
class JsonFormat(ImportFormat):
    fits: Callable[[JsonShape], bool]
    records: Callable[[JsonFile], Iterator[ParsedRecord]]


@dataclass(frozen=True, slots=True)
class TableFormat(ImportFormat):
    """signatures: columns of which one set must be in the header
    arrange: makes a table of rows that are none: several headers, titles and sums between them"""

    profile: CsvProfile
    signatures: tuple[frozenset[str], ...]
    arrange: Callable[[Iterator[CsvRow | LineError]], CsvTable] | None = None

    @classmethod
    def of(
        cls,
        profile: CsvProfile,
        *,
        signatures: tuple[frozenset[str], ...] = (),
        arrange: Callable[[Iterator[CsvRow | LineError]], CsvTable] | None = None,
    ) -> TableFormat:
        return cls(
            name=profile.name,
            title=profile.title,
            source=profile.source,
            profile=profile,
            signatures=signatures or (profile.signature,),
            arrange=arrange,
        )


@dataclass(frozen=True, slots=True)
class ArchiveFormat(ImportFormat):
    fits: Callable[[tuple[str, ...]], bool]
    records: Callable[[Archive], Iterator[ParsedRecord]]


_added: Final[dict[str, ImportFormat]] = {}


def add_formats(formats: Iterable[ImportFormat]) -> None:
    """Make forms of files known; one of the same name takes the other's place."""
    _added.update({each.name: each for each in formats})


def added_formats() -> tuple[ImportFormat, ...]:
    return tuple(_added.values())
