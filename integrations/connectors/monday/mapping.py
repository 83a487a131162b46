"""From monday's items, logs and updates to our facts. Pure: the same answers give the same facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from integrations.connectors.facts import id_of, status_move
from integrations.connectors.monday.payloads import (
    Column,
    Item,
    LogEntry,
    Value,
    parse_item,
    parse_log_entry,
    people_in,
)
from integrations.connectors.monday.roles import Roles, roles_by_values
from projects.enums import ActivityKind, LinkDirection, StatusCategory, TrackedField
from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, objects_in, string_in
from projects.imports.statuses import guess_status_category, likely_status_category
from projects.imports.values import (
    GREATEST_SECONDS,
    TERM_LENGTH,
    calendar_date,
    cut_text,
    epoch_ms,
    finite_number,
    identifier,
    instant,
)
from projects.observations import (
    ActivityObservation,
    FieldChangeObservation,
    LinkObservation,
    ObservationBatch,
    StatusObservation,
    WorkItemObservation,
)

BLANK: Final = "blank"
NO_STATUS: Final = "No status"
HOUR_S: Final = 3600
OTHER_EVENT: Final = "other_event"


def item_facts(sent: JsonObject, *, roles: Roles | None, container: str, first_seen_at: datetime) -> ObservationBatch:
    """One item as it stands.

    roles: None where the board is not shown;  container: under which it is kept
    first_seen_at: what the creation counts from where monday does not say it
    Raises FieldRefused.
    """
    item = parse_item(sent)
    known = roles or roles_by_values(item)
    status = _status_of(item, known, container)
    begun_at = item.created_at or item.updated_at or first_seen_at
    changed_at = None if item.updated_at is None else max(item.updated_at, begun_at)
    is_done = status.category == StatusCategory.DONE
    points, seconds = _estimate(item, known)
    observed = WorkItemObservation(
        external_id=item.id,
        key=_key(item, known),
        container=container,
        item_type=_text(item, known.item_type) or ("Subitem" if item.parent_id else "Item"),
        title=item.name,
        status_id=status.external_id,
        status_name=status.name,
        status_category=status.category,
        priority=_text(item, known.priority),
        created_at=begun_at,
        is_creation_known=item.created_at is not None,
        updated_at=changed_at,
        resolved_at=_resolved_at(item, known.status, begun_at) if is_done else None,
        due_date=_due(item, known.due),
        estimate_points=points,
        estimate_s=seconds,
        assignee_ids=people_in(_raw(item, known.assignee)),
        reporter_id=item.creator,
        parent_id=item.parent_id,
        labels=_tags(item, known.tags),
        url=item.url,
        source_version=epoch_ms(changed_at) if changed_at else None,
    )
    return ObservationBatch(
        items=(observed,), statuses=(status,), links=tuple(_links(item)), whole_states=frozenset({item.id})
    )


def board_statuses(roles: Roles, *, container: str) -> ObservationBatch:
    """Every status that the board offers, whether an item has it or not."""
    if roles.status is None:
        return ObservationBatch()
    found = [_status(roles.status, index, label, container=container) for index, label in roles.status.labels.items()]
    return ObservationBatch(statuses=tuple(status for status in found if status.name != NO_STATUS))


def log_facts(sent: JsonObject, *, roles: Roles, container: str) -> FieldChangeObservation | None:
    """A change of one cell or of the name; None for what is no change of an item's field. Raises FieldRefused."""
    entry = parse_log_entry(sent)
    if not entry.item_id:
        return None
    change = FieldChangeObservation(
        external_id=entry.id, item_id=entry.item_id, field="", changed_at=entry.at, actor_id=entry.actor
    )
    match entry.event:
        case "update_name":
            return replace(change, field="title")
        case "update_column_value" if entry.column_id:
            return _cell_change(change, entry, roles, container)
        case _:
            return None


def update_facts(sent: JsonObject) -> ObservationBatch:
    """An update and its replies: when and by whom. Raises FieldRefused."""
    item_id = string_in(sent, "item_id", path="update") or ""
    spoken = [("update", sent), *(("reply", reply) for reply in objects_in(sent, "replies", path="update"))]
    return ObservationBatch(activities=tuple(_activity(kind, each, item_id=item_id) for kind, each in spoken))


# --- statuses ---


def _status_of(item: Item, roles: Roles, container: str) -> StatusObservation:
    """From the status column; on boards without one the group tells: "To do" and "Done" are often groups."""
    if roles.status is None:
        name = item.group_title or NO_STATUS
        group = identifier(f"{container}:group:{item.group_id or BLANK}", field="group.id")
        return StatusObservation(
            external_id=group, name=name, category=guess_status_category(name) or StatusCategory.TODO, is_guessed=True
        )
    value = item.values.get(roles.status.id)
    index = _index(EMPTY if value is None else value.raw)
    label = roles.status.labels.get(index, "") or ("" if value is None else value.text)
    status = _status(roles.status, index, label, container=container)
    if value is not None and value.is_done is not None and index:
        return _judged(status, is_done=value.is_done)
    return status


def _status(column: Column, index: str, label: str, *, container: str) -> StatusObservation:
    """A label by its index, which survives renaming. An empty label means that nobody has begun."""
    name = cut_text(label, field="status", limit=TERM_LENGTH)
    status = StatusObservation(
        external_id=identifier(f"{container}:{column.id}:{index if name else BLANK}", field="status"),
        name=name or NO_STATUS,
        category=likely_status_category(name) if name else StatusCategory.TODO,
        is_guessed=True,
    )
    return _judged(status, is_done=index in column.done) if column.done and name else status


def _judged(status: StatusObservation, *, is_done: bool) -> StatusObservation:
    """monday says which labels mean done, and no more."""
    if is_done:
        return replace(status, category=StatusCategory.DONE, is_guessed=False)
    if status.category == StatusCategory.DONE:
        return replace(status, category=StatusCategory.IN_PROGRESS)
    return status


def _index(raw: JsonObject) -> str:
    index = raw.get("index")
    return str(index) if isinstance(index, int) else ""


def _resolved_at(item: Item, column: Column | None, begun_at: datetime) -> datetime:
    """When the status was set, which copied boards carry along from before the item was there."""
    text = _raw(item, column).get("changed_at")
    found = instant(text, field="changed_at") if isinstance(text, str) and text else item.updated_at
    return max(found or begun_at, begun_at)


# --- cells ---


def _value_in(item: Item, column: Column | None) -> Value | None:
    return None if column is None else item.values.get(column.id)


def _raw(item: Item, column: Column | None) -> JsonObject:
    value = _value_in(item, column)
    return EMPTY if value is None else value.raw


def _text(item: Item, column: Column | None) -> str:
    value = _value_in(item, column)
    return "" if value is None else cut_text(value.text, field=value.column_id, limit=TERM_LENGTH)


def _key(item: Item, roles: Roles) -> str:
    return _text(item, roles.number) or item.id


def _due(item: Item, column: Column | None) -> date | None:
    return None if column is None else _day(_raw(item, column), field=column.id)


def _day(raw: JsonObject, *, field: str) -> date | None:
    text = raw.get("date") or raw.get("to")
    return calendar_date(text, field=field) if isinstance(text, str) and text else None


def _estimate(item: Item, roles: Roles) -> tuple[float | None, int | None]:
    value = _value_in(item, roles.estimate)
    if value is None or not value.text.strip():
        return None, None
    number = finite_number(value.text, field=value.column_id)
    if not roles.estimate_is_hours:
        return number, None
    if number * HOUR_S > GREATEST_SECONDS:
        raise FieldRefused(value.column_id, "is longer than three centuries")
    return None, round(number * HOUR_S)


def _tags(item: Item, column: Column | None) -> tuple[str, ...]:
    value = _value_in(item, column)
    texts = [] if value is None else [text.strip() for text in value.text.split(",")]
    return tuple(dict.fromkeys(cut_text(text, field="tags", limit=255) for text in texts if text))


def _links(item: Item) -> Iterable[LinkObservation]:
    """A dependency points to what must be done before; any other column of links only relates."""
    for value in item.values.values():
        is_dependency = value.kind == "DependencyValue"
        for target in value.linked:
            yield LinkObservation(
                external_id=f"{value.column_id} {target}",
                item_id=item.id,
                link_type="Blocks" if is_dependency else "Relates",
                direction=LinkDirection.INWARD if is_dependency else LinkDirection.OUTWARD,
                target_id=target,
            )


# --- history ---


def _cell_change(
    change: FieldChangeObservation, entry: LogEntry, roles: Roles, container: str
) -> FieldChangeObservation:
    """Cells that fill a field of ours keep their values; of others, which may hold prose, the moment alone."""
    if roles.status and entry.column_id == roles.status.id:
        before, after = (_label(raw, roles.status, container) for raw in (entry.before, entry.after))
        return status_move(change, before, after)
    if roles.due and entry.column_id == roles.due.id:
        days = [_day(raw, field="log.value") for raw in (entry.before, entry.after)]
        return _texts(change, TrackedField.DUE_DATE, [day.isoformat() if day else "" for day in days])
    if roles.estimate and entry.column_id == roles.estimate.id:
        factor = HOUR_S if roles.estimate_is_hours else 1
        kept = TrackedField.ESTIMATE_S if roles.estimate_is_hours else TrackedField.ESTIMATE_POINTS
        return _texts(change, kept, [_number(raw, factor) for raw in (entry.before, entry.after)])
    if roles.assignee and entry.column_id == roles.assignee.id:
        first = [next(iter(people_in(raw)), "") for raw in (entry.before, entry.after)]
        return replace(change, field=TrackedField.ASSIGNEE, from_id=first[0], to_id=first[1])
    named = {
        TrackedField.PRIORITY: roles.priority,
        TrackedField.ITEM_TYPE: roles.item_type,
        TrackedField.LABELS: roles.tags,
    }
    for field, column in named.items():
        if column and entry.column_id == column.id:
            return _texts(change, field, [_label_text(raw) for raw in (entry.before, entry.after)])
    return replace(change, field=(entry.column_title or entry.column_id).casefold()[:100])


def _texts(change: FieldChangeObservation, field: str, values: Sequence[str]) -> FieldChangeObservation:
    return replace(change, field=field, from_text=values[0], to_text=values[1])


def _label(raw: JsonObject, column: Column, container: str) -> StatusObservation:
    label = raw.get("label")
    index = _index(label) if isinstance(label, dict) else ""
    return _status(column, index, column.labels.get(index, "") or _label_text(raw), container=container)


def _label_text(raw: JsonObject) -> str:
    label = raw.get("label")
    text = label.get("text") if isinstance(label, dict) else None
    return cut_text(text, field="log.value", limit=TERM_LENGTH) if isinstance(text, str) else ""


def _number(raw: JsonObject, factor: int) -> str:
    value = raw.get("value")
    return f"{value * factor:g}" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _activity(kind: str, sent: JsonObject, *, item_id: str) -> ActivityObservation:
    return ActivityObservation(
        external_id=f"{kind} {id_of(sent, path=kind)}",
        kind=ActivityKind.COMMENT,
        occurred_at=instant(string_in(sent, "created_at", path=kind) or "", field=f"{kind}.created_at"),
        item_id=item_id,
        actor_id=string_in(sent, "creator_id", path=kind) or None,
    )
