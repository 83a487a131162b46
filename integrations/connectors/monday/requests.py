"""The requests that are made of monday, and what a run has learned of its boards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from integrations.connectors.base import Json, Seen
from integrations.connectors.monday import queries
from integrations.connectors.monday.answers import data_of, object_at, objects_at
from integrations.connectors.monday.payloads import Column, parse_columns
from integrations.connectors.monday.roles import Roles, roles_of
from integrations.connectors.records import in_utc, text
from integrations.http.door import Door
from integrations.http.errors import BadRequest, Forbidden, NotFound, Refused, RepeatedPage, UnexpectedAnswer
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject

PATH: Final = "/v2"
BOARDS: Final = 100
IDS: Final = 500
LOGS: Final = 500


@dataclass(frozen=True, slots=True)
class ItemPage:
    """cursor: of the next page, "" behind the last"""

    items: list[JsonObject]
    cursor: str


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
        return data_of(answer)

    def boards(self, ids: Sequence[str] = ()) -> list[JsonObject]:
        """All boards, or those of the ids. https://developer.monday.com/api-reference/reference/boards"""
        found: dict[str, JsonObject] = {}
        page = 1
        while True:
            sent = self.ask(queries.BOARDS, ids=list(ids) or None, limit=BOARDS, page=page)
            boards = {text(board, "id"): board for board in objects_at(sent, "boards")}
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
        return {text(board, "id"): self.roles(columns_of(board)) for board in sent if not is_document(board)}

    def roles(self, columns: Iterable[JsonObject]) -> Roles:
        return roles_of([Column.of_json(column) for column in columns], self.wanted)

    def roles_of_board(self, board_id: str) -> Roles | None:
        """Also of a board that is not listed (archived, of subitems); None where it is not shown at all."""
        if board_id in self.shown_boards:
            return self.shown_boards[board_id]
        if board_id not in self._other_boards:
            sent = self.boards([board_id]) if board_id else []
            self._other_boards[board_id] = self.roles(columns_of(sent[0])) if sent else None
        return self._other_boards[board_id]

    def items(self, board_id: str, query: str, *, size: int, params: Json, cursor: str = "") -> Iterator[ItemPage]:
        """Items of a board, page by page. https://developer.monday.com/api-reference/reference/items-page

        query: one of two that differ in what they ask of each item
        """
        seen = Seen()
        while True:
            if cursor:
                holder: Any = self.ask(queries.next_page(query), cursor=seen.check(cursor), limit=size)
                page = object_at(holder, "next_items_page")
            else:
                boards = objects_at(self.ask(query, board=[board_id], limit=size, params=params), "boards")
                if not boards:
                    raise NotFound
                page = object_at(boards[0], "items_page")
            cursor = text(page, "cursor")
            yield ItemPage(objects_at(page, "items"), cursor)
            if not cursor:
                return

    def all_items(self, page: int) -> Iterator[tuple[int, list[JsonObject]]]:
        """Items of the account, archived ones too. https://developer.monday.com/api-reference/reference/items"""
        seen = Seen()
        while True:
            try:
                items = objects_at(self.ask(queries.ALL_ITEMS, limit=BOARDS, page=page), "items")
            except (BadRequest, Refused) as error:
                # Some plans want ids, and then there is no such list.
                raise Forbidden("It lists no items without their ids.", vendor_code=error.vendor_code) from None
            if not items:
                return
            seen.check(text(items[0], "id"))
            page += 1
            yield page, items

    def ids_of_board(self, board_id: str) -> set[str]:
        """Everything that a board lists, from what this run has read, else asked for."""
        if board_id not in self.listed:
            pages = self.items(board_id, queries.ITEM_IDS, size=IDS, params=None)
            self.listed[board_id] = {text(item, "id") for page in pages for item in page.items}
        return self.listed[board_id]

    def logs(self, board_id: str, *, since: str | None, until: str, page: int) -> list[JsonObject]:
        """Newest first. https://developer.monday.com/api-reference/reference/activity-logs"""
        variables = {"board": [board_id], "since": since, "until": until, "limit": LOGS, "page": page}
        boards = objects_at(self.ask(queries.LOGS, **variables), "boards")
        if not boards:
            raise NotFound
        return objects_at(boards[0], "activity_logs")

    def updates(self, since: datetime | None, page: int) -> list[JsonObject]:
        """Newest first, of the boards that are read. https://developer.monday.com/api-reference/reference/updates"""
        if not self.board_ids:
            day = since.date().isoformat() if since else None
            return objects_at(self.ask(queries.UPDATES, since=day, limit=BOARDS, page=page), "updates")
        moment = in_utc(since) if since else None
        ids = list(self.board_ids)
        boards = objects_at(
            self.ask(queries.BOARD_UPDATES, boards=ids, since=moment, limit=BOARDS, page=page), "boards"
        )
        return [update for board in boards for update in objects_at(board, "updates")]


def is_document(board: JsonObject) -> bool:
    return board.get("type") == "document"


def columns_of(board: JsonObject) -> list[dict[str, Any]]:
    """Its columns as JSON, to be read by `Column.of_json`. Raises UnexpectedAnswer."""
    try:
        return [column.as_json() for column in parse_columns(objects_at(board, "columns"))]
    except FieldRefused as refused:
        raise UnexpectedAnswer(f"{refused.field} {refused.reason}.") from None
