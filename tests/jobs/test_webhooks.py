"""Webhooks where everything commits: many at once, with a worker that reads, of an organisation that is erased."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from integrations.domain.webhook_addresses import find_address, make_address
from integrations.enums import IntegrationStatus, SyncStatus
from integrations.models import IncomingDelivery, IncomingWebhook, Integration, SyncResult
from projects.models import WorkItem
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN
from tests.integrations.webhooks.conftest import Hooked, connect, hook, send
from tests.jobs.conftest import HeldGitHub, StartWorker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 4


def at_once(work: Any) -> list[Any]:
    """What so many threads get that begin together, each on a connection of its own."""
    together = Barrier(AT_ONCE)

    def one(number: int) -> Any:
        together.wait()
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(one, range(AT_ONCE)))


def test_same_message_many_times_at_once_is_taken_once(ours: LookAlike) -> None:
    one = hook(ours, "GITHUB")
    signed = one.sign()

    statuses = at_once(lambda _: send(Client(), one.path, signed).status_code)

    assert statuses == [200] * AT_ONCE
    assert one.counts() == {"received": 1, "duplicate": AT_ONCE - 1}
    assert (one.deliveries(), one.jobs()) == (1, ["todo"])


def test_different_messages_at_once_defer_one_job_and_are_all_counted(ours: LookAlike) -> None:
    one = hook(ours, "GITHUB")

    statuses = at_once(lambda number: send(Client(), one.path, one.sign(number)).status_code)

    assert statuses == [200] * AT_ONCE
    assert (one.counts(), one.deliveries(), one.jobs()) == ({"received": AT_ONCE}, AT_ONCE, ["todo"])


def test_handshakes_at_once_are_all_kept(ours: LookAlike) -> None:
    one = hook(ours, "ASANA")

    at_once(lambda number: Client().post(one.path, headers={"X-Hook-Secret": f"{number:032x}"}))

    with tenant_context(one.tenant_id):
        assert len(one.webhook().proofs.reveal_json()) == AT_ONCE + 1


def test_two_who_make_it_at_once_have_made_one(ours: LookAlike) -> None:
    integration = connect(ours, "GITHUB")

    def make(_: int) -> str:
        with tenant_context(ours.tenant.pk):
            return make_address(integration=integration, at=timezone.now()).url

    urls = at_once(make)

    found = [find_address(url.split("/")[-2]) for url in urls]
    assert sum(each is not None for each in found) == 1


def test_message_has_a_worker_read_what_changed(ours: LookAlike, github: HeldGitHub, start_worker: StartWorker) -> None:
    """From the message to the row, with a worker of its own process; the interval is an hour."""
    with tenant_context(ours.tenant.pk):
        Integration.objects.update(status=IntegrationStatus.INACTIVE)
        integration = Integration(
            project=ProjectFactory.create(),
            name="Code",
            type="GITHUB",
            status=IntegrationStatus.ACTIVE,
            config={"repositories": [REPOSITORY]},
            credentials=Secret.of_json({"token": TOKEN}),
        )
        integration.save()
        made = make_address(integration=integration, at=timezone.now())
    one = Hooked("GITHUB", ours.tenant.pk, integration.pk, made.url, made.secret)
    start_worker()
    wait_until(lambda: _succeeded(one) == 1, "the first run")
    github.edit("1005", "Renamed in the tool", datetime.now(UTC))
    one.change_webhook(run_begun_at=timezone.now() - timedelta(minutes=2))  # as if two minutes had passed

    answered = send(Client(), one.path, one.sign())

    wait_until(lambda: _succeeded(one) == 2, "the run that was hinted at")
    assert (answered.status_code, _title(one)) == (200, "Renamed in the tool")


def _succeeded(one: Hooked) -> int:
    with tenant_context(one.tenant_id):
        return SyncResult.objects.filter(integration_id=one.integration_id, status=SyncStatus.SUCCEEDED).count()


def _title(one: Hooked) -> str:
    with tenant_context(one.tenant_id):
        items = WorkItem.objects.filter(project__integrations__pk=one.integration_id, external_id="1005")
        return str(items.values_list("title", flat=True).get())


def test_address_of_an_erased_organisation_opens_nothing(ours: LookAlike, theirs: LookAlike) -> None:
    one, other = hook(ours, "GITHUB"), hook(theirs, "GITHUB")
    before = [send(Client(), each.path, each.sign()).status_code for each in (one, other)]

    call_command("erase_tenant", "--tenant", str(ours.tenant.pk), "--confirm", ours.tenant.name, "--reason", "test")

    after = [send(Client(), each.path, each.sign(1)).status_code for each in (one, other)]
    assert (before, after) == ([200, 200], [404, 200])
    with tenant_context(ours.tenant.pk):
        assert [model.objects.count() for model in (IncomingWebhook, IncomingDelivery)] == [0, 0]
