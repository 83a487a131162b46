"""What a connector is: streams of pages, read from where the last run or the last kill left them.

The engine (`integrations.domain.syncing`) asks; a connector answers and keeps nothing. In the words used here:

- a *partition* is what the tool divides its work into: a repository, a board, a project. Its `id` is the `container`
  of its items. What is no longer visible is told apart from what was deleted by it.
- a *stream* reads one kind of thing of a partition ("issues", "ci_runs"), page by page.
- a *page* is what one or a few requests brought, already in our words, with the place to go on from behind it.
- a *cursor* is how far a finished reading came, in the source's own time; the next one begins an overlap before it.
- a *checkpoint* is how far an unfinished reading came. Both are JSON, and only the stream knows what is in them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from integrations.connectors.options import Account
from integrations.http.answers import Answer
from integrations.http.door import Door, Service
from integrations.http.errors import NOT_SHOWN, Gone, NotFound, RepeatedPage, ToolError, UnexpectedAnswer
from projects.imports.errors import FieldRefused
from projects.observations import ObservationBatch

Json = Any
DEFAULT_OVERLAP: Final = timedelta(minutes=5)
"""Clocks differ, and a tool's index may lag behind its answer."""
LONG_WAIT_S: Final = 60.0
PATIENCE: Final = 5
VANISHED: Final = "vanished"
EMPTY_BATCH: Final = ObservationBatch()


@dataclass(frozen=True, slots=True)
class Partition:
    """id: as the items' `container` has it;  name: for people;  facts: JSON that the streams need about it

    error: set where the tool names it and does not show it, or the settings name it and the tool does not know it:
        nothing is read, its items become hidden, and the run says so
    """

    id: str
    name: str = ""
    facts: Json = None
    error: ToolError | None = None


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record that could not be read. It is counted and named, and the others go on. reason: without its content"""

    external_id: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one step of a stream brought. Facts, checkpoint and cursor are committed together.

    batch: in our words
    read: records of the tool that the step held, whatever became of them
    checkpoint: where to go on behind this page; None on the last one
    cursor: the newest moment of the source in this page, as the stream wants it back; None where it has none.
        The engine keeps the greatest, and uses it when the stream is through
    failed: records that could not be read;  skipped: name -> number of records that are no facts of ours
    deferred: details that the tool would not give now (JSON each): asked for again by `DetailedStream.retry`
    settled: details from `retry` that are dealt with
    fields: external id of an item -> its fields as the tool has them, for the field mappings of people
    unlisted: external ids of items that no list of the partition shows -> whether they are there all the same. A
        census does not call those gone until a later page says False
    """

    batch: ObservationBatch = EMPTY_BATCH
    read: int = 0
    checkpoint: Json = None
    cursor: str | None = None
    failed: tuple[FailedRecord, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=Counter)
    deferred: tuple[Json, ...] = ()
    settled: tuple[Json, ...] = ()
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unlisted: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def merged(cls, pages: Iterable[Page]) -> Page:
        """What several pages hold, in one, with the newest of their cursors and no place to go on from."""
        skipped = Counter[str]()
        records: dict[str, Mapping[str, Any]] = {}
        unlisted: dict[str, bool] = {}
        several = list(pages)
        for page in several:
            skipped.update(page.skipped)
            records |= page.fields
            unlisted |= page.unlisted
        return cls(
            batch=ObservationBatch.merged(page.batch for page in several),
            read=sum(page.read for page in several),
            cursor=max((page.cursor for page in several if page.cursor), default=None),
            failed=tuple(failure for page in several for failure in page.failed),
            skipped=skipped,
            deferred=tuple(detail for page in several for detail in page.deferred),
            settled=tuple(detail for page in several for detail in page.settled),
            fields=records,
            unlisted=unlisted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a stream is asked for.

    partition: of which;  cursor: how far the last finished reading came, None at first
    checkpoint: where an unfinished reading is to go on, None to begin
    since: not older than this, where people set a first day
    unlisted: items that earlier pages of the stream have found beside the lists
    unrecorded: of external ids, those that no item is recorded under; none where nobody looks, as in a preview
    """

    partition: Partition
    cursor: str | None = None
    checkpoint: Json = None
    since: datetime | None = None
    unlisted: frozenset[str] = frozenset()
    unrecorded: Callable[[Collection[str]], frozenset[str]] = lambda _: frozenset()


ClientT = TypeVar("ClientT")


class Stream(ABC, Generic[ClientT]):
    """One kind of thing of a tool. One that finds items is an `ItemStream`, one with details a `DetailedStream`.

    name: in lower case with underscores; what the counts of a run are kept under
    has_partitions: False for what the tool has once ("users"): it is then read with one partition without id
    is_optional: a 403, 404 or 410 means that the tool, or this partition, has no such thing; the run names it and
        nothing is missing
    needs_items: its facts belong to items that an ItemStream brings, and would be lost before these are there: so it
        waits for those of its partition
    """

    name: ClassVar[str]
    has_partitions: ClassVar[bool] = True
    is_optional: ClassVar[bool] = False
    needs_items: ClassVar[bool] = False
    overlap: ClassVar[timedelta] = DEFAULT_OVERLAP

    def since(self, reading: Reading) -> datetime | None:
        """From when on to read: the cursor less the overlap, else the first day of the settings, else everything."""
        return before(reading.cursor, self.overlap) or reading.since

    @abstractmethod
    def pages(self, client: ClientT, reading: Reading) -> Iterator[Page]:
        """Every page from the cursor or the checkpoint on, oldest change first where the tool can sort.

        Raises ToolError: a transient one leaves the checkpoint for another pass, another one ends this partition.
        """


class ItemStream(Stream[ClientT]):
    """A stream whose pages bring items with the partition as their container."""

    @abstractmethod
    def census(self, client: ClientT, partition: Partition) -> Iterator[Sequence[str]]:
        """External ids of all items that the partition shows now, in as few requests as the tool allows.

        It is asked for again, with the same client, when it met a passing error; where it takes many requests, the
        client should remember the ids that it has.
        """


class DetailedStream(Stream[ClientT]):
    """A stream whose records each cost further requests: its pages defer what the tool does not give now."""

    def retry(self, client: ClientT, reading: Reading, details: Sequence[Json]) -> Iterator[Page]:
        """Ask again for details that pages had deferred. Every one comes back as settled or deferred."""
        asked = Details()
        for detail in details:
            yield asked.read(detail, partial(self.again, client, reading.partition, detail))

    @abstractmethod
    def again(self, client: ClientT, partition: Partition, detail: Json) -> Page:
        """One detail as `pages` had deferred it. Raises ToolError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReport:
    """What the tool said when it was asked who we are.

    account: how the tool names us, an identifier and no address;  server: kind and version
    scopes: what the credentials may;  missing_scopes: what we need and they may not
    expires_at: when the credentials end;  notes: sentences for people, such as a warning that the end is near
    error: why it failed, None when the connection works
    """

    account: str = ""
    server: str = ""
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    notes: tuple[str, ...] = ()
    error: ToolError | None = None

    @property
    def is_ok(self) -> bool:
        return self.error is None and not self.missing_scopes


class Network(Protocol):
    """Makes doors. The engine's keeps one meter, one guard and one budget for all doors of a run."""

    def door(self, service: Service) -> Door: ...


class Connector(ABC, Generic[ClientT]):
    """One tool.

    type: the value of IntegrationType;  source: under which its facts are recorded (`WorkItem.source`)
    streams: in the order in which they are read
    """

    type: ClassVar[str]
    source: ClassVar[str]
    streams: Sequence[Stream[ClientT]] = ()

    @abstractmethod
    def open(self, account: Account, network: Network) -> ClientT:
        """A client, without a request. Raises CredentialsMissing or AddressRefused."""

    @abstractmethod
    def check(self, client: ClientT) -> ConnectionReport:
        """The connection test, in one to three requests. Raises ToolError."""

    @abstractmethod
    def partitions(self, client: ClientT) -> list[Partition]:
        """What there is to read. Raises ToolError when the tool does not say; one that is not shown has an error."""


# --- helpers for connectors ---


def shown_or_lost(partition_id: str, ask: Callable[[], Partition]) -> Partition:
    """What `ask` finds of a partition that the settings name, or one with the error where it is not shown."""
    try:
        return ask()
    except NOT_SHOWN as error:
        return Partition(id=partition_id, name=partition_id, error=error)


def lost_among(partitions: Iterable[Partition]) -> list[Partition]:
    return [partition for partition in partitions if partition.error is not None]


def error_of_all(lost_ones: Sequence[Partition], *, of: int) -> ToolError | None:
    """Why nothing can be read: the first error where none of so many partitions is shown, else None."""
    return lost_ones[0].error if lost_ones and len(lost_ones) == of else None


def scopes_in(answer: Answer) -> tuple[str, ...]:
    """What the credentials may, as GitHub and Slack say with every answer; () where they do not say."""
    told = answer.headers.get("x-oauth-scopes", "").replace(" ", "")
    return tuple(scope for scope in told.split(",") if scope)


# --- helpers for streams ---


def follow_links(door: Door, address: str, params: Mapping[str, str | int] | None = None) -> Iterator[Answer]:
    """Pages by their Link headers, from an address on. Raises RepeatedPage when a page leads back to one before."""
    seen = {address}
    answer = door.get(address, params)
    while True:
        yield answer
        link = answer.next_link
        if link is None:
            return
        if link in seen:
            raise RepeatedPage
        seen.add(link)
        answer = door.get(link)


class Details:
    """Reads details of many records one after the other, so that one that is not given now stops none of the others.

    A passing error defers the detail, to be asked for again by `DetailedStream.retry`. Several in a row, or a wait
    that is too long, are the tool's and not the record's: then the error goes on, and the checkpoint stays. A record
    that is no longer there is skipped by name.
    """

    def __init__(self) -> None:
        self._missed_in_a_row = 0

    def read(self, detail: Json, ask: Callable[[], Page]) -> Page:
        """The page that `ask` makes, with the detail marked as settled. Raises ToolError as above."""
        try:
            page = ask()
        except (NotFound, Gone):
            return Page(read=1, skipped=Counter({VANISHED: 1}), settled=(detail,))
        except ToolError as error:
            self._missed_in_a_row += 1
            is_held = (error.retry_after_s or 0.0) > LONG_WAIT_S
            if not error.is_transient or error.ends_run or is_held or self._missed_in_a_row > PATIENCE:
                raise
            return Page(deferred=(detail,))
        self._missed_in_a_row = 0
        return replace(page, settled=(*page.settled, detail))


class Seen:
    """Refuses a page token that comes twice: a tool that repeats itself would be read for ever."""

    def __init__(self) -> None:
        self._tokens: set[str] = set()

    def check(self, token: str) -> str:
        """Raises RepeatedPage."""
        if token in self._tokens:
            raise RepeatedPage
        self._tokens.add(token)
        return token


@contextmanager
def odd_answers_named() -> Iterator[None]:
    """What cannot be read outside of any single record is an answer of another form, and no bug of ours.

    Raises UnexpectedAnswer, naming the member, in place of FieldRefused.
    """
    try:
        yield
    except FieldRefused as refused:
        raise UnexpectedAnswer(f"{refused.field} {refused.reason}.") from None


def before(cursor: str | None, overlap: timedelta) -> datetime | None:
    """The moment from which to read again: the cursor, an ISO instant, less the overlap; None: everything.

    Some tools write the first day of the year 1 for no moment at all, and there is nothing before it.
    """
    if cursor is None:
        return None
    try:
        return datetime.fromisoformat(cursor) - overlap
    except OverflowError:
        return None
