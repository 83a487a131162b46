"""What exports in JSON have in common: each record on its own, and how much less than the interface they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from projects.imports import json_access
from projects.imports.errors import FieldRefused, LineError
from projects.imports.formats import JsonFile
from projects.imports.json_access import JsonObject
from projects.imports.json_stream import JsonPart
from projects.imports.lines import TextLine
from projects.imports.records import Note, ParsedRecord
from projects.observations import ObservationBatch

Facts = Callable[[JsonObject], ObservationBatch | None]
Parts = Iterator[JsonPart | LineError]


def records_of(parts: Parts, facts: Facts, *, member: str = "", notes: tuple[Note, ...] = ()) -> Iterator[ParsedRecord]:
    """One record for each element of a list in the file; what is no fact of ours (None) is a record without facts.

    member: the list's name, "" for the outermost one
    """
    for part in parts:
        if isinstance(part, LineError):
            yield ParsedRecord(part.line_number, part.line_number, errors=(part,))
        elif part.member == member:
            yield record_of(part, facts, notes=notes)


def records_of_lines(lines: Iterable[TextLine | LineError], facts: Facts) -> Iterator[ParsedRecord]:
    """One record for each line with a document on it: one that cannot be read costs only itself."""
    for line in lines:
        if isinstance(line, LineError):
            yield ParsedRecord(line.line_number, line.line_number, errors=(line,))
        elif line.text.strip():
            yield _record_of_line(line, facts)


def _record_of_line(line: TextLine, facts: Facts) -> ParsedRecord:
    try:
        batch = facts(_object(json_access.loads(line.text)))
    except FieldRefused as refused:
        error = LineError(line.number, refused.reason, field=refused.field)
    except ValueError:
        error = LineError(line.number, "is not JSON")
    else:
        return ParsedRecord(line.number, line.number, batches=() if batch is None else (batch,))
    return ParsedRecord(line.number, line.number, errors=(error,))


def record_of(part: JsonPart, facts: Facts, *, place: str = "", notes: tuple[Note, ...] = ()) -> ParsedRecord:
    """place: of the file in an archive, for whoever mends it"""
    try:
        batch = facts(_object(part.value))
    except FieldRefused as refused:
        field = f"{place}{part.member}[{part.index}].{refused.field}"
        error = LineError(part.line, refused.reason, field=field)
        return ParsedRecord(part.line, part.line, errors=(error,))
    if batch is None:
        return ParsedRecord(part.line, part.line)
    return ParsedRecord(part.line, part.line, batches=(batch,), notes=notes)


def parts_of(file: JsonFile, *members: str) -> Iterator[JsonPart]:
    """The objects of these lists, as far as the file can be read; a second reading tells what is wrong with it."""
    for part in file.parts():
        if isinstance(part, JsonPart) and part.member in members and isinstance(part.value, dict):
            yield part


def says_less(batch: ObservationBatch, unsaid: Sequence[str] = ()) -> ObservationBatch:
    """Facts of an export without the history that the interface has: at the same moment the interface is right.

    1. An item's version is just below the one that the interface would give to the same state.
    2. What is not shown has not ended: an export may leave out what the interface would send.
    3. Since when an item is in a milestone or an iteration nobody knows, and no move of it has an identifier.
    unsaid: attributes of items that the export has no member for
    """
    return replace(
        batch,
        items=tuple(
            replace(
                item,
                source_version=None if item.source_version is None else item.source_version - 1,
                unsaid=frozenset(unsaid),
            )
            for item in batch.items
        ),
        changes=(),
        iteration_memberships=tuple(replace(stay, joined_at=None) for stay in batch.iteration_memberships),
        milestone_memberships=tuple(replace(stay, joined_at=None) for stay in batch.milestone_memberships),
        whole_states=frozenset(),
        whole_histories=frozenset(),
    )


def _object(value: Any) -> JsonObject:
    if not isinstance(value, dict):
        raise FieldRefused("value", "is not a JSON object")
    return value
