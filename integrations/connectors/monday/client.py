"""Reading monday.com by GraphQL. See README.md for versions, scopes and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from integrations.connectors.base import (
    ConnectionReport,
    Connector,
    FailedRecord,
    ItemStream,
    Json,
    Network,
    Page,
    Partition,
    Reading,
    Seen,
    Stream,
    before,
)
from integrations.connectors.monday import queries
from integrations.connectors.monday.mapping import OTHER_EVENT, board_statuses, item_facts, log_facts, update_facts
from integrations.connectors.monday.payloads import Column, log_moment, parse_columns
from integrations.connectors.monday.roles import Roles, roles_of
from integrations.connectors.options import Account
from integrations.http.answers import Answer
from integrations.http.door import Door, Service
from integrations.http.errors import (
    BadRequest,
    CheckpointExpired,
    Forbidden,
    NotFound,
    RateLimited,
    Refused,
    RepeatedPage,
    ServerFailed,
    ToolError,
    Unauthorized,
    UnexpectedAnswer,
)
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.imports.values import instant
from projects.observations import FieldChangeObservation, ObservationBatch

PUBLIC_ADDRESS: Final = "https://api.monday.com"
VERSION: Final = "2026-04"
PATH: Final = "/v2"
BOARDS: Final = 100
ITEMS: Final = 200
IDS: Final = 500
LOGS: Final = 500
MOST_LOGS: Final = 10_000
"""Of one board in one window of time, whatever the page."""
SWEEP_INTERVAL: Final = timedelta(hours=20)
ACTIVE: Final = "active"
DELETED: Final = "deleted"
FIRST_ERROR_STATUS: Final = 400
WANTED_COLUMNS: Final = ("status_column", "due_date_column", "estimate_column")
LIMITS: Final = frozenset(
    {
        *("COMPLEXITY_BUDGET_EXHAUSTED", "ComplexityException", "RATE_LIMIT_EXCEEDED", "RateLimitExceeded"),
        *("MINUTE_LIMIT_EXCEEDED", "maxConcurrencyExceeded", "CONCURRENCY_LIMIT_EXCEEDED", "IP_RATE_LIMIT_EXCEEDED"),
        *("DAILY_LIMIT_EXCEEDED", "FIELD_MINUTE_RATE_LIMIT_EXCEEDED", "FIELD_LIMIT_EXCEEDED"),
    }
)
ERRORS: Final[Mapping[str, type[ToolError]]] = {
    "Unauthorized": Unauthorized,
    "NOT_AUTHENTICATED": Unauthorized,
    "UserUnauthorizedException": Forbidden,
    "USER_UNAUTHORIZED": Forbidden,
    "UserAccessDenied": Forbidden,
    "missingRequiredPermissions": Forbidden,
    "ResourceNotFoundException": NotFound,
    "InvalidBoardIdException": NotFound,
    "CursorExpiredError": CheckpointExpired,
    "CursorException": CheckpointExpired,
    "INTERNAL_SERVER_ERROR": ServerFailed,
    "InternalServerError": ServerFailed,
}


@dataclass
class Monday:
    """The requests we make. wanted: columns that the settings name;  listed: board -> ids that a whole list showed"""

    door: Door
    board_ids: Sequence[str]
    version: str
    wanted: Mapping[str, str]
    listed: dict[str, set[str]] = field(default_factory=dict)
    _other_boards: dict[str, Roles | None] = field(default_factory=dict)

    def ask(self, query: str, **variables: Any) -> JsonObject:
        answer = self.door.post(PATH, {"query": query, "variables": variables})
        return _data(answer)

    def boards(self, ids: Sequence[str] = ()) -> list[JsonObject]:
        """All boards, or those of the ids. https://developer.monday.com/api-reference/reference/boards"""
        found: dict[str, JsonObject] = {}
        page = 1
        while True:
            sent = self.ask(queries.BOARDS, ids=list(ids) or None, limit=BOARDS, page=page)
            boards = {_text(board, "id"): board for board in _objects(sent, "boards")}
            if not boards:
                return [*found.values()]
            if boards.keys() <= found.keys():
                raise RepeatedPage
            found |= boards
            page += 1

    @cached_property
    def shown_boards(self) -> dict[str, Roles]:
        """What the columns mean, of each board that is listed. Asked for once in a run."""
        sent = self.boards(self.board_ids)
        return {_text(board, "id"): self.roles(_columns(board)) for board in sent if not _is_document(board)}

    def roles(self, columns: Iterable[JsonObject]) -> Roles:
        return roles_of([Column.of_json(column) for column in columns], self.wanted)

    def roles_of_board(self, board_id: str) -> Roles | None:
        """Also of a board that is not listed (archived, of subitems); None where it is not shown at all."""
        if board_id in self.shown_boards:
            return self.shown_boards[board_id]
        if board_id not in self._other_boards:
            sent = self.boards([board_id]) if board_id else []
            self._other_boards[board_id] = self.roles(_columns(sent[0])) if sent else None
        return self._other_boards[board_id]

    def items(self, board_id: str, query: str, *, size: int, params: Json, cursor: str = "") -> Iterator[_Items]:
        """Items of a board, page by page. https://developer.monday.com/api-reference/reference/items-page

        query: one of two that differ in what they ask of each item
        """
        seen = Seen()
        while True:
            if cursor:
                holder: Any = self.ask(queries.next_page(query), cursor=seen.check(cursor), limit=size)
                page = _object(holder, "next_items_page")
            else:
                boards = _objects(self.ask(query, board=[board_id], limit=size, params=params), "boards")
                if not boards:
                    raise NotFound
                page = _object(boards[0], "items_page")
            cursor = _text(page, "cursor")
            yield _Items(_objects(page, "items"), cursor)
            if not cursor:
                return

    def all_items(self, page: int) -> Iterator[tuple[int, list[JsonObject]]]:
        """Items of the account, archived ones too. https://developer.monday.com/api-reference/reference/items"""
        seen = Seen()
        while True:
            try:
                items = _objects(self.ask(queries.ALL_ITEMS, limit=BOARDS, page=page), "items")
            except (BadRequest, Refused) as error:
                # Some plans want ids, and then there is no such list.
                raise Forbidden("It lists no items without their ids.", vendor_code=error.vendor_code) from None
            if not items:
                return
            seen.check(_text(items[0], "id"))
            page += 1
            yield page, items

    def ids_of_board(self, board_id: str) -> set[str]:
        """Everything that a board lists, from what this run has read, else asked for."""
        if board_id not in self.listed:
            pages = self.items(board_id, queries.ITEM_IDS, size=IDS, params=None)
            self.listed[board_id] = {_text(item, "id") for page in pages for item in page.items}
        return self.listed[board_id]

    def logs(self, board_id: str, *, since: str | None, until: str, page: int) -> list[JsonObject]:
        """Newest first. https://developer.monday.com/api-reference/reference/activity-logs"""
        variables = {"board": [board_id], "since": since, "until": until, "limit": LOGS, "page": page}
        boards = _objects(self.ask(queries.LOGS, **variables), "boards")
        if not boards:
            raise NotFound
        return _objects(boards[0], "activity_logs")

    def updates(self, since: datetime | None, page: int) -> list[JsonObject]:
        """Newest first, of the boards that are read. https://developer.monday.com/api-reference/reference/updates"""
        if not self.board_ids:
            day = since.date().isoformat() if since else None
            return _objects(self.ask(queries.UPDATES, since=day, limit=BOARDS, page=page), "updates")
        moment = _iso(since) if since else None
        ids = list(self.board_ids)
        boards = _objects(self.ask(queries.BOARD_UPDATES, boards=ids, since=moment, limit=BOARDS, page=page), "boards")
        return [update for board in boards for update in _objects(board, "updates")]


@dataclass(frozen=True, slots=True)
class _Items:
    """cursor: of the next page, "" behind the last"""

    items: list[JsonObject]
    cursor: str


class BoardItemStream(ItemStream[Monday]):
    """Items of a board: at first by creation, later the last changed first, as far as the last reading.

    checkpoint: {"cursor": of the next page}; it lives for an hour after the first page
    """

    name = "items"

    def pages(self, client: Monday, reading: Reading) -> Iterator[Page]:
        board_id, since = reading.partition.id, before(reading.cursor, self.overlap) or reading.since
        roles = client.roles(reading.partition.facts["columns"])
        cursor = str((reading.checkpoint or {}).get("cursor", ""))
        is_whole, ids = not cursor and since is None, set()
        yield Page(batch=board_statuses(roles, container=board_id))
        params = queries.NEWEST_FIRST if since else queries.BY_CREATION
        for page in client.items(board_id, queries.ITEMS, size=ITEMS, params=params, cursor=cursor):
            ids |= {_text(item, "id") for item in page.items}
            mapped = _item_page(client, page.items, roles=lambda _: roles, container=lambda _: board_id)
            yield replace(mapped, checkpoint={"cursor": page.cursor} if page.cursor else None)
            if since is not None and _is_older(page.items, since):
                return
        if is_whole:
            client.listed[board_id] = ids

    def census(self, client: Monday, partition: Partition) -> Iterator[Sequence[str]]:
        for page in client.items(partition.id, queries.ITEM_IDS, size=IDS, params=None):
            yield [_text(item, "id") for item in page.items]


class OtherItemStream(Stream[Monday]):
    """Items that no board lists: archived ones, and those of boards that are not listed themselves. Once a day.

    They are kept in containers of their own, because a census of the board does not show them.
    checkpoint: {"page": to go on with};  cursor: when the last look began
    """

    name = "other_items"
    has_partitions = False
    is_optional = True

    def pages(self, client: Monday, reading: Reading) -> Iterator[Page]:
        began_at = client.door.waiting.now()
        last = before(reading.cursor, timedelta())
        if last is not None and began_at - last < SWEEP_INTERVAL:
            return
        for page, items in client.all_items(int((reading.checkpoint or {}).get("page", 1))):
            others = [item for item in items if self._is_other(client, item)]
            deleted = [item for item in others if item.get("state") == DELETED]
            kept = [item for item in others if item.get("state") != DELETED]
            mapped = _item_page(
                client, kept, roles=client.roles_of_board, container=lambda board: self._container(client, board)
            )
            skipped = {DELETED: len(deleted)}
            yield replace(
                mapped, checkpoint={"page": page}, read=len(others), skipped=skipped, cursor=began_at.isoformat()
            )

    def _is_other(self, client: Monday, item: JsonObject) -> bool:
        board_id = _board_of(item)
        if board_id not in client.shown_boards:
            return not client.board_ids
        return _text(item, "id") not in client.ids_of_board(board_id)

    def _container(self, client: Monday, board_id: str) -> str:
        return f"{board_id} (archive)" if board_id in client.shown_boards else board_id


class ActivityStream(Stream[Monday]):
    """Changes of cells, from the log of a board, which plans keep for a week to five years.

    checkpoint: {"until": end of the window, "page": to go on with}
    """

    name = "activity"
    is_optional = True

    def pages(self, client: Monday, reading: Reading) -> Iterator[Page]:
        board_id, since = reading.partition.id, before(reading.cursor, self.overlap) or reading.since
        roles = client.roles(reading.partition.facts["columns"])
        place = reading.checkpoint or {"until": _iso(client.door.waiting.now()), "page": 1}
        until, page, seen = str(place["until"]), int(place["page"]), Seen()
        while True:
            sent = client.logs(board_id, since=_iso(since) if since else None, until=until, page=page)
            if not sent:
                return
            seen.check(f"{until} {_text(sent[0], 'id')}")
            until, page = (until, page + 1) if page * LOGS < MOST_LOGS else (_oldest(sent, until), 1)
            yield replace(_log_page(sent, roles, board_id), checkpoint={"until": until, "page": page})


class CommentStream(Stream[Monday]):
    """Updates and replies. The list knows when an update was written, not when it was answered: hence the overlap.

    checkpoint: {"page": to go on with}
    """

    name = "comments"
    has_partitions = False
    is_optional = True
    overlap = timedelta(days=14)

    def pages(self, client: Monday, reading: Reading) -> Iterator[Page]:
        since = before(reading.cursor, self.overlap) or reading.since
        page, seen = int((reading.checkpoint or {}).get("page", 1)), Seen()
        while sent := client.updates(since, page):
            seen.check(_text(sent[0], "id"))
            page += 1
            yield replace(
                _mapped_page(sent, update_facts), checkpoint={"page": page}, cursor=_newest(sent, "created_at")
            )


class MondayConnector(Connector[Monday]):
    """https://developer.monday.com/api-reference/"""

    type = "MONDAY"
    source = "monday"
    streams = (BoardItemStream(), OtherItemStream(), ActivityStream(), CommentStream())

    def open(self, account: Account, network: Network) -> Monday:
        token, version = account.secret("api_token"), account.setting("api_version", VERSION)
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS),
            headers={"authorization": token, "api-version": version},
            secrets=account.secret_texts,
            judge=judge,
        )
        wanted = {name: account.setting(name) for name in WANTED_COLUMNS}
        return Monday(network.door(service), account.names("board_ids"), version, wanted)

    def check(self, client: Monday) -> ConnectionReport:
        """Who we are, which version answers, and whether boards are shown. What a token may is not told."""
        answer = client.door.post(PATH, {"query": queries.ME})
        me = _object(_data(answer), "me")
        version = answer.headers.get("api-version", "")
        notes = [f"{partition.name} is not shown to this token." for partition in self._lost(client)]
        if version and version != client.version:
            notes.append(f"The interface answers in version {version}, not in {client.version} as asked.")
        return ConnectionReport(
            account=_text(me, "id"),
            server=f"monday.com, interface version {version or 'unknown'}",
            notes=tuple(notes),
            error=NotFound() if client.board_ids and not client.shown_boards else None,
        )

    def partitions(self, client: Monday) -> list[Partition]:
        sent = {_text(board, "id"): board for board in client.boards(client.board_ids) if not _is_document(board)}
        wanted = [*client.board_ids] or sorted(sent, key=lambda number: (len(number), number))
        return [_partition(board_id, sent.get(board_id)) for board_id in wanted]

    def _lost(self, client: Monday) -> list[Partition]:
        if not client.board_ids:
            client.ask(queries.BOARDS, ids=None, limit=1, page=1)
            return []
        return [partition for partition in self.partitions(client) if partition.error is not None]


def judge(answer: Answer) -> ToolError | None:
    """Errors come with any status, 200 too, and limits with 200 or 429.

    https://developer.monday.com/api-reference/docs/error-handling, /docs/rate-limits
    """
    sent = answer.json_or_none()
    if not isinstance(sent, dict) or not (sent.get("errors") or sent.get("error_code")):
        return None
    code, details = _code(sent)
    if code in LIMITS:
        wait_s = details.get("retry_in_seconds")
        return RateLimited(vendor_code=code, retry_after_s=float(wait_s) if isinstance(wait_s, int | float) else None)
    if code in ERRORS:
        return ERRORS[code](vendor_code=code)
    if answer.status >= FIRST_ERROR_STATUS:
        return None
    return Refused("The answer holds an error.", vendor_code=code)


def _code(sent: JsonObject) -> tuple[str, JsonObject]:
    """The tool's name for the first error, and what it says beside: in extensions, or as older versions do on top."""
    errors = sent.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    details = first.get("extensions") if isinstance(first, dict) else None
    found = details if isinstance(details, dict) else {}
    return str(found.get("code") or sent.get("error_code") or ""), found


# --- pages ---


def _item_page(
    client: Monday,
    items: Sequence[JsonObject],
    *,
    roles: Callable[[str], Roles | None],
    container: Callable[[str], str],
) -> Page:
    now = client.door.waiting.now()

    def facts(item: JsonObject) -> ObservationBatch:
        board_id = _board_of(item)
        return item_facts(item, roles=roles(board_id), container=container(board_id), first_seen_at=now)

    page = _mapped_page(items, facts)
    fields = {_text(item, "id"): _cells(item) for item in items}
    return replace(page, cursor=_newest(items, "updated_at"), fields=fields)


def _mapped_page(sent: Sequence[JsonObject], facts: Callable[[JsonObject], ObservationBatch]) -> Page:
    batches, failed = [], []
    for each in sent:
        try:
            batches.append(facts(each))
        except FieldRefused as refused:
            failed.append(FailedRecord(_text(each, "id"), refused.field, refused.reason))
    return Page(batch=ObservationBatch.merged(batches), read=len(sent), failed=tuple(failed))


def _log_page(sent: Sequence[JsonObject], roles: Roles, board_id: str) -> Page:
    changes: list[FieldChangeObservation] = []
    failed, other = [], 0
    for entry in sent:
        try:
            change = log_facts(entry, roles=roles, container=board_id)
        except FieldRefused as refused:
            failed.append(FailedRecord(_text(entry, "id"), refused.field, refused.reason))
            continue
        if change is None:
            other += 1
        else:
            changes.append(change)
    newest = max((change.changed_at.isoformat() for change in changes), default=None)
    return Page(
        batch=ObservationBatch(changes=tuple(changes)),
        read=len(sent),
        failed=tuple(failed),
        skipped={OTHER_EVENT: other},
        cursor=newest,
    )


def _is_older(items: Sequence[JsonObject], since: datetime) -> bool:
    """Whether all that follows is older: only if the page is in the order that was asked for."""
    moments = [_moment(item, "updated_at") for item in items]
    known = [moment for moment in moments if moment is not None]
    return len(known) == len(moments) and known == sorted(known, reverse=True) and bool(known) and known[-1] < since


def _oldest(sent: Sequence[JsonObject], until: str) -> str:
    try:
        return _iso(min(log_moment(_text(entry, "created_at")) for entry in sent) + timedelta(seconds=1))
    except FieldRefused:
        return until


def _newest(sent: Sequence[JsonObject], member: str) -> str | None:
    moments = (_moment(each, member) for each in sent)
    return max((moment.isoformat() for moment in moments if moment), default=None)


# --- answers ---


def _data(answer: Answer) -> JsonObject:
    sent = answer.json()
    data = sent.get("data") if isinstance(sent, dict) else None
    if not isinstance(data, dict):
        raise UnexpectedAnswer("Data was expected.")
    return data


def _object(sent: JsonObject, member: str) -> JsonObject:
    found = sent.get(member)
    if not isinstance(found, dict):
        raise UnexpectedAnswer("An object was expected.")
    return found


def _objects(sent: JsonObject, member: str) -> list[JsonObject]:
    """A list of objects; null is an empty one, and items that are null are not shown."""
    found = sent.get(member, ())
    if found is None:
        return []
    if not isinstance(found, list) or not all(each is None or isinstance(each, dict) for each in found):
        raise UnexpectedAnswer("A list was expected.")
    return [each for each in found if each is not None]


def _text(sent: JsonObject, member: str) -> str:
    value = sent.get(member)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _moment(sent: JsonObject, member: str) -> datetime | None:
    try:
        return instant(_text(sent, member), field=member)
    except FieldRefused:
        return None


def _cells(item: JsonObject) -> dict[str, Any]:
    cells = item.get("column_values")
    listed = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    return {"name": item.get("name"), **{_text(cell, "id"): cell.get("text") for cell in listed}}


def _board_of(item: JsonObject) -> str:
    board = item.get("board")
    return _text(board, "id") if isinstance(board, dict) else ""


def _is_document(board: JsonObject) -> bool:
    return board.get("type") == "document"


def _columns(board: JsonObject) -> list[dict[str, Any]]:
    try:
        return [column.as_json() for column in parse_columns(_objects(board, "columns"))]
    except FieldRefused as refused:
        raise UnexpectedAnswer(f"{refused.field} {refused.reason}.") from None


def _partition(board_id: str, board: JsonObject | None) -> Partition:
    if board is None:
        return Partition(id=board_id, name=board_id, error=NotFound())
    return Partition(id=board_id, name=_text(board, "name") or board_id, facts={"columns": _columns(board)})


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


CONNECTOR: Final = MondayConnector()
