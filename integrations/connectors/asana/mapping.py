"""From Asana's tasks and stories to our facts. Pure: the same answers give the same facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from integrations.connectors.asana.payloads import (
    DURATION,
    ESTIMATED_TIME,
    MINUTE_S,
    PRIORITY,
    Section,
    Story,
    Task,
    day_in,
    gid_in,
    name_in,
    number_text_in,
    parse_stories,
    parse_task,
    section_in,
)
from integrations.connectors.facts import POINTS, addresses_of, status_move
from projects.enums import ActivityKind, ActivityRole, LinkDirection, StatusCategory, TrackedField
from projects.imports.errors import FieldRefused
from projects.imports.json_access import EMPTY, JsonObject, number_in, object_in, string_in
from projects.imports.statuses import likely_status_category
from projects.imports.values import calendar_date, epoch_ms, identifier, seconds
from projects.observations import (
    ActivityObservation,
    FieldChangeObservation,
    LinkObservation,
    ObservationBatch,
    StatusObservation,
    TimeEntryObservation,
    WorkItemObservation,
)

COMPLETED: Final = StatusObservation(external_id="completed", name="Completed", category=StatusCategory.DONE)
INCOMPLETE: Final = StatusObservation(external_id="incomplete", name="Incomplete", category=StatusCategory.TODO)
UNSORTED: Final = frozenset({"", "untitled section", "(no section)"})
KINDS: Final = {"default_task": "Task", "milestone": "Milestone", "approval": "Approval", "": "Task"}
APPROVALS: Final = {"approved": "Approved", "rejected": "Rejected", "changes_requested": "Changes requested"}
COMMENT: Final = "comment_added"
APPROVAL_CHANGED: Final = "approval_status_changed"
REVIEWS: Final = {
    "approved": ActivityKind.APPROVAL,
    "rejected": ActivityKind.CHANGES_REQUESTED,
    "changes_requested": ActivityKind.CHANGES_REQUESTED,
}
MEMBERS: Final[dict[str, tuple[TrackedField, str, bool]]] = {
    "assigned": (TrackedField.ASSIGNEE, "assignee", True),
    "unassigned": (TrackedField.ASSIGNEE, "assignee", False),
    "added_to_tag": (TrackedField.LABELS, "tag", True),
    "removed_from_tag": (TrackedField.LABELS, "tag", False),
    "added_to_project": (TrackedField.PROJECT, "project", True),
    "removed_from_project": (TrackedField.PROJECT, "project", False),
    "added_to_task": (TrackedField.PARENT, "task", True),
    "removed_from_task": (TrackedField.PARENT, "task", False),
    "dependency_added": (TrackedField.LINK, "dependency", True),
    "dependency_removed": (TrackedField.LINK, "dependency", False),
}
"""Kind of a story -> the field, the member that tells what came or went, and whether it came. A label counts by
its name, everything else by its gid: names of people and tasks stay out."""
PROSE: Final = {"name_changed": "title", "notes_changed": "description"}
OTHER_SECTION: Final = "section"


def task_facts(sent: JsonObject, stories: Iterable[JsonObject], *, container: str) -> ObservationBatch:
    """One task with all its stories. container: the project that holds it for us.

    Raises FieldRefused.
    """
    task = parse_task(sent, container=container)
    told = parse_stories(stories)
    path = _StatusPath.of(task, told, container)
    changes = [*path.changes, *(change for story in told for change in _changes(task.gid, story))]
    return ObservationBatch(
        items=(_item(task, path, container=container, comments=sum(story.kind == COMMENT for story in told)),),
        statuses=(*path.seen.values(),),
        changes=tuple(sorted(changes, key=lambda change: (change.changed_at, change.external_id))),
        links=tuple(_links(task, told)),
        activities=tuple(_activities(task, told)),
        accounts=addresses_of((sent.get("assignee"), sent.get("created_by")), ids_in=("gid",), email_in="email"),
        whole_states=frozenset({task.gid}),
    )


def time_facts(task_gid: str, entries: Iterable[JsonObject]) -> ObservationBatch:
    """All times that were written down for one task.

    Raises FieldRefused.
    """
    found = tuple(_time_entry(entry, task_gid) for entry in entries)
    return ObservationBatch(time_entries=found, whole_times=frozenset({task_gid}))


def _time_entry(entry: JsonObject, task_gid: str) -> TimeEntryObservation:
    minutes = number_in(entry, "duration_minutes", path="time_entry")
    day = string_in(entry, "entered_on", path="time_entry")
    if minutes is None:
        raise FieldRefused("duration_minutes", "is missing")
    person = object_in(entry, "created_by", path="time_entry") or EMPTY
    return TimeEntryObservation(
        external_id=identifier(string_in(entry, "gid", path="time_entry") or "", field="time_entry.gid"),
        item_id=task_gid,
        worked_on_date=calendar_date(day or "", field="entered_on"),
        duration_s=seconds(minutes * MINUTE_S, field="duration_minutes"),
        actor_id=string_in(person, "gid", path="time_entry.created_by") or None,
    )


def section_status(section: Section | None) -> StatusObservation:
    """Where a task stands is where its section is; what a section means is guessed from its name."""
    if section is None:
        return INCOMPLETE
    is_unsorted = section.name.casefold() in UNSORTED
    return StatusObservation(
        external_id=section.gid,
        name=section.name or section.gid,
        category=StatusCategory.TODO if is_unsorted else likely_status_category(section.name),
        is_guessed=True,
    )


@dataclass(slots=True)
class _StatusPath:
    """Through which statuses a task went.

    1. It began in the section that the first move of it left; without a move, in the one where it is.
    2. A move changes the section, and with it the status, unless the task is completed.
    3. Completing makes the status "Completed"; taking that back returns to the section.
    4. A move within another project of the task is a change of that name, and no change of status.

    entered_at: when the task came to the last of them
    """

    section: StatusObservation
    is_completed: bool = False
    entered_at: datetime | None = None
    changes: list[FieldChangeObservation] = field(default_factory=list)
    seen: dict[str, StatusObservation] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task, stories: Sequence[Story], container: str) -> _StatusPath:
        moves = (section_in(story, "old_section") for story in stories if _is_own_move(story, container))
        path = cls(section=section_status(next(moves, None) or task.section))
        path._see(section_status(task.section), path.section, COMPLETED)
        for story in stories:
            before = path.status
            match story.kind:
                case "section_changed" if _is_own_move(story, container):
                    path.section = section_status(section_in(story, "new_section"))
                case "section_changed":
                    path.changes.append(_other_move(task.gid, story))
                case "marked_complete":
                    path.is_completed = True
                case "marked_incomplete":
                    path.is_completed = False
            path._note(task.gid, story, before)
        return path

    @property
    def status(self) -> StatusObservation:
        return COMPLETED if self.is_completed else self.section

    def _note(self, item_id: str, story: Story, before: StatusObservation) -> None:
        after = self.status
        if after.external_id == before.external_id:
            return
        self._see(self.section, after)
        self.entered_at = story.at
        self.changes.append(status_move(_change(item_id, story, TrackedField.STATUS), before, after))

    def _see(self, *statuses: StatusObservation) -> None:
        self.seen |= {status.external_id: status for status in statuses}


def _is_own_move(story: Story, container: str) -> bool:
    """A story that does not say in which project it moved the task is taken as one of ours."""
    if story.kind != "section_changed" or not (section_in(story, "old_section") or section_in(story, "new_section")):
        return False
    section = object_in(story.sent, "new_section", path="story") or EMPTY
    project = object_in(section, "project", path="story.new_section") or EMPTY
    return string_in(project, "gid", path="project") in (None, container)


def _other_move(item_id: str, story: Story) -> FieldChangeObservation:
    before, after = section_in(story, "old_section"), section_in(story, "new_section")
    return replace(
        _change(item_id, story, OTHER_SECTION),
        from_id=before.gid if before else "",
        from_text=before.name if before else "",
        to_id=after.gid if after else "",
        to_text=after.name if after else "",
    )


def _item(task: Task, path: _StatusPath, *, container: str, comments: int) -> WorkItemObservation:
    status = COMPLETED if task.is_completed else section_status(task.section)
    is_done = status.category == StatusCategory.DONE
    done_at = task.completed_at or path.entered_at or task.modified_at
    return WorkItemObservation(
        external_id=task.gid,
        key=task.key,
        container=container,
        item_type=KINDS.get(task.kind, task.kind),
        title=task.title,
        status_id=status.external_id,
        status_name=status.name,
        status_category=status.category,
        priority=task.priority,
        resolution=APPROVALS.get(task.approval, "") if is_done else "",
        created_at=task.created_at,
        updated_at=task.modified_at,
        resolved_at=done_at if is_done else None,
        due_date=task.due_on,
        estimate_points=task.points,
        estimate_s=task.estimate_s,
        spent_s=task.spent_s,
        assignee_ids=(task.assignee,) if task.assignee else (),
        reporter_id=task.creator,
        parent_id=task.parent,
        labels=task.labels,
        comment_count=comments,
        url=task.url,
        source_version=epoch_ms(task.modified_at),
    )


def _changes(item_id: str, story: Story) -> Iterable[FieldChangeObservation]:
    """What a story says about fields that count, except the status; the others (likes, followers) are no change."""
    if story.kind in MEMBERS:
        field_name, member, is_added = MEMBERS[story.kind]
        change, gid, name = _change(item_id, story, field_name), gid_in(story, member), ""
        if field_name == TrackedField.LABELS:
            gid, name = "", name_in(story, member)
        yield replace(change, to_id=gid, to_text=name) if is_added else replace(change, from_id=gid, from_text=name)
    elif story.kind in PROSE:
        yield _change(item_id, story, PROSE[story.kind])
    elif story.kind == "due_date_changed":
        yield _moved_date(item_id, story)
    elif story.kind in ("number_custom_field_changed", "enum_custom_field_changed"):
        yield from _custom_field(item_id, story)


def _moved_date(item_id: str, story: Story) -> FieldChangeObservation:
    """A story without dates says that they changed, and not to what: under its own name it claims no more."""
    if story.sent.get("old_dates") is None and story.sent.get("new_dates") is None:
        return _change(item_id, story, story.kind)
    change = _change(item_id, story, TrackedField.DUE_DATE)
    return replace(change, from_text=day_in(story, "old_dates"), to_text=day_in(story, "new_dates"))


def _custom_field(item_id: str, story: Story) -> Iterable[FieldChangeObservation]:
    name = name_in(story, "custom_field").casefold()
    custom = object_in(story.sent, "custom_field", path="story") or EMPTY
    if name == PRIORITY:
        change = _change(item_id, story, TrackedField.PRIORITY)
        yield replace(change, from_text=name_in(story, "old_enum_value"), to_text=name_in(story, "new_enum_value"))
    elif name in POINTS:
        yield _numbers(_change(item_id, story, TrackedField.ESTIMATE_POINTS), story)
    elif name == ESTIMATED_TIME and custom.get("format") == DURATION:
        yield _numbers(_change(item_id, story, TrackedField.ESTIMATE_S), story, factor=MINUTE_S)


def _numbers(change: FieldChangeObservation, story: Story, *, factor: float = 1) -> FieldChangeObservation:
    before = number_text_in(story, "old_number_value", factor=factor)
    return replace(change, from_text=before, to_text=number_text_in(story, "new_number_value", factor=factor))


def _change(item_id: str, story: Story, field_name: str) -> FieldChangeObservation:
    return FieldChangeObservation(
        external_id=story.gid, item_id=item_id, field=field_name, changed_at=story.at, actor_id=story.actor
    )


def _links(task: Task, stories: Sequence[Story]) -> Iterable[LinkObservation]:
    since = {gid_in(story, "dependency"): story.at for story in stories if story.kind == "dependency_added"}
    for direction, targets in ((LinkDirection.INWARD, task.dependencies), (LinkDirection.OUTWARD, task.dependents)):
        for target in targets:
            yield LinkObservation(
                external_id=f"{direction.lower()} {target}",
                item_id=task.gid,
                link_type="Blocks",
                direction=direction,
                target_id=target,
                linked_at=since.get(target) if direction == LinkDirection.INWARD else None,
            )


def _activities(task: Task, stories: Sequence[Story]) -> Iterable[ActivityObservation]:
    for story in stories:
        kind = ActivityKind.COMMENT if story.kind == COMMENT else None
        if story.kind == APPROVAL_CHANGED:
            kind = REVIEWS.get(string_in(story.sent, "new_approval_status", path="story") or "")
        if kind is not None:
            yield ActivityObservation(
                external_id=f"story {story.gid}",
                kind=kind,
                occurred_at=story.at,
                item_id=task.gid,
                actor_id=story.actor,
                role=_role(task, story, kind),
            )


def _role(task: Task, story: Story, kind: ActivityKind) -> ActivityRole:
    if kind != ActivityKind.COMMENT:
        return ActivityRole.REVIEWER
    if story.actor is not None and story.actor == task.assignee:
        return ActivityRole.ASSIGNEE
    return ActivityRole.AUTHOR if story.actor is not None and story.actor == task.creator else ActivityRole.OTHER
