"""From GitLab's issues, merge requests, pipelines and deployments to our facts. Pure: same answers, same facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from integrations.connectors.facts import id_of, moment, moment_or_none, status_move
from integrations.connectors.gitlab.notes import note_changes, note_times
from integrations.connectors.gitlab.payloads import (
    Event,
    Group,
    History,
    Issue,
    Note,
    account_in,
    parse_events,
    parse_group,
    parse_issue,
    parse_notes,
)
from projects.enums import (
    ActivityKind,
    ActivityRole,
    IncidentSeverity,
    IterationState,
    LinkDirection,
    MilestoneState,
    RunOutcome,
    StatusCategory,
    TrackedField,
)
from projects.imports.json_access import EMPTY, JsonObject, number_in, object_in, string_in
from projects.imports.memberships import GroupChange, reconstruct_memberships
from projects.imports.statuses import likely_status_category
from projects.imports.values import TERM_LENGTH, URL_LENGTH, cut_text, epoch_ms, identifier, short_text
from projects.mentions import mentions_in, merged
from projects.observations import (
    ActivityObservation,
    CiRunObservation,
    DeploymentObservation,
    FieldChangeObservation,
    IncidentObservation,
    IterationObservation,
    LinkObservation,
    MembershipObservation,
    MilestoneObservation,
    ObservationBatch,
    StatusObservation,
    WorkItemObservation,
)

OPEN: Final = StatusObservation(external_id="opened", name="Open", category=StatusCategory.TODO)
CLOSED: Final = StatusObservation(external_id="closed", name="Closed", category=StatusCategory.DONE)
SEVERITIES: Final = {
    "CRITICAL": IncidentSeverity.SEV1,
    "HIGH": IncidentSeverity.SEV2,
    "MEDIUM": IncidentSeverity.SEV3,
    "LOW": IncidentSeverity.SEV4,
}
"""Where nobody has set one, the incident counts as a minor one."""
ITERATION_STATES: Final = {"1": IterationState.FUTURE, "2": IterationState.ACTIVE, "3": IterationState.CLOSED}
LINKS: Final = {
    "blocks": ("Blocks", LinkDirection.OUTWARD),
    "is_blocked_by": ("Blocks", LinkDirection.INWARD),
    "relates_to": ("Relates", LinkDirection.OUTWARD),
}
OUTCOMES: Final = {
    "success": RunOutcome.SUCCESS,
    "failed": RunOutcome.FAILURE,
    "canceled": RunOutcome.CANCELLED,
    "skipped": RunOutcome.CANCELLED,
}
"""Everything else waits, or runs: created, pending, preparing, running, manual, scheduled, blocked."""
REVIEW_NOTES: Final = (
    ("approved this merge request", ActivityKind.APPROVAL),
    ("requested changes", ActivityKind.CHANGES_REQUESTED),
    ("requested review from", ActivityKind.REVIEW_REQUESTED),
)
_CLOSES: Final = re.compile(
    r"\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):? +"
    r"(?:issues? +)?(?:\S+?://[^\s/]+/(?P<path>[\w./-]+?)/-/issues/(?P<iid>\d+)|(?P<short>[\w./-]*#\d+))",
    re.IGNORECASE,
)


def issue_facts(
    sent: JsonObject, history: History, *, container: str, path: str, status_scope: str = ""
) -> ObservationBatch:
    """One issue with its whole history.

    container, path: number and path of its project;  status_scope: of labels that say how far an open issue is
    Raises FieldRefused.
    """
    issue = parse_issue(sent, path=path)
    labels = parse_events(history.labels)
    notes = parse_notes(history.notes, about="Issue", iid=issue.iid)
    milestones = parse_events(history.milestones, "milestone")
    iterations = parse_events(history.iterations, "iteration")
    statuses = _Statuses(status_scope)
    moves = tuple(statuses.changes(issue, parse_events(history.states), labels))
    item = _item(issue, statuses.present(issue), moves, container=container)
    one = frozenset({issue.id})
    return ObservationBatch(
        items=(item,),
        statuses=statuses.of(issue, labels),
        changes=(
            *moves,
            *_label_changes(issue.id, labels),
            *_group_changes(issue.id, milestones, TrackedField.MILESTONE),
            *_group_changes(issue.id, iterations, TrackedField.ITERATION),
            *_weight_changes(issue.id, parse_events(history.weights)),
            *note_changes(issue.id, notes, history.accounts),
        ),
        iterations=tuple(iteration_fact(group, in_passing=True) for group in _groups(issue.iteration, iterations)),
        iteration_memberships=_stays(issue, issue.iteration, iterations),
        milestones=tuple(milestone_fact(group, in_passing=True) for group in _groups(issue.milestone, milestones)),
        milestone_memberships=_stays(issue, issue.milestone, milestones),
        links=tuple(_links(issue.id, history.links)),
        activities=tuple(_comments(issue, notes)),
        incidents=_incidents(issue),
        time_entries=note_times(issue.id, notes),
        whole_states=one,
        whole_histories=one,
        whole_times=one,
    )


def milestone_facts(sent: JsonObject) -> ObservationBatch:
    return ObservationBatch(milestones=(milestone_fact(parse_group(sent, path="milestone")),))


def iteration_facts(sent: JsonObject) -> ObservationBatch:
    return ObservationBatch(iterations=(iteration_fact(parse_group(sent, path="iteration")),))


def milestone_fact(group: Group, *, in_passing: bool = False) -> MilestoneObservation:
    """GitLab keeps no day of closing: the last change of a closed milestone is the closest to it."""
    is_closed = group.state == "closed"
    return MilestoneObservation(
        external_id=group.id,
        name=group.name,
        state=MilestoneState.RELEASED if is_closed else MilestoneState.PLANNED,
        start_date=None if _is_turned(group) else group.starts_on,
        target_date=group.ends_on,
        released_date=group.updated_at.date() if is_closed and group.updated_at else None,
        in_passing=in_passing,
    )


def iteration_fact(group: Group, *, in_passing: bool = False) -> IterationObservation:
    """Iterations have days. They begin with the first one and end with the last, in UTC."""
    state = ITERATION_STATES.get(group.state)
    ends_at = (
        None if _is_turned(group) or group.ends_on in (None, date.max) else _midnight(group.ends_on + timedelta(days=1))
    )
    return IterationObservation(
        external_id=group.id,
        name=group.name,
        state=state,
        starts_at=_midnight(group.starts_on) if group.starts_on else None,
        ends_at=ends_at,
        completed_at=ends_at if state == IterationState.CLOSED else None,
        in_passing=in_passing,
    )


def _is_turned(group: Group) -> bool:
    """Whether it ends before it begins: then only the day that was promised counts."""
    return group.starts_on is not None and group.ends_on is not None and group.ends_on < group.starts_on


def merge_request_facts(sent: JsonObject, notes: Sequence[JsonObject], *, path: str) -> ObservationBatch:
    """A merge request is no item of ours: what counts is how long it waited for people, and for which issue."""
    number = id_of(sent)
    iid = number_in(sent, "iid", path="merge_request")
    author = account_in(sent, "author")
    item_key = closed_issue(string_in(sent, "description", path="merge_request") or "", path=path)
    found = list(_review_activities(parse_notes(notes, about="MergeRequest", iid=int(iid or 0)), author, item_key))
    merged_at = moment_or_none(sent, "merged_at")
    if merged_at is not None:
        merge = ActivityObservation(
            external_id=f"merge {number}",
            kind=ActivityKind.MERGE,
            occurred_at=merged_at,
            item_key=item_key,
            actor_id=account_in(sent, "merge_user") or account_in(sent, "merged_by"),
        )
        found.append(merge)
    mentions = _named_by(sent)
    return ObservationBatch(activities=tuple(replace(each, mentions=mentions) for each in found))


def _named_by(sent: JsonObject) -> tuple[str, ...]:
    """The items that a merge request says it is about: keys in title and branch, addresses in the description, too."""
    title, branch, text = (
        string_in(sent, member, path="merge_request") or "" for member in ("title", "source_branch", "description")
    )
    return merged(*mentions_in(title), *mentions_in(branch), *mentions_in(text, with_keys=False))


def closed_issue(description: str, *, path: str) -> str:
    """The reference of the first issue that merging closes, by GitLab's own words for it; "" for none.

    "Adds paging.\n\nCloses #12" in group/project -> group/project#12
    """
    found = _CLOSES.search(description)
    if found is None:
        return ""
    key = f"{found['path']}#{found['iid']}" if found["path"] else found["short"]
    return short_text(f"{path}{key}" if key.startswith("#") else key, field="description")


def pipeline_facts(sent: JsonObject) -> ObservationBatch:
    """One pipeline. The list does not say when it left the queue, so waiting counts as running."""
    started_at, ended_at = moment(sent, "created_at"), moment_or_none(sent, "updated_at")
    outcome = OUTCOMES.get(string_in(sent, "status", path="pipeline") or "", RunOutcome.RUNNING)
    name = string_in(sent, "name", path="pipeline") or string_in(sent, "source", path="pipeline") or "pipeline"
    run = CiRunObservation(
        external_id=id_of(sent),
        pipeline=short_text(name, field="name", limit=200) or "pipeline",
        outcome=outcome,
        started_at=started_at,
        finished_at=None if outcome == RunOutcome.RUNNING else max(started_at, ended_at or started_at),
        branch=short_text(string_in(sent, "ref", path="pipeline") or "", field="ref"),
        commit=short_text(string_in(sent, "sha", path="pipeline") or "", field="sha", limit=64),
        url=short_text(string_in(sent, "web_url", path="pipeline") or "", field="web_url", limit=URL_LENGTH),
    )
    return ObservationBatch(ci_runs=(run,))


def deployment_facts(sent: JsonObject) -> ObservationBatch:
    """One deployment. When the oldest of its commits was made is not told."""
    job = object_in(sent, "deployable", path="deployment") or EMPTY
    place = object_in(sent, "environment", path="deployment") or EMPTY
    created_at = moment(sent, "created_at")
    started_at = moment_or_none(job, "started_at") or created_at
    ended_at = moment_or_none(job, "finished_at") or moment_or_none(sent, "updated_at") or started_at
    outcome = OUTCOMES.get(string_in(sent, "status", path="deployment") or "", RunOutcome.RUNNING)
    name = cut_text(string_in(place, "name", path="environment") or "", field="environment.name", limit=TERM_LENGTH)
    deployment = DeploymentObservation(
        external_id=id_of(sent),
        environment=identifier(name, field="environment.name"),
        outcome=outcome,
        started_at=started_at,
        finished_at=None if outcome == RunOutcome.RUNNING else max(started_at, ended_at),
        commit=short_text(string_in(sent, "sha", path="deployment") or "", field="sha", limit=64),
        url=short_text(string_in(job, "web_url", path="deployable") or "", field="web_url", limit=URL_LENGTH),
    )
    return ObservationBatch(deployments=(deployment,))


class _Statuses:
    """An issue is open or closed; where labels of one scope say how far an open one is, they are its status."""

    def __init__(self, scope: str) -> None:
        self._prefix = f"{scope.removesuffix('::')}::".casefold() if scope else ""

    def present(self, issue: Issue) -> StatusObservation:
        if issue.state == CLOSED.external_id:
            return CLOSED
        return self._open_with(next(filter(self._is_status, issue.labels), ""))

    def of(self, issue: Issue, labels: Sequence[Event]) -> tuple[StatusObservation, ...]:
        """All that the issue has been in."""
        names = dict.fromkeys([*issue.labels, *(event.name for event in labels)])
        return (OPEN, CLOSED, *(self._open_with(name) for name in names if self._is_status(name)))

    def changes(
        self, issue: Issue, states: Sequence[Event], labels: Sequence[Event]
    ) -> Iterator[FieldChangeObservation]:
        """Moves from status to status, oldest first.

        1. States and status labels are one sequence in time; a label moves an open issue only.
        2. Of a label that gives way to another of its scope, GitLab keeps both the end and the beginning, at one
           moment: only the last word of a moment counts.
        3. Closings from before GitLab kept states (13.2) are known by the issue's own moment alone.
        """
        change = FieldChangeObservation(
            external_id="", item_id=issue.id, field=TrackedField.STATUS, changed_at=issue.created_at
        )
        status, label, is_open = OPEN, "", True
        for at, events in _by_moment(states, [event for event in labels if self._is_status(event.name)]):
            for event in events:
                if event.word in ("add", "remove"):
                    label = event.name if event.word == "add" else ("" if event.name == label else label)
                else:
                    is_open = event.word != CLOSED.external_id
            last, then = events[-1], self._open_with(label) if is_open else CLOSED
            if then != status:
                kind = "label" if last.word in ("add", "remove") else "state"
                one = replace(change, external_id=f"status {kind} {last.id}", changed_at=at, actor_id=last.actor)
                yield status_move(one, status, then)
            status = then
        if issue.state == CLOSED.external_id and is_open and issue.closed_at is not None:
            one = replace(change, external_id="status closed", changed_at=issue.closed_at, actor_id=issue.closed_by)
            yield status_move(one, status, CLOSED)

    def _is_status(self, name: str) -> bool:
        return bool(self._prefix) and name.casefold().startswith(self._prefix)

    def _open_with(self, label: str) -> StatusObservation:
        if not label:
            return OPEN
        name = label[len(self._prefix) :].strip() or label
        return StatusObservation(external_id=label, name=name, category=likely_status_category(name), is_guessed=True)


def _by_moment(states: Sequence[Event], labels: Sequence[Event]) -> Iterator[tuple[datetime, list[Event]]]:
    """Events of one moment together; in it what is removed comes before what is added."""
    found: dict[datetime, list[Event]] = {}
    for event in sorted([*states, *labels], key=lambda event: (event.at, event.word != "remove")):
        found.setdefault(event.at, []).append(event)
    yield from found.items()


def _item(
    issue: Issue, status: StatusObservation, moves: Sequence[FieldChangeObservation], *, container: str
) -> WorkItemObservation:
    """moves: oldest first; the last one says since when an open issue has a label that means done"""
    is_done = status.category == StatusCategory.DONE
    done_at = issue.closed_at or (moves[-1].changed_at if moves else issue.updated_at)
    resolution = "Moved" if issue.was_moved else "Duplicate" if issue.is_duplicate else ""
    return WorkItemObservation(
        external_id=issue.id,
        key=issue.reference,
        container=container,
        item_type=issue.kind,
        title=issue.title,
        status_id=status.external_id,
        status_name=status.name,
        status_category=status.category,
        resolution=resolution if is_done else "",
        created_at=issue.created_at,
        updated_at=issue.updated_at,
        resolved_at=done_at if is_done else None,
        due_date=issue.due_on,
        estimate_points=issue.weight,
        estimate_s=issue.estimate_s,
        spent_s=issue.spent_s,
        assignee_ids=issue.assignees,
        reporter_id=issue.author,
        parent_key=issue.epic,
        labels=issue.labels,
        mentions=issue.mentions,
        comment_count=issue.comment_count,
        url=issue.url,
        source_version=epoch_ms(issue.updated_at) if issue.updated_at else None,
    )


def _label_changes(item_id: str, events: Iterable[Event]) -> Iterator[FieldChangeObservation]:
    """A label that was deleted since has lost its name, and tells nothing any more."""
    for event in events:
        if event.name:
            yield _changed(item_id, "label", event, TrackedField.LABELS, to_id="", text=event.name)


def _group_changes(item_id: str, events: Iterable[Event], field: TrackedField) -> Iterator[FieldChangeObservation]:
    for event in events:
        if event.group is not None:
            yield _changed(item_id, field, event, field, to_id=event.group.id, text=event.group.name)


def _changed(item_id: str, prefix: str, event: Event, field: str, *, to_id: str, text: str) -> FieldChangeObservation:
    """Something came or went. Events of each kind are numbered on their own, hence the prefix."""
    change = FieldChangeObservation(
        external_id=f"{prefix} {event.id}", item_id=item_id, field=field, changed_at=event.at, actor_id=event.actor
    )
    if event.word == "remove":
        return replace(change, from_id=to_id, from_text=text)
    return replace(change, to_id=to_id, to_text=text)


def _weight_changes(item_id: str, events: Iterable[Event]) -> Iterator[FieldChangeObservation]:
    before = ""
    for event in events:
        yield FieldChangeObservation(
            external_id=f"weight {event.id}",
            item_id=item_id,
            field=TrackedField.ESTIMATE_POINTS,
            changed_at=event.at,
            from_text=before,
            to_text=event.weight,
            actor_id=event.actor,
        )
        before = event.weight


def _groups(present: Group | None, events: Iterable[Event]) -> Iterable[Group]:
    """Every milestone or iteration that is named, each once and as it is named last."""
    named = [*(event.group for event in events), present]
    return {group.id: group for group in named if group is not None}.values()


def _stays(issue: Issue, present: Group | None, events: Sequence[Event]) -> tuple[MembershipObservation, ...]:
    changes = [
        GroupChange(
            event.at,
            left=(event.group.id,) if event.word == "remove" else (),
            joined=(event.group.id,) if event.word == "add" else (),
        )
        for event in events
        if event.group is not None
    ]
    return reconstruct_memberships(
        item_id=issue.id,
        created_at=issue.created_at,
        changes=changes,
        present_ids=() if present is None else (present.id,),
        history_is_whole=True,
    )


def _links(item_id: str, sent: Iterable[JsonObject]) -> Iterator[LinkObservation]:
    """https://docs.gitlab.com/api/issue_links/: the other issue, with how this one stands to it."""
    for other in sent:
        link_type, direction = LINKS.get(
            string_in(other, "link_type", path="link") or "relates_to", LINKS["relates_to"]
        )
        references = object_in(other, "references", path="link") or EMPTY
        yield LinkObservation(
            external_id=identifier(string_in(other, "issue_link_id", path="link") or "", field="issue_link_id"),
            item_id=item_id,
            link_type=link_type,
            direction=direction,
            target_id=id_of(other),
            target_key=short_text(string_in(references, "full", path="link.references") or "", field="references.full"),
            linked_at=moment_or_none(other, "link_created_at"),
        )


def _comments(issue: Issue, notes: Iterable[Note]) -> Iterator[ActivityObservation]:
    for note in notes:
        if not note.is_system:
            yield ActivityObservation(
                external_id=f"note {note.id}",
                kind=ActivityKind.COMMENT,
                occurred_at=note.at,
                item_id=issue.id,
                actor_id=note.author,
                role=ActivityRole.AUTHOR if note.author and note.author == issue.author else ActivityRole.OTHER,
            )


def _review_activities(notes: Iterable[Note], author: str | None, item_key: str) -> Iterator[ActivityObservation]:
    """Approvals and requests are notes of GitLab's own; a remark on a line by somebody else is a review."""
    for note in notes:
        is_author = note.author is not None and note.author == author
        kind = _kind_of(note, is_author=is_author)
        if kind is not None:
            yield ActivityObservation(
                external_id=f"note {note.id}",
                kind=kind,
                occurred_at=note.at,
                item_key=item_key,
                actor_id=note.author,
                role=ActivityRole.AUTHOR if is_author else ActivityRole.REVIEWER,
            )


def _kind_of(note: Note, *, is_author: bool) -> ActivityKind | None:
    if not note.is_system:
        return ActivityKind.REVIEW if note.is_on_a_line and not is_author else ActivityKind.COMMENT
    return next((kind for words, kind in REVIEW_NOTES if note.body.startswith(words)), None)


def _incidents(issue: Issue) -> tuple[IncidentObservation, ...]:
    if issue.kind != "Incident":
        return ()
    is_over = issue.state == CLOSED.external_id
    incident = IncidentObservation(
        external_id=issue.id,
        severity=SEVERITIES.get(issue.severity, IncidentSeverity.SEV3),
        opened_at=issue.created_at,
        resolved_at=max(issue.closed_at, issue.created_at) if is_over and issue.closed_at else None,
        title=issue.title,
        url=issue.url,
    )
    return (incident,)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
