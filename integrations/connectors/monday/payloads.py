"""The fields of monday's answers that are used, by name and type. Whatever is odd about one is refused by name.

Source: https://developer.monday.com/api-reference/reference/items, /boards, /activity-logs, /updates, and recorded
traffic. Values of columns are read from their raw JSON, which is the same in every version of the interface.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from integrations.connectors.facts import id_of, moment_or_none
from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, object_in, objects_in, string_in
from projects.imports.values import TITLE_LENGTH, URL_LENGTH, cut_text, identifier, short_text

_TICKS: Final = re.compile(r"\d{10}(\d{0,9})")
"""Moments of the log: seconds since 1970 in ten digits, then a fraction of as many as there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a board. labels: index -> label, of a status column;  done: indexes that mean done"""

    id: str
    title: str
    kind: str
    labels: Mapping[str, str] = field(default_factory=dict)
    done: frozenset[str] = frozenset()

    @classmethod
    def of_json(cls, kept: JsonObject) -> Column:
        return cls(**{**kept, "done": frozenset(kept["done"])})

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "kind": self.kind,
            "labels": dict(self.labels),
            "done": sorted(self.done),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a cell holds. raw: the cell's own JSON, {} when it is empty;  linked: ids of items that it points to"""

    column_id: str
    kind: str
    text: str
    raw: JsonObject
    linked: tuple[str, ...]
    is_done: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """created_at: None where monday does not say (documented as optional)"""

    id: str
    name: str
    state: str
    board_id: str
    group_id: str
    group_title: str
    created_at: datetime | None
    updated_at: datetime | None
    creator: str | None
    parent_id: str
    url: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One thing that happened on a board. before, after: the cell's JSON, {} when it was empty"""

    id: str
    event: str
    at: datetime
    actor: str | None
    item_id: str
    column_id: str
    column_title: str
    before: JsonObject
    after: JsonObject


def parse_columns(sent: Iterable[JsonObject]) -> tuple[Column, ...]:
    return tuple(_column(each) for each in sent if not each.get("archived"))


def parse_item(sent: JsonObject) -> Item:
    """Raises FieldRefused, naming the member that cannot be read."""
    board = object_in(sent, "board", path="item") or EMPTY
    group = object_in(sent, "group", path="item") or EMPTY
    parent = object_in(sent, "parent_item", path="item") or EMPTY
    values = [_value(each) for each in objects_in(sent, "column_values", path="item")]
    return Item(
        id=identifier(string_in(sent, "id", path="item") or "", field="id"),
        name=cut_text(string_in(sent, "name", path="item") or "", field="name", limit=TITLE_LENGTH),
        state=string_in(sent, "state", path="item") or "active",
        board_id=short_text(string_in(board, "id", path="item.board") or "", field="board.id"),
        group_id=short_text(string_in(group, "id", path="item.group") or "", field="group.id"),
        group_title=cut_text(string_in(group, "title", path="item.group") or "", field="group.title", limit=255),
        created_at=moment_or_none(sent, "created_at"),
        updated_at=moment_or_none(sent, "updated_at"),
        creator=_account(string_in(sent, "creator_id", path="item")),
        parent_id=short_text(string_in(parent, "id", path="item.parent_item") or "", field="parent_item.id"),
        url=short_text(string_in(sent, "url", path="item") or "", field="url", limit=URL_LENGTH),
        values={value.column_id: value for value in values},
    )


def parse_log_entry(sent: JsonObject) -> LogEntry:
    """Raises FieldRefused."""
    data = raw_value(string_in(sent, "data", path="log"), name="data")
    return LogEntry(
        id=id_of(sent, path="log"),
        event=identifier(string_in(sent, "event", path="log") or "", field="log.event"),
        at=log_moment(string_in(sent, "created_at", path="log") or ""),
        actor=_account(string_in(sent, "user_id", path="log")),
        item_id=short_text(string_in(data, "pulse_id", path="log.data") or "", field="pulse_id"),
        column_id=short_text(string_in(data, "column_id", path="log.data") or "", field="column_id"),
        column_title=cut_text(string_in(data, "column_title", path="log.data") or "", field="column_title", limit=100),
        before=object_or_empty(data.get("previous_value")),
        after=object_or_empty(data.get("value")),
    )


def log_moment(text: str) -> datetime:
    """1687263183.7419768 s as "16872631837419768". Raises FieldRefused."""
    if not _TICKS.fullmatch(text):
        raise FieldRefused("log.created_at", "is no moment of 10 to 19 digits")
    return datetime.fromtimestamp(int(text[:10]) + int(text[10:] or 0) / 10 ** len(text[10:]), UTC)


def raw_value(sent: object, *, name: str) -> JsonObject:
    """JSON, by itself or as text in JSON; what is no object is none. Raises FieldRefused for text that is broken."""
    if not isinstance(sent, str):
        return object_or_empty(sent)
    try:
        return object_or_empty(json.loads(sent))
    except (ValueError, RecursionError):
        raise FieldRefused(name, "is no JSON") from None


def object_or_empty(sent: object) -> JsonObject:
    return sent if isinstance(sent, dict) else EMPTY


def people_in(raw: JsonObject) -> tuple[str, ...]:
    """Accounts of a cell of people; teams are none."""
    found = raw.get("personsAndTeams")
    listed = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return tuple(
        dict.fromkeys(str(each["id"]) for each in listed if each.get("id") and each.get("kind", "person") == "person")
    )


def _column(sent: JsonObject) -> Column:
    kind = string_in(sent, "type", path="column") or ""
    settings = sent.get("settings")
    if not isinstance(settings, dict):
        settings = raw_value(sent.get("settings_str") or None, name="settings_str")
    labels, done = _labels(settings) if kind == "status" else ({}, frozenset())
    return Column(
        id=id_of(sent, path="column"),
        title=cut_text(string_in(sent, "title", path="column") or "", field="column.title", limit=100),
        kind=kind,
        labels=labels,
        done=done,
    )


def _labels(settings: JsonObject) -> tuple[dict[str, str], frozenset[str]]:
    """Either {"labels": {"1": "Done"}, "done_colors": [1]}, or a list of labels that say themselves what is done."""
    found = settings.get("labels")
    if isinstance(found, list):
        listed = [each for each in found if isinstance(each, dict) and each.get("index", each.get("id")) is not None]
        labels = {str(each.get("index", each.get("id"))): str(each.get("label") or "") for each in listed}
        return labels, frozenset(str(each.get("index", each.get("id"))) for each in listed if each.get("is_done"))
    done = settings.get("done_colors")
    return (
        {str(index): str(label or "") for index, label in object_or_empty(found).items()},
        frozenset(str(index) for index in done) if isinstance(done, list) else frozenset(),
    )


def _value(sent: JsonObject) -> Value:
    column_id = identifier(string_in(sent, "id", path="column_value") or "", field="column_values.id")
    linked = sent.get("linked_item_ids")
    is_done = sent.get("is_done")
    return Value(
        column_id=column_id,
        kind=string_in(sent, "__typename", path="column_value") or "",
        text=string_in(sent, "text", path="column_value") or "",
        raw=raw_value(sent.get("value"), name=column_id),
        linked=tuple(str(each) for each in linked) if isinstance(linked, list) else (),
        is_done=is_done if isinstance(is_done, bool) else None,
    )


def _account(number: str | None) -> str | None:
    """Below 1 are monday's own robots."""
    return number if number and number.isdigit() and number != "0" else None
