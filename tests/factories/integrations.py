"""Factories of the integrations app."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from uuid import UUID

import factory

from integrations.enums import (
    DeliveryState,
    DestinationKind,
    EventType,
    IntegrationStatus,
    IntegrationType,
    InternalField,
    SyncStatus,
    Transformation,
)
from integrations.models import (
    Delivery,
    Destination,
    FieldMapping,
    IncomingDelivery,
    IncomingWebhook,
    Integration,
    OutgoingMessage,
    RawPayload,
    StreamState,
    SyncProgress,
    SyncResult,
)
from projects.models import Project
from tenants.encryption.secret import Secret
from tests.factories.base import TenantModelFactory, register
from tests.factories.projects import ProjectFactory

STARTED_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@register
class IntegrationFactory(TenantModelFactory[Integration]):
    """An active connection to Jira, without credentials."""

    class Meta:
        model = Integration

    project = factory.SubFactory("tests.factories.projects.ProjectFactory")
    name = factory.Sequence(lambda n: f"Tracker {n}")
    type = IntegrationType.JIRA
    status = IntegrationStatus.ACTIVE
    config = factory.LazyFunction(lambda: {"base_url": "https://tracker.example", "project_keys": ["DEMO"]})
    next_run_at = STARTED_AT


@register
class SyncResultFactory(TenantModelFactory[SyncResult]):
    """A run that brought three new records."""

    class Meta:
        model = SyncResult

    integration = factory.SubFactory(IntegrationFactory)
    status = SyncStatus.SUCCEEDED
    started_at = STARTED_AT
    duration_ms = 1200
    waited_ms = 300
    request_count = 4
    created_count = 3
    unchanged_count = 7
    streams = factory.LazyFunction(lambda: {"work_items": {"created": 3, "unchanged": 7}})


@register
class FieldMappingFactory(TenantModelFactory[FieldMapping]):
    """A custom field that holds the estimate."""

    class Meta:
        model = FieldMapping

    integration = factory.SubFactory(IntegrationFactory)
    external_field = factory.Sequence(lambda n: f"customfield_{10_000 + n}")
    internal_field = InternalField.ESTIMATE_POINTS
    transformation = Transformation.NUMBER


@register
class StreamStateFactory(TenantModelFactory[StreamState]):
    """Issues of one project, read to the end once."""

    class Meta:
        model = StreamState

    integration = factory.SubFactory(IntegrationFactory)
    stream = "issues"
    partition = factory.Sequence(lambda n: f"DEMO{n}")
    cursor = "2026-03-02T09:00:00+00:00"


@register
class SyncProgressFactory(TenantModelFactory[SyncProgress]):
    """A run that has brought three issues so far."""

    class Meta:
        model = SyncProgress

    integration = factory.SubFactory(IntegrationFactory)
    run_id = factory.Sequence(lambda n: UUID(int=n + 1))
    started_at = STARTED_AT
    seen_at = STARTED_AT
    streams = factory.LazyFunction(lambda: {"issues": {"read": 3, "created": 3}})
    request_count = 2


@register
class RawPayloadFactory(TenantModelFactory[RawPayload]):
    """One small answer."""

    class Meta:
        model = RawPayload

    integration = factory.SubFactory(IntegrationFactory)
    stream = "issues"
    partition = "DEMO"
    body = factory.LazyFunction(lambda: Secret(zlib.compress(b"[]")))
    size_bytes = 2
    received_at = STARTED_AT


def _any_project() -> Project:
    """The oldest of the tenant: what an organisation is told needs none of its own."""
    return Project.objects.order_by("id").first() or ProjectFactory.create()


@register
class DestinationFactory(TenantModelFactory[Destination]):
    """An endpoint for everything, switched off: nothing leaves a test that has not asked for it."""

    class Meta:
        model = Destination

    name = factory.Sequence(lambda n: f"Endpoint {n}")
    kind = DestinationKind.WEBHOOK
    project = factory.LazyFunction(_any_project)
    is_active = False
    address = factory.LazyFunction(lambda: Secret("https://receiver.example/hooks/word-in-the-address"))
    signing = factory.LazyFunction(lambda: Secret.of_json({"current": f"whsec_{'QUJD' * 8}"}))


@register
class OutgoingMessageFactory(TenantModelFactory[OutgoingMessage]):
    """A tool was read."""

    class Meta:
        model = OutgoingMessage

    type = EventType.SYNC_FINISHED
    key = factory.Sequence(lambda n: f"run {n}")
    project = factory.LazyFunction(_any_project)
    occurred_at = STARTED_AT
    data = factory.LazyFunction(lambda: {"created": 3})


@register
class DeliveryFactory(TenantModelFactory[Delivery]):
    """A message that has arrived."""

    class Meta:
        model = Delivery

    message = factory.SubFactory(OutgoingMessageFactory)
    destination = factory.SubFactory(DestinationFactory)
    state = DeliveryState.SENT
    attempts = 1
    status_code = 204
    sent_at = STARTED_AT


@register
class IncomingWebhookFactory(TenantModelFactory[IncomingWebhook]):
    """An address that nobody knows, with a secret; nothing has come in yet."""

    class Meta:
        model = IncomingWebhook

    integration = factory.SubFactory(IntegrationFactory)
    secret_digest = "0" * 64
    pepper_version = 1
    proofs = factory.LazyFunction(lambda: Secret.of_json(["a secret"]))


@register
class IncomingDeliveryFactory(TenantModelFactory[IncomingDelivery]):
    """A message that hinted at a change."""

    class Meta:
        model = IncomingDelivery

    integration = factory.SubFactory(IntegrationFactory)
    key = factory.Sequence(lambda n: f"{n:064x}")
    claimed_id = factory.Sequence(lambda n: f"delivery-{n}")
    received_at = STARTED_AT
