"""From Trello's cards and actions to our facts. Pure: the same answers give the same facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Final

from integrations.connectors.facts import POINTS, moment_or_none, status_move
from integrations.connectors.trello.payloads import (
    Action,
    Card,
    CardList,
    due_day,
    label_name,
    list_in,
    numeric_value,
    parse_action,
    parse_card,
    parse_list,
)
from projects.enums import ActivityKind, StatusCategory, TrackedField
from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, object_in, string_in
from projects.imports.statuses import likely_status_category
from projects.imports.values import epoch_ms, short_text
from projects.observations import (
    ActivityObservation,
    FieldChangeObservation,
    ObservationBatch,
    StatusObservation,
    WorkItemObservation,
)

NO_LIST: Final = StatusObservation(external_id="no_list", name="No list", category=StatusCategory.TODO, is_guessed=True)
COMPLETE: Final = StatusObservation(external_id="complete", name="Complete", category=StatusCategory.DONE)
ARCHIVED: Final = StatusObservation(
    external_id="archived", name="Archived", category=StatusCategory.DONE, is_guessed=True
)
MOVED: Final = "updateCard:idList"
ARCHIVING: Final = "updateCard:closed"
COMPLETING: Final = "updateCard:dueComplete"
CREATIONS: Final = frozenset({"createCard", "copyCard", "convertToCardFromCheckItem", "emailCard", "moveCardToBoard"})
MOVES: Final = (*sorted(CREATIONS), MOVED, ARCHIVING, COMPLETING)
"""The actions that tell when a card came to where it is."""
LEAVING: Final = ("deleteCard", "moveCardFromBoard")
"""The actions of a board that tell that a card is no longer on it."""
MEMBERSHIPS: Final[dict[str, tuple[TrackedField, bool]]] = {
    "addMemberToCard": (TrackedField.ASSIGNEE, True),
    "removeMemberFromCard": (TrackedField.ASSIGNEE, False),
    "addLabelToCard": (TrackedField.LABELS, True),
    "removeLabelFromCard": (TrackedField.LABELS, False),
}
"""Kind of an action -> the field, and whether it was added."""
PROSE: Final = {"updateCard:name": "title", "updateCard:desc": "description"}


@dataclass(frozen=True, slots=True)
class Board:
    """What cards are read with.

    lists: by id;  points_fields: ids of its own fields that hold story points;  zone: whose days due dates are
    """

    id: str
    lists: Mapping[str, CardList]
    points_fields: frozenset[str] = frozenset()
    zone: tzinfo = UTC

    def status_of_list(self, list_id: str) -> StatusObservation:
        return list_status(self.lists.get(list_id) or CardList(list_id, ""))


@dataclass(slots=True)
class Arrivals:
    """When cards came to where they are: the newest move to each list that means done, archiving, and completion.

    moments: card -> what -> ISO instant. Actions are noted newest first, and the first one of a kind counts.
    """

    moments: dict[str, dict[str, str]] = field(default_factory=dict)

    def note(self, sent: JsonObject) -> None:
        """Raises FieldRefused."""
        action = parse_action(sent)
        for what in self._told(action):
            self.moments.setdefault(action.card, {}).setdefault(what, action.at.isoformat())

    def of(self, card: str, status: StatusObservation) -> datetime | None:
        told = self.moments.get(card, {}).get(status.external_id)
        return datetime.fromisoformat(told) if told else None

    def _told(self, action: Action) -> Iterable[str]:
        if not action.card:
            return
        if action.kind == ARCHIVING and action.new.get("closed") is True:
            yield ARCHIVED.external_id
        elif action.kind == COMPLETING and action.new.get("dueComplete") is True:
            yield COMPLETE.external_id
        elif action.kind == MOVED or action.kind in CREATIONS:
            status = list_status(action.card_list)
            if status.category == StatusCategory.DONE:
                yield status.external_id


def list_status(card_list: CardList | None) -> StatusObservation:
    """A list is a status; what it means is guessed from its name."""
    if card_list is None or not card_list.id:
        return NO_LIST
    return StatusObservation(
        external_id=card_list.id,
        name=card_list.name or card_list.id,
        category=likely_status_category(card_list.name) if card_list.name else StatusCategory.TODO,
        is_guessed=True,
    )


def list_facts(sent: JsonObject) -> ObservationBatch:
    return ObservationBatch(statuses=(list_status(parse_list(sent)),))


def is_done(sent: JsonObject, board: Board) -> bool:
    """Whether the moment matters at which a card came to where it is."""
    is_over = sent.get("closed") is True or sent.get("dueComplete") is True
    return is_over or board.status_of_list(str(sent.get("idList") or "")).category == StatusCategory.DONE


def card_facts(sent: JsonObject, board: Board, arrivals: Arrivals) -> ObservationBatch:
    """One card as it stands. Its history comes from the board's actions.

    arrivals: filled, where the card is done.  Raises FieldRefused.
    """
    card = parse_card(sent, board=board.id, points_fields=board.points_fields)
    status = _status(card, board)
    is_over = status.category == StatusCategory.DONE
    updated_at = max(card.last_at or card.created_at, card.created_at)
    item = WorkItemObservation(
        external_id=card.id,
        key=card.key,
        container=board.id,
        item_type="Template" if card.is_template else "Card",
        title=card.title,
        status_id=status.external_id,
        status_name=status.name,
        status_category=status.category,
        resolution=ARCHIVED.name if status is ARCHIVED else "",
        created_at=card.created_at,
        updated_at=updated_at,
        resolved_at=_resolved_at(card, status, arrivals) if is_over else None,
        due_date=due_day(card.due_at, board.zone),
        estimate_points=card.points,
        assignee_ids=card.members,
        reporter_id=card.creator,
        labels=card.labels,
        comment_count=card.comment_count,
        url=card.url,
        source_version=epoch_ms(updated_at),
    )
    return ObservationBatch(items=(item,), statuses=(status,), whole_states=frozenset({card.id}))


def _status(card: Card, board: Board) -> StatusObservation:
    """1. A list that means done says so, of archived cards too.  2. Else what is archived has been given up.
    3. Else the mark "complete" counts.  4. Else the list.
    """
    by_list = board.status_of_list(card.list_id)
    if by_list.category == StatusCategory.DONE:
        return by_list
    if card.is_archived:
        return ARCHIVED
    return COMPLETE if card.is_complete else by_list


def _resolved_at(card: Card, status: StatusObservation, arrivals: Arrivals) -> datetime:
    """A card that no action brought to where it is has been there from the beginning.

    Archiving and completing have always been told: of a card without such an action the record was cut off.
    """
    told = arrivals.of(card.id, status)
    if told is not None:
        return max(told, card.created_at)
    begun = status.external_id == card.list_id or card.last_at is None
    return card.created_at if begun else max(card.last_at or card.created_at, card.created_at)


# --- history ---


def action_facts(sent: JsonObject, *, zone: tzinfo = UTC) -> ObservationBatch | None:
    """What one action says about a card; None where it is no fact of ours. Raises FieldRefused."""
    action = parse_action(sent)
    if not action.card:
        return None
    if action.kind == "commentCard":
        return ObservationBatch(activities=(_comment(action),))
    change = _change(action, zone)
    if change is None:
        return ObservationBatch() if action.kind in CREATIONS else None
    lists = [list_in(action.data, member) for member in ("listBefore", "listAfter")]
    statuses = tuple(list_status(each) for each in lists if each is not None)
    return ObservationBatch(changes=(change,), statuses=statuses)


def action_kind(sent: JsonObject) -> str:
    """What it is skipped as."""
    try:
        return parse_action(sent).kind
    except FieldRefused:
        return "unknown"


def _comment(action: Action) -> ActivityObservation:
    return ActivityObservation(
        external_id=f"action {action.id}",
        kind=ActivityKind.COMMENT,
        occurred_at=action.at,
        item_id=action.card,
        actor_id=action.actor,
    )


def _change(action: Action, zone: tzinfo) -> FieldChangeObservation | None:
    change = FieldChangeObservation(
        external_id=action.id, item_id=action.card, field="", changed_at=action.at, actor_id=action.actor
    )
    if action.kind in (MOVED, ARCHIVING, COMPLETING):
        return _status_change(change, action)
    if action.kind in MEMBERSHIPS:
        field_name, is_added = MEMBERSHIPS[action.kind]
        name = _member(action) if field_name == TrackedField.ASSIGNEE else _label(action)
        return _joined(replace(change, field=field_name), name, is_added=is_added)
    if action.kind == "updateCustomFieldItem":
        return _points_change(change, action)
    if action.kind == "updateCard:due":
        before, after = (_day(sent, zone) for sent in (action.old, action.new))
        return replace(change, field=TrackedField.DUE_DATE, from_text=before, to_text=after)
    if action.kind == "moveCardToBoard":
        before, after = _id_in(action, "boardSource"), _id_in(action, "board")
        return replace(change, field=TrackedField.PROJECT, from_id=before, to_id=after)
    return replace(change, field=PROSE[action.kind]) if action.kind in PROSE else None


def _joined(change: FieldChangeObservation, name: str, *, is_added: bool) -> FieldChangeObservation:
    """People by their ids, labels by their names."""
    if change.field == TrackedField.ASSIGNEE:
        return replace(change, to_id=name) if is_added else replace(change, from_id=name)
    return replace(change, to_text=name) if is_added else replace(change, from_text=name)


def _status_change(change: FieldChangeObservation, action: Action) -> FieldChangeObservation | None:
    """Between lists; or between a list and what takes its place there, unless the list means done by itself."""
    if action.kind == MOVED:
        before = list_in(action.data, "listBefore") or CardList(str(action.old.get("idList") or ""), "")
        after = action.card_list or CardList(str(action.new.get("idList") or ""), "")
        return status_move(change, list_status(before), list_status(after))
    place = list_status(action.card_list)
    if place.category == StatusCategory.DONE:
        return None
    other, member = (ARCHIVED, "closed") if action.kind == ARCHIVING else (COMPLETE, "dueComplete")
    return status_move(change, place, other) if action.new.get(member) is True else status_move(change, other, place)


def _points_change(change: FieldChangeObservation, action: Action) -> FieldChangeObservation | None:
    custom = object_in(action.data, "customField", path="data") or EMPTY
    if (string_in(custom, "name", path="customField") or "").strip().casefold() not in POINTS:
        return None
    before = numeric_value(action.old)
    after = numeric_value(object_in(action.data, "customFieldItem", path="data") or EMPTY)
    return replace(change, field=TrackedField.ESTIMATE_POINTS, from_text=_number(before), to_text=_number(after))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _day(sent: JsonObject, zone: tzinfo) -> str:
    day = due_day(moment_or_none(sent, "due"), zone)
    return day.isoformat() if day else ""


def _member(action: Action) -> str:
    sent = string_in(action.data, "idMember", path="data") or _id_in(action, "member")
    return short_text(sent, field="idMember")


def _label(action: Action) -> str:
    return label_name(object_in(action.data, "label", path="data") or EMPTY)


def _id_in(action: Action, member: str) -> str:
    found = object_in(action.data, member, path="data") or EMPTY
    return short_text(string_in(found, "id", path=member) or "", field=member)
