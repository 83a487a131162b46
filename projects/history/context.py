"""What surrounds the work of a project: iterations, milestones, people, deliveries. Every observation of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from projects.history.activity import ActivityColumns, AssignmentColumns, activity_columns, assignment_columns
from projects.history.capacity import calendars_of
from projects.history.columns import Flags, Rows
from projects.history.deliveries import (
    CiRunColumns,
    DeploymentColumns,
    IncidentColumns,
    ci_run_columns,
    deployment_columns,
    incident_columns,
)
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
from projects.history.facts import ContextFact, FieldChangeFact, StatusChangeFact, WorkItemFact
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.groups import (
    IterationColumns,
    MilestoneColumns,
    StayColumns,
    iteration_columns,
    milestone_columns,
    stay_columns,
)
from projects.history.instants import to_us
from projects.history.team_facts import ActivityFact, CapacityFact, PulseFact


@dataclass(frozen=True, eq=False)
class ProjectContext:
    """Columns of every fact beside the work itself. Read what holds at a moment from ProjectHistory's properties."""

    iterations: IterationColumns = field(default_factory=lambda: iteration_columns(()))
    milestones: MilestoneColumns = field(default_factory=lambda: milestone_columns(()))
    stays: StayColumns = field(default_factory=lambda: stay_columns((), {}))
    assignments: AssignmentColumns = field(default_factory=lambda: assignment_columns((), (), {}))
    activity: ActivityColumns = field(default_factory=lambda: activity_columns((), ()))
    ci_runs: CiRunColumns = field(default_factory=lambda: ci_run_columns(()))
    deployments: DeploymentColumns = field(default_factory=lambda: deployment_columns(()))
    incidents: IncidentColumns = field(default_factory=lambda: incident_columns(()))
    capacity: tuple[CapacityFact, ...] = ()
    pulses: tuple[PulseFact, ...] = ()

    @classmethod
    def from_facts(
        cls,
        facts: Iterable[ContextFact],
        *,
        items: Sequence[WorkItemFact],
        moves: Sequence[StatusChangeFact],
        changes: Sequence[FieldChangeFact],
        row_of: Mapping[int, int],
    ) -> Self:
        """Build the columns.  items, moves, changes: of the work, for who carries and who changed what"""
        of: defaultdict[type, list[Any]] = defaultdict(list)
        for fact in facts:
            of[type(fact)].append(fact)
        return cls(
            iterations=iteration_columns(of[IterationFact]),
            milestones=milestone_columns(of[MilestoneFact]),
            stays=stay_columns(of[StayFact], row_of),
            assignments=assignment_columns(items, changes, row_of),
            activity=activity_columns(of[ActivityFact], [*moves, *changes]),
            ci_runs=ci_run_columns(of[CiRunFact]),
            deployments=deployment_columns(of[DeploymentFact]),
            incidents=incident_columns(of[IncidentFact]),
            capacity=calendars_of(of[CapacityFact]),
            pulses=tuple(sorted(set(of[PulseFact]), key=lambda fact: (fact.id.int, fact.recorded_at, repr(fact)))),
        )

    def as_of(self, moment: datetime, known_items: Flags, new_row: Rows) -> Self:
        """What was known at a moment.

        known_items: shape (items,);  new_row: of each item among the known ones
        """
        moment_us = to_us(moment)
        return type(self)(
            iterations=self.iterations.known_at(moment_us),
            milestones=self.milestones.known_at(moment_us),
            stays=self.stays.known_at(moment_us, known_items, new_row),
            assignments=self.assignments.known_at(moment_us, known_items, new_row),
            activity=self.activity.known_at(moment_us),
            ci_runs=self.ci_runs.known_at(moment_us),
            deployments=self.deployments.known_at(moment_us),
            incidents=self.incidents.known_at(moment_us),
            capacity=tuple(fact for fact in self.capacity if fact.known_at(moment) is not None),
            pulses=tuple(fact for fact in self.pulses if fact.known_at(moment) is not None),
        )

    def newest_pulses(self, moment: datetime) -> tuple[PulseFact, ...]:
        """The pulses closed by a moment, each as recorded last: ordered by question and period."""
        newest = {fact.id: fact for fact in self.pulses}  # ordered by recording, so the last one stays
        closed = [fact for fact in newest.values() if fact.closed_at <= moment]
        return tuple(sorted(closed, key=lambda fact: (fact.question_code, fact.first_date, fact.id.int)))
