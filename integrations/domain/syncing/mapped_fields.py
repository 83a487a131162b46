"""Field mappings: what people say a tool's field means, applied to what the connector made of it. Pure.

1. The external field is looked up in the record as the tool sent it, by its name, else as a path with dots.
2. A value that stands for something (an option, a version) becomes its text: `value`, `name`, `title`, `key` or `id`;
   a person becomes the account.
3. The transformation, one of a closed list, makes it ours; then it must have the type of the internal field.
4. An empty value leaves what the connector said; where the mapping is required the record is refused.

Example: customfield_7 = {"value": "2.5"}, to estimate_points, as a number: 2.5 points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from integrations.enums import InternalField, Transformation
from projects.enums import StatusCategory
from projects.imports.errors import FieldRefused
from projects.imports.statuses import likely_status_category
from projects.imports.values import (
    LABEL_COUNT,
    TERM_LENGTH,
    calendar_date,
    cut_text,
    finite_number,
    identifier,
    instant,
    seconds,
    short_text,
)
from projects.observations import WorkItemObservation

SECONDS_PER_MINUTE: Final = 60
SECONDS_PER_HOUR: Final = 3600
YES: Final = frozenset({"1", "true", "yes", "y", "on"})
NO: Final = frozenset({"0", "false", "no", "n", "off"})
_TEXT_MEMBERS: Final = ("value", "name", "title", "key", "id")
_ACCOUNT_MEMBERS: Final = ("accountId", "id", "gid", "key")
"""People are known by their accounts; their names are left where they are."""
_PEOPLE: Final = frozenset({InternalField.ASSIGNEE, InternalField.REPORTER})
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
TEXT: Final[dict[str, tuple[str, int]]] = {
    InternalField.ITEM_TYPE: ("item_type", TERM_LENGTH),
    InternalField.PRIORITY: ("priority", TERM_LENGTH),
    InternalField.PARENT_KEY: ("parent_key", 255),
}
NOT_FOR_ITEMS: Final = frozenset({InternalField.ITERATION, InternalField.MILESTONE, InternalField.CUSTOM})
"""These have no place on the item itself; a mapping to one of them is passed over."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One mapping of one integration, as plain data."""

    external_field: str
    internal_field: str
    transformation: str
    is_required: bool = False


def apply_rules(
    item: WorkItemObservation,
    record: Mapping[str, Any],
    rules: Iterable[FieldRule],
    *,
    categories: Mapping[str, StatusCategory],
) -> tuple[WorkItemObservation, list[FieldRefused]]:
    """The item with its mapped fields, and what could not be read of those that are not required.

    record: as the tool sent it;  categories: of the settings, by status id or name
    Raises FieldRefused, naming the external field, for a required one that is empty or cannot be read.
    """
    odd: list[FieldRefused] = []
    for rule in rules:
        if rule.internal_field in NOT_FOR_ITEMS:
            continue
        try:
            item = _apply(item, record, rule, categories)
        except FieldRefused as refused:
            named = FieldRefused(rule.external_field, refused.reason)
            if rule.is_required:
                raise named from None
            odd.append(named)
    return item, odd


def _apply(
    item: WorkItemObservation,
    record: Mapping[str, Any],
    rule: FieldRule,
    categories: Mapping[str, StatusCategory],
) -> WorkItemObservation:
    members = _ACCOUNT_MEMBERS if rule.internal_field in _PEOPLE else _TEXT_MEMBERS
    value = _plain(_look_up(record, rule.external_field), members)
    if value in _EMPTY:
        if rule.is_required:
            raise FieldRefused(rule.external_field, "is empty, and the mapping requires it")
        return item
    if rule.transformation == Transformation.STATUS_CATEGORY:
        value = categories.get(_text(value)) or likely_status_category(_text(value))
    else:
        value = _TRANSFORMATIONS[rule.transformation](value)
    return replace(item, **_WRITERS[rule.internal_field](item, value))


# --- the tool's value ---


def _look_up(record: Mapping[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _plain(value: Any, members: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return next((value[name] for name in members if value.get(name) not in _EMPTY), None)
    if isinstance(value, list):
        return [plain for each in value if (plain := _plain(each, members)) not in _EMPTY]
    return value


# --- transformations ---


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _number(value: Any) -> float:
    return finite_number(_text(value).strip(), field="")


def _yes_no(value: Any) -> bool:
    text = _text(value).strip().casefold()
    if text not in YES | NO:
        raise FieldRefused("", "is neither yes nor no")
    return text in YES


def _from_epoch(value: Any, *, per_second: int) -> datetime:
    try:
        return datetime.fromtimestamp(_number(value) / per_second, UTC)
    except (OverflowError, OSError, ValueError):
        raise FieldRefused("", "lies outside of the years 1 to 9999") from None


_TRANSFORMATIONS: Final[dict[str, Callable[[Any], Any]]] = {
    Transformation.COPY: lambda value: value,
    Transformation.TRIM: lambda value: _text(value).strip(),
    Transformation.LOWER_CASE: lambda value: _text(value).lower(),
    Transformation.UPPER_CASE: lambda value: _text(value).upper(),
    Transformation.NUMBER: _number,
    Transformation.DATE: lambda value: calendar_date(_text(value).strip()[:10], field=""),
    Transformation.INSTANT: lambda value: instant(_text(value), field=""),
    Transformation.EPOCH_SECONDS: lambda value: _from_epoch(value, per_second=1),
    Transformation.EPOCH_MILLISECONDS: lambda value: _from_epoch(value, per_second=1000),
    Transformation.MINUTES_TO_SECONDS: lambda value: _number(value) * SECONDS_PER_MINUTE,
    Transformation.HOURS_TO_SECONDS: lambda value: _number(value) * SECONDS_PER_HOUR,
    Transformation.SPLIT_ON_COMMA: lambda value: [part.strip() for part in _text(value).split(",") if part.strip()],
    Transformation.YES_NO: _yes_no,
}


# --- our fields ---

Values = dict[str, Any]


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else calendar_date(_text(value).strip(), field="")


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else instant(_text(value), field="")


def _names(value: Any) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(short_text(_text(each), field="") for each in found))[:LABEL_COUNT]


def _in_status(item: WorkItemObservation, value: Any) -> Values:
    name = short_text(_text(value), field="")
    return {"status_id": name, "status_name": name, **_in_category(item, likely_status_category(name))}


def _in_category(item: WorkItemObservation, value: Any) -> Values:
    """What is done was resolved, at the latest when it last changed; what is not was not."""
    try:
        category = StatusCategory(value)
    except ValueError:
        category = likely_status_category(_text(value))
    if category != StatusCategory.DONE:
        return {"status_category": category, "resolved_at": None}
    return {"status_category": category, "resolved_at": item.resolved_at or item.updated_at}


def _text_writer(attribute: str, limit: int) -> Callable[[WorkItemObservation, Any], Values]:
    return lambda _, value: {attribute: short_text(_text(value), field="", limit=limit)}


_WRITERS: Final[dict[str, Callable[[WorkItemObservation, Any], Values]]] = {
    **{field: _text_writer(attribute, limit) for field, (attribute, limit) in TEXT.items()},
    InternalField.TITLE: lambda _, value: {"title": cut_text(_text(value), field="")},
    InternalField.STATUS: _in_status,
    InternalField.STATUS_CATEGORY: _in_category,
    InternalField.CREATED_AT: lambda _, value: {"created_at": _moment(value)},
    InternalField.RESOLVED_AT: lambda item, value: (
        {"resolved_at": _moment(value)} if item.status_category == StatusCategory.DONE else {}
    ),
    InternalField.DUE_DATE: lambda _, value: {"due_date": _day(value)},
    InternalField.ESTIMATE_POINTS: lambda _, value: {"estimate_points": _number(value)},
    InternalField.ESTIMATE_S: lambda _, value: {"estimate_s": seconds(_number(value), field="")},
    InternalField.ASSIGNEE: lambda _, value: {"assignee_ids": _names(value)},
    InternalField.REPORTER: lambda _, value: {"reporter_id": identifier(_text(value), field="")},
    InternalField.LABELS: lambda _, value: {"labels": _names(value)},
}
