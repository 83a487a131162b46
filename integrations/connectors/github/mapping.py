"""From GitHub's issues and pull requests to our facts. Pure: the same answers give the same facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from integrations.connectors.facts import account_of, id_of, moment, status_move
from integrations.connectors.github.payloads import (
    Issue,
    Milestone,
    TimelineEvent,
    parse_issue,
    parse_milestone,
    parse_timeline,
)
from projects.enums import (
    ActivityKind,
    ActivityRole,
    LinkDirection,
    MilestoneState,
    RunOutcome,
    StatusCategory,
    TrackedField,
)
from projects.imports.json_access import EMPTY, JsonObject, number_in, object_in, string_in
from projects.imports.memberships import GroupChange, reconstruct_memberships
from projects.imports.values import TERM_LENGTH, URL_LENGTH, count, cut_text, epoch_ms, short_text
from projects.mentions import mentions_in, merged
from projects.observations import (
    ActivityObservation,
    CiRunObservation,
    DeploymentObservation,
    FieldChangeObservation,
    LinkObservation,
    MembershipObservation,
    MilestoneObservation,
    ObservationBatch,
    StatusObservation,
    WorkItemObservation,
)

OPEN: Final = StatusObservation(external_id="open", name="Open", category=StatusCategory.TODO)
CLOSED: Final = StatusObservation(external_id="closed", name="Closed", category=StatusCategory.DONE)
STATUSES: Final = {status.external_id: status for status in (OPEN, CLOSED)}
RESOLUTIONS: Final = {"completed": "Completed", "not_planned": "Not planned", "duplicate": "Duplicate"}
REVIEWS: Final = {
    "APPROVED": ActivityKind.APPROVAL,
    "CHANGES_REQUESTED": ActivityKind.CHANGES_REQUESTED,
    "COMMENTED": ActivityKind.REVIEW,
}
OUTCOMES: Final = {
    "success": RunOutcome.SUCCESS,
    "neutral": RunOutcome.SUCCESS,
    "skipped": RunOutcome.CANCELLED,
    "cancelled": RunOutcome.CANCELLED,
    "stale": RunOutcome.CANCELLED,
}
"""Everything else that has ended is a failure: failure, timed_out, startup_failure, action_required."""

DEPLOYMENT_STATES: Final = {
    "success": RunOutcome.SUCCESS,
    "failure": RunOutcome.FAILURE,
    "error": RunOutcome.FAILURE,
}


def issue_facts(
    sent: JsonObject, timeline: Sequence[JsonObject], *, repository: str, milestones: Mapping[str, Milestone]
) -> ObservationBatch:
    """One issue with its whole history. milestones: by title, because the history names them by it alone.

    Raises FieldRefused.
    """
    issue = parse_issue(sent)
    events = parse_timeline(timeline)
    item = _item(issue, repository=repository)
    one = frozenset({item.external_id})
    stays = _milestone_stays(issue, events, milestones)
    known = {milestone.id: milestone for milestone in milestones.values()}
    if issue.milestone is not None:
        known[issue.milestone.id] = issue.milestone
    return ObservationBatch(
        items=(item,),
        statuses=(OPEN, CLOSED),
        changes=tuple(_changes(item.external_id, events)),
        milestones=tuple(milestone_fact(known[stay.group_id]) for stay in stays),
        milestone_memberships=stays,
        links=tuple(_links(item, events)),
        whole_states=one,
        whole_histories=one,
    )


def milestone_facts(sent: JsonObject) -> ObservationBatch:
    return ObservationBatch(milestones=(milestone_fact(parse_milestone(sent)),))


def milestone_fact(milestone: Milestone) -> MilestoneObservation:
    return MilestoneObservation(
        external_id=milestone.id,
        name=milestone.title,
        state=MilestoneState.PLANNED if milestone.is_open else MilestoneState.RELEASED,
        target_date=milestone.due_at.date() if milestone.due_at else None,
        released_date=milestone.closed_at.date() if milestone.closed_at and not milestone.is_open else None,
    )


def comment_facts(sent: JsonObject, *, repository: str) -> ObservationBatch:
    """A comment on an issue or a pull request: when and by whom."""
    number = (string_in(sent, "issue_url", path="comment") or "").rpartition("/")[2]
    activity = ActivityObservation(
        external_id=f"comment {id_of(sent)}",
        kind=ActivityKind.COMMENT,
        occurred_at=moment(sent, "created_at"),
        item_key=f"{repository}#{number}",
        actor_id=account_of(object_in(sent, "user", path="comment"), path="comment.user"),
    )
    return ObservationBatch(activities=(activity,))


def pull_request_facts(sent: JsonObject, reviews: Sequence[JsonObject]) -> ObservationBatch:
    """A pull request is no item of ours: what counts is how long it waited for people."""
    pull_id = id_of(sent)
    author = account_of(object_in(sent, "user", path="pull"), path="pull.user")
    mentions = _named_by(sent)
    found: list[ActivityObservation] = []
    if sent.get("merged_at"):
        merger = account_of(object_in(sent, "merged_by", path="pull"), path="pull.merged_by")
        found.append(
            ActivityObservation(
                external_id=f"merge {pull_id}",
                kind=ActivityKind.MERGE,
                occurred_at=moment(sent, "merged_at"),
                actor_id=merger,
                role=ActivityRole.OTHER,
                mentions=mentions,
            )
        )
    for review in reviews:
        kind = REVIEWS.get(string_in(review, "state", path="review") or "")
        if kind is None or not review.get("submitted_at"):  # pending and dismissed ones
            continue
        reviewer = account_of(object_in(review, "user", path="review"), path="review.user")
        found.append(
            ActivityObservation(
                external_id=f"review {id_of(review)}",
                kind=kind,
                occurred_at=moment(review, "submitted_at"),
                actor_id=reviewer,
                role=ActivityRole.AUTHOR if reviewer and reviewer == author else ActivityRole.REVIEWER,
                mentions=mentions,
            )
        )
    return ObservationBatch(activities=tuple(found))


def _named_by(pull: JsonObject) -> tuple[str, ...]:
    """The items that a pull request says it is about: keys in title and branch, addresses in the description, too."""
    title, body = (string_in(pull, member, path="pull") or "" for member in ("title", "body"))
    branch = string_in(object_in(pull, "head", path="pull") or EMPTY, "ref", path="pull.head") or ""
    return merged(*mentions_in(title), *mentions_in(branch), *mentions_in(body, with_keys=False))


def ci_run_facts(sent: JsonObject) -> ObservationBatch:
    """One run of a workflow."""
    is_over = sent.get("status") == "completed"
    conclusion = string_in(sent, "conclusion", path="run") or ""
    name = string_in(sent, "name", path="run") or string_in(sent, "path", path="run") or "workflow"
    attempt = number_in(sent, "run_attempt", path="run")
    run = CiRunObservation(
        external_id=id_of(sent),
        pipeline=short_text(name, field="name", limit=200) or "workflow",
        outcome=OUTCOMES.get(conclusion, RunOutcome.FAILURE) if is_over else RunOutcome.RUNNING,
        started_at=moment(sent, "run_started_at" if sent.get("run_started_at") else "created_at"),
        finished_at=moment(sent, "updated_at") if is_over else None,
        branch=short_text(string_in(sent, "head_branch", path="run") or "", field="head_branch"),
        commit=short_text(string_in(sent, "head_sha", path="run") or "", field="head_sha", limit=64),
        attempt=count(attempt, field="run_attempt") if attempt else 1,
        url=short_text(string_in(sent, "html_url", path="run") or "", field="html_url", limit=URL_LENGTH),
    )
    if run.finished_at and run.finished_at < run.started_at:
        run = replace(run, finished_at=run.started_at)
    return ObservationBatch(ci_runs=(run,))


def deployment_facts(sent: JsonObject, statuses: Sequence[JsonObject]) -> ObservationBatch:
    """One deployment. "inactive" only says that another one followed, so the status before it counts.

    statuses: newest first
    """
    told = [status for status in statuses if status.get("state") != "inactive"]
    last = told[0] if told else EMPTY
    outcome = DEPLOYMENT_STATES.get(string_in(last, "state", path="status") or "", RunOutcome.RUNNING)
    started_at = moment(sent, "created_at")
    ended_at = None if outcome == RunOutcome.RUNNING else max(moment(last, "created_at"), started_at)
    environment = string_in(sent, "environment", path="deployment") or "production"
    return ObservationBatch(
        deployments=(
            DeploymentObservation(
                external_id=id_of(sent),
                environment=cut_text(environment, field="environment", limit=TERM_LENGTH) or "production",
                outcome=outcome,
                started_at=started_at,
                finished_at=ended_at,
                commit=short_text(string_in(sent, "sha", path="deployment") or "", field="sha", limit=64),
            ),
        )
    )


def _item(issue: Issue, *, repository: str) -> WorkItemObservation:
    status = STATUSES.get(issue.state, OPEN)
    is_done = status.category == StatusCategory.DONE
    return WorkItemObservation(
        external_id=issue.id,
        key=f"{repository}#{issue.number}",
        container=repository,
        item_type=issue.item_type or "Issue",
        title=issue.title,
        status_id=status.external_id,
        status_name=status.name,
        status_category=status.category,
        resolution=RESOLUTIONS.get(issue.state_reason, "") if is_done else "",
        created_at=issue.created_at,
        updated_at=issue.updated_at,
        resolved_at=issue.closed_at if is_done else None,
        due_date=issue.milestone.due_at.date() if issue.milestone and issue.milestone.due_at else None,
        assignee_ids=issue.assignees,
        reporter_id=issue.author,
        parent_key=f"{repository}#{issue.parent_number}" if issue.parent_number else "",
        labels=issue.labels,
        mentions=issue.mentions,
        comment_count=issue.comment_count,
        url=issue.url,
        source_version=epoch_ms(issue.updated_at),
    )


def _changes(item_id: str, events: Sequence[TimelineEvent]) -> Iterable[FieldChangeObservation]:
    """What the history says about fields that count; the rest of it (mentions, subscriptions) is no change."""
    for event in events:
        change = FieldChangeObservation(
            external_id=event.id, item_id=item_id, field="", changed_at=event.at, actor_id=event.actor
        )
        match event.kind:
            case "closed":
                yield status_move(change, OPEN, CLOSED)
            case "reopened":
                yield status_move(change, CLOSED, OPEN)
            case "assigned" | "unassigned" if event.subject:
                to_id, from_id = (event.subject, "") if event.kind == "assigned" else ("", event.subject)
                yield replace(change, field=TrackedField.ASSIGNEE, to_id=to_id, from_id=from_id)
            case "milestoned":
                yield replace(change, field=TrackedField.MILESTONE, to_text=event.name)
            case "demilestoned":
                yield replace(change, field=TrackedField.MILESTONE, from_text=event.name)
            case "labeled":
                yield replace(change, field=TrackedField.LABELS, to_text=event.name)
            case "unlabeled":
                yield replace(change, field=TrackedField.LABELS, from_text=event.name)
            case "renamed":
                yield replace(change, field="title")
            case _:
                continue


def _milestone_stays(
    issue: Issue, events: Sequence[TimelineEvent], milestones: Mapping[str, Milestone]
) -> tuple[MembershipObservation, ...]:
    """Every stay in a milestone; one that has been deleted or renamed since is not known by its title any more."""
    by_title = {title: milestone.id for title, milestone in milestones.items()}
    if issue.milestone is not None:
        by_title[issue.milestone.title] = issue.milestone.id
    changes = [
        GroupChange(
            event.at,
            left=(by_title[event.name],) if event.kind == "demilestoned" else (),
            joined=(by_title[event.name],) if event.kind == "milestoned" else (),
        )
        for event in events
        if event.kind in ("milestoned", "demilestoned") and event.name in by_title
    ]
    return reconstruct_memberships(
        item_id=issue.id,
        created_at=issue.created_at,
        changes=changes,
        present_ids=() if issue.milestone is None else (issue.milestone.id,),
        history_is_whole=True,
    )


def _links(item: WorkItemObservation, events: Sequence[TimelineEvent]) -> Iterable[LinkObservation]:
    """Other issues that mention this one. Pull requests do so too, but are no items."""
    for event in events:
        if event.other is None or event.other.get("pull_request") is not None:
            continue
        place = object_in(event.other, "repository", path="source.issue") or EMPTY
        repository = string_in(place, "full_name", path="source.issue.repository") or item.container
        number = string_in(event.other, "number", path="source.issue") or ""
        yield LinkObservation(
            external_id=event.id,
            item_id=item.external_id,
            link_type="Relates",
            direction=LinkDirection.INWARD,
            target_id=id_of(event.other),
            target_key=f"{repository}#{number}",
            linked_at=event.at,
        )
