"""What rows of the integrations app may and may not say."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from integrations.connectors.registry import known_types
from integrations.enums import IntegrationType, SyncStatus
from integrations.models import Integration, SyncResult
from integrations.schemas import config_schema
from tenants.append_only import AppendOnlyRefused
from tenants.encryption.secret import Secret
from tests.factories.integrations import FieldMappingFactory, IntegrationFactory, SyncResultFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]


def test_project_has_one_integration_of_a_type() -> None:
    jira = IntegrationFactory.create()
    IntegrationFactory.create(project=jira.project, type=IntegrationType.TRELLO, config={})

    with pytest.raises(IntegrityError), transaction.atomic():
        IntegrationFactory.create(project=jira.project)

    assert Integration.objects.filter(project=jira.project).count() == 2


@pytest.mark.parametrize("minutes", [4, 10_081])
def test_interval_is_between_five_minutes_and_a_week(minutes: int) -> None:
    integration = IntegrationFactory.build(
        project=IntegrationFactory.create().project,
        type=IntegrationType.ASANA,
        config={},
        sync_interval_minutes=minutes,
    )

    with pytest.raises(ValidationError) as refusal:
        integration.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        integration.save()

    assert list(refusal.value.message_dict) == ["sync_interval_minutes"]


@pytest.mark.parametrize("key", ["api_token", "password", "clientSecret", "Authorization", "private_key", "apikey"])
def test_settings_refuse_what_sounds_like_a_secret(key: str) -> None:
    integration = IntegrationFactory.create()

    with pytest.raises(ValidationError) as refusal:
        Integration.objects.filter(pk=integration.pk).update(config={key: "x"})

    assert list(refusal.value.message_dict) == ["config"]


@pytest.mark.parametrize(
    ("integration_type", "config"),
    [
        (IntegrationType.JIRA, {}),
        (IntegrationType.JIRA, {"base_url": "http://tracker.example"}),
        (IntegrationType.JIRA, {"base_url": "https://user:word@tracker.example"}),
        (IntegrationType.JIRA, {"base_url": "https://tracker.example?next=1"}),
        (IntegrationType.GITHUB, {"repositories": ["no-owner"]}),
        (IntegrationType.TRELLO, {"base_url": "https://tracker.example"}),
        (IntegrationType.SLACK, {"status_categories": {"1": "LATER"}}),
    ],
)
def test_settings_fit_their_tool(integration_type: IntegrationType, config: dict[str, Any]) -> None:
    project = IntegrationFactory.create(type=IntegrationType.TEAMS, config={}).project

    with pytest.raises(ValidationError) as refusal:
        IntegrationFactory.create(project=project, type=integration_type, config=config)

    assert list(refusal.value.message_dict) == ["config"]


def test_every_tool_has_settings() -> None:
    assert set(known_types()) == set(IntegrationType.values)
    for tool in IntegrationType.values:
        assert config_schema(tool).schema["additionalProperties"] is False


def test_credentials_are_sealed_and_opened_on_demand_only() -> None:
    integration = IntegrationFactory.create()
    integration.credentials = Secret.of_json({"api_token": "not to be seen"})
    integration.save()

    stored = Integration.objects.get(pk=integration.pk)

    assert "not to be seen" not in repr(vars(stored))
    assert "not to be seen" not in str(stored.credentials)
    assert stored.credentials.reveal_json() == {"api_token": "not to be seen"}


def test_run_is_never_rewritten() -> None:
    run = SyncResultFactory.create()

    with pytest.raises(AppendOnlyRefused):
        run.save()

    assert SyncResult.objects.get().records == 10


@pytest.mark.parametrize(
    "values", [{"status": SyncStatus.FAILED}, {"status": SyncStatus.SUCCEEDED, "error_code": "timeout"}]
)
def test_run_has_an_error_code_exactly_when_it_did_not_succeed(values: dict[str, Any]) -> None:
    run = SyncResultFactory.build(integration=IntegrationFactory.create(), **values)

    with pytest.raises(ValidationError) as refusal:
        run.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        run.save()

    assert list(refusal.value.message_dict) == ["error_code"]


def test_external_field_is_mapped_once() -> None:
    mapping = FieldMappingFactory.create()
    FieldMappingFactory.create(external_field=mapping.external_field)

    with pytest.raises(IntegrityError), transaction.atomic():
        FieldMappingFactory.create(integration=mapping.integration, external_field=mapping.external_field)
