"""The fields of Bitrix24's answers that are used, by name and type. Whatever is odd about one is refused by name.

Requests name fields in capitals, answers in camel case; numbers come as text, and nothing as null, "0" or [].
Source: https://apidocs.bitrix24.com/api-reference/tasks/fields.html, /tasks/tasks-task-history-list.html, and recorded
traffic.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timezone, tzinfo
from typing import Any, Final

from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, object_in, string_in
from projects.imports.values import LABEL_COUNT, count, cut_text, identifier, instant, seconds, short_text

SELECTED: Final = (
    *("ID", "TITLE", "STATUS", "PRIORITY", "PARENT_ID", "GROUP_ID", "SPRINT_ID", "TAGS", "COMMENTS_COUNT"),
    *("CREATED_BY", "RESPONSIBLE_ID", "ACCOMPLICES", "CREATED_DATE", "CHANGED_DATE", "STATUS_CHANGED_DATE"),
    *("CLOSED_DATE", "DEADLINE", "TIME_ESTIMATE", "TIME_SPENT_IN_LOGS"),
)
SELECTED_FOR_HISTORY: Final = (
    *("ID", "CREATED_DATE", "CHANGED_DATE", "CREATED_BY", "RESPONSIBLE_ID", "SPRINT_ID", "GROUP_ID"),
)
KEPT_FOR_HISTORY: Final = ("id", "createdDate", "createdBy", "responsibleId", "sprintId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """created_at: None where it was not sent"""

    id: str
    title: str
    status: str
    priority: str
    parent_id: str
    tags: tuple[str, ...]
    comment_count: int | None
    author: str | None
    people: tuple[str, ...]
    created_at: datetime | None
    changed_at: datetime | None
    status_changed_at: datetime | None
    closed_at: datetime | None
    due_date: date | None
    estimate_s: int | None
    spent_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """zone: of the account, by the offset of its moments;  before, after: "" for nothing"""

    id: str
    field: str
    at: datetime
    zone: tzinfo
    actor: str | None
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprint:
    id: str
    name: str
    status: str
    starts_at: datetime | None
    ends_at: datetime | None


def parse_task(sent: JsonObject) -> Task:
    """Raises FieldRefused, naming the member that cannot be read."""
    comments = text_in(sent, "commentsCount")
    return Task(
        id=identifier(text_in(sent, "id"), field="id"),
        title=cut_text(text_in(sent, "title"), field="title"),
        status=identifier(text_in(sent, "status"), field="status"),
        priority=short_text(text_in(sent, "priority"), field="priority"),
        parent_id=number_or_nothing(sent, "parentId"),
        tags=_tags(sent.get("tags")),
        comment_count=count(comments, field="commentsCount") if comments else None,
        author=number_or_nothing(sent, "createdBy") or None,
        people=_people(sent),
        created_at=moment_in(sent, "createdDate"),
        changed_at=moment_in(sent, "changedDate"),
        status_changed_at=moment_in(sent, "statusChangedDate"),
        closed_at=moment_in(sent, "closedDate"),
        due_date=_day(text_in(sent, "deadline")),
        estimate_s=_seconds(sent, "timeEstimate"),
        spent_s=_seconds(sent, "timeSpentInLogs"),
    )


def parse_history(sent: Iterable[JsonObject]) -> tuple[HistoryEntry, ...]:
    """Oldest first. Raises FieldRefused."""
    return tuple(sorted((_entry(each) for each in sent), key=lambda entry: (entry.at, len(entry.id), entry.id)))


def parse_sprint(sent: JsonObject) -> Sprint:
    """Raises FieldRefused."""
    return Sprint(
        id=identifier(text_in(sent, "id"), field="sprint.id"),
        name=cut_text(text_in(sent, "name"), field="sprint.name", limit=255),
        status=text_in(sent, "status"),
        starts_at=moment_in(sent, "dateStart"),
        ends_at=moment_in(sent, "dateEnd"),
    )


def text_in(sent: JsonObject, member: str) -> str:
    """Text or a number; "" for null and for empty lists, which stand for nothing."""
    value = sent.get(member)
    return "" if value == [] else (string_in(sent, member, path="task") or "").strip()


def number_or_nothing(sent: JsonObject, member: str) -> str:
    """An identifier; 0 stands for nothing."""
    found = short_text(text_in(sent, member), field=member)
    return "" if found == "0" else found


def moment_in(sent: JsonObject, member: str) -> datetime | None:
    text = text_in(sent, member)
    return instant(text, field=member) if text else None


def day_of(text: str, zone: tzinfo) -> str:
    """The day of a deadline in a history: seconds since 1970, or an instant; "" for anything else."""
    try:
        moment = datetime.fromtimestamp(int(text), zone) if text.isdigit() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.date().isoformat()


def _entry(sent: JsonObject) -> HistoryEntry:
    created, value = text_in(sent, "createdDate"), object_in(sent, "value", path="history") or EMPTY
    at = instant(created, field="history.createdDate")
    offset = datetime.fromisoformat(created).utcoffset()
    user = object_in(sent, "user", path="history") or EMPTY
    return HistoryEntry(
        id=identifier(text_in(sent, "id"), field="history.id"),
        field=identifier(text_in(sent, "field"), field="history.field"),
        at=at,
        zone=timezone(offset) if offset is not None else timezone.utc,  # noqa: UP017 - a zone beside one of an offset
        actor=number_or_nothing(user, "id") or None,
        before=_plain(value.get("from")),
        after=_plain(value.get("to")),
    )


def _plain(value: Any) -> str:
    """What a value was before or after: text and numbers. Lists of people or files are no single value."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return cut_text(str(value), field="history.value", limit=255)


def _day(text: str) -> date | None:
    """The day that the account sees: deadlines are moments with the offset of its zone."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise FieldRefused("deadline", "is not an ISO 8601 instant") from None


def _seconds(sent: JsonObject, member: str) -> int | None:
    text = text_in(sent, member)
    return (seconds(text, field=member) or None) if text else None


def _people(sent: JsonObject) -> tuple[str, ...]:
    found = sent.get("accomplices") or []
    others = [*found.values()] if isinstance(found, dict) else found
    if not isinstance(others, list) or not all(isinstance(each, str | int) for each in others):
        raise FieldRefused("accomplices", "is not a list of people")
    return tuple(dict.fromkeys(each for each in (number_or_nothing(sent, "responsibleId"), *map(str, others)) if each))


def _tags(found: Any) -> tuple[str, ...]:
    """By number, as a list of objects, or as a list of names."""
    listed = [*found.values()] if isinstance(found, dict) else found or []
    if not isinstance(listed, list) or len(listed) > LABEL_COUNT:
        raise FieldRefused("tags", f"is not a list of at most {LABEL_COUNT}")
    names = [each.get("title") or each.get("name") if isinstance(each, dict) else each for each in listed]
    return tuple(dict.fromkeys(short_text(str(name), field="tags") for name in names if name))
