"""Factories of the record of the work: the smallest valid row of each model, with plausible values."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import factory

from projects.enums import (
    ActivityKind,
    ActivityRole,
    AnalysisKind,
    CategoryOrigin,
    CostCategory,
    GoalHardness,
    ImportStatus,
    IncidentSeverity,
    IterationState,
    LinkDirection,
    MembershipRole,
    Readiness,
    RunOutcome,
    StatusCategory,
)
from projects.models import (
    ActivityEvent,
    AnalysisRecord,
    Baseline,
    CapacityCalendar,
    CiRun,
    CoAssignee,
    Contributor,
    CostEntry,
    Deployment,
    FieldChange,
    Goal,
    ImportRun,
    Incident,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    Project,
    ProjectMembership,
    PseudonymKey,
    PulseSummary,
    ScopeApproval,
    Stakeholder,
    TimeEntry,
    WorkflowStatus,
    WorkItem,
    WorkItemLink,
)
from tenants.encryption.secret import Secret
from tests.factories.base import TenantModelFactory, register
from tests.factories.tenants import UserFactory

MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When everything begins in the tests' world."""
SOURCE = "jira"


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@register
class ProjectFactory(TenantModelFactory[Project]):
    class Meta:
        model = Project

    name = factory.Sequence(lambda n: f"Project {n}")
    description = "A demo project."
    start_date = date(2026, 1, 5)
    end_date = date(2026, 6, 30)
    planned_budget = Decimal("100000.00")


@register
class ProjectMembershipFactory(TenantModelFactory[ProjectMembership]):
    class Meta:
        model = ProjectMembership

    project = factory.SubFactory(ProjectFactory)
    user = factory.SubFactory(UserFactory)
    role = MembershipRole.MEMBER


@register
class StakeholderFactory(TenantModelFactory[Stakeholder]):
    class Meta:
        model = Stakeholder

    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"Stakeholder {n}")
    email = factory.Sequence(lambda n: f"stakeholder{n}@demo.example")
    role = "Sponsor"


@register
class GoalFactory(TenantModelFactory[Goal]):
    class Meta:
        model = Goal

    project = factory.SubFactory(ProjectFactory)
    title = factory.Sequence(lambda n: f"Goal {n}")
    target_value = factory.LazyFunction(
        lambda: {"kind": "NUMBER", "value": 95, "unit": "tests", "direction": "AT_LEAST"}
    )
    current_value = factory.LazyFunction(lambda: {"kind": "NUMBER", "value": 80, "unit": "tests"})
    hardness = GoalHardness.HARD
    due_date = date(2026, 6, 30)


@register
class AnalysisRecordFactory(TenantModelFactory[AnalysisRecord]):
    class Meta:
        model = AnalysisRecord

    project = factory.SubFactory(ProjectFactory)
    kind = AnalysisKind.FORECAST
    as_of = MONDAY
    results = factory.LazyFunction(lambda: {"p85_date": "2026-07-14"})
    overall_score = 80.0
    duration_ms = 12
    inputs_hash = sha256_of("inputs")
    model_id = "finish.bootstrap"
    model_version = "1"
    readiness = Readiness.OK


@register
class ContributorFactory(TenantModelFactory[Contributor]):
    class Meta:
        model = Contributor

    source = SOURCE
    external_id_digest = factory.Sequence(lambda n: sha256_of(f"account-{n}"))
    pseudonym = factory.Sequence(lambda n: f"Contributor {n}")
    recorded_at = MONDAY


@register
class PseudonymKeyFactory(TenantModelFactory[PseudonymKey]):
    """The tenant's one key: made where there is none yet."""

    class Meta:
        model = PseudonymKey

    @classmethod
    def _create(cls, model_class: type[PseudonymKey], *args: Any, **kwargs: Any) -> PseudonymKey:
        found: PseudonymKey | None = model_class.objects.first()
        return found or model_class.objects.create(key=Secret(bytes(32)))


@register
class WorkflowStatusFactory(TenantModelFactory[WorkflowStatus]):
    class Meta:
        model = WorkflowStatus

    project = factory.SubFactory(ProjectFactory)
    source = SOURCE
    status_id = factory.Sequence(lambda n: str(10_000 + n))
    name = "In Progress"
    category = StatusCategory.IN_PROGRESS
    category_origin = CategoryOrigin.SOURCE


@register
class WorkItemFactory(TenantModelFactory[WorkItem]):
    class Meta:
        model = WorkItem

    project = factory.SubFactory(ProjectFactory)
    source = SOURCE
    external_id = factory.Sequence(lambda n: str(100_000 + n))
    key = factory.Sequence(lambda n: f"DEMO-{n}")
    container = "DEMO"
    item_type = "Story"
    title = factory.Sequence(lambda n: f"Work item {n}")
    status_id = "3"
    status_name = "In Progress"
    status_category = StatusCategory.IN_PROGRESS
    priority = "Major"
    opened_at = MONDAY
    changed_at = MONDAY + timedelta(days=1)
    labels = factory.LazyFunction(lambda: ["backend"])
    recorded_at = MONDAY + timedelta(days=2)
    last_seen_at = MONDAY + timedelta(days=2)


@register
class ImportRunFactory(TenantModelFactory[ImportRun]):
    class Meta:
        model = ImportRun

    project = factory.SubFactory(ProjectFactory)
    file_name = "issues.jsonl"
    file_digest = factory.Sequence(lambda n: sha256_of(f"file-{n}"))
    profile = "jira-rest"
    source = SOURCE
    status = ImportStatus.COMPLETED
    checkpoint = 1
    created_count = 1
    started_at = MONDAY
    finished_at = MONDAY + timedelta(minutes=1)


@register
class CoAssigneeFactory(TenantModelFactory[CoAssignee]):
    class Meta:
        model = CoAssignee

    work_item = factory.SubFactory(WorkItemFactory)
    contributor = factory.SubFactory(ContributorFactory)
    recorded_at = MONDAY + timedelta(days=2)


@register
class FieldChangeFactory(TenantModelFactory[FieldChange]):
    class Meta:
        model = FieldChange

    work_item = factory.SubFactory(WorkItemFactory)
    project = factory.SelfAttribute("work_item.project")
    external_id = factory.Sequence(lambda n: f"{200_000 + n}:status")
    field = "status"
    from_id = "1"
    from_text = "Open"
    to_id = "3"
    to_text = "In Progress"
    changed_at = MONDAY + timedelta(days=1)
    recorded_at = MONDAY + timedelta(days=2)


@register
class IterationFactory(TenantModelFactory[Iteration]):
    class Meta:
        model = Iteration

    project = factory.SubFactory(ProjectFactory)
    source = SOURCE
    external_id = factory.Sequence(lambda n: str(300 + n))
    name = factory.Sequence(lambda n: f"Sprint {n}")
    state = IterationState.ACTIVE
    starts_at = MONDAY
    ends_at = MONDAY + timedelta(days=14)
    recorded_at = MONDAY


@register
class IterationMembershipFactory(TenantModelFactory[IterationMembership]):
    class Meta:
        model = IterationMembership

    iteration = factory.SubFactory(IterationFactory)
    work_item = factory.SubFactory(WorkItemFactory, project=factory.SelfAttribute("..iteration.project"))
    joined_at = MONDAY
    recorded_at = MONDAY


@register
class MilestoneFactory(TenantModelFactory[Milestone]):
    class Meta:
        model = Milestone

    project = factory.SubFactory(ProjectFactory)
    source = SOURCE
    external_id = factory.Sequence(lambda n: str(400 + n))
    name = factory.Sequence(lambda n: f"Release {n}.0")
    target_date = date(2026, 3, 31)
    recorded_at = MONDAY


@register
class MilestoneMembershipFactory(TenantModelFactory[MilestoneMembership]):
    class Meta:
        model = MilestoneMembership

    milestone = factory.SubFactory(MilestoneFactory)
    work_item = factory.SubFactory(WorkItemFactory, project=factory.SelfAttribute("..milestone.project"))
    joined_at = MONDAY
    recorded_at = MONDAY


@register
class WorkItemLinkFactory(TenantModelFactory[WorkItemLink]):
    class Meta:
        model = WorkItemLink

    work_item = factory.SubFactory(WorkItemFactory)
    external_id = factory.Sequence(lambda n: str(500 + n))
    link_type = "Blocks"
    direction = LinkDirection.OUTWARD
    target_item = factory.SubFactory(WorkItemFactory, project=factory.SelfAttribute("..work_item.project"))
    target_external_id = factory.SelfAttribute("target_item.external_id")
    target_key = factory.SelfAttribute("target_item.key")
    recorded_at = MONDAY


@register
class CostEntryFactory(TenantModelFactory[CostEntry]):
    class Meta:
        model = CostEntry

    project = factory.SubFactory(ProjectFactory)
    source = "ledger"
    external_id = factory.Sequence(lambda n: f"voucher-{n}")
    incurred_on_date = date(2026, 1, 6)
    amount = Decimal("800.00")
    currency = "EUR"
    category = CostCategory.LABOUR
    hours = 8.0
    recorded_at = MONDAY


@register
class TimeEntryFactory(TenantModelFactory[TimeEntry]):
    class Meta:
        model = TimeEntry

    work_item = factory.SubFactory(WorkItemFactory)
    project = factory.SelfAttribute("work_item.project")
    contributor = factory.SubFactory(ContributorFactory)
    source = SOURCE
    external_id = factory.Sequence(lambda n: f"entry-{n}")
    worked_on_date = date(2026, 1, 6)
    started_at = MONDAY
    duration_s = 3_600
    recorded_at = MONDAY


@register
class BaselineFactory(TenantModelFactory[Baseline]):
    class Meta:
        model = Baseline

    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"Baseline {n}")
    approved_at = MONDAY
    start_date = date(2026, 1, 5)
    finish_date = date(2026, 6, 30)
    budget = Decimal("100000.00")
    scope_item_count = 120
    planned_value = factory.LazyFunction(
        lambda: {
            "unit": "items",
            "points": [{"date": "2026-01-05", "value": 0}, {"date": "2026-06-30", "value": 120}],
        }
    )


@register
class ScopeApprovalFactory(TenantModelFactory[ScopeApproval]):
    class Meta:
        model = ScopeApproval

    project = factory.SubFactory(ProjectFactory)
    title = factory.Sequence(lambda n: f"Change request {n}")
    approved_at = MONDAY + timedelta(days=30)
    item_count_delta = 6


@register
class CapacityCalendarFactory(TenantModelFactory[CapacityCalendar]):
    class Meta:
        model = CapacityCalendar

    project = factory.SubFactory(ProjectFactory)
    contributor = factory.SubFactory(ContributorFactory)
    first_date = date(2026, 1, 5)
    exceptions = factory.LazyFunction(lambda: [{"date": "2026-04-03", "hours": 0, "label": "Public holiday"}])


@register
class ActivityEventFactory(TenantModelFactory[ActivityEvent]):
    class Meta:
        model = ActivityEvent

    work_item = factory.SubFactory(WorkItemFactory)
    project = factory.SelfAttribute("work_item.project")
    source = SOURCE
    external_id = factory.Sequence(lambda n: f"comment-{n}")
    kind = ActivityKind.COMMENT
    contributor = factory.SubFactory(ContributorFactory)
    contributor_role = ActivityRole.OTHER
    occurred_at = MONDAY + timedelta(hours=3)
    recorded_at = MONDAY + timedelta(days=2)


@register
class CiRunFactory(TenantModelFactory[CiRun]):
    class Meta:
        model = CiRun

    project = factory.SubFactory(ProjectFactory)
    source = "github"
    external_id = factory.Sequence(lambda n: str(600_000 + n))
    pipeline = "tests"
    branch = "main"
    commit = "0" * 40
    outcome = RunOutcome.SUCCESS
    started_at = MONDAY
    finished_at = MONDAY + timedelta(minutes=7)
    recorded_at = MONDAY + timedelta(minutes=8)


@register
class DeploymentFactory(TenantModelFactory[Deployment]):
    class Meta:
        model = Deployment

    project = factory.SubFactory(ProjectFactory)
    source = "github"
    external_id = factory.Sequence(lambda n: str(700_000 + n))
    environment = "production"
    commit = "0" * 40
    committed_at = MONDAY
    outcome = RunOutcome.SUCCESS
    started_at = MONDAY + timedelta(hours=4)
    finished_at = MONDAY + timedelta(hours=4, minutes=5)
    recorded_at = MONDAY + timedelta(hours=5)


@register
class IncidentFactory(TenantModelFactory[Incident]):
    class Meta:
        model = Incident

    project = factory.SubFactory(ProjectFactory)
    source = "github"
    external_id = factory.Sequence(lambda n: str(800_000 + n))
    title = "Sign-in is slow"
    severity = IncidentSeverity.SEV2
    opened_at = MONDAY + timedelta(hours=6)
    recorded_at = MONDAY + timedelta(hours=6)


@register
class PulseSummaryFactory(TenantModelFactory[PulseSummary]):
    class Meta:
        model = PulseSummary

    project = factory.SubFactory(ProjectFactory)
    source = "pulse"
    question_code = factory.Sequence(lambda n: f"clear-goals-{n}")
    first_date = date(2026, 1, 5)
    last_date = date(2026, 1, 18)
    mean_score = 3.8
    respondent_count = 7
    recorded_at = MONDAY + timedelta(days=14)
