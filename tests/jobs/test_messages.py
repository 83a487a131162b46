"""Messages by worker: sent soon, once, also those of a worker that was killed, and beside places that hang."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.utils import timezone

from integrations.domain.outgoing import announce
from integrations.enums import DeliveryState, EventType, IntegrationStatus
from integrations.models import Delivery, Destination, Integration, OutgoingMessage
from stratibreak.jobs.steps import Step, defer_due
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.local_server import serving
from tests.integrations.outgoing.conftest import Receiver, make_destination
from tests.jobs.conftest import StartWorker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 30.0


class HeldReceiver(Receiver):
    """Answers when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_holding, self.let_go = threading.Event(), threading.Event()
        self.takes = self._hold

    def _hold(self) -> None:
        self.is_holding.set()
        self.let_go.wait(PATIENCE_S)


@pytest.fixture(autouse=True)
def networks(settings: Any, ours: LookAlike, theirs: LookAlike) -> None:
    """Places on this machine may be sent to, and no tool is due."""
    settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
    for one in (ours, theirs):
        with tenant_context(one.tenant.pk):
            Integration.objects.update(status=IntegrationStatus.INACTIVE)


@contextmanager
def told_at(one: LookAlike, receiver: Receiver, *, name: str = "Ours") -> Iterator[Destination]:
    """A destination of one organisation, which is told one thing."""
    with serving(receiver):
        with tenant_context(one.tenant.pk):
            destination, _ = make_destination(receiver.address, name=name)
        yield destination


def tell(one: LookAlike, key: str) -> OutgoingMessage:
    with tenant_context(one.tenant.pk):
        message = announce(type=EventType.SYNC_FINISHED, key=key, occurred_at=timezone.now(), data={})
        assert message is not None
        return message


def states(one: LookAlike, destination: Destination) -> list[str]:
    with tenant_context(one.tenant.pk):
        found = Delivery.objects.filter(destination=destination).order_by("id")
        return list(found.values_list("state", flat=True))


def test_worker_sends_what_was_put_in_and_what_the_clock_finds(
    ours: LookAlike, theirs: LookAlike, start_worker: StartWorker
) -> None:
    mine, other = Receiver(), Receiver()
    with told_at(ours, mine) as ours_at, told_at(theirs, other) as theirs_at:
        start_worker()
        message = tell(ours, "1")
        wait_until(lambda: states(ours, ours_at) == [DeliveryState.SENT], "a message")
        foreign = tell(theirs, "1")
        wait_until(lambda: states(theirs, theirs_at) == [DeliveryState.SENT], "a message")

        with tenant_context(ours.tenant.pk):
            [job] = own_jobs(subject=ours_at.pk)
    assert [request.headers["webhook-id"] for request in mine.log] == [str(message.pk)]
    assert [request.headers["webhook-id"] for request in other.log] == [str(foreign.pk)]
    assert (job.task, job.note) == (Step.DELIVER, "1 sent, 0 failed.")


def test_message_of_a_killed_worker_is_sent_by_another_with_its_id(ours: LookAlike, start_worker: StartWorker) -> None:
    receiver = HeldReceiver()
    with told_at(ours, receiver) as destination:
        message = tell(ours, "1")
        worker = start_worker()
        assert receiver.is_holding.wait(PATIENCE_S)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        receiver.let_go.set()
        assert states(ours, destination) == [DeliveryState.WAITING]
        defer_due(timezone.now())
        with tenant_context(ours.tenant.pk):  # as if two minutes had passed
            assert Delivery.objects.filter(message=message).update(claimed_until=timezone.now()) == 1

        start_worker()
        wait_until(lambda: states(ours, destination) == [DeliveryState.SENT], "the second try")

    assert [request.headers["webhook-id"] for request in receiver.log] == [str(message.pk)] * 2
    with tenant_context(ours.tenant.pk):
        assert Delivery.objects.get(message=message).attempts == 2


def test_place_that_hangs_holds_up_neither_other_places_nor_other_organisations(
    ours: LookAlike, theirs: LookAlike, start_worker: StartWorker
) -> None:
    good, others = Receiver(), Receiver()
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        told_at(ours, good, name="Good") as good_at,
        told_at(theirs, others) as theirs_at,
    ):
        with tenant_context(ours.tenant.pk):
            hung, _ = make_destination(f"http://127.0.0.1:{silent.getsockname()[1]}/hook", name="Hung")
        for number in range(20):
            tell(ours, str(number))
        tell(theirs, "1")

        start_worker()

        wait_until(lambda: states(ours, good_at) == [DeliveryState.SENT] * 20, "all messages of the good one")
        wait_until(lambda: states(theirs, theirs_at) == [DeliveryState.SENT], "the message of the others")
        assert set(states(ours, hung)) == {DeliveryState.WAITING}


def test_due_messages_are_found_by_the_clock_in_their_organisation(ours: LookAlike, theirs: LookAlike) -> None:
    receiver = Receiver()
    with told_at(ours, receiver) as destination:
        tell(ours, "1")

    defer_due(timezone.now())

    with tenant_context(theirs.tenant.pk):
        assert [job for job in own_jobs() if job.subject == destination.pk] == []
    with tenant_context(ours.tenant.pk):
        assert [job.task for job in own_jobs(subject=destination.pk)] == [Step.DELIVER]
