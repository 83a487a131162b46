"""One batch of observations, brought into the record in an order in which every reference finds its row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, cast
from uuid import UUID

from projects.domain.recording.activities import record_activities
from projects.domain.recording.bulk import Scope, index_scans
from projects.domain.recording.changes import record_changes
from projects.domain.recording.contributors import accounts_in, record_contributors
from projects.domain.recording.deliveries import record_ci_runs, record_deployments, record_incidents
from projects.domain.recording.groups import record_iterations, record_milestones
from projects.domain.recording.items import (
    RecordedItems,
    find_items,
    newest_of_each,
    record_co_assignees,
    record_items,
)
from projects.domain.recording.links import end_links, record_links
from projects.domain.recording.memberships import (
    ITERATION_MEMBERSHIPS,
    MILESTONE_MEMBERSHIPS,
    MembershipTable,
    Stay,
    end_stays,
    record_stays,
    replace_stays,
    stays_of,
)
from projects.domain.recording.naming import resolve_names
from projects.domain.recording.people import record_addresses
from projects.domain.recording.pseudonyms import Pseudonyms, load_pseudonyms
from projects.domain.recording.statuses import corrected_categories, record_statuses
from projects.domain.recording.time_entries import end_time_entries, record_time_entries
from projects.models import (
    ActivityEvent,
    CiRun,
    Contributor,
    FieldChange,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    Project,
    TimeEntry,
    WorkItem,
    WorkItemLink,
)
from projects.observations import (
    ActivityObservation,
    FieldChangeObservation,
    LinkObservation,
    MembershipObservation,
    ObservationBatch,
    TimeEntryObservation,
)
from tenants.isolation.statistics import refresh_statistics


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What became of a batch.

    created, updated, unchanged: items; an observation older than what is recorded leaves its item unchanged
    facts: rows written beside items (changes, statuses, memberships, links, iterations, milestones, co-assignees,
        activities, time entries, CI runs, deployments, incidents, addresses of accounts)
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    facts: int = 0

    def __add__(self, other: RecordingResult) -> RecordingResult:
        return RecordingResult(
            created=self.created + other.created,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            facts=self.facts + other.facts,
        )


def record_observations(
    *,
    project: Project,
    source: str,
    observations: ObservationBatch,
    at: datetime,
    pseudonyms: Pseudonyms | None = None,
) -> RecordingResult:
    """Bring what a source shows into the record of a project; the same observations again change no row.

    Runs in the tenant's context, in the caller's transaction, in about twenty statements whatever the number of items;
    a thousand at a time is a good measure. Changes, memberships, links and activities belong to items of the same
    batch, or to items that are recorded already. The caller audits, once for all its batches.

    source: the system whose identifiers these are;  at: the moment of recording, aware
    pseudonyms: from `load_pseudonyms`, to be loaded once for many batches

    Raises CrossTenantWrite when the project is not the current tenant's.
    """
    scope = Scope(tenant_id=cast("UUID", project.tenant_id), project_id=project.pk, source=source, at=at)
    with index_scans():
        return _record(scope, observations, pseudonyms or load_pseudonyms())


def _record(scope: Scope, observations: ObservationBatch, pseudonyms: Pseudonyms) -> RecordingResult:
    observations = resolve_names(scope, observations)
    people = record_contributors(scope, accounts_in(observations), pseudonyms)
    facts = record_addresses(scope, observations.accounts, pseudonyms)
    facts += record_statuses(scope, observations.statuses)
    items = newest_of_each(observations.items)
    corrections = corrected_categories(scope, (item.status_id for item in items))
    recorded = record_items(scope, items, contributors=people, corrections=corrections)
    item_ids = {**recorded.ids, **find_items(scope, _items_beside(observations, recorded))}
    facts += record_co_assignees(scope, items, recorded, people)
    facts += record_changes(scope, observations.changes, item_ids=item_ids, contributors=people)
    facts += _record_groups(scope, observations, recorded, item_ids)
    facts += _record_links(scope, observations, recorded, item_ids)
    facts += record_activities(scope, observations.activities, item_ids=item_ids, contributors=people)
    facts += _record_times(scope, observations, recorded, item_ids, people)
    facts += record_ci_runs(scope, observations.ci_runs)
    facts += record_deployments(scope, observations.deployments)
    facts += record_incidents(scope, observations.incidents)
    if recorded.created or facts:
        refresh_statistics(_GROWING_MODELS)
    return RecordingResult(
        created=len(recorded.created),
        updated=len(recorded.updated),
        unchanged=len(items) - len(recorded.created) - len(recorded.updated),
        facts=facts,
    )


_GROWING_MODELS = (
    ActivityEvent,
    CiRun,
    Contributor,
    FieldChange,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    TimeEntry,
    WorkItem,
    WorkItemLink,
)


def _items_beside(batch: ObservationBatch, recorded: RecordedItems) -> list[str]:
    """Items that facts of the batch belong to and that are not in it themselves."""
    named = {fact.item_id for facts in _facts_of_items(batch) for fact in facts if fact.item_id}
    return sorted((named | batch.whole_times) - recorded.ids.keys())


_FactOfItem: TypeAlias = (
    FieldChangeObservation | MembershipObservation | LinkObservation | ActivityObservation | TimeEntryObservation
)


def _facts_of_items(
    batch: ObservationBatch,
) -> tuple[Iterable[_FactOfItem], ...]:
    return (
        batch.changes,
        batch.iteration_memberships,
        batch.milestone_memberships,
        batch.links,
        batch.activities,
        batch.time_entries,
    )


def _record_groups(scope: Scope, batch: ObservationBatch, recorded: RecordedItems, item_ids: Mapping[str, UUID]) -> int:
    iterations, written_iterations = record_iterations(scope, batch.iterations)
    milestones, written_milestones = record_milestones(scope, batch.milestones)
    current = {external_id: row_id for external_id, row_id in item_ids.items() if external_id not in recorded.outdated}
    written = written_iterations + written_milestones
    for kind, memberships, groups in (
        (ITERATION_MEMBERSHIPS, batch.iteration_memberships, iterations),
        (MILESTONE_MEMBERSHIPS, batch.milestone_memberships, milestones),
    ):
        stays = stays_of(memberships, items=current, groups=groups)
        written += _record_stays(scope, kind, stays, batch=batch, known=_known_before(current, recorded))
    return written


def _record_stays(
    scope: Scope, kind: MembershipTable, stays: list[Stay], *, batch: ObservationBatch, known: Mapping[str, UUID]
) -> int:
    """known: external id -> row of the items that may have stays already"""
    with_past = [known[external_id] for external_id in batch.whole_histories & known.keys()]
    with_present = [known[external_id] for external_id in batch.whole_states & known.keys()]
    replaced = replace_stays(scope, kind, stays, item_ids=with_past)
    added = record_stays(scope, kind, stays, known_before=list(known.values()))
    return replaced + added + end_stays(scope, kind, stays, item_ids=with_present)


def _record_links(scope: Scope, batch: ObservationBatch, recorded: RecordedItems, item_ids: Mapping[str, UUID]) -> int:
    current = {external_id: row_id for external_id, row_id in item_ids.items() if external_id not in recorded.outdated}
    whole = batch.whole_states & _known_before(current, recorded).keys()
    written = record_links(scope, batch.links, item_ids=current)
    return written + end_links(scope, batch.links, item_ids=current, whole=whole)


def _record_times(
    scope: Scope,
    batch: ObservationBatch,
    recorded: RecordedItems,
    item_ids: Mapping[str, UUID],
    people: Mapping[str, UUID],
) -> int:
    current = {external_id: row_id for external_id, row_id in item_ids.items() if external_id not in recorded.outdated}
    written = record_time_entries(scope, batch.time_entries, item_ids=current, contributors=people)
    known = _known_before(current, recorded)
    return written + end_time_entries(scope, batch.time_entries, item_ids=known, whole=batch.whole_times)


def _known_before(items: Mapping[str, UUID], recorded: RecordedItems) -> dict[str, UUID]:
    return {external_id: row_id for external_id, row_id in items.items() if external_id not in recorded.created}
