"""From Jira's issues to our facts. The same parser reads issues from files, so both give the same rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Final

from integrations.connectors.facts import addresses_of, id_of
from projects.enums import ActivityKind, ActivityRole
from projects.imports.errors import FieldRefused
from projects.imports.jira_changelog import account_id
from projects.imports.jira_custom_fields import CustomFields
from projects.imports.jira_fields import parse_status
from projects.imports.jira_rest import parse_issue
from projects.imports.jira_sprints import parse_sprints
from projects.imports.json_access import JsonObject, number_in, object_in, objects_in, string_in
from projects.imports.values import instant, seconds
from projects.observations import ActivityObservation, ObservationBatch, StatusObservation, TimeEntryObservation

ACCOUNT_MEMBERS: Final = ("accountId", "key", "name")
ADDRESS_MEMBER: Final = "emailAddress"


def issue_facts(
    issue: JsonObject,
    histories: Sequence[JsonObject] | None,
    comments: Iterable[JsonObject],
    *,
    custom: CustomFields,
    statuses: Mapping[str, StatusObservation],
    site: str,
) -> ObservationBatch:
    """One issue with its whole history, and when people spoke about it.

    histories: all of the issue's; None: those that the issue carries are all
    statuses: by id, as the tool lists them: an issue may name its status in another language, and a history tells no
        category
    site: the address that people open, which is not that of the interface
    Raises FieldRefused.
    """
    whole = issue
    if histories is not None:
        ordered = sorted(histories, key=lambda history: str(history.get("created")))
        whole = {**issue, "changelog": {"total": len(ordered), "histories": ordered}}
    batch, _ = parse_issue(whole, page_fields=custom)
    items = tuple(replace(item, url=f"{site}/browse/{item.key}") for item in batch.items)
    spoken = list(comments)
    found = tuple(_comment(comment, item_id=items[0].external_id, issue=issue) for comment in spoken)
    known = tuple(statuses.get(status.external_id, status) for status in batch.statuses)
    people = _people(issue, histories or (), spoken)
    accounts = addresses_of(people, ids_in=ACCOUNT_MEMBERS, email_in=ADDRESS_MEMBER)
    return replace(batch, items=items, activities=found, statuses=known, accounts=accounts)


def listed_statuses(sent: Iterable[JsonObject]) -> dict[str, StatusObservation]:
    """Statuses with the tool's own category, by id; one that cannot be read is left to the issues that have it."""
    found: dict[str, StatusObservation] = {}
    for status in sent:
        try:
            parsed = parse_status({"status": status})
        except FieldRefused:
            continue
        found[parsed.external_id] = parsed
    return found


def sprint_facts(sent: JsonObject) -> ObservationBatch:
    return ObservationBatch(iterations=parse_sprints([sent], field="sprint"))


def shows(issue: JsonObject, name: str) -> bool:
    """Whether the issue has a field of that name; one that these credentials are not shown is missing."""
    return isinstance((object_in(issue, "fields", path="issue") or {}).get(name), dict)


def embedded(issue: JsonObject, name: str, member: str) -> tuple[list[JsonObject], bool]:
    """Records that the issue carries in a field, and whether these are all."""
    fields = object_in(issue, "fields", path="issue") or {}
    holder = object_in(fields, name, path="fields")
    if holder is None:
        return [], True
    records = objects_in(holder, member, path=f"fields.{name}")
    total = holder.get("total")
    return records, not isinstance(total, int) or total <= len(records)


def with_times(facts: ObservationBatch, worklogs: Sequence[JsonObject]) -> ObservationBatch:
    """The facts of one issue with all times that were written down for it. Raises FieldRefused."""
    (item,) = facts.items
    entries = tuple(_time_entry(worklog, item_id=item.external_id) for worklog in worklogs)
    people = (worklog.get("author") for worklog in worklogs)
    return replace(
        facts,
        time_entries=entries,
        whole_times=frozenset({item.external_id}),
        accounts=(*facts.accounts, *addresses_of(people, ids_in=ACCOUNT_MEMBERS, email_in=ADDRESS_MEMBER)),
    )


def _people(issue: JsonObject, *authored: Iterable[JsonObject]) -> Iterator[object]:
    """Everybody in an issue. Their addresses are verified by Atlassian, on a server of one's own by its owner."""
    fields = object_in(issue, "fields", path="issue") or {}
    yield from (fields.get(member) for member in ("assignee", "reporter", "creator"))
    yield from (record.get("author") for records in authored for record in records)


def _time_entry(worklog: JsonObject, *, item_id: str) -> TimeEntryObservation:
    spent = number_in(worklog, "timeSpentSeconds", path="worklog")
    if spent is None:
        raise FieldRefused("worklog.timeSpentSeconds", "is missing")
    started_at = instant(string_in(worklog, "started", path="worklog") or "", field="worklog.started")
    return TimeEntryObservation(
        external_id=id_of(worklog, path="worklog"),
        item_id=item_id,
        worked_on_date=started_at.astimezone(UTC).date(),
        started_at=started_at,
        duration_s=seconds(spent, field="worklog.timeSpentSeconds"),
        actor_id=account_id(object_in(worklog, "author", path="worklog"), path="worklog.author"),
    )


def _comment(comment: JsonObject, *, item_id: str, issue: JsonObject) -> ActivityObservation:
    author = account_id(object_in(comment, "author", path="comment"), path="comment.author")
    return ActivityObservation(
        external_id=f"comment {id_of(comment, path='comment')}",
        kind=ActivityKind.COMMENT,
        occurred_at=instant(string_in(comment, "created", path="comment") or "", field="comment.created"),
        item_id=item_id,
        actor_id=author,
        role=_role(author, issue),
    )


def _role(author: str | None, issue: JsonObject) -> ActivityRole:
    fields = object_in(issue, "fields", path="issue") or {}
    for member, role in (("assignee", ActivityRole.ASSIGNEE), ("reporter", ActivityRole.AUTHOR)):
        person = account_id(object_in(fields, member, path="fields"), path=f"fields.{member}")
        if author is not None and person == author:
            return role
    return ActivityRole.OTHER
