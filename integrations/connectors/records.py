"""What connectors do with lists of records: check their form, map each on its own, go through pages by links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from integrations.connectors.base import FailedRecord, Json, Page, Reading, Seen
from integrations.http.answers import Answer
from integrations.http.door import Door
from integrations.http.errors import UnexpectedAnswer
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.imports.values import instant
from projects.observations import ObservationBatch

RecordT = TypeVar("RecordT")


def object_of(answer: Answer) -> JsonObject:
    """Raises UnexpectedAnswer."""
    sent = answer.json()
    if not isinstance(sent, dict):
        raise UnexpectedAnswer("An object was expected.")
    return sent


def objects_of(answer: Answer, *, member: str = "") -> list[JsonObject]:
    """A list of objects, by itself or as a member. Raises UnexpectedAnswer."""
    sent: Any = object_of(answer).get(member) if member else answer.json()
    if not isinstance(sent, list) or not all(isinstance(each, dict) for each in sent):
        raise UnexpectedAnswer("A list was expected.")
    return sent


def linked_pages(
    door: Door, address: str, params: Mapping[str, str | int], reading: Reading
) -> Iterator[tuple[str, list[str], list[JsonObject]]]:
    """Pages of a list from the checkpoint on: where each is, what of it is dealt with, and what it holds.

    checkpoint: {"link": of the page, "done": ids on it that are dealt with}
    """
    checkpoint = reading.checkpoint or {}
    link, done = str(checkpoint.get("link", "")), [str(each) for each in checkpoint.get("done", [])]
    answer = door.get(link) if link else door.get(address, params)
    seen = Seen()
    while True:
        yield link, done, objects_of(answer)
        following = answer.next_link
        if following is None:
            return
        link, done = seen.check(following), []
        answer = door.get(link)


def mapped(sent: JsonObject, facts: Callable[[JsonObject], ObservationBatch], *, id_in: str = "id") -> Page:
    """One record in our words, or its failure."""
    try:
        return Page(batch=facts(sent), read=1)
    except FieldRefused as refused:
        return Page(read=1, failed=(FailedRecord(str(sent.get(id_in)), refused.field, refused.reason),))


def all_mapped(
    sent: Sequence[JsonObject], facts: Callable[[JsonObject], ObservationBatch], *, id_in: str = "id"
) -> Page:
    """Each record on its own: one that cannot be read stops no other."""
    pages = list(map(partial(mapped, facts=facts, id_in=id_in), sent))
    return Page(
        batch=ObservationBatch.merged(page.batch for page in pages),
        read=len(pages),
        failed=tuple(failure for page in pages for failure in page.failed),
    )


def sifted(
    sent: Sequence[JsonObject],
    *,
    parse: Callable[[JsonObject], RecordT],
    reason: Callable[[RecordT], str],
    facts: Callable[[RecordT], ObservationBatch],
    id_in: str = "id",
) -> Page:
    """Each record on its own, where some are no facts of ours. reason: the name to skip one by, "" to keep it"""
    batches, failed, skipped = [], [], Counter[str]()
    for each in sent:
        try:
            record = parse(each)
            name = reason(record)
            if name:
                skipped[name] += 1
            else:
                batches.append(facts(record))
        except FieldRefused as refused:
            failed.append(FailedRecord(str(each.get(id_in)), refused.field, refused.reason))
    return Page(batch=ObservationBatch.merged(batches), read=len(sent), failed=tuple(failed), skipped=skipped)


def placed(page: Page, checkpoint: Json, *, cursor: str | None = None) -> Page:
    return replace(page, checkpoint=checkpoint, cursor=cursor)


def newest(sent: Sequence[JsonObject], member: str) -> str | None:
    """The newest moment of the records, as a cursor; those without a readable one are passed over."""
    return max(filter(None, (cursor_of(each, member) for each in sent)), default=None)


def cursor_of(sent: JsonObject, member: str) -> str | None:
    """The moment in UTC with all its digits, so that text sorts by time whatever offset the tool writes."""
    value = sent.get(member)
    try:
        return cursor_at(instant(value, field=member)) if isinstance(value, str) else None
    except FieldRefused:
        return None


def cursor_at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def in_utc(moment: datetime) -> str:
    """For a query: whole seconds, never later than the moment."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
