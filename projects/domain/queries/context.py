"""What surrounds the work of a project, read from the record in ten queries: groups, people, deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from projects.domain.queries.calendars import WEEKDAYS
from projects.domain.queries.microseconds import Microseconds
from projects.domain.queries.people import People
from projects.enums import ActivityKind, ActivityRole, IncidentSeverity, IterationState, MilestoneState, RunOutcome
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
from projects.history.facts import ContextFact
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.instants import from_us
from projects.history.team_facts import ActivityFact, CapacityFact, PulseFact
from projects.models import (
    ActivityEvent,
    CapacityCalendar,
    CiRun,
    Deployment,
    Incident,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    PulseSummary,
)

ROWS_PER_FETCH = 5_000
"""Rows held at once beside the facts; beyond some thousands larger fetches are no faster."""
PERCENT = 100.0


def context_facts(project_id: UUID, people: People, copies: Mapping[UUID, UUID]) -> Iterator[ContextFact]:
    """Everything on record about a project beside its work, in the tenant that is current; ten queries."""
    yield from _iterations(project_id)
    yield from _milestones(project_id)
    yield from _stays(IterationMembership.objects.filter(iteration__project_id=project_id), "iteration_id")
    yield from _stays(MilestoneMembership.objects.filter(milestone__project_id=project_id), "milestone_id")
    yield from _activity(project_id, people, copies)
    yield from _capacity(project_id, people)
    yield from _pulses(project_id)
    yield from _ci_runs(project_id)
    yield from _deployments(project_id)
    yield from _incidents(project_id)


def _rows(rows: Any, *columns: Any) -> Iterator[tuple[Any, ...]]:
    return iter(rows.order_by().values_list(*columns).iterator(chunk_size=ROWS_PER_FETCH))


def _at(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


def _iterations(project_id: UUID) -> Iterator[IterationFact]:
    for id_, external_id, recorded_us, name, state, starts_us, ends_us, completed_us in _rows(
        Iteration.objects.filter(project_id=project_id),
        "id", "external_id", Microseconds("recorded_at"), "name", "state", Microseconds("starts_at"),
        Microseconds("ends_at"), Microseconds("completed_at"),
    ):  # fmt: skip
        known_state = IterationState(state) if state else None
        instants = _at(starts_us), _at(ends_us), _at(completed_us)
        yield IterationFact(id_, external_id, from_us(recorded_us), name, known_state, *instants)


def _milestones(project_id: UUID) -> Iterator[MilestoneFact]:
    for id_, external_id, recorded_us, name, state, *days in _rows(
        Milestone.objects.filter(project_id=project_id),
        "id", "external_id", Microseconds("recorded_at"), "name", "state", "start_date", "target_date", "released_date",
    ):  # fmt: skip
        yield MilestoneFact(id_, external_id, from_us(recorded_us), name, MilestoneState(state), *days)


def _stays(memberships: Any, group: str) -> Iterator[StayFact]:
    for item_id, group_id, recorded_us, joined_us, left_us in _rows(
        memberships, "work_item_id", group, Microseconds("recorded_at"), Microseconds("joined_at"),
        Microseconds("left_at"),
    ):  # fmt: skip
        yield StayFact(item_id, group_id, from_us(recorded_us), _at(joined_us), _at(left_us))


def _activity(project_id: UUID, people: People, copies: Mapping[UUID, UUID]) -> Iterator[ActivityFact]:
    for id_, occurred_us, recorded_us, kind, role, contributor_id, item_id in _rows(
        ActivityEvent.objects.filter(project_id=project_id),
        "id", Microseconds("occurred_at"), Microseconds("recorded_at"), "kind", "contributor_role", "contributor_id",
        "work_item_id",
    ):  # fmt: skip
        yield ActivityFact(
            id_,
            from_us(occurred_us),
            from_us(recorded_us),
            ActivityKind(kind),
            ActivityRole(role),
            people.of(contributor_id),
            copies.get(item_id, item_id),
        )


def _capacity(project_id: UUID, people: People) -> Iterator[CapacityFact]:
    for id_, updated_us, contributor_id, first_date, last_date, weekly_hours, exceptions, percent in _rows(
        CapacityCalendar.objects.filter(project_id=project_id),
        "id", Microseconds("updated_at"), "contributor_id", "first_date", "last_date", "weekly_hours", "exceptions",
        "allocation_percent",
    ):  # fmt: skip
        monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
            float(weekly_hours.get(day, 0)) for day in WEEKDAYS
        )
        yield CapacityFact(
            id=id_,
            recorded_at=from_us(updated_us),
            contributor_id=people.of(contributor_id),
            first_date=first_date,
            last_date=last_date,
            weekly_hours=(monday, tuesday, wednesday, thursday, friday, saturday, sunday),
            exceptions=tuple(sorted((date.fromisoformat(day["date"]), float(day["hours"])) for day in exceptions)),
            allocation=percent / PERCENT,
        )


def _pulses(project_id: UUID) -> Iterator[PulseFact]:
    for id_, recorded_us, *values in _rows(
        PulseSummary.objects.filter(project_id=project_id),
        "id", Microseconds("recorded_at"), "question_code", "first_date", "last_date", "mean_score", "respondent_count",
    ):  # fmt: skip
        yield PulseFact(id_, from_us(recorded_us), *values)


def _ci_runs(project_id: UUID) -> Iterator[CiRunFact]:
    for id_, started_us, recorded_us, outcome, finished_us, *names in _rows(
        CiRun.objects.filter(project_id=project_id),
        "id", Microseconds("started_at"), Microseconds("recorded_at"), "outcome", Microseconds("finished_at"),
        "pipeline", "branch", "commit", "attempt",
    ):  # fmt: skip
        yield CiRunFact(id_, from_us(started_us), from_us(recorded_us), RunOutcome(outcome), _at(finished_us), *names)


def _deployments(project_id: UUID) -> Iterator[DeploymentFact]:
    for id_, external_id, started_us, recorded_us, outcome, finished_us, environment, committed_us in _rows(
        Deployment.objects.filter(project_id=project_id),
        "id", "external_id", Microseconds("started_at"), Microseconds("recorded_at"), "outcome",
        Microseconds("finished_at"), "environment", Microseconds("committed_at"),
    ):  # fmt: skip
        yield DeploymentFact(
            id=id_,
            external_id=external_id,
            started_at=from_us(started_us),
            recorded_at=from_us(recorded_us),
            outcome=RunOutcome(outcome),
            finished_at=_at(finished_us),
            environment=environment,
            committed_at=_at(committed_us),
        )


def _incidents(project_id: UUID) -> Iterator[IncidentFact]:
    for id_, opened_us, recorded_us, severity, resolved_us, caused_by in _rows(
        Incident.objects.filter(project_id=project_id),
        "id", Microseconds("opened_at"), Microseconds("recorded_at"), "severity", Microseconds("resolved_at"),
        "deployment_external_id",
    ):  # fmt: skip
        yield IncidentFact(
            id_, from_us(opened_us), from_us(recorded_us), IncidentSeverity(severity), _at(resolved_us), caused_by
        )
