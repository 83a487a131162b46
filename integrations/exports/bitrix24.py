"""Bitrix24: a list of tasks as an "Excel" file, which is a page with an HTML table, or as CSV saved from it.

The columns are those that the list shows, in the language of the portal; English ones are read. People, project and
status stand there by name. Moments are in the zone of the account, in the form of the portal.
Source: the component `tasks.task.list` of the product (export_excel.php and its messages).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from integrations.connectors.bitrix24.client import CONNECTOR
from integrations.connectors.bitrix24.mapping import STATUSES
from projects.imports.csv_profiles import Cells, CsvProfile
from projects.imports.errors import FieldRefused
from projects.imports.formats import TableFormat
from projects.imports.statuses import likely_status_category
from projects.imports.values import identifier, seconds
from projects.observations import BY_NAME, StatusObservation

BY_STATUS_NAME: Final = {status.name.casefold(): status for status in STATUSES.values()}
OTHER_NAMES: Final = {"pending review": STATUSES["4"], "supposedly completed": STATUSES["4"], "waiting": STATUSES["2"]}
HOUR_S: Final = 3600
MINUTE_S: Final = 60


def task_status(cells: Cells) -> StatusObservation:
    name = cells("status")
    known = BY_STATUS_NAME.get(name.casefold()) or OTHER_NAMES.get(name.casefold())
    if known is not None:
        return known
    return StatusObservation(
        external_id=identifier(f"{BY_NAME}{name}" if name else "", field="status"),
        name=identifier(name, field="status"),
        category=likely_status_category(name),
        is_guessed=True,
    )


def clock_seconds(value: str, *, field: str) -> int:
    """Hours, minutes and seconds: 02:30:00 is 9,000 seconds."""
    parts = value.split(":")
    if len(parts) != len(("h", "m", "s")) or not all(part.isascii() and part.isdecimal() for part in parts):
        raise FieldRefused(field, "is not a duration such as 02:30:00")
    hours, minutes, rest = map(int, (part[:9] for part in parts))
    return seconds(hours * HOUR_S + minutes * MINUTE_S + rest, field=field)


TABLE: Final = CsvProfile(
    name="bitrix24-tasks",
    title="List of tasks of Bitrix24 (Excel or CSV)",
    source=CONNECTOR.source,
    of_tool=True,
    separator=",",
    seconds=clock_seconds,
    signature=frozenset({"id", "task", "createdon", "status"}),
    columns=MappingProxyType({
        "id": ("id",),
        "key": ("id",),
        "title": ("task",),
        "status": ("status",),
        "priority": ("priority",),
        "created_at": ("createdon",),
        "updated_at": ("modifiedon",),
        "resolved_at": ("closedon",),
        "due_date": ("deadline",),
        "estimate_s": ("plannedduration",),
        "spent_s": ("timespent",),
        "assignee": ("responsibleperson", "assignee"),
        "reporter": ("createdby",),
        "labels": ("tags",),
    }),
    status=task_status,
)  # fmt: skip
FORMATS: Final = (TableFormat.of(TABLE),)
