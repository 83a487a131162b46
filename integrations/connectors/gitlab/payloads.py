"""The fields of GitLab's answers that are used, by name and type. Whatever is odd about one is refused by name.

Source: https://docs.gitlab.com/api/issues/, /api/resource_state_events/, /api/notes/, and recorded traffic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from integrations.connectors.facts import account_of, id_of, issue_number, moment, moment_or_none
from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, number_in, object_in, objects_in, string_in
from projects.imports.values import (
    LABEL_COUNT,
    TERM_LENGTH,
    URL_LENGTH,
    calendar_date,
    count,
    cut_text,
    finite_number,
    identifier,
    seconds,
    short_text,
)
from projects.mentions import mentions_in

_EPIC: Final = re.compile(r"groups/(.+?)/-/epics/(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A milestone or an iteration: what issues are grouped by"""

    id: str
    name: str
    state: str
    starts_on: date | None
    ends_on: date | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """weight: None where there is none, or the edition knows no weights;  severity: of an incident"""

    id: str
    iid: int
    reference: str
    kind: str
    title: str
    state: str
    severity: str
    created_at: datetime
    updated_at: datetime | None
    closed_at: datetime | None
    due_on: date | None
    estimate_s: int | None
    spent_s: int | None
    weight: float | None
    author: str | None
    closed_by: str | None
    assignees: tuple[str, ...]
    labels: tuple[str, ...]
    milestone: Group | None
    iteration: Group | None
    epic: str
    comment_count: int | None
    mentions: tuple[str, ...]
    was_moved: bool
    is_duplicate: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of a history of states, labels, milestones, iterations or weights.

    word: the state, or "add" and "remove";  group: milestone or iteration;  name: of the label;  weight: from now on
    """

    id: str
    at: datetime
    actor: str | None
    word: str = ""
    name: str = ""
    group: Group | None = None
    weight: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """body: only of notes that GitLab itself has written; what people wrote stays behind"""

    id: str
    at: datetime
    author: str | None
    is_system: bool
    is_on_a_line: bool
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that happened to one issue, as it was sent, by what it is about."""

    states: Sequence[JsonObject] = ()
    labels: Sequence[JsonObject] = ()
    milestones: Sequence[JsonObject] = ()
    iterations: Sequence[JsonObject] = ()
    weights: Sequence[JsonObject] = ()
    notes: Sequence[JsonObject] = ()
    links: Sequence[JsonObject] = ()
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Name of an account -> its number, for notes, which know names only."""


def parse_issue(sent: JsonObject, *, path: str) -> Issue:
    """path: of its project, for the reference where none was sent. Raises FieldRefused, naming the member."""
    times = object_in(sent, "time_stats", path="issue") or EMPTY
    references = object_in(sent, "references", path="issue") or EMPTY
    iid = issue_number(sent, "iid")
    kind = string_in(sent, "issue_type", path="issue") or "issue"
    comments = number_in(sent, "user_notes_count", path="issue")
    weight = number_in(sent, "weight", path="issue")
    links = object_in(sent, "_links", path="issue") or EMPTY
    return Issue(
        id=identifier(string_in(sent, "id", path="issue") or "", field="id"),
        iid=iid,
        reference=short_text(string_in(references, "full", path="issue.references") or "", field="references.full")
        or short_text(f"{path}#{iid}", field="iid"),
        kind=short_text(kind.replace("_", " ").capitalize(), field="issue_type", limit=TERM_LENGTH),
        title=cut_text(string_in(sent, "title", path="issue") or "", field="title"),
        state=identifier(string_in(sent, "state", path="issue") or "", field="state"),
        severity=(string_in(sent, "severity", path="issue") or "").upper() if kind == "incident" else "",
        created_at=moment(sent, "created_at"),
        updated_at=moment_or_none(sent, "updated_at"),
        closed_at=moment_or_none(sent, "closed_at"),
        due_on=_day_or_none(sent, "due_date"),
        estimate_s=_seconds_or_none(times, "time_estimate"),
        spent_s=_seconds_or_none(times, "total_time_spent"),
        weight=None if weight is None else finite_number(weight, field="weight"),
        author=account_in(sent, "author"),
        closed_by=account_in(sent, "closed_by"),
        assignees=_assignees(sent),
        labels=_labels(sent),
        milestone=group_or_none(object_in(sent, "milestone", path="issue"), path="milestone"),
        iteration=group_or_none(object_in(sent, "iteration", path="issue"), path="iteration"),
        epic=_epic_reference(object_in(sent, "epic", path="issue") or EMPTY),
        comment_count=None if comments is None else count(comments, field="user_notes_count"),
        mentions=mentions_in(string_in(sent, "description", path="issue") or "", with_keys=False),
        was_moved=sent.get("moved_to_id") is not None,
        is_duplicate=links.get("closed_as_duplicate_of") is not None,
        url=short_text(string_in(sent, "web_url", path="issue") or "", field="web_url", limit=URL_LENGTH),
    )


def group_or_none(sent: JsonObject | None, *, path: str) -> Group | None:
    return None if sent is None else parse_group(sent, path=path)


def parse_group(sent: JsonObject, *, path: str) -> Group:
    """Iterations of a cadence have no title of their own: then their days name them."""
    starts_on, ends_on = _day_or_none(sent, "start_date"), _day_or_none(sent, "due_date")
    title = string_in(sent, "title", path=path) or (f"{starts_on} to {ends_on}" if starts_on and ends_on else "")
    return Group(
        id=id_of(sent, path=path),
        name=cut_text(title, field=f"{path}.title", limit=255),
        state=string_in(sent, "state", path=path) or "",
        starts_on=starts_on,
        ends_on=ends_on,
        updated_at=moment_or_none(sent, "updated_at"),
    )


def parse_events(sent: Sequence[JsonObject], group: str = "") -> tuple[Event, ...]:
    """Oldest first. group: the member that holds the milestone or the iteration; a deleted one is None."""
    events = [
        Event(
            id=id_of(each, path="event"),
            at=moment(each, "created_at"),
            actor=account_in(each, "user"),
            word=string_in(each, "action", path="event") or string_in(each, "state", path="event") or "",
            name=_label_name(each),
            group=group_or_none(object_in(each, group, path="event"), path=group) if group else None,
            weight=_text_of_number(number_in(each, "weight", path="event")),
        )
        for each in sent
    ]
    return tuple(sorted(events, key=lambda event: event.at))


def parse_notes(sent: Sequence[JsonObject], *, about: str, iid: int) -> tuple[Note, ...]:
    """Oldest first, and only those about this one: numbers of issues and of merge requests are counted apart.

    about: "Issue" or "MergeRequest"
    """
    own = [
        each for each in sent if each.get("noteable_type") in (about, None) and each.get("noteable_iid") in (iid, None)
    ]
    return tuple(sorted(map(_note, own), key=lambda note: note.at))


def account_names(parts: Sequence[JsonObject]) -> dict[str, str]:
    """Name -> number of every account in these records, which is cheaper than to ask for the members."""
    found: dict[str, str] = {}
    for part in parts:
        several = part.get("assignees")
        people = [part.get(member) for member in ("author", "user", "closed_by")]
        for person in [part, *people, *(several if isinstance(several, list) else [])]:
            if isinstance(person, dict) and isinstance(person.get("username"), str) and person.get("id") is not None:
                found[person["username"].casefold()] = str(person["id"])
    return found


def account_in(sent: JsonObject, member: str) -> str | None:
    return account_of(object_in(sent, member, path="record"), path=member)


def _note(sent: JsonObject) -> Note:
    is_system = sent.get("system") is True
    return Note(
        id=id_of(sent, path="note"),
        at=moment(sent, "created_at"),
        author=account_in(sent, "author"),
        is_system=is_system,
        is_on_a_line=sent.get("type") == "DiffNote",
        body=(string_in(sent, "body", path="note") or "").strip() if is_system else "",
    )


def _label_name(sent: JsonObject) -> str:
    label = object_in(sent, "label", path="event") or EMPTY
    return cut_text(string_in(label, "name", path="event.label") or "", field="event.label", limit=255)


def _labels(sent: JsonObject) -> tuple[str, ...]:
    found = sent.get("labels") or []
    if not isinstance(found, list) or len(found) > LABEL_COUNT or not all(isinstance(each, str) for each in found):
        raise FieldRefused("labels", f"is not a list of at most {LABEL_COUNT} names")
    return tuple(dict.fromkeys(short_text(name, field="labels") for name in found if name))


def _assignees(sent: JsonObject) -> tuple[str, ...]:
    found = [account_of(person, path="assignee") for person in objects_in(sent, "assignees", path="issue")]
    return tuple(dict.fromkeys(each for each in found if each))


def _epic_reference(sent: JsonObject) -> str:
    """As people say it: group&5."""
    found = _EPIC.search(string_in(sent, "url", path="epic") or "")
    return short_text(f"{found[1]}&{found[2]}", field="epic.url") if found else ""


def _text_of_number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _seconds_or_none(sent: JsonObject, member: str) -> int | None:
    """GitLab writes 0 where nothing was estimated or spent."""
    value = number_in(sent, member, path="time_stats")
    return seconds(value, field=member) or None if value is not None else None


def _day_or_none(sent: JsonObject, member: str) -> date | None:
    text = string_in(sent, member, path="record")
    return calendar_date(text, field=member) if text else None
