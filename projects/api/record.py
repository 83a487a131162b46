"""The record of the work: what tools and people reported. Imports write most of it; people may correct it."""

from __future__ import annotations

from projects.api.people import ContributorViewSet
from projects.models import (
    ActivityEvent,
    CiRun,
    CoAssignee,
    CostEntry,
    Deployment,
    FieldChange,
    Incident,
    Iteration,
    IterationMembership,
    PulseSummary,
    TimeEntry,
    WorkflowStatus,
    WorkItem,
    WorkItemLink,
)
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import Routes, TenantViewSet


class WorkItemViewSet(TenantViewSet[WorkItem]):
    """Pieces of work as their source shows them now."""

    model = WorkItem
    serializer_class = serializer_for(WorkItem)
    filters = {
        "project": EXACT,
        "key": SET,
        "status_category": SET,
        "presence": SET,
        "assignee": EXACT,
        "opened_at": RANGE,
        "resolved_at": NULLABLE_RANGE,
    }


class CoAssigneeViewSet(TenantViewSet[CoAssignee]):
    """Further people who carry a work item, beside its assignee."""

    model = CoAssignee
    serializer_class = serializer_for(CoAssignee)
    filters = {"work_item": EXACT, "contributor": EXACT}


class FieldChangeViewSet(TenantViewSet[FieldChange]):
    """Changes of fields of work items: from what, to what, when."""

    model = FieldChange
    serializer_class = serializer_for(FieldChange)
    filters = {"project": EXACT, "work_item": EXACT, "field": SET, "changed_at": RANGE}


class IterationViewSet(TenantViewSet[Iteration]):
    """Time boxes of a team: sprints, cycles."""

    model = Iteration
    serializer_class = serializer_for(Iteration)
    filters = {"project": EXACT, "state": SET, "ends_at": NULLABLE_RANGE}


class IterationMembershipViewSet(TenantViewSet[IterationMembership]):
    """Stays of work items in iterations."""

    model = IterationMembership
    serializer_class = serializer_for(IterationMembership)
    filters = {"iteration": EXACT, "work_item": EXACT}


class WorkItemLinkViewSet(TenantViewSet[WorkItemLink]):
    """Relations between work items, such as "blocks"."""

    model = WorkItemLink
    serializer_class = serializer_for(WorkItemLink)
    filters = {"work_item": EXACT, "target_item": EXACT, "link_type": SET, "is_same_work": EXACT}


class WorkflowStatusViewSet(TenantViewSet[WorkflowStatus]):
    """Statuses of a workflow and the category each counts as."""

    model = WorkflowStatus
    serializer_class = serializer_for(WorkflowStatus)
    filters = {"project": EXACT, "source": EXACT, "category": SET}


class ActivityEventViewSet(TenantViewSet[ActivityEvent]):
    """Moments of communication: when and in which role, never what was said."""

    model = ActivityEvent
    serializer_class = serializer_for(ActivityEvent)
    filters = {"project": EXACT, "work_item": EXACT, "kind": SET, "occurred_at": RANGE}


class CiRunViewSet(TenantViewSet[CiRun]):
    """Runs of pipelines on commits."""

    model = CiRun
    serializer_class = serializer_for(CiRun)
    filters = {"project": EXACT, "outcome": SET, "started_at": RANGE}


class DeploymentViewSet(TenantViewSet[Deployment]):
    """Attempts to bring a commit to an environment."""

    model = Deployment
    serializer_class = serializer_for(Deployment)
    filters = {"project": EXACT, "outcome": SET, "started_at": RANGE}


class IncidentViewSet(TenantViewSet[Incident]):
    """Failures that users of the product met."""

    model = Incident
    serializer_class = serializer_for(Incident)
    filters = {"project": EXACT, "severity": SET, "opened_at": RANGE, "resolved_at": NULLABLE_RANGE}


class CostEntryViewSet(TenantViewSet[CostEntry]):
    """Costs that were really incurred."""

    model = CostEntry
    serializer_class = serializer_for(CostEntry)
    filters = {"project": EXACT, "category": SET, "incurred_on_date": RANGE}


class TimeEntryViewSet(TenantViewSet[TimeEntry]):
    """Time that was written down as worked on items: who, when and how long, never what was said of it."""

    model = TimeEntry
    serializer_class = serializer_for(TimeEntry)
    filters = {"project": EXACT, "work_item": EXACT, "worked_on_date": RANGE, "removed_at": NULLABLE_RANGE}


class PulseSummaryViewSet(TenantViewSet[PulseSummary]):
    """Mean answers of a team to opt-in questions; never a single answer."""

    model = PulseSummary
    serializer_class = serializer_for(PulseSummary)
    filters = {"project": EXACT, "question_code": SET, "first_date": RANGE}


RECORD_ROUTES: Routes = {
    "work-items": WorkItemViewSet,
    "co-assignees": CoAssigneeViewSet,
    "field-changes": FieldChangeViewSet,
    "iterations": IterationViewSet,
    "iteration-memberships": IterationMembershipViewSet,
    "work-item-links": WorkItemLinkViewSet,
    "workflow-statuses": WorkflowStatusViewSet,
    "contributors": ContributorViewSet,
    "activity-events": ActivityEventViewSet,
    "ci-runs": CiRunViewSet,
    "deployments": DeploymentViewSet,
    "incidents": IncidentViewSet,
    "cost-entries": CostEntryViewSet,
    "time-entries": TimeEntryViewSet,
    "pulse-summaries": PulseSummaryViewSet,
}
