"""A receiver on the loopback interface, and an organisation that tells it things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from integrations.domain.environment import Environment
from integrations.domain.outgoing import announce
from integrations.domain.outgoing.secrets import give_secret
from integrations.domain.outgoing.sending import Turn, send_waiting
from integrations.enums import DestinationKind, EventType
from integrations.http.addresses import AddressGuard
from integrations.models import Delivery, Destination, OutgoingMessage
from projects.models import Project
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.local_server import FakeTool, Request, Response, serving
from tests.integrations.waiting import FakeClock

HIDDEN_WORD = "word-in-the-address"


class Receiver(FakeTool):
    """Takes everything. The address has a word in it that nobody should see.

    takes: called while it answers
    """

    takes: Callable[[], object] = staticmethod(lambda: None)

    def answer(self, request: Request) -> Response:
        self.takes()
        return Response(204, b"")

    @property
    def address(self) -> str:
        return f"{self.base_url}/hooks/{HIDDEN_WORD}"


@dataclass
class Teller:
    """An organisation that tells one receiver things, by a clock that only moves when somebody moves it."""

    tenant_id: UUID
    project: Project
    receiver: Receiver
    destination: Destination
    secret: str
    clock: FakeClock = field(default_factory=FakeClock)

    def environment(self) -> Environment:
        return Environment(waiting=self.clock.waiting(), guard=AddressGuard.allowing(["127.0.0.0/8"]))

    def tell(self, key: str = "1", **options: Any) -> OutgoingMessage | None:
        with tenant_context(self.tenant_id):
            told = {"type": EventType.SYNC_FINISHED, "occurred_at": self.clock.now, "project": self.project}
            return announce(**{"key": key, "data": {"created": 3, "name": "ü"}, **told, **options})

    def send(self, destination: Destination | None = None) -> Turn:
        pk = (destination or self.destination).pk
        return send_waiting(tenant_id=self.tenant_id, destination_id=pk, environment=self.environment())

    def deliveries(self, destination: Destination | None = None) -> list[Delivery]:
        with tenant_context(self.tenant_id):
            of = destination or self.destination
            return list(Delivery.objects.filter(destination=of).select_related("message").order_by("id"))

    def delivery(self) -> Delivery:
        [found] = self.deliveries()
        return found

    def delivery_of(self, key: str) -> Delivery:
        [found] = [each for each in self.deliveries() if each.message.key == key]
        return found

    def now_is(self) -> Destination:
        with tenant_context(self.tenant_id):
            found: Destination = Destination.objects.get(pk=self.destination.pk)
            return found

    def pass_time(self, **time: float) -> None:
        self.clock.pass_time(timedelta(**time).total_seconds())


def make_destination(address: str, **values: Any) -> tuple[Destination, str]:
    """A webhook of the tenant that is current, and its secret."""
    values = {"name": "Ours", "kind": DestinationKind.WEBHOOK, **values}
    destination = Destination(address=Secret(address), **values)
    secret = give_secret(destination)
    destination.save()
    assert secret is not None
    return destination, secret


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
    found = Receiver()
    with serving(found):
        yield found


@pytest.fixture
def teller(ours: LookAlike, receiver: Receiver) -> Teller:
    with tenant_context(ours.tenant.pk):
        Destination.objects.all()._raw_delete("default")
        project = ProjectFactory.create()
        destination, secret = make_destination(receiver.address)
    return Teller(ours.tenant.pk, project, receiver, destination, secret)
