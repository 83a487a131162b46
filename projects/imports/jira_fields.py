"""The present state of a Jira issue: the item itself, its releases and its links.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/, and recorded traffic.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from projects.enums import LinkDirection, MilestoneState, StatusCategory, TrackedField
from projects.imports.errors import FieldRefused
from projects.imports.jira_changelog import Changelog, account_id
from projects.imports.jira_custom_fields import CustomFields
from projects.imports.json_access import EMPTY, JsonObject, number_in, object_in, objects_in, string_in
from projects.imports.statuses import guess_status_category
from projects.imports.values import (
    LABEL_COUNT,
    TERM_LENGTH,
    URL_LENGTH,
    calendar_date,
    count,
    cut_text,
    epoch_ms,
    finite_number,
    identifier,
    instant,
    seconds,
    short_text,
)
from projects.observations import LinkObservation, MilestoneObservation, StatusObservation, WorkItemObservation

CATEGORY_BY_KEY: Final = {
    "new": StatusCategory.TODO,
    "indeterminate": StatusCategory.IN_PROGRESS,
    "done": StatusCategory.DONE,
}
CATEGORY_BY_ID: Final = {"2": StatusCategory.TODO, "4": StatusCategory.IN_PROGRESS, "3": StatusCategory.DONE}
LINK_ENDS: Final = (
    ("outwardIssue", "outward", LinkDirection.OUTWARD),
    ("inwardIssue", "inward", LinkDirection.INWARD),
)


def parse_status(fields: JsonObject) -> StatusObservation:
    """The tool's own category. Servers before 6.2 send none: then the name decides, and after it the resolution."""
    status = object_in(fields, "status", path="fields")
    if status is None:
        raise FieldRefused("fields.status", "is missing")
    sent = object_in(status, "statusCategory", path="fields.status") or EMPTY
    key = string_in(sent, "key", path="fields.status.statusCategory") or ""
    number = string_in(sent, "id", path="fields.status.statusCategory") or ""
    name = short_text(string_in(status, "name", path="fields.status") or "", field="fields.status.name")
    told = CATEGORY_BY_KEY.get(key) or CATEGORY_BY_ID.get(number)
    finished = StatusCategory.DONE if fields.get("resolutiondate") else StatusCategory.IN_PROGRESS
    return StatusObservation(
        external_id=identifier(string_in(status, "id", path="fields.status") or name, field="fields.status.id"),
        name=name,
        category=told or guess_status_category(name) or finished,
        is_guessed=told is None,
    )


def parse_item(
    issue: JsonObject,
    fields: JsonObject,
    *,
    status: StatusObservation,
    custom: CustomFields,
    item_id: str,
    changelog: Changelog,
) -> WorkItemObservation:
    key = identifier(string_in(issue, "key", path="issue") or "", field="key")
    updated_at = _instant(fields, "updated")
    parent = object_in(fields, "parent", path="fields") or EMPTY
    reporter_id = account_id(object_in(fields, "reporter", path="fields"), path="fields.reporter")
    assignee_id = account_id(object_in(fields, "assignee", path="fields"), path="fields.assignee")
    return WorkItemObservation(
        external_id=item_id,
        key=key,
        container=key.rpartition("-")[0],
        item_type=_name(fields, "issuetype"),
        title=cut_text(string_in(fields, "summary", path="fields") or "", field="fields.summary"),
        status_id=status.external_id,
        status_name=status.name,
        status_category=status.category,
        priority=_name(fields, "priority"),
        resolution=_name(fields, "resolution"),
        created_at=instant(string_in(fields, "created", path="fields") or "", field="fields.created"),
        updated_at=updated_at,
        resolved_at=_resolved_at(fields, status=status, changelog=changelog),
        due_date=_date(fields, "duedate", path="fields"),
        estimate_points=_points(fields, custom),
        estimate_s=_seconds(fields, "timeoriginalestimate") or None,  # zero: nobody has estimated it
        spent_s=_seconds(fields, "timespent"),
        assignee_ids=() if assignee_id is None else (assignee_id,),
        reporter_id=reporter_id,
        parent_id=short_text(string_in(parent, "id", path="fields.parent") or "", field="fields.parent.id"),
        parent_key=_parent_key(parent, fields, custom),
        labels=_labels(fields),
        comment_count=_comment_count(fields),
        url=_page_url(issue, key),
        source_version=None if updated_at is None else epoch_ms(updated_at),
    )


def parse_milestones(fields: JsonObject) -> tuple[MilestoneObservation, ...]:
    """Fix versions. Jira keeps one date: a promise while the version is unreleased, what came of it afterwards."""
    found: dict[str, MilestoneObservation] = {}
    for index, version in enumerate(objects_in(fields, "fixVersions", path="fields")):
        path = f"fields.fixVersions[{index}]"
        is_released = version.get("released") is True
        start, day = _date(version, "startDate", path=path), _date(version, "releaseDate", path=path)
        if start and day and day < start:
            start = None  # Jira allows it; the date that was promised or met is the one that counts
        name = short_text(string_in(version, "name", path=path) or "", field=f"{path}.name")
        external_id = identifier(string_in(version, "id", path=path) or name, field=f"{path}.id")
        found[external_id] = MilestoneObservation(
            external_id=external_id,
            name=name,
            state=_milestone_state(version, is_released=is_released),
            start_date=start,
            target_date=None if is_released else day,
            released_date=day if is_released else None,
        )
    return tuple(found.values())


def parse_links(fields: JsonObject, *, item_id: str, changelog: Changelog) -> tuple[LinkObservation, ...]:
    """The links that the issue shows, dated by the history, which names a target by key and a type by its phrase."""
    found: dict[str, LinkObservation] = {}
    for index, link in enumerate(objects_in(fields, "issuelinks", path="fields")):
        path = f"fields.issuelinks[{index}]"
        link_id = identifier(string_in(link, "id", path=path) or "", field=f"{path}.id")
        kind = object_in(link, "type", path=path) or EMPTY
        for member, phrase_member, direction in LINK_ENDS:
            target = object_in(link, member, path=path)
            if target is None:
                continue
            target_path = f"{path}.{member}"
            target_key = identifier(string_in(target, "key", path=target_path) or "", field=f"{target_path}.key")
            type_name = identifier(string_in(kind, "name", path=f"{path}.type") or "", field=f"{path}.type.name")
            phrase = string_in(kind, phrase_member, path=f"{path}.type") or ""
            found[link_id] = LinkObservation(
                external_id=link_id,
                item_id=item_id,
                link_type=short_text(type_name, field=f"{path}.type.name", limit=TERM_LENGTH),
                direction=direction,
                target_id=short_text(string_in(target, "id", path=target_path) or "", field=f"{target_path}.id"),
                target_key=target_key,
                linked_at=_linked_at(changelog, target_key=target_key, phrase=phrase),
            )
    return tuple(found.values())


def _milestone_state(version: JsonObject, *, is_released: bool) -> MilestoneState:
    if is_released:
        return MilestoneState.RELEASED
    return MilestoneState.ARCHIVED if version.get("archived") is True else MilestoneState.PLANNED


def _linked_at(changelog: Changelog, *, target_key: str, phrase: str) -> datetime | None:
    found = None
    for change in changelog.of(TrackedField.LINK):
        if change.to_id == target_key and phrase in change.to_text:
            found = change.changed_at
    return found


def _resolved_at(fields: JsonObject, *, status: StatusObservation, changelog: Changelog) -> datetime | None:
    """When the item was done; None unless it is.

    Some workflows reopen without clearing the resolution date, so an item that is not done has none. Some finish
    without setting it: then it is the last change into the present status, or the last change of category.
    """
    if status.category != StatusCategory.DONE:
        return None
    sent = _instant(fields, "resolutiondate")
    if sent is not None:
        return sent
    changes = list(changelog.of(TrackedField.STATUS))
    if changes and changes[-1].to_id == status.external_id:
        return changes[-1].changed_at
    return _instant(fields, "statuscategorychangedate")


def _name(fields: JsonObject, member: str) -> str:
    named = object_in(fields, member, path="fields") or EMPTY
    name = string_in(named, "name", path=f"fields.{member}") or ""
    return short_text(name, field=f"fields.{member}.name", limit=TERM_LENGTH)


def _labels(fields: JsonObject) -> tuple[str, ...]:
    sent = fields.get("labels")
    if sent is None:
        return ()
    if not isinstance(sent, list) or not all(isinstance(label, str) for label in sent) or len(sent) > LABEL_COUNT:
        raise FieldRefused("fields.labels", f"is not a list of at most {LABEL_COUNT} strings")
    labels = (short_text(label, field="fields.labels") for label in sent)
    return tuple(dict.fromkeys(label for label in labels if label))


def _points(fields: JsonObject, custom: CustomFields) -> float | None:
    for name in custom.points:
        value = number_in(fields, name, path="fields")
        if value is not None:
            return finite_number(value, field=f"fields.{name}")
    return None


def _parent_key(parent: JsonObject, fields: JsonObject, custom: CustomFields) -> str:
    key = string_in(parent, "key", path="fields.parent")
    epics = (string_in(fields, name, path="fields") for name in custom.epic_link)
    return short_text(key or next(filter(None, epics), ""), field="fields.parent.key")


def _comment_count(fields: JsonObject) -> int | None:
    comment = object_in(fields, "comment", path="fields")
    total = None if comment is None else number_in(comment, "total", path="fields.comment")
    return None if total is None else count(total, field="fields.comment.total")


def _page_url(issue: JsonObject, key: str) -> str:
    """The page that people open; `self` is the address of the same issue in the interface."""
    base, found, _ = (string_in(issue, "self", path="issue") or "").partition("/rest/")
    if not found or not base.startswith(("https://", "http://")):
        return ""
    return short_text(f"{base}/browse/{key}", field="self", limit=URL_LENGTH)


def _instant(fields: JsonObject, member: str) -> datetime | None:
    text = string_in(fields, member, path="fields")
    return instant(text, field=f"fields.{member}") if text else None


def _date(parent: JsonObject, member: str, *, path: str) -> date | None:
    text = string_in(parent, member, path=path)
    return calendar_date(text, field=f"{path}.{member}") if text else None


def _seconds(fields: JsonObject, member: str) -> int | None:
    value = number_in(fields, member, path="fields")
    return None if value is None else seconds(value, field=f"fields.{member}")
