"""Workers: what is due is read and analysed, in its own organisation, whatever happens to the process."""

from __future__ import annotations

import io
import signal
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from integrations.enums import IntegrationStatus, SyncStatus
from integrations.models import Integration, SyncProgress, SyncResult
from predictions.domain.replaying import has_replay
from projects.domain.importing import Doorway, ImportRequest, import_file
from projects.enums import AnalysisKind, ProjectStatus
from projects.models import AnalysisRecord, Project, WorkItem
from stratibreak.jobs.steps import BUSY, OFF, Step
from stratibreak.pipeline import refresh_lock_key
from tenants.encryption.secret import Secret
from tenants.isolation.owner import owner_access
from tenants.isolation.queue import QueuedJob, defer_job, own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN
from tests.jobs.conftest import HeldGitHub, StartWorker, as_the_queue, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
KILLED_AFTER = 6
PATIENCE_S = 3.0
WAITING_LOCKS = """
SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


@dataclass(frozen=True)
class Connected:
    """An integration by its ids."""

    pk: UUID
    project_id: UUID
    tenant_id: UUID


def connect(tenant_id: UUID, *, token: str = TOKEN) -> Connected:
    """A new project with a repository that is due. Whatever else the organisation has is switched off."""
    with tenant_context(tenant_id):
        Integration.objects.update(status=IntegrationStatus.INACTIVE)
        integration = Integration(
            project=ProjectFactory.create(status=ProjectStatus.ACTIVE),
            name="Code",
            type="GITHUB",
            status=IntegrationStatus.ACTIVE,
            config={"repositories": [REPOSITORY]},
            credentials=Secret.of_json({"token": token}),
        )
        integration.save()
        return Connected(integration.pk, integration.project_id, tenant_id)


def jobs_of(tenant_id: UUID, subject: UUID | None = None) -> list[QueuedJob]:
    with tenant_context(tenant_id):
        return own_jobs(subject=subject)


def results_of(integration: Connected) -> list[SyncResult]:
    with tenant_context(integration.tenant_id):
        return list(SyncResult.objects.filter(integration_id=integration.pk))


def items_of(integration: Connected) -> list[str]:
    with tenant_context(integration.tenant_id):
        items = WorkItem.objects.filter(project_id=integration.project_id).order_by("external_id")
        return list(items.values_list("external_id", flat=True))


def switch_off(tenants: Sequence[LookAlike]) -> None:
    for each in tenants:
        with tenant_context(each.tenant.pk):
            Integration.objects.update(status=IntegrationStatus.INACTIVE)


def is_done(tenant_id: UUID, subject: UUID) -> bool:
    found = jobs_of(tenant_id, subject)
    return bool(found) and all(job.status in ("succeeded", "failed") for job in found)


def test_what_is_due_is_read_analysed_and_replayed_in_its_organisation(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    mine, other = connect(ours.tenant.pk), connect(theirs.tenant.pk)

    start_worker()

    for integration in (mine, other):
        wait_until(partial(_is_replayed, integration), "a first replay")
        wait_until(partial(is_done, integration.tenant_id, integration.project_id), "the end of all jobs")
    for integration in (mine, other):
        jobs = jobs_of(integration.tenant_id)
        assert {job.subject for job in jobs} == {integration.pk, integration.project_id}
        assert [(job.task, job.status) for job in reversed(jobs)] == [
            (Step.SYNC, "succeeded"),
            (Step.REFRESH, "succeeded"),
            (Step.REPLAY, "succeeded"),
        ]
        assert [result.status for result in results_of(integration)] == [SyncStatus.SUCCEEDED]
    assert items_of(mine) == items_of(other) != []


def _is_replayed(integration: Connected) -> bool:
    with tenant_context(integration.tenant_id):
        return has_replay(Project.objects.get(pk=integration.project_id))


def test_sync_that_changes_nothing_analyses_nothing(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    switch_off([theirs])
    integration = connect(ours.tenant.pk)
    start_worker()
    wait_until(lambda: _is_replayed(integration), "a first replay")

    with tenant_context(ours.tenant.pk):
        defer_job(Step.SYNC, subject=integration.pk)
    wait_until(lambda: len(results_of(integration)) == 2, "a second result")
    wait_until(lambda: is_done(ours.tenant.pk, integration.pk), "the end of the second job")

    with tenant_context(ours.tenant.pk):
        refreshes = AnalysisRecord.objects.filter(project_id=integration.project_id, kind=AnalysisKind.REFRESH).count()
    assert refreshes == 1


def test_analysis_that_is_wanted_while_another_one_runs_waits_for_its_end(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    integration = connect(ours.tenant.pk)
    switch_off([ours, theirs])
    with tenant_context(ours.tenant.pk):
        key = refresh_lock_key(integration.project_id)
        defer_job(Step.REFRESH, subject=integration.project_id)
    with as_the_queue() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        start_worker()
        wait_until(lambda: other.execute(WAITING_LOCKS).fetchone() == (1,), "a job that waits")
        before = [job.status for job in jobs_of(ours.tenant.pk, integration.project_id)]
        other.execute("SELECT pg_advisory_unlock(%s)", [key])
    wait_until(partial(is_done, ours.tenant.pk, integration.project_id), "the end of the job")

    assert before == ["doing"]
    with tenant_context(ours.tenant.pk):
        analysed = AnalysisRecord.objects.filter(project_id=integration.project_id, kind=AnalysisKind.REFRESH)
        assert analysed.count() == 1


def test_job_of_a_tool_that_was_switched_off_since_asks_nothing(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    integration = connect(ours.tenant.pk)
    with tenant_context(ours.tenant.pk):
        defer_job(Step.SYNC, subject=integration.pk)
    switch_off([ours, theirs])

    start_worker()
    wait_until(lambda: is_done(ours.tenant.pk, integration.pk), "the end of the job")

    assert [job.note for job in jobs_of(ours.tenant.pk)] == [OFF]
    assert github.log == []


def test_killed_worker_s_sync_goes_on_from_its_checkpoint(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    switch_off([theirs])
    integration = connect(ours.tenant.pk)
    github.holds_after = KILLED_AFTER
    first = start_worker()
    assert github.is_holding.wait(60)
    before = [(request.path, dict(request.query)) for request in github.log]

    first.send_signal(signal.SIGKILL)
    first.wait()
    with tenant_context(ours.tenant.pk):
        left = SyncProgress.objects.get(integration_id=integration.pk)
    github.holds_after = None
    github.let_go.set()
    start_worker()
    wait_until(lambda: results_of(integration), "a result")
    wait_until(lambda: is_done(ours.tenant.pk, integration.pk), "the end of the job")

    again = [(request.path, dict(request.query)) for request in github.log[len(before) + 1 :]]
    [result] = results_of(integration)
    [job] = jobs_of(ours.tenant.pk, integration.pk)
    assert left.request_count == KILLED_AFTER
    assert (result.status, result.started_at) == (SyncStatus.SUCCEEDED, left.started_at)
    assert (job.status, job.attempts) == ("succeeded", 2)
    # The page whose details were being asked for is read once more, and nothing before it.
    assert again[0] == before[-1]
    assert [request for request in before[:4] if request in again and "milestones" not in request[0]] == []
    assert jobs_of(theirs.tenant.pk) == []


def test_of_two_workers_on_one_integration_one_runs_and_the_other_says_so(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    switch_off([theirs])
    integration = connect(ours.tenant.pk)
    github.holds_after = KILLED_AFTER
    start_worker("--jobs", "1")
    assert github.is_holding.wait(60)

    with tenant_context(ours.tenant.pk):
        second = defer_job(Step.SYNC, subject=integration.pk)
    start_worker("--jobs", "1")
    wait_until(lambda: _note_of(ours.tenant.pk, second), "the second worker's word")
    told, asked = _note_of(ours.tenant.pk, second), len(github.log)
    github.let_go.set()
    wait_until(lambda: results_of(integration), "the first worker's result")

    assert (told, asked) == (BUSY, KILLED_AFTER)
    assert len(results_of(integration)) == 1


def _note_of(tenant_id: UUID, job_id: UUID | None) -> str:
    return next(job.note for job in jobs_of(tenant_id) if job.id == job_id)


def test_what_fails_is_named_and_hinders_nobody(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    refused, other = connect(ours.tenant.pk, token="wrong"), connect(theirs.tenant.pk)
    with tenant_context(ours.tenant.pk):
        defer_job("no_such_step", subject=uuid4())
        defer_job(Step.REFRESH, subject=refused.pk)

    start_worker("--jobs", "1")
    wait_until(lambda: is_done(theirs.tenant.pk, other.project_id), "the other organisation's analysis")
    wait_until(lambda: is_done(ours.tenant.pk, refused.pk), "the end of ours")

    told = {job.task: (job.status, job.note) for job in jobs_of(ours.tenant.pk)}
    assert told == {
        "no_such_step": ("failed", ""),
        Step.REFRESH: ("succeeded", "it is not there any more"),
        Step.SYNC: ("succeeded", "Failed."),  # what the tool said stands in the result, which the queue cannot read
    }


def test_analysis_that_fails_is_named_by_its_kind_and_says_no_more(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    switch_off([ours, theirs])
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(status=ProjectStatus.ACTIVE)
    with owner_access(), connection.cursor() as cursor:
        cursor.execute("UPDATE projects_project SET time_zone = 'Mars/Olympus' WHERE id = %s", [project.pk])
    with tenant_context(ours.tenant.pk):
        defer_job(Step.REFRESH, subject=project.pk)

    start_worker()
    wait_until(lambda: is_done(ours.tenant.pk, project.pk), "the end of the job")

    [job] = jobs_of(ours.tenant.pk)
    assert (job.status, job.note) == ("failed", "refresh_project failed: ZoneInfoNotFoundError")


def test_notification_that_is_injected_keeps_no_job_of_others_waiting(
    ours: LookAlike, theirs: LookAlike, start_worker: StartWorker
) -> None:
    switch_off([ours, theirs])
    worker = start_worker()
    _do_a_job(theirs)

    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('procrastinate_queue_v1#work', 'none of the queue''s words')")
    waits_s = [_do_a_job(theirs) for _ in range(3)]

    assert worker.poll() is None
    assert min(waits_s) < PATIENCE_S


def _do_a_job(one: LookAlike) -> float:
    """How long a job that has nothing to do waited until it was begun (s)."""
    with tenant_context(one.tenant.pk):
        job = defer_job(Step.REFRESH, subject=uuid4())
    wait_until(lambda: _note_of(one.tenant.pk, job), "the end of a job")
    with as_the_queue() as queue:
        found = queue.execute(
            "SELECT extract(epoch FROM e.at - j.deferred_at) FROM procrastinate_jobs j"
            " JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'started' WHERE j.public_id = %s",
            [job],
        ).fetchone()
    return float(found[0]) if found else 0.0


def test_stopped_worker_hands_back_what_it_could_not_end(
    ours: LookAlike, theirs: LookAlike, github: HeldGitHub, start_worker: StartWorker
) -> None:
    switch_off([theirs])
    integration = connect(ours.tenant.pk)
    github.holds_after = KILLED_AFTER
    first = start_worker("--grace", "0.2", "--stalled-after", "600")
    assert github.is_holding.wait(60)

    first.send_signal(signal.SIGTERM)
    first.wait(30)
    github.holds_after = None
    github.let_go.set()
    start_worker("--stalled-after", "600")
    wait_until(lambda: results_of(integration), "a result")

    assert [result.status for result in results_of(integration)] == [SyncStatus.SUCCEEDED]


def test_worker_ends_with_the_process_that_started_it(start_worker: StartWorker, github: HeldGitHub) -> None:
    worker = start_worker("--until-stdin-closes")
    wait_until(_workers, "a sign of life")

    assert worker.stdin is not None
    worker.stdin.close()

    assert worker.wait(30) == 0
    assert _workers() == 0


def _workers() -> int:
    with as_the_queue() as queue:
        found = queue.execute("SELECT count(*) FROM procrastinate_workers").fetchone()
    return int(found[0]) if found else 0


def test_import_is_analysed_and_replayed_once_and_the_same_file_again_is_not(
    ours: LookAlike, theirs: LookAlike, start_worker: StartWorker
) -> None:
    switch_off([ours, theirs])
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(status=ProjectStatus.ACTIVE)
        import_table(project)
        import_table(project)
        resting = ProjectFactory.create(status=ProjectStatus.INACTIVE)
        import_table(resting)

    start_worker()
    wait_until(lambda: has_replay_in(ours, project), "a first replay")
    wait_until(partial(is_done, ours.tenant.pk, project.pk), "the end of all jobs")

    jobs = jobs_of(ours.tenant.pk)
    assert [(job.subject, job.task, job.status) for job in reversed(jobs)] == [
        (project.pk, Step.REFRESH, "succeeded"),
        (project.pk, Step.REPLAY, "succeeded"),
    ]
    assert jobs_of(theirs.tenant.pk) == []


def import_table(project: Project) -> None:
    rows = "".join(f"T-{day},2026-01-{day:02}T09:00Z,Done,2026-02-{day:02}T09:00Z\n" for day in range(1, 29))
    import_file(
        project=project,
        stream=io.BytesIO(f"key,created,status,resolved\n{rows}".encode()),
        request=ImportRequest(file_name="history.csv"),
        doorway=Doorway(transaction=nullcontext, now=timezone.now),
    )


def has_replay_in(tenant: LookAlike, project: Project) -> bool:
    with tenant_context(tenant.tenant.pk):
        return has_replay(project)
