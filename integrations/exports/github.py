"""GitHub: issues as JSON, in the three forms in which people get them.

- `gh api --paginate "repos/OWNER/NAME/issues?state=all"`: the list of the REST interface; pull requests are left out.
- `gh issue list --state all --limit 10000 --json number,title,state,createdAt,updatedAt,closedAt,url,labels,assignees,
  author,milestone,stateReason`: names instead of numbers, so an issue is known by its key.
- issues_*.json of a migration archive: addresses instead of objects; an issue is known by its key, too.

None has the history of an issue.
Source: https://docs.github.com/en/rest/issues/issues, https://cli.github.com/manual/gh_issue_list,
https://docs.github.com/en/migrations
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from integrations.connectors.facts import moment, moment_or_none
from integrations.connectors.github.client import CONNECTOR
from integrations.connectors.github.mapping import CLOSED, OPEN, RESOLUTIONS, issue_facts
from integrations.exports.records import records_of, says_less
from projects.enums import StatusCategory
from projects.imports.errors import FieldRefused
from projects.imports.formats import JsonFile, JsonFormat, JsonShape
from projects.imports.json_access import EMPTY, JsonObject, object_in, objects_in, string_in
from projects.imports.records import ParsedRecord
from projects.imports.values import LABEL_COUNT, cut_text, epoch_ms, identifier, short_text
from projects.observations import (
    BY_KEY,
    BY_NAME,
    MembershipObservation,
    MilestoneObservation,
    ObservationBatch,
    WorkItemObservation,
)

_PLACE: Final = re.compile(r"https?://[^/]+/(?:repos/)?([^/]+/[^/]+)/issues/(\d+)")
_PULL: Final = re.compile(r"https?://[^/]+/(?:repos/)?[^/]+/[^/]+/pull/\d+")
NAMED_UNSAID: Final = ("item_type", "parent_key", "comment_count", "due_date")
_CAMEL: Final = {"createdAt": "created_at", "updatedAt": "updated_at", "closedAt": "closed_at"}


def is_rest_list(shape: JsonShape) -> bool:
    return shape.is_list and {"id", "number", "state", "html_url", "created_at", "repository_url"} <= shape.members


def is_named_list(shape: JsonShape) -> bool:
    return shape.is_list and {"number", "state", "createdAt", "updatedAt", "url"} <= shape.members


def is_archive_list(shape: JsonShape) -> bool:
    return shape.is_list and {"type", "url", "repository", "created_at"} <= shape.members and "iid" not in shape.members


def _reader(facts: Callable[[JsonObject], ObservationBatch | None]) -> Callable[[JsonFile], Iterator[ParsedRecord]]:
    return lambda file: records_of(file.parts(), facts)


def rest_facts(sent: JsonObject) -> ObservationBatch | None:
    if sent.get("pull_request") is not None:
        return None
    repository = (string_in(sent, "repository_url", path="issue") or "").rpartition("/repos/")[2]
    named = identifier(repository, field="repository_url")
    return says_less(issue_facts(sent, (), repository=named, milestones={}))


def named_facts(sent: JsonObject) -> ObservationBatch | None:
    """An issue as the command line of GitHub lists it; closed ones have no more than that."""
    renamed = {ours: sent.get(theirs) for theirs, ours in _CAMEL.items()}
    return _facts_by_key(
        {**sent, **renamed},
        state=(string_in(sent, "state", path="issue") or "").casefold(),
        reason=(string_in(sent, "stateReason", path="issue") or "").casefold(),
        author=_login(object_in(sent, "author", path="issue")),
        assignees=[_login(each) for each in objects_in(sent, "assignees", path="issue")],
        labels=[string_in(each, "name", path="labels") or "" for each in objects_in(sent, "labels", path="issue")],
        milestone=string_in(object_in(sent, "milestone", path="issue") or EMPTY, "title", path="milestone") or "",
    )


def archive_facts(sent: JsonObject) -> ObservationBatch | None:
    """An issue of a migration archive: closed if it has a day of closing; names are ends of addresses."""
    if sent.get("type") != "issue":
        return None
    return _facts_by_key(
        sent,
        state=CLOSED.external_id if sent.get("closed_at") else OPEN.external_id,
        reason="",
        author=_last(sent.get("user")),
        assignees=[_last(each) for each in _texts(sent, "assignees")],
        labels=[_last(each) for each in _texts(sent, "labels")],
        milestone="",  # only its number
    )


def _facts_by_key(
    sent: JsonObject,
    *,
    state: str,
    reason: str,
    author: str,
    assignees: list[str],
    labels: list[str],
    milestone: str,
) -> ObservationBatch | None:
    address = string_in(sent, "url", path="issue") or ""
    if _PULL.match(address):
        return None
    place = _PLACE.match(address)
    if place is None:
        raise FieldRefused("url", "is not the address of an issue")
    if len(labels) > LABEL_COUNT:
        raise FieldRefused("labels", f"are more than {LABEL_COUNT}")
    repository, key = place[1], f"{place[1]}#{place[2]}"
    created_at, updated_at, closed_at = (
        moment(sent, "created_at"),
        moment_or_none(sent, "updated_at"),
        moment_or_none(sent, "closed_at"),
    )
    status = CLOSED if state == CLOSED.external_id else OPEN
    is_done = status.category == StatusCategory.DONE
    item = WorkItemObservation(
        external_id=identifier(f"{BY_KEY}{key}", field="url"),
        key=identifier(key, field="url"),
        container=repository,
        item_type="Issue",
        title=cut_text(string_in(sent, "title", path="issue") or "", field="title"),
        status_id=status.external_id,
        status_name=status.name,
        status_category=status.category,
        resolution=RESOLUTIONS.get(reason, "") if is_done else "",
        created_at=created_at,
        updated_at=updated_at,
        resolved_at=(closed_at or updated_at or created_at) if is_done else None,
        assignee_ids=tuple(dict.fromkeys(identifier(each, field="assignees") for each in assignees if each)),
        reporter_id=identifier(author, field="author") if author else None,
        labels=tuple(dict.fromkeys(short_text(each, field="labels") for each in labels if each)),
        url=address,
        source_version=None if updated_at is None else epoch_ms(updated_at),
    )
    return says_less(_in_milestone(item, milestone), NAMED_UNSAID)


def _in_milestone(item: WorkItemObservation, name: str) -> ObservationBatch:
    statuses = (OPEN, CLOSED)
    if not name:
        return ObservationBatch(items=(item,), statuses=statuses)
    group = identifier(f"{BY_NAME}{name}", field="milestone")
    return ObservationBatch(
        items=(item,),
        statuses=statuses,
        milestones=(MilestoneObservation(external_id=group, name=group.removeprefix(BY_NAME), in_passing=True),),
        milestone_memberships=(MembershipObservation(item_id=item.external_id, group_id=group),),
    )


def _login(person: JsonObject | None) -> str:
    return "" if person is None else string_in(person, "login", path="person") or ""


def _last(address: Any) -> str:
    """What an address ends with: https://github.com/acme/rocket/labels/bug -> bug."""
    return address.rstrip("/").rpartition("/")[2] if isinstance(address, str) else ""


def _texts(sent: JsonObject, member: str) -> list[Any]:
    found = sent.get(member) or []
    if not isinstance(found, list):
        raise FieldRefused(member, "is not a list")
    return found


FORMATS: Final = (
    JsonFormat(
        "github-issues",
        "Issues of GitHub, from the REST interface (JSON)",
        CONNECTOR.source,
        is_rest_list,
        _reader(rest_facts),
    ),
    JsonFormat(
        "github-cli",
        "Issues of GitHub, from its command line (JSON)",
        CONNECTOR.source,
        is_named_list,
        _reader(named_facts),
    ),
    JsonFormat(
        "github-archive",
        "Issues of a GitHub migration archive (JSON)",
        CONNECTOR.source,
        is_archive_list,
        _reader(archive_facts),
    ),
)
