"""GitLab: issues as CSV (by e-mail), as JSON of the interface, or in a project's export (tar.gz).

- CSV: it lacks the issue's own number; its address tells project and number within it, so it is known by its key.
- JSON: `glab api --paginate "projects/ID/issues"`, the list of the REST interface, without histories.
- Project export: `tree/project/issues.ndjson`. Older ones have the issue's number; newer ones only the project's and
  the number within it, by which it is known then. Events have no numbers there, so that they could not be told from
  those of the interface: they are left out.
Source: https://docs.gitlab.com/user/project/issues/csv_export/, https://docs.gitlab.com/api/issues/,
https://docs.gitlab.com/user/project/settings/import_export/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from integrations.connectors.gitlab.client import CONNECTOR
from integrations.connectors.gitlab.mapping import CLOSED, OPEN, issue_facts
from integrations.connectors.gitlab.payloads import History
from integrations.exports.records import records_of, records_of_lines, says_less
from projects.imports.csv_profiles import Cells, CsvProfile
from projects.imports.errors import FieldRefused
from projects.imports.formats import Archive, ArchiveFormat, JsonFile, JsonFormat, JsonShape, TableFormat
from projects.imports.json_access import EMPTY, JsonObject, object_in, objects_in, string_in
from projects.imports.records import ParsedRecord
from projects.imports.values import identifier
from projects.observations import BY_KEY, ObservationBatch, StatusObservation

ISSUES: Final = re.compile(r"(?:^|/)tree/project/issues\.ndjson$")
_PLACE: Final = re.compile(r"https?://[^/]+/(.+?)/-/(?:issues|work_items)/(\d+)")
EXPORT_UNSAID: Final = ("url", "comment_count", "parent_key", "spent_s", "key")


def is_rest_list(shape: JsonShape) -> bool:
    return shape.is_list and {"id", "iid", "project_id", "state", "web_url", "created_at"} <= shape.members


def is_exported(shape: JsonShape) -> bool:
    """A line of issues.ndjson, unpacked by a person."""
    return not shape.is_list and {"iid", "author_id", "state", "created_at", "title"} <= shape.members


def rest_records(file: JsonFile) -> Iterator[ParsedRecord]:
    return records_of(file.parts(), rest_facts)


def rest_facts(sent: JsonObject) -> ObservationBatch:
    container = identifier(string_in(sent, "project_id", path="issue") or "", field="project_id")
    place = _PLACE.match(string_in(sent, "web_url", path="issue") or "")
    path = place[1] if place else container
    return says_less(issue_facts(sent, History(), container=container, path=path))


# --- a project's export ---


def has_issues(names: tuple[str, ...]) -> bool:
    return any(map(ISSUES.search, names))


def archive_records(archive: Archive) -> Iterator[ParsedRecord]:
    name = next(name for name in archive.names if ISSUES.search(name))
    return records_of_lines(archive.lines(name), exported_facts)


def exported_records(file: JsonFile) -> Iterator[ParsedRecord]:
    return records_of_lines(file.lines(), exported_facts)


def exported_facts(sent: JsonObject) -> ObservationBatch:
    """An issue of an export, in the words of the interface: numbers of people in place of people, links to labels."""
    project = _project_in(sent)
    iid = identifier(string_in(sent, "iid", path="issue") or "", field="iid")
    labels = [
        string_in(object_in(link, "label", path="label_links") or EMPTY, "title", path="label") or ""
        for link in objects_in(sent, "label_links", path="issue")
    ]
    assigned = objects_in(sent, "issue_assignees", path="issue")
    people = [string_in(each, "user_id", path="issue_assignees") for each in assigned]
    author = string_in(sent, "author_id", path="issue")
    milestone = object_in(sent, "milestone", path="issue")
    told = {
        **sent,
        "id": string_in(sent, "id", path="issue") or f"{BY_KEY}{project}#{iid}",
        "author": {"id": author} if author else None,
        "assignees": [{"id": each} for each in people if each],
        "labels": [each for each in labels if each],
        "milestone": milestone if milestone and milestone.get("id") else None,
        "iteration": None,
        "closed_by": None,
        "epic": None,
        "time_stats": {"time_estimate": sent.get("time_estimate"), "total_time_spent": None},
    }
    return says_less(issue_facts(told, History(), container=project, path=project), EXPORT_UNSAID)


def _project_in(sent: JsonObject) -> str:
    """Exports name the project's number in whatever belongs to the issue."""
    told = string_in(sent, "project_id", path="issue")
    for member in ("events", "notes", "label_links"):
        for part in () if told else objects_in(sent, member, path="issue"):
            label = object_in(part, "label", path=member) or EMPTY
            told = told or string_in(part, "project_id", path=member) or string_in(label, "project_id", path=member)
    if not told and sent.get("id") is None:
        raise FieldRefused("project_id", "is said nowhere; import the issues as CSV")
    return told or ""


# --- the table ---


def issue_identity(cells: Cells) -> tuple[str, str]:
    place = _PLACE.match(cells("url"))
    if place is None:
        raise FieldRefused("url", "is not the address of an issue")
    key = f"{place[1]}#{place[2]}"
    return identifier(f"{BY_KEY}{key}", field="url"), identifier(key, field="url")


def issue_status(cells: Cells) -> StatusObservation:
    return CLOSED if cells("status").casefold() == CLOSED.external_id else OPEN


TABLE: Final = CsvProfile(
    name="gitlab-csv",
    title="Issues of GitLab (CSV)",
    source=CONNECTOR.source,
    of_tool=True,
    separator=",",
    is_utc=True,
    signature=frozenset({"issueid", "url", "title", "state", "authorusername", "createdatutc", "updatedatutc"}),
    columns=MappingProxyType({
        "key": ("issueid",),
        "title": ("title",),
        "status": ("state",),
        "created_at": ("createdatutc",),
        "updated_at": ("updatedatutc",),
        "resolved_at": ("closedatutc",),
        "due_date": ("duedate",),
        "estimate_points": ("weight",),
        "estimate_s": ("timeestimate",),
        "spent_s": ("timespent",),
        "assignee": ("assigneeusername",),
        "reporter": ("authorusername",),
        "labels": ("labels",),
        "milestones": ("milestone",),
        "url": ("url",),
    }),
    identify=issue_identity,
    status=issue_status,
)  # fmt: skip
FORMATS: Final = (
    TableFormat.of(TABLE),
    JsonFormat(
        "gitlab-issues",
        "Issues of GitLab, from the REST interface (JSON)",
        CONNECTOR.source,
        is_rest_list,
        rest_records,
    ),
    JsonFormat(
        "gitlab-ndjson",
        "Issues of a GitLab project export (NDJSON)",
        CONNECTOR.source,
        is_exported,
        exported_records,
    ),
    ArchiveFormat(
        "gitlab-export", "Export of a GitLab project (tar.gz)", CONNECTOR.source, has_issues, archive_records
    ),
)
