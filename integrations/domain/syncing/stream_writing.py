"""Bringing the pages of a stream into the record, in steps: facts, counts, checkpoint and raw answers together."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import DatabaseError

from integrations.connectors.base import FailedRecord, Json, Page, Partition, Stream, odd_answers_named
from integrations.domain.environment import SyncStep
from integrations.domain.syncing import counts
from integrations.domain.syncing.adjusting import Adjusted, Adjustments
from integrations.domain.syncing.cursors import greater, not_after
from integrations.domain.syncing.payloads import keep_payloads
from integrations.domain.syncing.run_record import RunRecord
from integrations.domain.syncing.stream_states import forget_checkpoint
from integrations.http.errors import ToolError
from integrations.models import StreamState
from projects.domain.recording import (
    Pseudonyms,
    RecordingResult,
    is_refusal,
    record_in_parts,
    record_observations,
)
from projects.observations import ObservationBatch

COMMIT_FACTS: Final = 5_000
COMMIT_SHARE: Final = 1 / 20
"""A step is committed at the latest when it has cost a twentieth of the run's requests: what a kill can lose."""
DATABASE_REFUSES: Final = "is what the database refuses"

logger = logging.getLogger(__name__)


class _BatchRefused(Exception):
    """The database refuses something of a batch, and with it all of it."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Pages that are written together."""

    stream: Stream[Any]
    state: StreamState
    partition: Partition
    pages: Sequence[Page]
    adjusted: Adjusted
    is_last: bool


class StreamWriter:
    """Writes for one run."""

    def __init__(self, record: RunRecord, adjustments: Adjustments, pseudonyms: Pseudonyms) -> None:
        self._record = record
        self._adjustments = adjustments
        self._pseudonyms = pseudonyms

    def take(
        self,
        stream: Stream[Any],
        state: StreamState,
        partition: Partition,
        pages: Iterable[Page],
        *,
        is_retry: bool = False,
    ) -> None:
        """Commit pages in steps. What came before an error is kept, and the error goes on.

        is_retry: pages of details that were owed; the stream itself has ended before
        """
        waiting: list[Page] = []
        try:
            for page in _readable(pages):
                waiting.append(page)
                if self._is_step(waiting):
                    step, waiting = waiting, []
                    self._commit(stream, state, partition, step)
        except ToolError:
            self._commit(stream, state, partition, waiting)
            raise
        self._commit(stream, state, partition, waiting, is_last=not is_retry)

    def _is_step(self, waiting: Sequence[Page]) -> bool:
        if self._record.share_at_stake >= COMMIT_SHARE:
            return True
        return sum(len(page.batch.items) + len(page.batch.changes) for page in waiting) >= COMMIT_FACTS

    def _commit(
        self,
        stream: Stream[Any],
        state: StreamState,
        partition: Partition,
        pages: Sequence[Page],
        *,
        is_last: bool = False,
    ) -> None:
        if not pages and not is_last:
            return
        adjusted = self._adjustments.adjust(ObservationBatch.merged(page.batch for page in pages), pages)
        step = _Step(stream, state, partition, pages, adjusted, is_last)
        try:
            self._write(step, self._record_whole)
        except _BatchRefused:  # the step was taken back as a whole
            self._write(step, self._record_in_parts)
        record = self._record
        read = counts.total(record.progress.streams, "read")
        where = partition.name or partition.id
        record.environment.on_step(SyncStep(stream.name, where, read, record.progress.request_count))

    def _write(self, step: _Step, write: Callable[[_Step, datetime], RecordingResult]) -> None:
        """One transaction. Raises _BatchRefused before anything but rows has changed."""
        record, streams, name = self._record, self._record.progress.streams, step.stream.name
        at = record.now()
        with record.step():
            result = write(step, at)
            counts.add_pages(streams, name, step.pages, result)
            counts.add_adjusted(streams, name, step.adjusted.refused, step.adjusted.odd)
            self._move(step.state, step.pages, is_last=step.is_last, at=at)
            step.state.save()
            keep_payloads(record.integration, record.bodies, stream=name, partition=step.partition.id, at=at)

    def _record_whole(self, step: _Step, at: datetime) -> RecordingResult:
        try:
            return record_observations(
                project=self._record.integration.project,
                source=self._record.source,
                observations=step.adjusted.batch,
                at=at,
                pseudonyms=self._pseudonyms,
            )
        except DatabaseError as error:
            if is_refusal(error):
                raise _BatchRefused from None
            raise

    def _record_in_parts(self, step: _Step, at: datetime) -> RecordingResult:
        """What the database refuses is counted as failed and named, and the others go on."""
        result, refused = record_in_parts(
            project=self._record.integration.project,
            source=self._record.source,
            observations=step.adjusted.batch,
            at=at,
            pseudonyms=self._pseudonyms,
        )
        named = [FailedRecord(each.external_id, each.rule or "the record", DATABASE_REFUSES) for each in refused]
        counts.add_adjusted(self._record.progress.streams, step.stream.name, named, ())
        rules = Counter(each.rule for each in refused)
        logger.warning("the database refused records of stream %s: %s", step.stream.name, dict(rules))
        return result

    def _move(self, state: StreamState, pages: Sequence[Page], *, is_last: bool, at: datetime) -> None:
        """Bring the state behind the pages."""
        progress = self._record.progress
        for page in pages:
            state.newest = greater(state.newest, page.cursor or "")
            if page.checkpoint is not None:
                state.checkpoint, state.checkpoint_at = page.checkpoint, at
            state.deferred = _still_owed(state.deferred, page)
            state.unlisted = _still_unlisted(state.unlisted, page)
        if is_last:
            if not state.cursor:  # everything has just been listed
                state.census_in_run, state.census_at = progress.run_id, at
            state.cursor = greater(state.cursor, not_after(state.newest, progress.started_at))
            forget_checkpoint(state)
            state.done_in_run = progress.run_id


def _readable(pages: Iterable[Page]) -> Iterator[Page]:
    with odd_answers_named():
        yield from pages


def _still_owed(deferred: Sequence[Json], page: Page) -> list[Json]:
    """Details to ask for again: without what the page has settled, with what it has deferred."""
    left = [detail for detail in deferred if detail not in page.settled]
    return left + [detail for detail in page.deferred if detail not in deferred]


def _still_unlisted(unlisted: list[str], page: Page) -> list[str]:
    """With the items that the page has found beside the lists, without those that it says are not there."""
    if not page.unlisted:
        return unlisted
    found = {item for item, is_there in page.unlisted.items() if is_there}
    return sorted((set(unlisted) | found) - (page.unlisted.keys() - found))
