"""Jira: a search as CSV with all fields ("Export", "Export CSV (all fields)"), which has no history of changes.

Statuses, sprints and versions stand there by name, people by account in Cloud and by name elsewhere; a column of many
values comes several times. Instants are in the zone of whoever exported, in the form of their language; months are read
in English only. Issues in REST form, with their history, are read by `projects.imports.jira_rest`.
Source: the view "searchrequest-csv-all-fields" of Jira itself, and files of it in public repositories.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from integrations.connectors.jira.client import CONNECTOR
from projects.imports.csv_profiles import Cells, CsvProfile
from projects.imports.formats import TableFormat
from projects.imports.values import identifier


def issue_identity(cells: Cells) -> tuple[str, str]:
    return identifier(cells("id"), field="id"), identifier(cells("key"), field="key")


TABLE: Final = CsvProfile(
    name="jira-csv",
    title="Issues of Jira with all fields (CSV)",
    source=CONNECTOR.source,
    of_tool=True,
    separator="\x1f",  # several values stand in several columns
    signature=frozenset({"issuekey", "issueid", "issuetype", "status", "projectkey"}),
    columns=MappingProxyType({
        "id": ("issueid",),
        "key": ("issuekey",),
        "container": ("projectkey",),
        "item_type": ("issuetype",),
        "title": ("summary",),
        "status": ("status",),
        "status_category": ("statuscategory",),
        "priority": ("priority",),
        "resolution": ("resolution",),
        "created_at": ("created",),
        "updated_at": ("updated",),
        "resolved_at": ("resolved",),
        "due_date": ("duedate",),
        "estimate_points": ("customfieldstorypoints", "customfieldstorypointestimate"),
        "estimate_s": ("originalestimate",),
        "spent_s": ("timespent",),
        "assignee": ("assigneeid", "assignee"),
        "reporter": ("reporterid", "reporter"),
        "parent_key": ("parentkey", "customfieldepiclink"),
        "parent_id": ("parentid", "parent"),
        "labels": ("labels",),
        "milestones": ("fixversions", "fixversion"),
        "iterations": ("sprint",),
    }),
    identify=issue_identity,
)  # fmt: skip
FORMATS: Final = (TableFormat.of(TABLE),)
