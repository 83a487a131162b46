"""Bringing a file into the record of a project: once, as far as it can be read, and on from where it was killed.

A door opens the file and says how to open a transaction; everything else happens here. Facts and checkpoint are
committed together, chunk by chunk, so whatever ends the process, the same file given again goes on behind the last one.
What has changed the record of an active project has it analysed: a job, deferred with the end of the run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import IO, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from projects.domain.recording import (
    Pseudonyms,
    RecordingResult,
    load_pseudonyms,
    record_observations,
    resolve_links,
    resolve_mentions,
)
from projects.enums import ImportStatus, ProjectStatus, ProjectTask
from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.reading import FileReading, ReadFile, read_file
from projects.imports.records import Note, ParsedRecord
from projects.models import ImportRun, Project
from projects.observations import ObservationBatch
from tenants.audit.enums import AuditAction, Operation
from tenants.domain import auditing
from tenants.isolation.queue import defer_job

CHUNK_FACTS: Final = 5_000
"""Items and changes in one transaction: half a second of work, which is all that a kill can lose."""
KEPT_ERRORS: Final = 100
DIGEST_BLOCK_BYTES: Final = 1024 * 1024


class ImportOvertaken(Exception):
    """Another process is importing the same file into the same project."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What somebody asked for.

    profile: a name of `projects.imports.reading.profile_names()`, or None to tell by the content
    time_zone: IANA name for instants without a UTC offset; "" to refuse them
    encoding: of a text without a mark; "" for UTF-8;  date_order: of days between slashes; "" to refuse them
    is_strict: one broken line and nothing is imported
    """

    file_name: str
    profile: str | None = None
    time_zone: str = ""
    encoding: str = ""
    date_order: str = ""
    is_strict: bool = False
    requested_by_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come.

    records: dealt with, of the file;  bytes_read: of the file as it was given, of file_bytes
    """

    records: int
    bytes_read: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Doorway:
    """What the door brings.

    transaction: opens one in the tenant's context; nullcontext where the request has opened its own
    now: the clock;  on_progress: told after each chunk
    """

    transaction: Callable[[], AbstractContextManager[object]]
    now: Callable[[], datetime]
    on_progress: Callable[[Progress], None] = field(default=lambda _: None)


def import_file(*, project: Project, stream: IO[bytes], request: ImportRequest, doorway: Doorway) -> ImportRun:
    """Read a file into a project, or go on reading it, and return the finished run with its counts and errors.

    stream: binary and seekable, at its start
    Raises ImportFileRefused when the file cannot be read at all, ImportOvertaken when somebody else reads it.
    """
    digest, file_bytes = _digest(stream)
    began_at = doorway.now()
    file = _open(stream, request, began_at)
    broken = _broken_lines(file) if request.is_strict else _BrokenLines()
    if broken.count:
        with doorway.transaction():
            return _refuse(project, request, file, digest=digest, broken=broken, at=doorway.now())
    with doorway.transaction():
        run = _begin(project, request, file, digest=digest, at=doorway.now())
    file = _open(stream, request, began_at)
    pseudonyms: Pseudonyms | None = None
    for chunk in _chunks(islice(file.records, run.checkpoint, None)):
        with doorway.transaction():
            pseudonyms = pseudonyms or load_pseudonyms()
            _record_chunk(project, run, chunk, pseudonyms, at=doorway.now())
        doorway.on_progress(Progress(run.checkpoint, stream.tell(), file_bytes))
    with doorway.transaction():
        return _finish(project, run, at=doorway.now())


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Consecutive records: their facts, and what was wrong or odd with them."""

    record_count: int
    observations: ObservationBatch
    errors: list[LineError]
    notes: Counter[Note]


@dataclass(slots=True)
class _BrokenLines:
    """How many lines are broken, and the first of them: a file may hold more than memory does."""

    count: int = 0
    first: list[LineError] = field(default_factory=list)


def _digest(stream: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := stream.read(DIGEST_BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def _open(stream: IO[bytes], request: ImportRequest, at: datetime) -> ReadFile:
    stream.seek(0)
    zone = _zone(request.time_zone) if request.time_zone else None
    reading = FileReading(
        profile=request.profile, zone=zone, encoding=request.encoding, date_order=request.date_order, read_at=at
    )
    return read_file(stream, reading=reading)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones, such as "Europe"
        raise ImportFileRefused(
            "There is no time zone of that name; give an IANA name such as Europe/Berlin."
        ) from None


def _broken_lines(file: ReadFile) -> _BrokenLines:
    broken = _BrokenLines()
    for record in file.records:
        broken.count += len(record.errors)
        broken.first.extend(record.errors[: KEPT_ERRORS - len(broken.first)])
    return broken


def _chunks(records: Iterator[ParsedRecord]) -> Iterator[_Chunk]:
    waiting: list[ParsedRecord] = []
    fact_count = 0
    for record in records:
        waiting.append(record)
        fact_count += 1 + sum(len(batch.changes) for batch in record.batches)
        if fact_count >= CHUNK_FACTS:
            yield _chunk(waiting)
            waiting, fact_count = [], 0
    if waiting:
        yield _chunk(waiting)


def _chunk(records: list[ParsedRecord]) -> _Chunk:
    return _Chunk(
        record_count=len(records),
        observations=ObservationBatch.merged(batch for record in records for batch in record.batches),
        errors=[error for record in records for error in record.errors],
        notes=Counter(note for record in records for note in record.notes),
    )


def _begin(project: Project, request: ImportRequest, file: ReadFile, *, digest: str, at: datetime) -> ImportRun:
    """The unfinished run of this file, or a new one."""
    unfinished: ImportRun | None = ImportRun.objects.filter(
        project=project,
        file_digest=digest,
        profile=file.profile,
        time_zone=request.time_zone,
        status=ImportStatus.RUNNING,
    ).first()
    if unfinished is not None:
        return unfinished
    run = _new_run(project, request, file, digest=digest, at=at)
    run.save()
    return run


def _new_run(project: Project, request: ImportRequest, file: ReadFile, *, digest: str, at: datetime) -> ImportRun:
    return ImportRun(
        project=project,
        file_name=request.file_name[-255:],
        file_digest=digest,
        profile=file.profile,
        source=file.source,
        time_zone=request.time_zone,
        is_strict=request.is_strict,
        requested_by_id=request.requested_by_id,
        started_at=at,
    )


def _record_chunk(project: Project, run: ImportRun, chunk: _Chunk, pseudonyms: Pseudonyms, *, at: datetime) -> None:
    """Facts and checkpoint, in one transaction. Raises ImportOvertaken when the checkpoint has moved without us."""
    stored = ImportRun.objects.select_for_update().get(pk=run.pk)
    if (stored.checkpoint, stored.status) != (run.checkpoint, ImportStatus.RUNNING):
        raise ImportOvertaken("This file is being imported into this project by another process.")
    result = record_observations(
        project=project, source=run.source, observations=chunk.observations, at=at, pseudonyms=pseudonyms
    )
    _count(run, chunk, result)
    run.save()


def _count(run: ImportRun, chunk: _Chunk, result: RecordingResult) -> None:
    run.checkpoint += chunk.record_count
    run.created_count += result.created
    run.updated_count += result.updated
    run.unchanged_count += result.unchanged
    run.fact_count += result.facts
    run.failed_count += len(chunk.errors)
    run.errors = [*run.errors, *_as_json(chunk.errors)][:KEPT_ERRORS]
    run.notes = dict(Counter(run.notes) + chunk.notes)


def _as_json(errors: list[LineError]) -> list[dict[str, object]]:
    return [
        {"line": error.line_number, "field": error.field[:255], "reason": error.reason}
        for error in errors[:KEPT_ERRORS]
    ]


def _finish(project: Project, run: ImportRun, *, at: datetime) -> ImportRun:
    run.fact_count += resolve_links(project=project, source=run.source) + resolve_mentions(project=project, at=at)
    run.status = ImportStatus.COMPLETED
    run.finished_at = max(at, run.started_at)
    run.save()
    _audit(run)
    if project.status == ProjectStatus.ACTIVE and (run.created_count or run.updated_count or run.fact_count):
        defer_job(ProjectTask.REFRESH, subject=project.pk)
    return run


def _refuse(
    project: Project, request: ImportRequest, file: ReadFile, *, digest: str, broken: _BrokenLines, at: datetime
) -> ImportRun:
    run = _new_run(project, request, file, digest=digest, at=at)
    run.failed_count, run.errors = broken.count, _as_json(broken.first)
    run.status, run.finished_at = ImportStatus.REFUSED, at
    run.save()
    _audit(run)
    return run


def _audit(run: ImportRun) -> None:
    counts = {
        "created": run.created_count,
        "updated": run.updated_count,
        "unchanged": run.unchanged_count,
        "facts": run.fact_count,
        "failed": run.failed_count,
    }
    auditing.record(
        action=AuditAction.IMPORT_DATA,
        resource=run,
        operation=Operation.BULK,
        actor_id=run.requested_by_id,
        changes={"project": str(run.project_id), "status": run.status, "counts": counts},
    )
