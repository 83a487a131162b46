"""Trying a connector against a server that plays its tool: the connection, a whole sync, and one more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Count

from integrations.connectors.base import ConnectionReport
from integrations.connectors.options import Account
from integrations.connectors.registry import connector_of
from integrations.connectors.trial import Trial
from integrations.domain.connecting import check_connection, described_report
from integrations.domain.environment import Environment
from integrations.domain.syncing import sync_integration
from integrations.enums import IntegrationStatus
from integrations.models import Integration, SyncResult
from projects.models import (
    ActivityEvent,
    CiRun,
    Deployment,
    FieldChange,
    Incident,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    Project,
    TimeEntry,
    WorkflowStatus,
    WorkItem,
    WorkItemLink,
)
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context

REASON = "connector report"
WRONG = "wrong-credential-for-a-trial"
_KINDS: dict[str, Any] = {
    "work_items": WorkItem,
    "changes": FieldChange,
    "statuses": WorkflowStatus,
    "iterations": Iteration,
    "iteration_memberships": IterationMembership,
    "milestones": Milestone,
    "milestone_memberships": MilestoneMembership,
    "links": WorkItemLink,
    "activities": ActivityEvent,
    "ci_runs": CiRun,
    "deployments": Deployment,
    "incidents": Incident,
    "time_entries": TimeEntry,
}


@dataclass(frozen=True, slots=True)
class TrialPlace:
    """Where trials are made: a tenant of their own."""

    tenant_id: UUID
    base_url: str
    environment: Environment


def try_connector(tool: str, trial: Trial, place: TrialPlace, *, tell: Callable[[str], object]) -> dict[str, Any]:
    """Everything there is to say about one trial, as JSON. tell: what is being done"""
    gateway = place.base_url.rstrip("/") + trial.path
    environment = replace(place.environment, gateways={tool: gateway})
    account = Account(settings=trial.settings, credentials=trial.credentials, gateway=gateway)
    tell("connection")
    report = check_connection(tool, account, environment)
    refused = check_connection(tool, replace(account, credentials=dict.fromkeys(trial.credentials, WRONG)), environment)
    integration_id = _connect(tool, trial, place)
    told: dict[str, Any] = {"tool": tool, "connection": _connection(report), "wrong_credential": _connection(refused)}
    for name in ("full", "incremental"):
        tell(name)
        result = sync_integration(tenant_id=place.tenant_id, integration_id=integration_id, environment=environment)
        told[name] = None if result is None else _run(result)
    with tenant_context(place.tenant_id, reason=REASON):
        told["recorded"] = _recorded(integration_id)
        told["containers"] = _containers(integration_id)
    return told


def _connect(tool: str, trial: Trial, place: TrialPlace) -> UUID:
    with tenant_context(place.tenant_id, reason=REASON):
        integration = Integration(
            project=Project.objects.create(name=f"Trial of {trial.name}"),
            name=trial.name,
            type=tool,
            status=IntegrationStatus.INACTIVE,  # no worker reads it by its real address meanwhile
            config=dict(trial.settings),
            credentials=Secret.of_json(dict(trial.credentials)),
        )
        integration.save()
    return integration.pk


def _connection(report: ConnectionReport) -> dict[str, Any]:
    return {
        **described_report(report),
        "expires_at": report.expires_at.isoformat() if report.expires_at else None,
        "error_code": report.error.code if report.error else "",
        "error": report.error.message if report.error else "",
    }


def _run(result: SyncResult) -> dict[str, Any]:
    return {
        "status": result.status,
        "error_code": result.error_code,
        "error": result.error_message,
        "duration_ms": result.duration_ms,
        "waited_ms": result.waited_ms,
        "requests": result.request_count,
        "created": result.created_count,
        "updated": result.updated_count,
        "unchanged": result.unchanged_count,
        "gone": result.gone_count,
        "hidden": result.hidden_count,
        "failed": result.failed_count,
        "facts": sum(int(counts.get("facts", 0)) for counts in result.streams.values()),
        "streams": result.streams,
    }


def _recorded(integration_id: UUID) -> dict[str, Any]:
    """Rows of each kind after the runs."""
    integration = Integration.objects.get(pk=integration_id)
    project_id, source = integration.project_id, connector_of(integration.type).source
    counts: dict[str, Any] = {
        name: model.objects.filter(**{model.project_path: project_id}).count() for name, model in _KINDS.items()
    }
    items = WorkItem.objects.filter(project_id=project_id, source=source)
    changes = FieldChange.objects.filter(work_item__project_id=project_id)
    counts["status_changes"] = changes.filter(field="status").count()
    counts["with_due_date"] = items.filter(due_date__isnull=False).count()
    counts["with_estimate_s"] = items.filter(estimate_s__isnull=False).count()
    counts["with_estimate_points"] = items.filter(estimate_points__isnull=False).count()
    counts["by_category"] = _grouped(items, "status_category")
    counts["by_presence"] = _grouped(items, "presence")
    counts["activities_by_kind"] = _grouped(ActivityEvent.objects.filter(project_id=project_id), "kind")
    return counts


def _containers(integration_id: UUID) -> Mapping[str, int]:
    project_id = Integration.objects.get(pk=integration_id).project_id
    return _grouped(WorkItem.objects.filter(project_id=project_id), "container")


def _grouped(rows: Any, name: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(name).annotate(number=Count("pk")))
