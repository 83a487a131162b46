"""The streams of a monday account: items of boards, those that no board lists, the log, the updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from integrations.connectors.base import ItemStream, Page, Partition, Reading, Seen, Stream, before
from integrations.connectors.monday import queries
from integrations.connectors.monday.mapping import OTHER_EVENT, board_statuses, item_facts, log_facts, update_facts
from integrations.connectors.monday.payloads import log_moment
from integrations.connectors.monday.requests import IDS, LOGS, Monday
from integrations.connectors.monday.roles import Roles
from integrations.connectors.records import all_mapped, cursor_at, in_utc, newest, readable_moment, text
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.observations import ObservationBatch

ITEMS: Final = 200
MOST_LOGS: Final = 10_000
"""Of one board in one window of time, whatever the page."""
SWEEP_INTERVAL: Final = timedelta(hours=20)
DELETED: Final = "deleted"
CHANGED: Final = "updated_at"


class BoardItemStream(ItemStream[Monday]):
    """Items of a board: at first by creation, later the last changed first, as far as the last reading.

    checkpoint: {"cursor": of the next page}; it lives for an hour after the first page
    """

    name = "items"

    def pages(self, client: Monday, reading: Reading) -> Iterator[Page]:
        board_id, since = reading.partition.id, self.since(reading)
        roles = client.roles(reading.partition.facts["columns"])
        cursor = str((reading.checkpoint or {}).get("cursor", ""))
        is_whole, ids = not cursor and since is None, set()
        yield Page(batch=board_statuses(roles, container=board_id))
        params = queries.NEWEST_FIRST if since else queries.BY_CREATION
        for page in client.items(board_id, queries.ITEMS, size=ITEMS, params=params, cursor=cursor):
            ids |= {text(item, "id") for item in page.items}
            mapped = _item_page(client, page.items, roles=lambda _: roles, container=lambda _: board_id)
            yield replace(mapped, checkpoint={"cursor": page.cursor} if page.cursor else None)
            if since is not None and _is_older(page.items, since):
                return
        if is_whole:
            client.listed[board_id] = ids

    def census(self, client: Monday, partition: Partition) -> Iterator[Sequence[str]]:
        for page in client.items(partition.id, queries.ITEM_IDS, size=IDS, params=None):
            yield [text(item, "id") for item in page.items]


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
        return text(item, "id") not in client.ids_of_board(board_id)

    def _container(self, client: Monday, board_id: str) -> str:
        return f"{board_id} (archive)" if board_id in client.shown_boards else board_id


class ActivityStream(Stream[Monday]):
    """Changes of cells, from the log of a board, which plans keep for a week to five years.

    checkpoint: {"until": end of the window, "page": to go on with}
    """

    name = "activity"
    needs_items = True
    is_optional = True

    def pages(self, client: Monday, reading: Reading) -> Iterator[Page]:
        board_id, since = reading.partition.id, self.since(reading)
        roles = client.roles(reading.partition.facts["columns"])
        place = reading.checkpoint or {"until": in_utc(client.door.waiting.now()), "page": 1}
        until, page, seen = str(place["until"]), int(place["page"]), Seen()
        while True:
            sent = client.logs(board_id, since=in_utc(since) if since else None, until=until, page=page)
            if not sent:
                return
            seen.check(f"{until} {text(sent[0], 'id')}")
            until, page = (until, page + 1) if page * LOGS < MOST_LOGS else (_oldest(sent, until), 1)
            yield replace(_log_page(sent, roles, board_id), checkpoint={"until": until, "page": page})


class CommentStream(Stream[Monday]):
    """Updates and replies. The list knows when an update was written, not when it was answered: hence the overlap.

    checkpoint: {"page": to go on with}
    """

    name = "comments"
    needs_items = True
    has_partitions = False
    is_optional = True
    overlap = timedelta(days=14)

    def pages(self, client: Monday, reading: Reading) -> Iterator[Page]:
        since = self.since(reading)
        page, seen = int((reading.checkpoint or {}).get("page", 1)), Seen()
        while sent := client.updates(since, page):
            seen.check(text(sent[0], "id"))
            page += 1
            yield replace(all_mapped(sent, update_facts), checkpoint={"page": page}, cursor=newest(sent, "created_at"))


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

    page = all_mapped(items, facts)
    fields = {text(item, "id"): _cells(item) for item in items}
    return replace(page, cursor=newest(items, CHANGED), fields=fields)


def _log_page(sent: Sequence[JsonObject], roles: Roles, board_id: str) -> Page:
    def facts(entry: JsonObject) -> ObservationBatch | None:
        change = log_facts(entry, roles=roles, container=board_id)
        return None if change is None else ObservationBatch(changes=(change,))

    page = all_mapped(sent, facts, skipped_as=lambda _: OTHER_EVENT)
    moments = [change.changed_at for change in page.batch.changes]
    return replace(page, cursor=cursor_at(max(moments)) if moments else None)


def _is_older(items: Sequence[JsonObject], since: datetime) -> bool:
    """Whether all that follows is older: only if the page is in the order that was asked for."""
    moments = [readable_moment(item, CHANGED) for item in items]
    known = [moment for moment in moments if moment is not None]
    return len(known) == len(moments) and known == sorted(known, reverse=True) and bool(known) and known[-1] < since


def _oldest(sent: Sequence[JsonObject], until: str) -> str:
    try:
        return in_utc(min(log_moment(text(entry, "created_at")) for entry in sent) + timedelta(seconds=1))
    except FieldRefused:
        return until


def _cells(item: JsonObject) -> dict[str, Any]:
    cells = item.get("column_values")
    listed = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    return {"name": item.get("name"), **{text(cell, "id"): cell.get("text") for cell in listed}}


def _board_of(item: JsonObject) -> str:
    return text(item.get("board"), "id")
