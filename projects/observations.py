"""What a source tells us about the work: plain records, alike from a connector, a file or a test.

An observation is a fact as the source states it at one moment, named by the source's own identifiers. It knows no
tenant, no project and no row: `projects.domain.recording` turns observations into rows, once, however often they come.

Conventions. An instant (`*_at`) is aware and in UTC. A date (`*_date`) is the calendar day that the source shows and
has no time zone. `None` means that the source does not say. People appear only by the identifier of their account;
names are never observed. One fact tells an address, `AccountObservation`: the recording makes a keyed digest of it and
forgets it, so that one person's accounts in two tools are known as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from projects.enums import (
    ActivityKind,
    ActivityRole,
    IncidentSeverity,
    IterationState,
    LinkDirection,
    MilestoneState,
    Presence,
    RunOutcome,
    StatusCategory,
)

BY_KEY: Final = "key "
BY_NAME: Final = "name "
"""How the external identifier of something begins that a file calls by its key, or by its name, and not by what the
tool itself knows it by. Recording finds the one that is meant, and the tool's own identifier takes its place when the
tool is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItemObservation:
    """One issue, task, card or ticket as it stands now.

    external_id: the source's identifier that survives renames and moves;  key: the one people say aloud
    container: the project, board or list of the source that holds the item
    is_creation_known: False where the source does not say it: created_at is then the moment of reading, and counts
        only until the item is recorded
    resolved_at: when it was done; None unless it is
    mentions: what its texts beside the title name of other items, as `projects.mentions` finds it; never the texts
    source_version: grows with every change of the item in the source (Jira: `updated` in epoch milliseconds), so that
        an older answer never overwrites a newer one; None where the source offers nothing that grows
    unsaid: attributes of this observation that the source has no place for: their values are for a new item, and what
        is recorded of a known one stays
    """

    external_id: str
    key: str
    status_category: StatusCategory
    created_at: datetime
    is_creation_known: bool = True
    container: str = ""
    item_type: str = ""
    title: str = ""
    status_id: str = ""
    status_name: str = ""
    priority: str = ""
    resolution: str = ""
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    due_date: date | None = None
    estimate_points: float | None = None
    estimate_s: int | None = None
    spent_s: int | None = None
    assignee_ids: tuple[str, ...] = ()
    reporter_id: str | None = None
    parent_id: str = ""
    parent_key: str = ""
    labels: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    comment_count: int | None = None
    url: str = ""
    source_version: int | None = None
    presence: Presence = Presence.LIVE
    unsaid: frozenset[str] = frozenset()


KEPT_IF_UNSAID: Final = frozenset(
    {
        *("container", "item_type", "title", "priority", "resolution", "due_date", "estimate_points", "estimate_s"),
        *("spent_s", "assignee_ids", "reporter_id", "parent_id", "parent_key", "labels", "comment_count", "url", "key"),
    }
)
"""Attributes of an item that may be unsaid: those without which it still is the same item in the same state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChangeObservation:
    """One field of one item changed at one moment. A source never takes a change back.

    external_id: unique within the item
    field: a name of `enums.TrackedField`, or the source's own in lower case
    from_id ... to_text: empty where the field was empty. Fields that hold what people wrote (description, comments)
        keep the moment and lose the text; assignee and reporter keep the account and lose the name.
    """

    external_id: str
    item_id: str
    field: str
    changed_at: datetime
    from_id: str = ""
    from_text: str = ""
    to_id: str = ""
    to_text: str = ""
    actor_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusObservation:
    """One status of the source's workflow. is_guessed: the category was read from the name, not told by the source."""

    external_id: str
    name: str
    category: StatusCategory
    is_guessed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationObservation:
    """A sprint. in_passing: only an item's history names it, so this fills gaps and overwrites nothing."""

    external_id: str
    name: str = ""
    state: IterationState | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    completed_at: datetime | None = None
    in_passing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneObservation:
    """A release or another promised point. in_passing: as for an iteration.

    target_date: the promise;  released_date: what came of it. Neither stands in for the other.
    """

    external_id: str
    name: str = ""
    state: MilestoneState | None = None
    start_date: date | None = None
    target_date: date | None = None
    released_date: date | None = None
    in_passing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipObservation:
    """One stay of an item in an iteration or a milestone. An item that left and came back has two.

    joined_at: None when nobody knows since when;  left_at: None while it stays
    """

    item_id: str
    group_id: str
    joined_at: datetime | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkObservation:
    """A link as the source shows it on one item. The target may lie outside of what we record.

    external_id: unique within the item;  target_id, target_key: at least one of them
    """

    external_id: str
    item_id: str
    link_type: str
    direction: LinkDirection
    target_id: str = ""
    target_key: str = ""
    linked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityObservation:
    """One moment of communication: when, of which kind and in which role. There is no place for what was said.

    item_id: the item it is about; "" for one about none, or about something that is no item (a pull request)
    item_key: its key, where the source names the item by that alone
    mentions: what a change under review names of items, as `projects.mentions` finds it; never its texts
    """

    external_id: str
    kind: ActivityKind
    occurred_at: datetime
    item_id: str = ""
    item_key: str = ""
    actor_id: str | None = None
    role: ActivityRole = ActivityRole.OTHER
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEntryObservation:
    """Time that somebody has written down as worked on one item. There is no place for what they said of it.

    external_id: unique in the source;  duration_s: negative for a correction
    worked_on_date: the day in UTC where started_at is known
    """

    external_id: str
    item_id: str
    worked_on_date: date
    duration_s: int
    started_at: datetime | None = None
    actor_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CiRunObservation:
    """One run of a pipeline. finished_at: None only while outcome is RUNNING;  attempt: from 1, a retry counts up"""

    external_id: str
    pipeline: str
    outcome: RunOutcome
    started_at: datetime
    finished_at: datetime | None = None
    branch: str = ""
    commit: str = ""
    attempt: int = 1
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentObservation:
    """One attempt to bring a commit to an environment. committed_at: when the oldest commit that it brought was made"""

    external_id: str
    environment: str
    outcome: RunOutcome
    started_at: datetime
    finished_at: datetime | None = None
    commit: str = ""
    committed_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentObservation:
    """One failure that users met. deployment_id: the source's id of the deployment that caused it, "" if unknown"""

    external_id: str
    severity: IncidentSeverity
    opened_at: datetime
    resolved_at: datetime | None = None
    title: str = ""
    deployment_id: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountObservation:
    """The address of an account, where the source tells it and has verified that it is theirs.

    email: seen by `domain.recording.pseudonyms` alone; it is in no row, no log and no text of this object
    """

    account_id: str
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationBatch:
    """Facts that are recorded together or not at all.

    whole_states: items whose present memberships and links are all here: what is no longer shown has ended
    whole_histories: items whose memberships are all here, past ones too: they replace what was recorded before
    whole_times: items whose time entries are all here: what is no longer among them was removed
    """

    items: tuple[WorkItemObservation, ...] = ()
    changes: tuple[FieldChangeObservation, ...] = ()
    statuses: tuple[StatusObservation, ...] = ()
    iterations: tuple[IterationObservation, ...] = ()
    iteration_memberships: tuple[MembershipObservation, ...] = ()
    milestones: tuple[MilestoneObservation, ...] = ()
    milestone_memberships: tuple[MembershipObservation, ...] = ()
    links: tuple[LinkObservation, ...] = ()
    activities: tuple[ActivityObservation, ...] = ()
    ci_runs: tuple[CiRunObservation, ...] = ()
    deployments: tuple[DeploymentObservation, ...] = ()
    incidents: tuple[IncidentObservation, ...] = ()
    time_entries: tuple[TimeEntryObservation, ...] = ()
    accounts: tuple[AccountObservation, ...] = ()
    whole_states: frozenset[str] = frozenset()
    whole_histories: frozenset[str] = frozenset()
    whole_times: frozenset[str] = frozenset()

    @classmethod
    def merged(cls, batches: Iterable[ObservationBatch]) -> ObservationBatch:
        """All facts of the given batches, in their order."""
        parts = list(batches)
        return cls(
            items=tuple(fact for part in parts for fact in part.items),
            changes=tuple(fact for part in parts for fact in part.changes),
            statuses=tuple(fact for part in parts for fact in part.statuses),
            iterations=tuple(fact for part in parts for fact in part.iterations),
            iteration_memberships=tuple(fact for part in parts for fact in part.iteration_memberships),
            milestones=tuple(fact for part in parts for fact in part.milestones),
            milestone_memberships=tuple(fact for part in parts for fact in part.milestone_memberships),
            links=tuple(fact for part in parts for fact in part.links),
            activities=tuple(fact for part in parts for fact in part.activities),
            ci_runs=tuple(fact for part in parts for fact in part.ci_runs),
            deployments=tuple(fact for part in parts for fact in part.deployments),
            incidents=tuple(fact for part in parts for fact in part.incidents),
            time_entries=tuple(fact for part in parts for fact in part.time_entries),
            accounts=tuple(fact for part in parts for fact in part.accounts),
            whole_states=frozenset().union(*(part.whole_states for part in parts)),
            whole_histories=frozenset().union(*(part.whole_histories for part in parts)),
            whole_times=frozenset().union(*(part.whole_times for part in parts)),
        )
