"""Trello: a board as JSON (menu of the board, "Print, export, and share"), and cards as CSV in paid workspaces.

The JSON is what the interface gives of the board with its lists, cards and newest 1,000 actions, so it holds history;
of a board with more the history is cut, and the run says so. The CSV has cards only, without a moment of creation: it
is in a card's identifier.
Source: https://developers.trello.com/docs/automating-exports, https://developer.atlassian.com/cloud/trello/rest/
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Final

from integrations.connectors.trello.client import CONNECTOR
from integrations.connectors.trello.mapping import (
    ARCHIVED,
    COMPLETE,
    Arrivals,
    Board,
    action_facts,
    card_facts,
    list_facts,
    list_status,
)
from integrations.connectors.trello.payloads import CardList, created_at, parse_list, points_fields_in
from integrations.exports.records import parts_of, record_of, says_less
from projects.enums import StatusCategory
from projects.imports.csv_profiles import Cells, CsvProfile
from projects.imports.errors import FieldRefused, LineError
from projects.imports.formats import JsonFile, JsonFormat, JsonShape, TableFormat
from projects.imports.json_access import EMPTY, JsonObject
from projects.imports.records import Note, ParsedRecord
from projects.imports.values import identifier
from projects.observations import ObservationBatch, StatusObservation

EXPORTED_ACTIONS: Final = 1_000
YES: Final = frozenset({"true", "yes", "1"})


def is_board(shape: JsonShape) -> bool:
    """Nobody else's export has lists of cards and cards in lists."""
    return not shape.is_list and ({"lists", "cards"} <= shape.members or "idList" in shape.firsts.get("cards", EMPTY))


def board_records(file: JsonFile) -> Iterator[ParsedRecord]:
    """1. Lists, fields of the board and arrivals are gathered. 2. Cards. 3. Actions, whose cards are recorded."""
    board, arrivals, action_count = _gathered(file)
    is_cut = action_count >= EXPORTED_ACTIONS
    notes: tuple[Note, ...] = ("HISTORY_CUT",) if is_cut else ()
    for member in ("lists", "cards", "actions"):
        for part in file.parts():
            if isinstance(part, LineError):
                if member == "lists":  # the same in every pass
                    yield ParsedRecord(part.line_number, part.line_number, errors=(part,))
            elif part.member != member:
                continue
            elif member == "lists":
                yield record_of(part, list_facts)
            elif member == "cards":
                yield record_of(part, partial(_card_facts, board=board, arrivals=arrivals, is_cut=is_cut), notes=notes)
            else:
                yield record_of(part, partial(action_facts, zone=board.zone))


def _gathered(file: JsonFile) -> tuple[Board, Arrivals, int]:
    lists: dict[str, CardList] = {}
    fields: list[JsonObject] = []
    arrivals, action_count, board_id = Arrivals(), 0, ""
    for part in file.parts():
        if isinstance(part, LineError):
            break
        if part.member == "id" and isinstance(part.value, str):
            board_id = part.value
        elif part.member == "actions" and isinstance(part.value, dict):
            action_count += 1
            _note(arrivals, part.value)
    for part in parts_of(file, "lists", "customFields"):
        if part.member == "customFields":
            fields.append(part.value)
            continue
        try:
            found = parse_list(part.value)
        except FieldRefused:  # named when the lists are read
            continue
        lists[found.id] = found
    board = Board(board_id, lists, points_fields_in(fields), file.zone or UTC)
    return board, arrivals, action_count


def _note(arrivals: Arrivals, action: JsonObject) -> None:
    try:
        arrivals.note(action)
    except FieldRefused:  # named when the actions are read
        return


def _card_facts(sent: JsonObject, *, board: Board, arrivals: Arrivals, is_cut: bool) -> ObservationBatch:
    facts = card_facts(sent, board, arrivals)
    return says_less(facts) if is_cut else facts


def card_identity(cells: Cells) -> tuple[str, str]:
    """Cards are called by the short link in their address: https://trello.com/c/AbCd1234/7-paint-it -> AbCd1234."""
    card_id = identifier(cells("id"), field="id")
    link = cells("url").partition("/c/")[2].partition("/")[0]
    return card_id, identifier(link, field="url") if link else card_id


def card_status(cells: Cells) -> StatusObservation:
    """As of a card of the interface."""
    by_list = list_status(CardList(cells("group"), cells("status")))
    if by_list.category == StatusCategory.DONE:
        return by_list
    if cells("resolution").casefold() in YES:
        return ARCHIVED
    return COMPLETE if cells("status_category").casefold() in YES else by_list


def card_created(cells: Cells) -> datetime:
    return created_at(cells("id"))


CARDS: Final = CsvProfile(
    name="trello-csv",
    title="Cards of Trello (CSV)",
    source=CONNECTOR.source,
    of_tool=True,
    separator=",",
    signature=frozenset({"cardid", "cardname", "listid", "boardid"}),
    necessary=(),
    columns=MappingProxyType({
        "id": ("cardid",),
        "key": ("cardid",),
        "container": ("boardid",),
        "title": ("cardname",),
        "group": ("listid",),
        "status": ("listname",),
        "resolution": ("archived",),
        "status_category": ("duecomplete",),
        "updated_at": ("lastactivitydate",),
        "due_date": ("duedate",),
        "url": ("cardurl",),
        "comment_count": ("commentcount",),
    }),
    identify=card_identity,
    status=card_status,
    created=card_created,
)  # fmt: skip
FORMATS: Final = (
    JsonFormat("trello-board", "Board of Trello with its actions (JSON)", CONNECTOR.source, is_board, board_records),
    TableFormat.of(CARDS),
)
