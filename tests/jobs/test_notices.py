"""Workers tell people: after an analysis, by the clock, and without holding anything up for a place that is dead."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from integrations.enums import DeliveryState, DestinationKind
from integrations.models import Delivery, Destination, Integration
from predictions.domain.alerting import raise_alerts
from predictions.models import AlertDecision
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord
from stratibreak.jobs.steps import Step
from tenants.isolation.queue import QueuedJob, defer_job, own_jobs
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.integrations.connectors.local_server import serving
from tests.jobs.conftest import StartWorker, wait_until
from tests.notifying.conftest import FakeSlack, Organisation, made_of, predict

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def slack(settings: Any) -> Iterator[FakeSlack]:
    settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
    found = FakeSlack()
    with serving(found):
        yield found


@pytest.fixture
def we(world: Any) -> Organisation:
    for one in world:
        with tenant_context(one.tenant.pk):
            Integration.objects.all()._raw_delete("default")
    return awake(made_of(world[0]))


@pytest.fixture
def they(world: Any, we: Organisation) -> Organisation:
    return awake(made_of(world[1]))


def awake(organisation: Organisation) -> Organisation:
    """At no time of the day is it night there."""
    with tenant_context(organisation.tenant_id):
        tenant = Tenant.objects.get(pk=organisation.tenant_id)
        Tenant.objects.filter(pk=tenant.pk).update(quiet_until=tenant.quiet_from)
    return organisation


def warned(organisation: Organisation, *, is_raised: bool = True) -> None:
    at = timezone.now()
    with tenant_context(organisation.tenant_id):
        predict(organisation.project, 1, at=at)
        if is_raised:
            raise_alerts(project=organisation.project, at=at)


def jobs_of(organisation: Organisation, subject: UUID) -> dict[str, QueuedJob]:
    with tenant_context(organisation.tenant_id):
        return {job.task: job for job in own_jobs(subject=subject)}


def deliveries(organisation: Organisation) -> list[Delivery]:
    with tenant_context(organisation.tenant_id):
        return list(Delivery.objects.all())


def test_clock_tells_what_is_due_to_its_own_organisation(
    we: Organisation, they: Organisation, slack: FakeSlack, start_worker: StartWorker
) -> None:
    ours = we.destination(DestinationKind.SLACK, f"{slack.base_url}/services/ours")
    they.destination(DestinationKind.SLACK, f"{slack.base_url}/services/theirs")
    warned(we)

    start_worker()
    wait_until(lambda: slack.log, "a message")
    wait_until(lambda: [each.state for each in deliveries(we)] == [DeliveryState.SENT], "that it is kept")

    assert [request.path for request in slack.log] == ["/services/ours"]
    assert jobs_of(we, we.project.pk)[Step.NOTIFY].note == "1 warning and 0 overdue actions put in."
    assert Step.DELIVER in jobs_of(we, ours.pk)
    assert deliveries(they) == []


def test_analysis_is_followed_by_what_it_found_and_ends_well_though_the_place_is_dead(
    we: Organisation, start_worker: StartWorker, settings: Any
) -> None:
    settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        we.destination(DestinationKind.SLACK, f"http://127.0.0.1:{closed.getsockname()[1]}/services/dead")
        warned(we, is_raised=False)
        with tenant_context(we.tenant_id):
            defer_job(Step.REFRESH, subject=we.project.pk)

        start_worker()
        wait_until(lambda: [each.error_code for each in deliveries(we)] == ["unreachable"], "a try")

    jobs = jobs_of(we, we.project.pk)
    [delivery] = deliveries(we)
    with tenant_context(we.tenant_id):
        analyses = AnalysisRecord.objects.filter(project=we.project, kind=AnalysisKind.REFRESH).count()
        decision = AlertDecision.objects.get(project=we.project)
    assert (jobs[Step.REFRESH].status, jobs[Step.NOTIFY].status) == ("succeeded", "succeeded")
    assert analyses == 1
    assert decision.delivered_at is not None
    assert (delivery.state, delivery.attempts) == (DeliveryState.WAITING, 1)
    assert delivery.next_try_at is not None
    assert delivery.next_try_at > timezone.now() - timedelta(minutes=1)


def test_clock_writes_the_digest_that_is_due(we: Organisation, slack: FakeSlack, start_worker: StartWorker) -> None:
    destination = we.destination(DestinationKind.SLACK, slack.webhook)
    now = timezone.now()
    with tenant_context(we.tenant_id):
        Destination.objects.filter(pk=destination.pk).update(created_at=now - timedelta(days=30))
        predict(we.project, 1, at=now, predicted_for=now + timedelta(hours=60))
        raise_alerts(project=we.project, at=now)

    start_worker()
    wait_until(lambda: slack.log, "a message")

    assert "1 warning" in slack.log[0].body["text"]
    assert jobs_of(we, destination.pk)[Step.DIGEST].note == "put in"
