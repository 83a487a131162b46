"""What is put in: once, thin, with its transaction, and never in the way of whoever has the news."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from integrations.domain.outgoing import announce
from integrations.domain.outgoing.removing import drop_old_messages
from integrations.enums import DestinationKind, EventType, SyncStatus
from integrations.models import Delivery, Destination, Integration, OutgoingMessage, SyncResult
from tenants.encryption.secret import Secret
from tenants.isolation.context import TenantContextRequired
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN, FakeGitHub
from tests.integrations.connectors.local_server import Response, serving
from tests.integrations.outgoing.conftest import Teller
from tests.integrations.waiting import START

pytestmark = pytest.mark.django_db


def test_event_is_told_once(teller: Teller) -> None:
    first, again = teller.tell("1"), teller.tell("1")
    other_type = teller.tell("1", type=EventType.GAP_OPENED)

    assert first is not None
    assert again is None
    assert other_type is not None
    assert len(teller.deliveries()) == 2


def test_news_go_with_a_transaction_that_is_taken_back(teller: Teller) -> None:
    with tenant_context(teller.tenant_id):
        jobs = len(own_jobs())
        with transaction.atomic():
            teller.tell("1")
            transaction.set_rollback(True)

        assert (teller.deliveries(), len(own_jobs())) == ([], jobs)


@pytest.mark.parametrize("data", [{"x": float("nan")}, {"x": object()}, {"x": "\x00"}, {str(n): n for n in range(51)}])
def test_news_that_cannot_be_kept_are_logged_and_harm_nobody(
    teller: Teller, data: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert teller.tell("1", data=data) is None

    assert "sync.finished could not be put in" in caplog.text
    assert teller.tell("2") is not None
    assert len(teller.deliveries()) == 1


def test_news_without_an_organisation_are_refused_like_all_else(teller: Teller) -> None:
    """A caller without a tenant has a bug, which is logged like any other that is met here."""
    with pytest.raises(TenantContextRequired):
        Destination.objects.count()
    assert announce(type=EventType.TEST, key="1", occurred_at=START, data={}) is None


def test_kinds_that_are_not_meant_are_not_told(teller: Teller) -> None:
    teller.tell("1", kinds=[DestinationKind.SLACK])
    teller.tell("2", kinds=[DestinationKind.SLACK, DestinationKind.WEBHOOK])

    assert [each.message.key for each in teller.deliveries()] == ["2"]


def test_query_count_does_not_grow_with_what_was_told(teller: Teller, django_assert_num_queries: Any) -> None:
    for number in range(3):
        with tenant_context(teller.tenant_id), django_assert_num_queries(10):
            teller.tell(str(number))


def test_old_messages_are_removed_with_their_deliveries(teller: Teller, theirs: LookAlike) -> None:
    teller.tell("1")
    with tenant_context(teller.tenant_id):
        at = OutgoingMessage.objects.get(key="1").created_at
        drop_old_messages(at + timedelta(days=29))
        assert OutgoingMessage.objects.filter(key="1").exists()

        drop_old_messages(at + timedelta(days=31))

        assert not OutgoingMessage.objects.exists()
        assert not Delivery.objects.exists()
    with tenant_context(theirs.tenant.pk):
        assert OutgoingMessage.objects.exists()


def test_destination_goes_with_its_project(teller: Teller) -> None:
    with tenant_context(teller.tenant_id):
        project = ProjectFactory.create()
        Destination.objects.filter(pk=teller.destination.pk).update(project=project)
        OutgoingMessage.objects.create(type=EventType.TEST, key="x", occurred_at=START, project=project)

        project.delete()

        assert not Destination.objects.filter(pk=teller.destination.pk).exists()
        assert not OutgoingMessage.objects.filter(key="x").exists()


# --- runs of integrations ---


@pytest.fixture
def played(teller: Teller) -> Iterator[Played]:
    fake = FakeGitHub()
    with serving(fake):
        with tenant_context(teller.tenant_id):
            integration = Integration(
                project=teller.project,
                name="Code",
                type="GITHUB",
                status="ACTIVE",
                config={"repositories": [REPOSITORY]},
                credentials=Secret.of_json({"token": TOKEN}),
            )
            integration.save()
        yield Played(fake, teller.tenant_id, integration.pk)


def told(teller: Teller) -> list[OutgoingMessage]:
    return [each.message for each in teller.deliveries()]


def test_run_that_ended_is_told_with_its_result(teller: Teller, played: Played) -> None:
    result = played.sync()

    [message] = told(teller)
    assert (message.type, message.key, message.project_id) == ("sync.finished", str(result.pk), teller.project.pk)
    assert message.data == {
        "integration": str(played.integration_id),
        "integration_type": "GITHUB",
        "project": str(teller.project.pk),
        "sync_result": str(result.pk),
        "status": "SUCCEEDED",
        "counts": {
            "created": result.created_count,
            "updated": 0,
            "unchanged": result.unchanged_count,
            "gone": 0,
            "hidden": 0,
            "failed": 0,
        },
        "error_code": "",
        "link": f"https://stratibreak.example/api/v1/sync-results/{result.pk}",
    }


def test_run_that_failed_is_told_by_the_code_of_its_error(teller: Teller, played: Played) -> None:
    played.fake.broken["."] = Response(401, {"message": TOKEN})

    result = played.sync()

    assert result.status == SyncStatus.FAILED
    [message] = told(teller)
    assert (message.type, message.data["error_code"]) == ("sync.failed", "unauthorized")
    assert TOKEN not in str(message.data)


def test_run_ends_although_it_cannot_be_told(
    teller: Teller, played: Played, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no queue")

    monkeypatch.setattr("integrations.domain.outgoing.announcing.defer_job", fails)

    assert played.sync().status == SyncStatus.SUCCEEDED

    assert "could not be put in" in caplog.text
    assert told(teller) == []
    with tenant_context(teller.tenant_id):
        assert SyncResult.objects.filter(integration_id=played.integration_id).count() == 1
