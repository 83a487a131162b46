"""Microsoft Teams: a plan of its Planner as a workbook (menu of the plan, "Export plan to Excel").

Messages can be exported by eDiscovery alone, which only the organisation's compliance officers may use and which brings
what people wrote: it is not read. Tasks are no part of what the connector reads, so they have a source of their own.
Source: https://learn.microsoft.com/graph/api/resources/plannertask, for what the columns mean.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from projects.enums import StatusCategory
from projects.imports.csv_profiles import Cells, CsvProfile
from projects.imports.errors import FieldRefused
from projects.imports.formats import TableFormat
from projects.observations import StatusObservation

SOURCE: Final = "planner"
PROGRESS: Final = {
    status.name.casefold(): status
    for status in (
        StatusObservation(external_id="not_started", name="Not started", category=StatusCategory.TODO),
        StatusObservation(external_id="in_progress", name="In progress", category=StatusCategory.IN_PROGRESS),
        StatusObservation(external_id="completed", name="Completed", category=StatusCategory.DONE),
    )
}


def task_status(cells: Cells) -> StatusObservation:
    found = PROGRESS.get(cells("status").casefold())
    if found is None:
        raise FieldRefused("status", f"is none of {', '.join(each.name for each in PROGRESS.values())}")
    return found


PLAN: Final = CsvProfile(
    name="planner-plan",
    title="A plan of Microsoft Planner (workbook)",
    source=SOURCE,
    of_tool=True,
    separator=";",
    signature=frozenset({"taskid", "taskname", "bucketname", "progress"}),
    columns=MappingProxyType({
        "id": ("taskid",),
        "key": ("taskid",),
        "title": ("taskname",),
        "item_type": ("bucketname",),
        "status": ("progress",),
        "priority": ("priority",),
        "created_at": ("createddate",),
        "resolved_at": ("completeddate",),
        "due_date": ("duedate",),
        "assignee": ("assignedto",),
        "reporter": ("createdby",),
        "labels": ("labels",),
    }),
    status=task_status,
)  # fmt: skip
FORMATS: Final = (TableFormat.of(PLAN),)
