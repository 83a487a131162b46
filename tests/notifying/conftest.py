"""Places where people read, each on the loopback interface, and an organisation that tells them things."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from integrations.domain.environment import Environment
from integrations.domain.outgoing.sending import Turn, send_waiting
from integrations.enums import DestinationKind
from integrations.http.addresses import AddressGuard
from integrations.models import Delivery, Destination, OutgoingMessage
from predictions.domain.alerting import raise_alerts
from predictions.enums import Severity
from predictions.models import Prediction
from projects.enums import ProjectStatus
from projects.models import Project
from stratibreak.notifying.alerts import tell_warnings
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PreventiveActionFactory, sha256_of
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.local_server import FakeTool, Request, Response, serving
from tests.integrations.waiting import FakeClock
from tests.notifying.mail_server import MailServer, serving_mail

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday."""
TOKEN, CHANNEL = "xoxb-17-word-in-the-token", "C0123456789"
HIDDEN_WORD = "word-in-the-address"


class FakeSlack(FakeTool):
    """Takes what an incoming webhook is sent, and what a bot with the right token posts."""

    def answer(self, request: Request) -> Response:
        if request.path.startswith("/services/"):
            return Response(200, b"ok", content_type="text/html")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response(200, {"ok": False, "error": "invalid_auth"})
        if request.body["channel"] != CHANNEL:
            return Response(200, {"ok": False, "error": "channel_not_found"})
        return Response(200, {"ok": True, "ts": f"1772600000.{len(self.log):06}"})

    @property
    def webhook(self) -> str:
        return f"{self.base_url}/services/T1/B1/{HIDDEN_WORD}"


class FakeTeams(FakeTool):
    """A workflow takes everything."""

    def answer(self, request: Request) -> Response:
        return Response(202, b"")

    @property
    def workflow(self) -> str:
        return f"{self.base_url}/workflows/1/triggers/manual/paths/invoke?api-version=1&sig={HIDDEN_WORD}"


@pytest.fixture
def slack(settings: Any) -> Iterator[FakeSlack]:
    with serving(FakeSlack()) as found:
        settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
        settings.INTEGRATION_GATEWAYS = {"SLACK": found.base_url}
        assert isinstance(found, FakeSlack)
        yield found


@pytest.fixture
def teams(settings: Any) -> Iterator[FakeTeams]:
    with serving(FakeTeams()) as found:
        settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
        assert isinstance(found, FakeTeams)
        yield found


@pytest.fixture
def mails(settings: Any) -> Iterator[MailServer]:
    with serving_mail(MailServer()) as found:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", found.port, 5
        settings.DEFAULT_FROM_EMAIL = "Stratibreak <no-reply@stratibreak.example>"
        yield found


@dataclass
class Organisation:
    """An organisation with one project, and its clock."""

    tenant_id: UUID
    project: Project
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))

    def destination(self, kind: DestinationKind, address: str, **values: Any) -> Destination:
        with tenant_context(self.tenant_id):
            values = {"name": f"Our {kind}", **values}
            found = Destination(kind=kind, address=Secret(address), **values)
            found.save()
            return found

    def warn(self, subject: int = 0, *, at: datetime = NOON, **fields: Any) -> Prediction:
        """A prediction that alarms, and what the rules make of it."""
        with tenant_context(self.tenant_id):
            found = predict(fields.pop("project", self.project), subject, at=at, **fields)
            raise_alerts(project=found.project, at=at)
            return found

    def tell(self, at: datetime = NOON) -> int:
        with tenant_context(self.tenant_id):
            return tell_warnings(project=self.project, at=at)

    def send(self, destination: Destination) -> Turn:
        environment = Environment(waiting=self.clock.waiting(), guard=AddressGuard.allowing(["127.0.0.0/8"]))
        return send_waiting(tenant_id=self.tenant_id, destination_id=destination.pk, environment=environment)

    def messages(self) -> list[OutgoingMessage]:
        with tenant_context(self.tenant_id):
            return list(OutgoingMessage.objects.order_by("id"))

    def deliveries(self, destination: Destination) -> list[Delivery]:
        with tenant_context(self.tenant_id):
            found = Delivery.objects.filter(destination=destination).select_related("message")
            return list(found.order_by("id"))

    def pass_time(self, **time: float) -> None:
        self.clock.pass_time(timedelta(**time).total_seconds())


def predict(project: Project, subject: int, *, at: datetime, **fields: Any) -> Prediction:
    fields = {
        "event": {"claim": f"PAY-{subject} is not done in time.", "subject": {"type": "work_item", "id": str(subject)}},
        "event_key": sha256_of(f"event of {subject}"),
        "episode_id": UUID(int=900 + subject),
        "impact": Severity.HIGH,
        "predicted_for": at + timedelta(days=30),
        "issued_at": at,
        "as_of": at,
        **fields,
    }
    prediction: Prediction = PredictionFactory.create(project=project, **fields)
    PreventiveActionFactory.create(prediction=prediction, title="Leave out a fifth of the open items")
    return prediction


def made_of(one: LookAlike) -> Organisation:
    """An organisation without destinations and messages, with one project that runs and nothing else that does."""
    with tenant_context(one.tenant.pk):
        OutgoingMessage.objects.all()._raw_delete("default")
        Destination.objects.all()._raw_delete("default")
        Tenant.objects.filter(pk=one.tenant.pk).update(time_zone="UTC", display_name="Ours & Co")
        Project.objects.update(status=ProjectStatus.COMPLETED)
        return Organisation(one.tenant.pk, ProjectFactory.create(name="Checkout", status=ProjectStatus.ACTIVE))


@pytest.fixture
def we(ours: LookAlike) -> Organisation:
    return made_of(ours)


@pytest.fixture
def they(theirs: LookAlike) -> Organisation:
    """The look-alike, with the same project."""
    return made_of(theirs)
