"""Jira sprints in the three forms they come in.

An object (Cloud, and the agile interface everywhere), a string with the object's members in brackets (Data Center),
and a list of identifiers in the history ("12, 15").
Source: https://developer.atlassian.com/cloud/jira/software/rest/ (sprint), and recorded traffic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from projects.enums import IterationState
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject, string_in
from projects.imports.values import cut_text, identifier, instant
from projects.observations import IterationObservation

SPRINT_SCHEMA: Final = "com.pyxis.greenhopper.jira:gh-sprint"
STATES: Final = {
    "future": IterationState.FUTURE,
    "active": IterationState.ACTIVE,
    "closed": IterationState.CLOSED,
}
STRING_FORM: Final = re.compile(
    r"com\.atlassian\.greenhopper\.service\.sprint\.Sprint@\w+\[(?P<members>.*)\]", re.DOTALL
)
# A sprint's name and goal may hold commas and equal signs, so a member ends where the next known one begins.
STRING_MEMBER: Final = re.compile(
    r"(?:^|,)(id|rapidViewId|state|name|goal|startDate|endDate|completeDate|activatedDate|sequence|synced"
    r"|autoStartStop|incompleteIssuesDestinationId)="
)
SPRINT_MEMBERS: Final = frozenset({"id", "name", "state"})
BOARD_MEMBERS: Final = frozenset({"boardId", "originBoardId", "startDate", "goal"})


def is_sprint_value(value: Any) -> bool:
    """Whether a custom field's value is that of the Sprint field, for files that carry no schema."""
    if not isinstance(value, list) or not value:
        return False
    first = value[0]
    if isinstance(first, str):
        return STRING_FORM.fullmatch(first) is not None
    return isinstance(first, dict) and first.keys() >= SPRINT_MEMBERS and not BOARD_MEMBERS.isdisjoint(first)


def parse_sprints(values: Iterable[Any], *, field: str) -> tuple[IterationObservation, ...]:
    """Raises FieldRefused when one of the values is no sprint."""
    return tuple(_parse_sprint(value, field=field) for value in values)


def sprint_ids(text: str, *, field: str) -> tuple[str, ...]:
    """The identifiers in a history entry such as "12, 15"; none in an empty one."""
    return tuple(dict.fromkeys(identifier(part, field=field) for part in text.split(",") if part.strip()))


def _parse_sprint(value: Any, *, field: str) -> IterationObservation:
    members = _members(value) if isinstance(value, str) else value
    if not isinstance(members, dict):
        raise FieldRefused(field, "is not a sprint")
    external_id = identifier(string_in(members, "id", path=field) or "", field=f"{field}.id")
    name = cut_text(string_in(members, "name", path=field) or "", field=f"{field}.name", limit=255)
    starts_at, ends_at = _moment(members, "startDate", field), _moment(members, "endDate", field)
    if starts_at and ends_at and ends_at < starts_at:
        ends_at = None  # Jira allows it; an end before the start says nothing about either item or sprint
    return IterationObservation(
        external_id=external_id,
        name=name,
        state=STATES.get((string_in(members, "state", path=field) or "").casefold()),
        starts_at=starts_at,
        ends_at=ends_at,
        completed_at=_moment(members, "completeDate", field),
    )


def _members(text: str) -> JsonObject | None:
    form = STRING_FORM.fullmatch(text)
    if form is None:
        return None
    parts = STRING_MEMBER.split(form["members"])
    pairs = list(zip(parts[1::2], parts[2::2], strict=True))
    return {name: None if value == "<null>" else value for name, value in reversed(pairs)}  # the first of a name wins


def _moment(members: JsonObject, name: str, field: str) -> datetime | None:
    text = string_in(members, name, path=field)
    return instant(text, field=f"{field}.{name}") if text else None
