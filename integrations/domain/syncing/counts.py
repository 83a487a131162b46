"""Counts of a run, by stream. Kept as JSON, so that an interrupted run goes on counting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from integrations.connectors.base import FailedRecord, Page
from integrations.connectors.records import OTHER
from integrations.http.errors import ToolError
from projects.domain.recording import PresenceChanges, RecordingResult

KEPT_ERRORS = 20
KEPT_REASONS = 49
MESSAGE_LENGTH = 500
NOT_OFFERED = "not_offered"
Streams = dict[str, dict[str, Any]]


def counts_of(streams: Streams, name: str) -> dict[str, Any]:
    return streams.setdefault(name, {"read": 0})


def add_pages(streams: Streams, name: str, pages: Iterable[Page], result: RecordingResult) -> None:
    counts = counts_of(streams, name)
    for page in pages:
        _add(counts, read=page.read, failed=len(page.failed))
        for reason, number in page.skipped.items():
            if number:
                _add_skipped(counts, reason, number)
        for failure in page.failed:
            add_failure(streams, name, failure)
    _add(
        counts,
        created=result.created,
        updated=result.updated,
        unchanged=result.unchanged,
        facts=result.facts,
    )


def add_adjusted(streams: Streams, name: str, refused: Iterable[FailedRecord], odd: Iterable[FailedRecord]) -> None:
    """Items that a mapping refuses are failed; values that it could not use are named only."""
    for failure in refused:
        _add(counts_of(streams, name), failed=1)
        add_failure(streams, name, failure)
    for failure in odd:
        add_failure(streams, name, failure)


def add_presence(streams: Streams, name: str, changes: PresenceChanges) -> None:
    _add(counts_of(streams, name), gone=changes.gone, hidden=changes.hidden, updated=changes.returned)


def add_failure(streams: Streams, name: str, failure: FailedRecord) -> None:
    message = f"{failure.field} {failure.reason}".strip()
    _add_error(streams, name, where=failure.external_id, code="record", message=message)


def add_error(streams: Streams, name: str, error: ToolError, *, where: str) -> None:
    counts = counts_of(streams, name)
    counts.setdefault("error_code", error.code)
    _add_error(streams, name, where=where, code=error.code, message=error.message)


def add_not_offered(streams: Streams, name: str, error: ToolError, *, where: str) -> None:
    """A thing that this tool, or these credentials, do not have: named, and no failure."""
    _add_skipped(counts_of(streams, name), NOT_OFFERED, 1)
    _add_error(streams, name, where=where, code=NOT_OFFERED, message=error.message)


def total(streams: Mapping[str, Mapping[str, Any]], name: str) -> int:
    return sum(int(counts.get(name, 0)) for counts in streams.values())


def _add_skipped(counts: dict[str, Any], reason: str, number: int) -> None:
    """Some tools name dozens of kinds; those that come after the first ones are counted together."""
    skipped = counts.setdefault("skipped", {})
    name = reason if reason in skipped or len(skipped) < KEPT_REASONS else OTHER
    skipped[name] = skipped.get(name, 0) + number


def _add(counts: dict[str, Any], **numbers: int) -> None:
    for name, number in numbers.items():
        if number or name in ("created", "updated", "unchanged"):
            counts[name] = counts.get(name, 0) + number


def _add_error(streams: Streams, name: str, *, where: str, code: str, message: str) -> None:
    errors: list[dict[str, str]] = counts_of(streams, name).setdefault("errors", [])
    entry = {"where": where[:255], "code": code, "message": message[:MESSAGE_LENGTH]}
    if len(errors) < KEPT_ERRORS and entry not in errors:
        errors.append(entry)
