"""From Bitrix24's tasks, histories and sprints to our facts. Pure: the same answers give the same facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from integrations.connectors.bitrix24.payloads import (
    HistoryEntry,
    Sprint,
    Task,
    day_of,
    moment_in,
    number_or_nothing,
    parse_history,
    parse_sprint,
    parse_task,
)
from projects.enums import ActivityKind, ActivityRole, IterationState, StatusCategory, TrackedField
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.imports.memberships import GroupChange, reconstruct_memberships
from projects.imports.values import epoch_ms, identifier, seconds
from projects.observations import (
    ActivityObservation,
    FieldChangeObservation,
    IterationObservation,
    MembershipObservation,
    ObservationBatch,
    StatusObservation,
    TimeEntryObservation,
    WorkItemObservation,
)

_TODO, _DOING, _DONE = StatusCategory.TODO, StatusCategory.IN_PROGRESS, StatusCategory.DONE
DECLINED: Final = "7"
STATUSES: Final = {
    number: StatusObservation(external_id=number, name=name, category=category)
    for number, name, category in (
        ("1", "New", _TODO),
        ("2", "Pending", _TODO),
        ("3", "In progress", _DOING),
        ("4", "Awaiting control", _DOING),
        ("5", "Completed", _DONE),
        ("6", "Deferred", _TODO),
        (DECLINED, "Declined", _DONE),
    )
}
PRIORITIES: Final = {"0": "Low", "1": "Normal", "2": "High"}
SPRINT_STATES: Final = {
    "planned": IterationState.FUTURE,
    "active": IterationState.ACTIVE,
    "completed": IterationState.CLOSED,
}
FIELDS: Final = {
    "STATUS": TrackedField.STATUS,
    "REAL_STATUS": TrackedField.STATUS,
    "RESPONSIBLE_ID": TrackedField.ASSIGNEE,
    "PARENT_ID": TrackedField.PARENT,
    "GROUP_ID": TrackedField.PROJECT,
    "DEADLINE": TrackedField.DUE_DATE,
    "TIME_ESTIMATE": TrackedField.ESTIMATE_S,
    "PRIORITY": TrackedField.PRIORITY,
    "TAGS": TrackedField.LABELS,
    "MOVE_TO_SPRINT": TrackedField.ITERATION,
    "MOVE_TO_BACKLOG": TrackedField.ITERATION,
    "STAGE_ID": "stage",
}
"""Of these the values are kept; of others, which may hold what people wrote, the moment alone."""
ID_FIELDS: Final = ("RESPONSIBLE_ID", "PARENT_ID", "GROUP_ID")
SPRINT_FIELDS: Final = ("MOVE_TO_SPRINT", "MOVE_TO_BACKLOG")
LONGEST_FIELD: Final = 64
NO_CHANGES: Final = ("NEW", "COMMENT", "COMMENT_EDIT", "COMMENT_DEL")


def task_facts(sent: JsonObject, *, group_id: str, site: str, first_seen_at: datetime) -> ObservationBatch:
    """One task as it stands. site: the address that people open;  first_seen_at: for a task without its creation

    Raises FieldRefused.
    """
    task = parse_task(sent)
    status = status_of(task.status)
    begun_at = task.created_at or min(_moments(task), default=first_seen_at)
    changed_at = None if task.changed_at is None else max(task.changed_at, begun_at)
    is_done = status.category == StatusCategory.DONE
    item = WorkItemObservation(
        external_id=task.id,
        key=task.id,
        container=group_id,
        item_type="Subtask" if task.parent_id else "Task",
        title=task.title,
        status_id=status.external_id,
        status_name=status.name,
        status_category=status.category,
        priority=PRIORITIES.get(task.priority, ""),
        resolution=status.name if status.external_id == DECLINED else "",
        created_at=begun_at,
        is_creation_known=task.created_at is not None,
        updated_at=changed_at,
        resolved_at=_resolved_at(task, begun_at) if is_done else None,
        due_date=task.due_date,
        estimate_s=task.estimate_s,
        spent_s=task.spent_s,
        assignee_ids=task.people,
        reporter_id=task.author,
        parent_id=task.parent_id,
        labels=task.tags,
        comment_count=task.comment_count,
        url=f"{site}/company/personal/user/0/tasks/task/view/{task.id}/",
        source_version=epoch_ms(changed_at) if changed_at else None,
    )
    return ObservationBatch(items=(item,), statuses=(status,))


def history_facts(
    task: JsonObject, history: Iterable[JsonObject], *, sprints: Sequence[IterationObservation], first_seen_at: datetime
) -> ObservationBatch:
    """What has happened to one task. sprints: all of its group

    Raises FieldRefused.
    """
    task_id = identifier(number_or_nothing(task, "id"), field="id")
    entries = parse_history(history)
    stays = _sprint_stays(task, task_id, entries, sprints, first_seen_at)
    entered = {stay.group_id for stay in stays}
    return ObservationBatch(
        changes=tuple(_changes(task_id, entries)),
        activities=tuple(_comment(task, task_id, entry) for entry in entries if entry.field == "COMMENT"),
        iterations=tuple(sprint for sprint in sprints if sprint.external_id in entered),
        iteration_memberships=stays,
        whole_histories=frozenset({task_id} if sprints else ()),
    )


def time_facts(task_id: str, entries: Sequence[JsonObject]) -> ObservationBatch:
    """All times that were written down for one task.

    Raises FieldRefused.
    """
    found = tuple(_time_entry(entry, task_id) for entry in entries)
    return ObservationBatch(time_entries=found, whole_times=frozenset({task_id}))


def _time_entry(entry: JsonObject, task_id: str) -> TimeEntryObservation:
    """Times are begun at their start, where a clock ran; those typed in have the moment of typing there, too."""
    started_at = moment_in(entry, "DATE_START") or moment_in(entry, "CREATED_DATE")
    spent = number_or_nothing(entry, "SECONDS")
    if started_at is None or not spent.isdigit():
        raise FieldRefused("SECONDS" if started_at else "DATE_START", "is missing")
    return TimeEntryObservation(
        external_id=identifier(number_or_nothing(entry, "ID"), field="ID"),
        item_id=task_id,
        worked_on_date=started_at.astimezone(UTC).date(),
        started_at=started_at,
        duration_s=seconds(int(spent), field="SECONDS"),
        actor_id=number_or_nothing(entry, "USER_ID") or None,
    )


def sprint_facts(sent: JsonObject) -> ObservationBatch:
    """Raises FieldRefused."""
    sprint = parse_sprint(sent)
    state = SPRINT_STATES.get(sprint.status)
    found = IterationObservation(
        external_id=sprint.id,
        name=sprint.name,
        state=state,
        starts_at=sprint.starts_at,
        ends_at=_end(sprint),
        completed_at=_end(sprint) if state == IterationState.CLOSED else None,
    )
    return ObservationBatch(iterations=(found,))


def status_of(number: str) -> StatusObservation:
    """The statuses are fixed; one that is not known counts as work under way until people say otherwise."""
    known = STATUSES.get(number)
    return known or StatusObservation(external_id=number, name=f"Status {number}", category=_DOING, is_guessed=True)


def _moments(task: Task) -> list[datetime]:
    found = (task.closed_at, task.status_changed_at, task.changed_at)
    return [moment for moment in found if moment is not None]


def _resolved_at(task: Task, begun_at: datetime) -> datetime:
    return max(task.closed_at or task.status_changed_at or task.changed_at or begun_at, begun_at)


def _end(sprint: Sprint) -> datetime | None:
    """Never before its start."""
    if sprint.ends_at is None or sprint.starts_at is None:
        return sprint.ends_at
    return max(sprint.ends_at, sprint.starts_at)


# --- history ---


def _changes(task_id: str, entries: Sequence[HistoryEntry]) -> Iterator[FieldChangeObservation]:
    real = {entry.at for entry in entries if entry.field == "REAL_STATUS"}
    for entry in entries:
        is_told_twice = entry.field == "STATUS" and entry.at in real
        if entry.field not in NO_CHANGES and not is_told_twice:
            change = FieldChangeObservation(
                external_id=entry.id, item_id=task_id, field="", changed_at=entry.at, actor_id=entry.actor
            )
            yield _change(change, entry)


def _change(change: FieldChangeObservation, entry: HistoryEntry) -> FieldChangeObservation:
    if entry.field not in FIELDS:
        return replace(
            change, field=TrackedField.LINK if entry.field == "DEPENDS_ON" else entry.field.casefold()[:LONGEST_FIELD]
        )
    (from_id, from_text), (to_id, to_text) = (_told(entry, value) for value in (entry.before, entry.after))
    return replace(
        change, field=FIELDS[entry.field], from_id=from_id, from_text=from_text, to_id=to_id, to_text=to_text
    )


def _told(entry: HistoryEntry, value: str) -> tuple[str, str]:
    """Identifier and text of a value, in our words."""
    kind = FIELDS[entry.field]
    if entry.field in ID_FIELDS:
        return "" if value == "0" else value, ""
    if kind == TrackedField.STATUS and value:
        status = status_of(value)
        return status.external_id, status.name
    if kind == TrackedField.PRIORITY:
        return "", PRIORITIES.get(value, "")
    return "", day_of(value, entry.zone) if kind == TrackedField.DUE_DATE else value


def _comment(task: JsonObject, task_id: str, entry: HistoryEntry) -> ActivityObservation:
    roles = {
        number_or_nothing(task, "createdBy"): ActivityRole.AUTHOR,
        number_or_nothing(task, "responsibleId"): ActivityRole.ASSIGNEE,
    }
    return ActivityObservation(
        external_id=f"comment {entry.id}",
        kind=ActivityKind.COMMENT,
        occurred_at=entry.at,
        item_id=task_id,
        actor_id=entry.actor,
        role=roles.get(entry.actor, ActivityRole.OTHER) if entry.actor else ActivityRole.OTHER,
    )


def _sprint_stays(
    task: JsonObject,
    task_id: str,
    entries: Sequence[HistoryEntry],
    sprints: Sequence[IterationObservation],
    first_seen_at: datetime,
) -> tuple[MembershipObservation, ...]:
    """Every stay in a sprint that the group still has, whether the history calls it by its number or its name.

    A move says where to; where from is where the task was.
    """
    known = {sprint.name: sprint.external_id for sprint in sprints if sprint.name}
    known |= {sprint.external_id: sprint.external_id for sprint in sprints}
    present, changes = "", []
    for entry in entries:
        if entry.field in SPRINT_FIELDS:
            target = known.get(entry.after, "") if entry.field == "MOVE_TO_SPRINT" else ""
            left, joined = ((each,) if each else () for each in (present, target))
            changes.append(GroupChange(entry.at, left=left, joined=joined))
            present = target
    shown, created_at = number_or_nothing(task, "sprintId"), moment_in(task, "createdDate")
    return reconstruct_memberships(
        item_id=task_id,
        created_at=created_at or first_seen_at,
        changes=changes,
        present_ids=(shown,) if shown in known else (),
        history_is_whole=created_at is not None,
    )
