"""Trying a connector: what is read for it, and who keeps out of the way."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.utils import timezone

from integrations.connectors.trial import Trial
from integrations.domain.environment import Environment
from integrations.domain.syncing import due_integrations
from integrations.domain.trying import TrialPlace, try_connector
from integrations.http.addresses import AddressGuard
from integrations.models import Integration
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN, FakeGitHub
from tests.integrations.connectors.local_server import serving


@pytest.mark.django_db
def test_no_worker_reads_what_is_only_tried(ours: LookAlike) -> None:
    due: dict[str, list[UUID]] = {}
    trial = Trial(name="github", path="", settings={"repositories": [REPOSITORY]}, credentials={"token": TOKEN})

    def look(what: str) -> None:
        with tenant_context(ours.tenant.pk):
            due[what] = due_integrations(timezone.now())

    with serving(FakeGitHub()) as tool:
        place = TrialPlace(ours.tenant.pk, tool.base_url, Environment(guard=AddressGuard.allowing(["127.0.0.0/8"])))
        with tenant_context(ours.tenant.pk):
            Integration.objects.all()._raw_delete("default")
        told = try_connector("GITHUB", trial, place, tell=look)

    assert told["full"]["status"] == "SUCCEEDED"
    assert due == {"connection": [], "full": [], "incremental": []}
