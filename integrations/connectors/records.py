"""What connectors do with lists of records: check their form, map each on its own, go through pages by links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from integrations.connectors.base import Details, FailedRecord, Json, Page, Reading, Seen, follow_links
from integrations.http.answers import Answer
from integrations.http.door import Door
from integrations.http.errors import UnexpectedAnswer
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.imports.values import instant
from projects.observations import ObservationBatch

RecordT = TypeVar("RecordT")
OTHER: Final = "other"
LinkedPage = tuple[str, list[str], list[JsonObject]]


def as_object(sent: Any) -> JsonObject:
    """Raises UnexpectedAnswer."""
    if not isinstance(sent, dict):
        raise UnexpectedAnswer("An object was expected.")
    return sent


def as_objects(sent: Any, member: str = "") -> list[JsonObject]:
    """A list of objects, by itself or as a member. Raises UnexpectedAnswer."""
    found = as_object(sent).get(member) if member else sent
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise UnexpectedAnswer("A list was expected.")
    return found


def object_of(answer: Answer) -> JsonObject:
    return as_object(answer.json())


def objects_of(answer: Answer, *, member: str = "") -> list[JsonObject]:
    return as_objects(answer.json(), member)


def text(sent: Any, member: str) -> str:
    """Text or a whole number, as text; "" for everything else."""
    value = sent.get(member) if isinstance(sent, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def all_linked(door: Door, address: str, params: Mapping[str, str | int]) -> list[JsonObject]:
    """A whole list, all pages of it."""
    return [record for answer in follow_links(door, address, params) for record in objects_of(answer)]


def linked_pages(door: Door, address: str, params: Mapping[str, str | int], reading: Reading) -> Iterator[LinkedPage]:
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


def one_by_one(
    details: Details, place: LinkedPage, ask: Callable[[JsonObject], Page], *, number_in: str, changed_in: str
) -> Iterator[Page]:
    """Each record of a page that is not dealt with yet, with its details, and the checkpoint behind it.

    number_in: the member that a detail is asked for by;  changed_in: the one that is the cursor
    """
    link, done, sent = place
    for record in sent:
        if str(record.get("id")) not in done:
            page = details.read(record.get(number_in), partial(ask, record))
            done.append(str(record.get("id")))
            yield placed(page, {"link": link, "done": list(done)}, cursor=cursor_of(record, changed_in))


def not_mapped(sent: JsonObject, refused: FieldRefused, *, id_in: str = "id") -> Page:
    """A record that could not be read."""
    return Page(read=1, failed=(FailedRecord(text(sent, id_in), refused.field, refused.reason),))


def mapped(
    sent: JsonObject,
    facts: Callable[[JsonObject], ObservationBatch | None],
    *,
    id_in: str = "id",
    skipped_as: Callable[[JsonObject], str] = lambda _: OTHER,
) -> Page:
    """One record in our words, or its failure. skipped_as: the name of one that is no fact of ours (None)"""
    try:
        batch = facts(sent)
    except FieldRefused as refused:
        return not_mapped(sent, refused, id_in=id_in)
    if batch is None:
        return Page(read=1, skipped=Counter({skipped_as(sent): 1}))
    return Page(batch=batch, read=1)


def all_mapped(
    sent: Sequence[JsonObject],
    facts: Callable[[JsonObject], ObservationBatch | None],
    *,
    id_in: str = "id",
    skipped_as: Callable[[JsonObject], str] = lambda _: OTHER,
) -> Page:
    """Each record on its own: one that cannot be read stops no other."""
    return Page.merged(mapped(each, facts, id_in=id_in, skipped_as=skipped_as) for each in sent)


def sifted(
    sent: Sequence[JsonObject],
    *,
    parse: Callable[[JsonObject], RecordT],
    reason: Callable[[RecordT], str],
    facts: Callable[[RecordT], ObservationBatch],
    id_in: str = "id",
) -> Page:
    """Each record on its own, where some are no facts of ours. reason: the name to skip one by, "" to keep it"""

    def page(each: JsonObject) -> Page:
        try:
            record = parse(each)
            name = reason(record)
            return Page(read=1, skipped=Counter({name: 1})) if name else Page(read=1, batch=facts(record))
        except FieldRefused as refused:
            return not_mapped(each, refused, id_in=id_in)

    return Page.merged(map(page, sent))


def placed(page: Page, checkpoint: Json, *, cursor: str | None = None) -> Page:
    return replace(page, checkpoint=checkpoint, cursor=cursor)


def newest(sent: Sequence[JsonObject], member: str) -> str | None:
    """The newest moment of the records, as a cursor; those without a readable one are passed over."""
    return max(filter(None, (cursor_of(each, member) for each in sent)), default=None)


def readable_moment(sent: JsonObject, member: str) -> datetime | None:
    """None where there is none, or one that cannot be read."""
    value = sent.get(member)
    try:
        return instant(value, field=member) if isinstance(value, str) else None
    except FieldRefused:
        return None


def cursor_of(sent: JsonObject, member: str) -> str | None:
    """The moment in UTC with all its digits, so that text sorts by time whatever offset the tool writes."""
    moment = readable_moment(sent, member)
    return None if moment is None else cursor_at(moment)


def cursor_at(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def in_utc(moment: datetime) -> str:
    """For a query: whole seconds, never later than the moment."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def in_utc_ms(moment: datetime) -> str:
    """For a query of a tool that counts milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
