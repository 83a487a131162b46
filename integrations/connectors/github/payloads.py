"""The fields of GitHub's answers that are used, by name and type. Whatever is odd about one is refused by name.

Source: https://docs.github.com/en/rest/issues/issues, /rest/issues/timeline, /rest/pulls/pulls, and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from integrations.connectors.facts import account_of, id_of, issue_number, moment, moment_or_none
from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, number_in, object_in, objects_in, string_in
from projects.imports.values import (
    LABEL_COUNT,
    TERM_LENGTH,
    URL_LENGTH,
    count,
    cut_text,
    identifier,
    short_text,
)
from projects.mentions import mentions_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    id: str
    title: str
    is_open: bool
    due_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """is_pull_request: the issues of a repository include its pull requests"""

    id: str
    number: int
    is_pull_request: bool
    title: str
    state: str
    state_reason: str
    item_type: str
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    author: str | None
    assignees: tuple[str, ...]
    labels: tuple[str, ...]
    milestone: Milestone | None
    comment_count: int | None
    parent_number: int | None
    mentions: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """One thing that happened to an issue.

    subject: whom an assignment is about;  name: of a label or a milestone;  other: the issue that refers to this one
    """

    id: str
    kind: str
    at: datetime
    actor: str | None
    subject: str | None
    name: str
    other: JsonObject | None


def parse_issue(sent: JsonObject) -> Issue:
    """Raises FieldRefused, naming the member that cannot be read."""
    milestone = object_in(sent, "milestone", path="issue")
    kind = object_in(sent, "type", path="issue") or EMPTY
    comments = number_in(sent, "comments", path="issue")
    return Issue(
        id=identifier(string_in(sent, "id", path="issue") or "", field="id"),
        number=issue_number(sent, "number"),
        is_pull_request=sent.get("pull_request") is not None,
        title=cut_text(string_in(sent, "title", path="issue") or "", field="title"),
        state=identifier(string_in(sent, "state", path="issue") or "", field="state"),
        state_reason=short_text(string_in(sent, "state_reason", path="issue") or "", field="state_reason"),
        item_type=short_text(string_in(kind, "name", path="issue.type") or "", field="type.name", limit=TERM_LENGTH),
        created_at=moment(sent, "created_at"),
        updated_at=moment(sent, "updated_at"),
        closed_at=moment_or_none(sent, "closed_at"),
        author=account_of(object_in(sent, "user", path="issue"), path="user"),
        assignees=_accounts(objects_in(sent, "assignees", path="issue")),
        labels=_labels(sent),
        milestone=None if milestone is None else parse_milestone(milestone),
        comment_count=None if comments is None else count(comments, field="comments"),
        parent_number=_number_in_address(string_in(sent, "parent_issue_url", path="issue") or ""),
        mentions=mentions_in(string_in(sent, "body", path="issue") or "", with_keys=False),
        url=short_text(string_in(sent, "html_url", path="issue") or "", field="html_url", limit=URL_LENGTH),
    )


def parse_milestone(sent: JsonObject) -> Milestone:
    return Milestone(
        id=id_of(sent, path="milestone"),
        title=cut_text(string_in(sent, "title", path="milestone") or "", field="milestone.title", limit=255),
        is_open=sent.get("state") != "closed",
        due_at=moment_or_none(sent, "due_on"),
        closed_at=moment_or_none(sent, "closed_at"),
    )


def parse_timeline(sent: Sequence[JsonObject]) -> tuple[TimelineEvent, ...]:
    """The events, oldest first. Those without an id or a moment (commits) happened elsewhere and are passed over."""
    events = [_event(each) for each in sent if each.get("id") is not None and each.get("created_at")]
    events += [_cross_reference(each) for each in sent if each.get("event") == "cross-referenced"]
    return tuple(sorted(events, key=lambda event: event.at))


def _event(sent: JsonObject) -> TimelineEvent:
    kind = identifier(string_in(sent, "event", path="event") or "", field="event")
    named = object_in(sent, "label", path="event") or object_in(sent, "milestone", path="event") or EMPTY
    name = string_in(named, "name", path="event") or string_in(named, "title", path="event") or ""
    return TimelineEvent(
        id=id_of(sent, path="event"),
        kind=kind,
        at=moment(sent, "created_at"),
        actor=account_of(object_in(sent, "actor", path="event"), path="event.actor"),
        subject=account_of(object_in(sent, "assignee", path="event"), path="event.assignee"),
        name=cut_text(name, field="event.name", limit=255),
        other=None,
    )


def _cross_reference(sent: JsonObject) -> TimelineEvent:
    source = object_in(sent, "source", path="event") or EMPTY
    other = object_in(source, "issue", path="event.source")
    at = moment(sent, "created_at")
    number = string_in(other or EMPTY, "id", path="event.source.issue") or ""
    return TimelineEvent(
        id=f"cross-reference {number}",
        kind="cross-referenced",
        at=at,
        actor=account_of(object_in(sent, "actor", path="event"), path="event.actor"),
        subject=None,
        name="",
        other=other,
    )


def _labels(sent: JsonObject) -> tuple[str, ...]:
    """A label is an object, or its name alone."""
    found = sent.get("labels") or []
    if not isinstance(found, list) or len(found) > LABEL_COUNT:
        raise FieldRefused("labels", f"is not a list of at most {LABEL_COUNT}")
    names = [each.get("name") if isinstance(each, dict) else each for each in found]
    if not all(isinstance(name, str) for name in names):
        raise FieldRefused("labels", "holds something that is no label")
    return tuple(dict.fromkeys(short_text(name, field="labels") for name in names if name))


def _accounts(people: Sequence[JsonObject]) -> tuple[str, ...]:
    found = (account_of(person, path="assignees") for person in people)
    return tuple(dict.fromkeys(each for each in found if each))


def _number_in_address(address: str) -> int | None:
    tail = address.rpartition("/")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else None
