"""Jira issues as its REST interface sends them: one to a line, or a line that holds a page {"issues": [...]}.

Read: the issue with its status category, fix versions with their dates, sprints, links, parent, estimate, due date,
people by account, and the whole embedded change history. Subtasks are read from their own side (`parent`).
Not read: descriptions, comments' text, attachments, names and addresses of people.
Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/, and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from projects.enums import TrackedField
from projects.imports import json_access
from projects.imports.errors import FieldRefused, LineError
from projects.imports.jira_changelog import Changelog, parse_changelog, sprint_changes, version_changes
from projects.imports.jira_custom_fields import CustomFields
from projects.imports.jira_fields import parse_item, parse_links, parse_milestones, parse_status
from projects.imports.jira_sprints import is_sprint_value, parse_sprints
from projects.imports.json_access import JsonObject, object_in, objects_in, string_in
from projects.imports.json_stream import JsonPart
from projects.imports.lines import TextLine
from projects.imports.memberships import reconstruct_memberships
from projects.imports.records import Note, ParsedRecord
from projects.imports.statuses import likely_status_category
from projects.imports.values import identifier
from projects.observations import (
    IterationObservation,
    MembershipObservation,
    MilestoneObservation,
    ObservationBatch,
    StatusObservation,
    WorkItemObservation,
)

SOURCE: Final = "jira"
NO_CUSTOM_FIELDS: Final = CustomFields()


def parse_line(line: TextLine) -> ParsedRecord | None:
    """Everything on one line, or None for an empty one. What cannot be read is an error in the record, never raised."""
    if not line.text.strip():
        return None
    try:
        content = json_access.loads(line.text)
    except ValueError:
        return _failed(line, "is not JSON (each line holds one issue or one page of issues)")
    if not isinstance(content, dict):
        return _failed(line, "is not a JSON object")
    if "issues" not in content:
        return _parse_issues([content], line=line, page_fields=NO_CUSTOM_FIELDS)
    try:
        issues = objects_in(content, "issues", path="page")
    except FieldRefused as refused:
        return _failed(line, refused.reason, field="issues")
    return _parse_issues(issues, line=line, page_fields=CustomFields.described_by(content))


def parse_parts(parts: Iterable[JsonPart | LineError]) -> Iterator[ParsedRecord]:
    """Issues of one document over many lines: a list of issues, a list of pages, or a page."""
    for part in parts:
        if isinstance(part, LineError):
            yield ParsedRecord(part.line_number, part.line_number, errors=(part,))
        elif part.member in ("", "issues"):
            line = TextLine(part.line, "")
            if not isinstance(part.value, dict):
                yield _failed(line, "is not a JSON object", field=f"[{part.index}]")
            else:
                pages = part.value.get("issues")
                issues = pages if isinstance(pages, list) and all(isinstance(each, dict) for each in pages) else None
                fields = CustomFields.described_by(part.value) if issues else NO_CUSTOM_FIELDS
                yield _parse_issues([part.value] if issues is None else issues, line=line, page_fields=fields)


def parse_issue(
    issue: JsonObject, *, page_fields: CustomFields = NO_CUSTOM_FIELDS
) -> tuple[ObservationBatch, tuple[Note, ...]]:
    """One issue with all its facts. Raises FieldRefused, naming the first member that cannot be read."""
    fields = object_in(issue, "fields", path="issue")
    if fields is None:
        raise FieldRefused("fields", "is missing")
    custom = CustomFields.described_by(issue).or_else(page_fields)
    item_id = identifier(string_in(issue, "id", path="issue") or "", field="id")
    changelog = parse_changelog(object_in(issue, "changelog", path="issue"), item_id=item_id)
    status = parse_status(fields)
    item = parse_item(issue, fields, status=status, custom=custom, item_id=item_id, changelog=changelog)
    sprints = _parse_sprints(fields, custom=custom, item=item, changelog=changelog)
    milestones, milestone_memberships = _parse_versions(fields, item=item, changelog=changelog)
    one = frozenset({item_id})
    batch = ObservationBatch(
        items=(item,),
        changes=changelog.changes,
        statuses=(status, *_past_statuses(changelog, present=status)),
        iterations=sprints.iterations,
        iteration_memberships=sprints.memberships,
        milestones=milestones,
        milestone_memberships=milestone_memberships,
        links=parse_links(fields, item_id=item_id, changelog=changelog),
        whole_states=one,
        whole_histories=one if changelog.is_whole and not sprints.lacks_ids else frozenset(),
    )
    told: list[tuple[bool, Note]] = [
        (not changelog.is_whole, "HISTORY_CUT"),
        (status.is_guessed, "STATUS_GUESSED"),
        (sprints.lacks_ids, "SPRINT_WITHOUT_ID"),
    ]
    return batch, tuple(note for is_true, note in told if is_true)


@dataclass(frozen=True, slots=True)
class _Sprints:
    iterations: tuple[IterationObservation, ...]
    memberships: tuple[MembershipObservation, ...]
    lacks_ids: bool


def _parse_issues(issues: Sequence[JsonObject], *, line: TextLine, page_fields: CustomFields) -> ParsedRecord:
    batches: list[ObservationBatch] = []
    errors: list[LineError] = []
    notes: list[Note] = []
    for index, issue in enumerate(issues):
        try:
            batch, issue_notes = parse_issue(issue, page_fields=page_fields)
        except FieldRefused as refused:
            place = f"issues[{index}]." if len(issues) > 1 else ""
            errors.append(LineError(line.number, refused.reason, field=place + refused.field))
        else:
            batches.append(batch)
            notes += issue_notes
    return ParsedRecord(line.number, line.number, batches=tuple(batches), errors=tuple(errors), notes=tuple(notes))


def _past_statuses(changelog: Changelog, *, present: StatusObservation) -> list[StatusObservation]:
    """Statuses that only the history names. It does not say their category, so their names must."""
    named = {
        status_id: text or status_id
        for change in changelog.of(TrackedField.STATUS)
        for status_id, text in ((change.from_id, change.from_text), (change.to_id, change.to_text))
        if status_id and status_id != present.external_id
    }
    return [
        StatusObservation(external_id=status_id, name=name, category=likely_status_category(name), is_guessed=True)
        for status_id, name in named.items()
    ]


def _parse_sprints(
    fields: JsonObject, *, custom: CustomFields, item: WorkItemObservation, changelog: Changelog
) -> _Sprints:
    shown = {
        sprint.external_id: sprint for sprint in parse_sprints(_sent_sprints(fields, custom), field="fields.sprint")
    }
    changes, lacks_ids = sprint_changes(changelog)
    memberships = reconstruct_memberships(
        item_id=item.external_id,
        created_at=item.created_at,
        changes=changes,
        present_ids=tuple(shown),
        history_is_whole=changelog.is_whole and not lacks_ids,
    )
    mentioned = [
        IterationObservation(external_id=stay.group_id, in_passing=True)
        for stay in memberships
        if stay.group_id not in shown
    ]
    return _Sprints(iterations=(*shown.values(), *mentioned), memberships=memberships, lacks_ids=lacks_ids)


def _parse_versions(
    fields: JsonObject, *, item: WorkItemObservation, changelog: Changelog
) -> tuple[tuple[MilestoneObservation, ...], tuple[MembershipObservation, ...]]:
    shown = {milestone.external_id: milestone for milestone in parse_milestones(fields)}
    memberships = reconstruct_memberships(
        item_id=item.external_id,
        created_at=item.created_at,
        changes=version_changes(changelog),
        present_ids=tuple(shown),
        history_is_whole=changelog.is_whole,
    )
    names = {
        version_id: text
        for change in changelog.of(TrackedField.MILESTONE)
        for version_id, text in ((change.from_id, change.from_text), (change.to_id, change.to_text))
    }
    mentioned = [
        MilestoneObservation(external_id=stay.group_id, name=names.get(stay.group_id, ""), in_passing=True)
        for stay in memberships
        if stay.group_id not in shown
    ]
    return (*shown.values(), *mentioned), memberships


def _sent_sprints(fields: JsonObject, custom: CustomFields) -> list[Any]:
    """What the Sprint field holds, whichever way it is sent."""
    for name in custom.sprint:
        if isinstance(value := fields.get(name), list):
            return value
    for name, value in fields.items():
        if name.startswith("customfield_") and is_sprint_value(value):
            return list(value)
    present = object_in(fields, "sprint", path="fields")  # the agile interface
    closed = objects_in(fields, "closedSprints", path="fields")
    return [*closed, *([] if present is None else [present])]


def _failed(line: TextLine, reason: str, *, field: str = "") -> ParsedRecord:
    return ParsedRecord(line.number, line.number, errors=(LineError(line.number, reason, field=field),))
