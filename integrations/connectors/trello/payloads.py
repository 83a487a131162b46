"""The fields of Trello's answers that are used, by name and type. Whatever is odd about one is refused by name.

Source: https://developer.atlassian.com/cloud/trello/rest/, /guides/rest-api/action-types/, and recorded traffic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Final

from integrations.connectors.facts import POINTS, id_of, moment_or_none
from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, number_in, object_in, objects_in, string_in
from projects.imports.values import (
    LABEL_COUNT,
    NAME_LENGTH,
    URL_LENGTH,
    count,
    cut_text,
    finite_number,
    identifier,
    instant,
    short_text,
)

CARD_FIELDS: Final = (
    *("name", "closed", "dateLastActivity", "due", "dueComplete", "idBoard", "idList", "idMembers", "labels"),
    *("badges", "shortLink", "url", "isTemplate", "idMemberCreator"),
)
ACTION_FIELDS: Final = ("type", "date", "idMemberCreator", "data")
_HEX_DIGITS: Final = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class CardList:
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """last_at: when something happened to it last;  due_at: the instant, which people see as a day"""

    id: str
    key: str
    title: str
    board: str
    list_id: str
    is_archived: bool
    is_complete: bool
    is_template: bool
    created_at: datetime
    last_at: datetime | None
    due_at: datetime | None
    members: tuple[str, ...]
    creator: str | None
    labels: tuple[str, ...]
    comment_count: int | None
    points: float | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that happened on a board.

    kind: with the field that was updated, such as "updateCard:idList";  card: "" where it is about none
    card_list: where the card was then;  old, new: the members of the card before and after
    """

    id: str
    kind: str
    at: datetime
    actor: str | None
    card: str
    card_list: CardList | None
    old: JsonObject
    new: JsonObject
    data: JsonObject


def parse_card(sent: JsonObject, *, board: str, points_fields: frozenset[str] = frozenset()) -> Card:
    """board: where it was listed;  points_fields: ids of the board's own fields that hold points

    Raises FieldRefused, naming the member that cannot be read.
    """
    card_id = id_of(sent, path="card")
    badges = object_in(sent, "badges", path="card") or EMPTY
    comments = number_in(badges, "comments", path="badges")
    return Card(
        id=card_id,
        key=short_text(string_in(sent, "shortLink", path="card") or "", field="shortLink") or card_id,
        title=cut_text(string_in(sent, "name", path="card") or "", field="name"),
        board=short_text(string_in(sent, "idBoard", path="card") or "", field="idBoard") or board,
        list_id=short_text(string_in(sent, "idList", path="card") or "", field="idList"),
        is_archived=sent.get("closed") is True,
        is_complete=sent.get("dueComplete") is True,
        is_template=sent.get("isTemplate") is True,
        created_at=created_at(card_id),
        last_at=moment_or_none(sent, "dateLastActivity"),
        due_at=moment_or_none(sent, "due"),
        members=_members(sent),
        creator=short_text(string_in(sent, "idMemberCreator", path="card") or "", field="idMemberCreator") or None,
        labels=_labels(sent),
        comment_count=None if comments is None else count(comments, field="badges.comments"),
        points=_points(sent, points_fields),
        url=short_text(string_in(sent, "url", path="card") or "", field="url", limit=URL_LENGTH),
    )


def parse_list(sent: JsonObject) -> CardList:
    name = string_in(sent, "name", path="list") or ""
    return CardList(id_of(sent, path="list"), cut_text(name, field="list.name", limit=NAME_LENGTH))


def parse_action(sent: JsonObject) -> Action:
    data = object_in(sent, "data", path="action") or EMPTY
    old = object_in(data, "old", path="data") or EMPTY
    card = object_in(data, "card", path="data") or EMPTY
    kind = identifier(string_in(sent, "type", path="action") or "", field="type")
    return Action(
        id=id_of(sent, path="action"),
        kind=f"{kind}:{next(iter(old))}" if kind == "updateCard" and old else kind,
        at=instant(string_in(sent, "date", path="action") or "", field="date"),
        actor=short_text(string_in(sent, "idMemberCreator", path="action") or "", field="idMemberCreator") or None,
        card=short_text(string_in(card, "id", path="card") or "", field="card.id"),
        card_list=list_in(data, "listAfter") or list_in(data, "list"),
        old=old,
        new=card,
        data=data,
    )


def points_fields_in(sent: Iterable[JsonObject]) -> frozenset[str]:
    """Those of a board's own fields that hold story points, by their name and type."""
    return frozenset(
        str(field.get("id"))
        for field in sent
        if field.get("type") == "number" and str(field.get("name")).strip().casefold() in POINTS
    )


def list_in(sent: JsonObject, member: str) -> CardList | None:
    found = object_in(sent, member, path="data")
    return parse_list(found) if found and found.get("id") else None


def due_day(due_at: datetime | None, zone: tzinfo) -> date | None:
    return None if due_at is None else due_at.astimezone(zone).date()


def created_at(object_id: str) -> datetime:
    """The moment that an id begins with: seconds since 1970, in eight hexadecimal digits.

    Example: 64098772e6751c75dc0dc6f6 was made at 0x64098772 = 1678346098, on 9 March 2023 at 07:14:58 in UTC.
    """
    if not _HEX_DIGITS.match(object_id):
        raise FieldRefused("id", "does not begin with a moment")
    return datetime.fromtimestamp(int(object_id[:8], 16), UTC)


def numeric_value(sent: JsonObject) -> float | None:
    """The number that a custom field holds; Trello writes it as text."""
    value = object_in(sent, "value", path="customFieldItem") or EMPTY
    number: object = value.get("number")
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, str | int | float):
        raise FieldRefused("customFieldItems.value", "is not a number")
    return finite_number(number, field="customFieldItems.value")


def _points(sent: JsonObject, points_fields: frozenset[str]) -> float | None:
    for item in objects_in(sent, "customFieldItems", path="card"):
        if str(item.get("idCustomField")) in points_fields:
            return numeric_value(item)
    return None


def _members(sent: JsonObject) -> tuple[str, ...]:
    found = sent.get("idMembers") or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise FieldRefused("idMembers", "is not a list of ids")
    return tuple(dict.fromkeys(short_text(each, field="idMembers") for each in found if each))


def _labels(sent: JsonObject) -> tuple[str, ...]:
    """Labels by their names; one without a name by its colour."""
    labels = objects_in(sent, "labels", path="card")
    if len(labels) > LABEL_COUNT:
        raise FieldRefused("labels", f"has more than {LABEL_COUNT}")
    names = (label_name(label) for label in labels)
    return tuple(dict.fromkeys(name for name in names if name))


def label_name(sent: Mapping[str, object]) -> str:
    named = string_in(sent, "name", path="labels") or string_in(sent, "color", path="labels") or ""
    return short_text(named, field="labels")
