"""Asana: the tasks of a project as JSON or CSV (menu of the project, "Export/Print").

The JSON is what the interface gives of the project's tasks, subtasks inside of their tasks, without stories: it has no
history, and neither comments nor dependencies. The CSV has days in place of moments, and sections and people by name.
Source: https://asana.com/guide/help/faq/security ("Export"), https://developers.asana.com/reference/tasks
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from integrations.connectors.asana.client import CONNECTOR
from integrations.connectors.asana.mapping import COMPLETED, section_status, task_facts
from integrations.connectors.asana.payloads import Section
from integrations.exports.records import parts_of, records_of, says_less
from projects.imports.csv_profiles import Cells, CsvProfile
from projects.imports.errors import FieldRefused
from projects.imports.formats import JsonFile, JsonFormat, JsonShape, TableFormat
from projects.imports.json_access import EMPTY, JsonObject, object_in, objects_in, string_in
from projects.imports.records import ParsedRecord
from projects.imports.values import identifier
from projects.observations import BY_NAME, ObservationBatch, StatusObservation

TASKS: Final = "data"
DEEPEST: Final = 20
NOT_SAID: Final = ("comment_count",)


def is_project(shape: JsonShape) -> bool:
    return not shape.is_list and {"gid", "memberships"} <= (shape.firsts.get(TASKS) or EMPTY).keys()


def project_records(file: JsonFile) -> Iterator[ParsedRecord]:
    container = _project_of(file)

    def facts(sent: JsonObject) -> ObservationBatch:
        return ObservationBatch.merged(_task_facts(task, container) for task in _with_subtasks(sent, 0))

    return records_of(file.parts(), facts, member=TASKS)


def _project_of(file: JsonFile) -> str:
    """The project that was exported: the one that most of its tasks are in."""
    counted: Counter[str] = Counter()
    for part in parts_of(file, TASKS):
        counted.update(_projects(part.value))
    return counted.most_common(1)[0][0] if counted else ""


def _projects(task: JsonObject) -> Iterator[str]:
    try:
        for membership in objects_in(task, "memberships", path="task"):
            project = object_in(membership, "project", path="membership") or EMPTY
            if gid := string_in(project, "gid", path="project"):
                yield gid
    except FieldRefused:  # named when the task is read
        return


def _with_subtasks(task: JsonObject, depth: int) -> Iterator[JsonObject]:
    yield task
    if depth >= DEEPEST:
        raise FieldRefused("subtasks", f"are nested more than {DEEPEST} deep")
    for subtask in objects_in(task, "subtasks", path="task"):
        if "created_at" in subtask:  # else it is a mere mention
            yield from _with_subtasks({"parent": {"gid": task.get("gid")}, **subtask}, depth + 1)


def _task_facts(task: JsonObject, container: str) -> ObservationBatch:
    lacking = [name for name, member in _MEMBERS.items() if member not in task]
    return says_less(task_facts(task, (), container=container), (*NOT_SAID, *lacking))


_MEMBERS: Final = {"reporter_id": "created_by", "url": "permalink_url", "spent_s": "actual_time_minutes"}
"""Attribute -> the member that an export may lack."""


def task_status(cells: Cells) -> StatusObservation:
    """A completed task is completed, wherever it stands; the section of another one is known by its name."""
    if cells("resolved_at"):
        return COMPLETED
    name = cells("status")
    return section_status(Section(gid=identifier(f"{BY_NAME}{name}", field="status"), name=name) if name else None)


PROJECT_TABLE: Final = CsvProfile(
    name="asana-csv",
    title="Tasks of an Asana project (CSV)",
    source=CONNECTOR.source,
    of_tool=True,
    separator=",",
    signature=frozenset({"taskid", "createdat", "completedat", "lastmodified", "name"}),
    columns=MappingProxyType({
        "id": ("taskid",),
        "key": ("taskid",),
        "title": ("name",),
        "status": ("sectioncolumn",),
        "created_at": ("createdat",),
        "updated_at": ("lastmodified",),
        "resolved_at": ("completedat",),
        "due_date": ("duedate",),
        "assignee": ("assigneeemail", "assignee"),
        "labels": ("tags",),
        "estimate_points": ("storypoints", "points"),
        "priority": ("priority",),
    }),
    status=task_status,
)  # fmt: skip
FORMATS: Final = (
    JsonFormat("asana-project", "Tasks of an Asana project (JSON)", CONNECTOR.source, is_project, project_records),
    TableFormat.of(PROJECT_TABLE),
)
