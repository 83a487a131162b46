"""The fields of Asana's answers that are used, by name and type. Whatever is odd about one is refused by name.

Source: https://developers.asana.com/reference/tasks, /reference/stories, /reference/custom-fields, recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from integrations.connectors.facts import POINTS, moment_or_none
from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, number_in, object_in, objects_in, string_in
from projects.imports.values import (
    ISO_DATE_LENGTH,
    LABEL_COUNT,
    NAME_LENGTH,
    TERM_LENGTH,
    URL_LENGTH,
    calendar_date,
    cut_text,
    finite_number,
    identifier,
    instant,
    seconds,
    short_text,
)

TASK_FIELDS: Final = (
    *("name", "resource_subtype", "completed", "completed_at", "created_at", "modified_at", "due_on", "due_at"),
    *("assignee.gid", "created_by.gid", "parent.gid", "projects.gid", "num_subtasks", "permalink_url"),
    *("memberships.project.gid", "memberships.section.gid", "memberships.section.name", "tags.name"),
    *("dependencies.gid", "dependents.gid", "actual_time_minutes", "approval_status"),
    *("custom_fields.name", "custom_fields.resource_subtype", "custom_fields.number_value"),
    *("custom_fields.format", "custom_fields.representation_type", "custom_fields.enum_value.name"),
    *("custom_fields.display_value", "assignee.email", "created_by.email"),
)
STORY_FIELDS: Final = (
    *("resource_subtype", "created_at", "created_by.gid", "assignee.gid", "old_dates", "new_dates"),
    *("old_section.gid", "old_section.name", "new_section.gid", "new_section.name", "new_section.project.gid"),
    *("project.gid", "tag.name", "task.gid", "dependency.gid", "old_resource_subtype", "new_resource_subtype"),
    *("custom_field.name", "custom_field.format", "old_number_value", "new_number_value"),
    *("old_enum_value.name", "new_enum_value.name", "new_approval_status"),
)
TIME_FIELDS: Final = ("duration_minutes", "entered_on", "created_by.gid")
ESTIMATED_TIME: Final = "estimated time"
PRIORITY: Final = "priority"
DURATION: Final = "duration"
CUSTOM_ID: Final = "custom_id"
MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Section:
    gid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """key: of a custom field that numbers tasks, else the gid;  section: of the project that holds the task for us

    dependencies: tasks that this one waits for;  dependents: tasks that wait for it
    """

    gid: str
    key: str
    title: str
    kind: str
    is_completed: bool
    completed_at: datetime | None
    created_at: datetime
    modified_at: datetime
    due_on: date | None
    assignee: str | None
    creator: str | None
    parent: str
    section: Section | None
    labels: tuple[str, ...]
    dependencies: tuple[str, ...]
    dependents: tuple[str, ...]
    points: float | None
    estimate_s: int | None
    spent_s: int | None
    priority: str
    approval: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One thing that happened to a task. sent: the members that its kind has"""

    gid: str
    kind: str
    at: datetime
    actor: str | None
    sent: JsonObject


def parse_task(sent: JsonObject, *, container: str) -> Task:
    """container: the project whose section counts. Raises FieldRefused, naming the member that cannot be read."""
    gid = gid_of(sent, path="task")
    created_at = instant(string_in(sent, "created_at", path="task") or "", field="created_at")
    custom = [each for each in objects_in(sent, "custom_fields", path="task") if isinstance(each.get("name"), str)]
    minutes = number_in(sent, "actual_time_minutes", path="task")
    return Task(
        gid=gid,
        key=_custom_id(custom) or gid,
        title=cut_text(string_in(sent, "name", path="task") or "", field="name"),
        kind=short_text(string_in(sent, "resource_subtype", path="task") or "", field="kind", limit=TERM_LENGTH),
        is_completed=sent.get("completed") is True,
        completed_at=moment_or_none(sent, "completed_at", path="task"),
        created_at=created_at,
        modified_at=moment_or_none(sent, "modified_at", path="task") or created_at,
        due_on=_day(sent),
        assignee=account(sent, "assignee"),
        creator=account(sent, "created_by"),
        parent=gid_or_empty(object_in(sent, "parent", path="task")),
        section=_section_of(sent, container),
        labels=_labels(sent),
        dependencies=_gids(sent, "dependencies"),
        dependents=_gids(sent, "dependents"),
        points=_points(custom),
        estimate_s=_estimate_s(custom),
        spent_s=None if minutes is None else seconds(minutes * MINUTE_S, field="actual_time_minutes"),
        priority=_priority(custom),
        approval=string_in(sent, "approval_status", path="task") or "",
        url=short_text(string_in(sent, "permalink_url", path="task") or "", field="permalink_url", limit=URL_LENGTH),
    )


def parse_stories(sent: Iterable[JsonObject]) -> tuple[Story, ...]:
    """The stories, oldest first."""
    found = [
        Story(
            gid=gid_of(each, path="story"),
            kind=string_in(each, "resource_subtype", path="story") or "",
            at=instant(string_in(each, "created_at", path="story") or "", field="story.created_at"),
            actor=account(each, "created_by"),
            sent=each,
        )
        for each in sent
    ]
    return tuple(sorted(found, key=lambda story: (story.at, len(story.gid), story.gid)))


def section_in(story: Story, member: str) -> Section | None:
    return _section(object_in(story.sent, member, path="story"))


def day_in(story: Story, member: str) -> str:
    """The day that a change of dates names, as ISO text; "" for none."""
    day = _day(object_in(story.sent, member, path="story") or EMPTY)
    return day.isoformat() if day else ""


def number_text_in(story: Story, member: str, *, factor: float = 1) -> str:
    number = number_in(story.sent, member, path="story")
    return "" if number is None else f"{number * factor:g}"


def name_in(story: Story, member: str) -> str:
    named = object_in(story.sent, member, path="story") or EMPTY
    return cut_text(string_in(named, "name", path=f"story.{member}") or "", field=member, limit=NAME_LENGTH)


def gid_in(story: Story, member: str) -> str:
    return gid_or_empty(object_in(story.sent, member, path="story"))


def account(sent: JsonObject, member: str) -> str | None:
    return gid_or_empty(object_in(sent, member, path="record")) or None


def project_gids(sent: JsonObject) -> list[str]:
    """The projects that the account sees the task in."""
    return list(_gids(sent, "projects"))


def gid_of(sent: JsonObject, *, path: str) -> str:
    return identifier(string_in(sent, "gid", path=path) or "", field=f"{path}.gid")


def gid_or_empty(sent: JsonObject | None) -> str:
    return short_text(string_in(sent or EMPTY, "gid", path="record") or "", field="gid")


def _gids(sent: JsonObject, member: str) -> tuple[str, ...]:
    found = (gid_or_empty(each) for each in objects_in(sent, member, path="task"))
    return tuple(dict.fromkeys(each for each in found if each))


def _section_of(sent: JsonObject, container: str) -> Section | None:
    for membership in objects_in(sent, "memberships", path="task"):
        project = object_in(membership, "project", path="memberships")
        if gid_or_empty(project) == container:
            return _section(object_in(membership, "section", path="memberships"))
    return None


def _section(sent: JsonObject | None) -> Section | None:
    gid = gid_or_empty(sent)
    if not gid:
        return None
    name = string_in(sent or EMPTY, "name", path="section") or ""
    return Section(gid, cut_text(name, field="section.name", limit=NAME_LENGTH))


def _labels(sent: JsonObject) -> tuple[str, ...]:
    tags = objects_in(sent, "tags", path="task")
    if len(tags) > LABEL_COUNT:
        raise FieldRefused("tags", f"has more than {LABEL_COUNT}")
    names = (string_in(tag, "name", path="tags") or "" for tag in tags)
    return tuple(dict.fromkeys(short_text(name, field="tags") for name in names if name))


# --- custom fields: Asana has no estimate and no priority of its own ---


def _named(custom: Sequence[JsonObject], names: Iterable[str]) -> Iterable[JsonObject]:
    return (each for each in custom if each["name"].strip().casefold() in names)


def _points(custom: Sequence[JsonObject]) -> float | None:
    numbers = (number_in(each, "number_value", path="custom_fields") for each in _named(custom, POINTS))
    found = next((number for number in numbers if number is not None), None)
    return None if found is None else finite_number(found, field="custom_fields.number_value")


def _estimate_s(custom: Sequence[JsonObject]) -> int | None:
    """Asana's own field for estimated time is a duration, in minutes."""
    for each in _named(custom, {ESTIMATED_TIME}):
        minutes = number_in(each, "number_value", path="custom_fields")
        if each.get("format") == DURATION and minutes is not None:
            return seconds(minutes * MINUTE_S, field="custom_fields.number_value")
    return None


def _priority(custom: Sequence[JsonObject]) -> str:
    for each in _named(custom, {PRIORITY}):
        value = object_in(each, "enum_value", path="custom_fields") or EMPTY
        return short_text(string_in(value, "name", path="enum_value") or "", field="priority", limit=TERM_LENGTH)
    return ""


def _custom_id(custom: Sequence[JsonObject]) -> str:
    for each in custom:
        if each.get("representation_type") == CUSTOM_ID:
            return short_text(string_in(each, "display_value", path="custom_fields") or "", field="custom id")
    return ""


def _day(sent: JsonObject) -> date | None:
    """The day that people see. Asana sends it beside a due instant, too; an instant alone gives its day in UTC."""
    day = string_in(sent, "due_on", path="record") or (string_in(sent, "due_at", path="record") or "")[:ISO_DATE_LENGTH]
    return calendar_date(day, field="due_on") if day else None
