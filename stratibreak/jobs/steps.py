"""The steps of the pipeline as jobs: sync → forecast, detect and alert → notify, and the first replay.

1. Each step is a job of its own, so what one fails at hinders neither another step nor another project.
2. A step that leaves something to do defers the next one in the transaction of a tenant that it works in.
3. Whether there is something to do is asked of the record, not remembered: a worker that is killed between two steps
   loses nothing, because whoever comes next asks the same.
4. Nothing is retried by the queue. A sync that failed has set its next time itself, and an analysis that failed is
   still wanted when the next sync is through.

The tenant is that of the job, which the database wrote into it; nothing else chooses it.
"""

from __future__ import annotations

import logging
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import reset_queries
from django.utils import timezone

from integrations.domain.environment import Environment
from integrations.domain.outgoing.announcing import DELIVER_TASK
from integrations.domain.outgoing.claiming import due_destinations
from integrations.domain.outgoing.removing import drop_old_messages
from integrations.domain.outgoing.sending import send_waiting
from integrations.domain.starting import SYNC_TASK, is_switched_off
from integrations.domain.syncing import due_integrations, sync_integration
from integrations.models import Integration, SyncResult
from integrations.models.sync_result import COUNT_FIELDS
from predictions.domain.replaying import ReplayInputs, has_replay, load_replay_inputs
from predictions.forecasters.replay import ReplayPlan
from projects.enums import AnalysisKind, ProjectStatus, ProjectTask
from projects.models import AnalysisRecord, Project
from stratibreak.jobs.notices import DIGEST_TASK, GONE, NOTIFY_TASK, defer_notices, tell_of_project, write_digest
from stratibreak.jobs.renewals import due_renewals
from stratibreak.pipeline import refresh_project, wait_for_refresh
from stratibreak.replay_report import run_and_keep
from tenants.isolation.jobs import run_batch
from tenants.isolation.queue import defer_job
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import all_tenants

logger = logging.getLogger(__name__)

BUSY = "another worker is at it"
OFF = "it is switched off"
UNCHANGED_COUNTS = frozenset({"unchanged_count", "failed_count"})


class Step(StrEnum):
    """Names of the tasks; the subject of a sync is an integration, of what is sent a destination, else a project."""

    SYNC = SYNC_TASK
    DELIVER = DELIVER_TASK
    REFRESH = ProjectTask.REFRESH
    REPLAY = ProjectTask.REPLAY
    NOTIFY = NOTIFY_TASK
    DIGEST = DIGEST_TASK


LONG_STEPS = (Step.SYNC, Step.REPLAY)
"""They may take hours, and leave a slot of each worker to what takes seconds."""


def defer_due(at: datetime) -> int:
    """Defer what its time has come for: syncs of integrations, analyses a day old, sendings; answers how many.

    What cannot be asked of one organisation is logged, and the others go on.
    """
    count = 0
    for tenant in all_tenants():
        try:
            with tenant_context(tenant.pk, reason="the clock"):
                deferred = [
                    defer_job(Step.SYNC, subject=integration_id, is_needless_while_running=True)
                    for integration_id in due_integrations(at)
                ]
                deferred += [
                    defer_job(Step.REFRESH, subject=project_id, is_needless_while_running=True)
                    for project_id in due_renewals(at)
                ]
                deferred += [
                    defer_job(Step.DELIVER, subject=destination_id, is_needless_while_running=True)
                    for destination_id in due_destinations(at)
                ]
                drop_old_messages(at)
        except Exception:
            logger.exception("what is due of tenant %s could not be asked", tenant.pk)
        else:
            count += sum(job_id is not None for job_id in deferred)
        count += _defer_notices(tenant.pk, at)
    return count


def _defer_notices(tenant_id: UUID, at: datetime) -> int:
    """In a transaction of its own: what goes wrong with telling keeps no tool from being read."""
    try:
        with tenant_context(tenant_id, reason="the clock"):
            return sum(job_id is not None for job_id in defer_notices(at))
    except Exception:
        logger.exception("what there is to tell of tenant %s could not be asked", tenant_id)
        return 0


def notify_step(carried: dict[str, str], project_id: UUID) -> str:
    """Put in the warnings and the overdue actions of a project; other jobs send them."""
    return run_batch(carried, tell_of_project, project_id, timezone.now())


def digest_step(carried: dict[str, str], destination_id: UUID) -> str:
    """Put in the digest of a destination."""
    return run_batch(carried, write_digest, destination_id, timezone.now())


def sync_step(carried: dict[str, str], integration_id: UUID) -> str:
    """Read the tool, unless it was switched off since, and let the project be analysed when the record has changed."""
    if run_batch(carried, is_switched_off, integration_id):
        return OFF
    environment = Environment.configured(on_step=lambda _: reset_queries())
    tenant_id = UUID(carried["tenant_id"])
    result = sync_integration(tenant_id=tenant_id, integration_id=integration_id, environment=environment)
    run_batch(carried, _follow_sync, integration_id)
    return BUSY if result is None else f"{result.get_status_display()}."


def deliver_step(carried: dict[str, str], destination_id: UUID) -> str:
    """Send what waits for a destination."""
    environment = Environment.configured()
    turn = send_waiting(tenant_id=UUID(carried["tenant_id"]), destination_id=destination_id, environment=environment)
    return f"{turn}."


def _follow_sync(integration_id: UUID) -> None:
    integration = Integration.objects.select_related("project").filter(pk=integration_id).first()
    if integration is not None and needs_refresh(integration.project):
        defer_job(Step.REFRESH, subject=integration.project_id)


def needs_refresh(project: Project) -> bool:
    """Whether an active project's tools have brought something since it was last analysed."""
    if project.status != ProjectStatus.ACTIVE:
        return False
    results = SyncResult.objects.filter(integration__project=project)
    refreshes = AnalysisRecord.objects.filter(project=project, kind=AnalysisKind.REFRESH).order_by("-created_at")
    refreshed_at = refreshes.values_list("created_at", flat=True).first()
    if refreshed_at is not None:
        results = results.filter(created_at__gt=refreshed_at)
    return any(_has_changes(result) for result in results)


def _has_changes(result: SyncResult) -> bool:
    counted = any(getattr(result, name) for name in COUNT_FIELDS if name not in UNCHANGED_COUNTS)
    return counted or any(counts.get("facts") for counts in result.streams.values())


def refresh_step(carried: dict[str, str], project_id: UUID) -> str:
    """Forecast, detect and keep alerts, in one transaction; then have the past replayed, once, and people told."""
    said = run_batch(carried, _refresh, project_id)
    _defer_notices(UUID(carried["tenant_id"]), timezone.now())
    return said


def _refresh(project_id: UUID) -> str:
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        return GONE
    wait_for_refresh(project_id)  # the one that runs may have read the record before what this job is for came
    at = timezone.now()
    refresh = refresh_project(project=project, as_of=at, at=at)
    if not has_replay(project):
        defer_job(Step.REPLAY, subject=project_id)
    return f"done in {refresh.duration_s:.1f} s"


def replay_step(carried: dict[str, str], project_id: UUID) -> str:
    """Replay the project's past: read, compute outside any transaction, keep."""
    at = timezone.now()
    found = run_batch(carried, _replay_inputs, project_id, at)
    if found is None:
        return GONE
    project, inputs = found
    replay = run_and_keep(
        UUID(carried["tenant_id"]), project, inputs, ReplayPlan(at), at=at, watch=lambda _done, _all: None
    )
    return f"{len(replay.types)} types replayed"


def _replay_inputs(project_id: UUID, at: datetime) -> tuple[Project, ReplayInputs] | None:
    project = Project.objects.filter(pk=project_id).first()
    return None if project is None else (project, load_replay_inputs(project, at=at))
