"""A connection to each tool, with its webhook, in both of the tenants that look alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from integrations.domain.webhook_addresses import make_address
from integrations.enums import IntegrationStatus
from integrations.models import IncomingDelivery, IncomingWebhook, Integration
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.webhooks.signing import SIGNERS, TOOL_OF, Signed, secret_for

CONFIG: dict[str, dict[str, Any]] = {
    "JIRA": {"base_url": "https://tracker.example"},
    "BITRIX24": {"base_url": "https://portal.example"},
}


@dataclass(frozen=True, slots=True)
class Hooked:
    """A connection with a webhook. name: of the scheme;  path: of the secret address;  secret: of its messages"""

    name: str
    tenant_id: UUID
    integration_id: UUID
    url: str
    secret: str

    @property
    def path(self) -> str:
        return self.url.removeprefix("https://stratibreak.example")

    def sign(self, ts: int | None = None, payload: Any = None, *, secret: str = "") -> Signed:
        moment = int(timezone.now().timestamp()) if ts is None else ts
        return SIGNERS[self.name](secret or self.secret, self.url, moment, payload)

    def webhook(self) -> IncomingWebhook:
        with tenant_context(self.tenant_id):
            found: IncomingWebhook = IncomingWebhook.objects.get(integration_id=self.integration_id)
            return found

    def counts(self) -> dict[str, int]:
        """What came in: counts that are not 0."""
        held = self.webhook()
        names = ("received", "ignored", "duplicate", "refused")
        return {name: count for name in names if (count := getattr(held, f"{name}_count"))}

    def jobs(self) -> list[str]:
        """States of the jobs that read it."""
        with tenant_context(self.tenant_id):
            return [job.status for job in own_jobs(subject=self.integration_id)]

    def deliveries(self) -> int:
        with tenant_context(self.tenant_id):
            return IncomingDelivery.objects.filter(integration_id=self.integration_id).count()

    def change(self, **values: Any) -> None:
        with tenant_context(self.tenant_id):
            Integration.objects.filter(pk=self.integration_id).update(**values)

    def change_webhook(self, **values: Any) -> None:
        with tenant_context(self.tenant_id):
            IncomingWebhook.objects.filter(integration_id=self.integration_id).update(**values)


def connect(one: LookAlike, tool: str, **values: Any) -> Integration:
    """A connection in a project of its own, which nothing but a hint makes due."""
    with tenant_context(one.tenant.pk):
        integration = Integration(
            project=ProjectFactory.create(),
            name=tool.title(),
            type=tool,
            config=CONFIG.get(tool, {}),
            next_run_at=timezone.now() + timedelta(hours=1),
            **{"status": IntegrationStatus.ACTIVE, **values},
        )
        integration.save()
    return integration


def hook(one: LookAlike, name: str, *, secret: str = "", **values: Any) -> Hooked:
    """A connection with a webhook that knows the secret already."""
    integration = connect(one, TOOL_OF[name], **values)
    secret = secret or secret_for(name)
    with tenant_context(one.tenant.pk):
        made = make_address(integration=integration, at=timezone.now(), secret=secret)
    return Hooked(name, one.tenant.pk, integration.pk, made.url, secret)


def send(client: Client, path: str, signed: Signed) -> Any:
    """What a tool does: it has no session and no cookie."""
    return client.post(
        path, data=signed.body, content_type=signed.content_type, headers=signed.headers, query_params=signed.query
    )


@pytest.fixture
def tool() -> Client:
    """Whatever a tool sends with; it knows nothing of tokens against forgery."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def hooked(ours: LookAlike) -> Callable[..., Hooked]:
    """Make a connection of ours with a webhook, by the name of its scheme."""
    return lambda name="GITHUB", **values: hook(ours, name, **values)
