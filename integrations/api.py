"""Endpoints of the integrations app. Credentials go in and never come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer

from integrations.connecting_api import ITEM_VIEWS as CONNECTING_VIEWS
from integrations.connecting_api import SyncResultSerializer
from integrations.credentials_api import ITEM_VIEWS as CREDENTIALS_VIEWS
from integrations.domain.credentials import check_address_stays
from integrations.domain.mappings import field_mappings_change, settings_changed
from integrations.models import FieldMapping, Integration, SyncResult
from integrations.outgoing_api import ITEM_VIEWS as OUTGOING_VIEWS
from integrations.outgoing_api import ROUTES as OUTGOING_ROUTES
from integrations.webhook_api import ITEM_VIEWS as WEBHOOK_VIEWS
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet
from tenants.encryption.serializer_fields import SecretJSONField


class IntegrationViewSet(TenantViewSet[Integration]):
    """Connections between projects and the tools they are planned in."""

    model = Integration
    serializer_class = serializer_for(
        Integration,
        computed={
            "credentials": extend_schema_field({"type": "object", "writeOnly": True})(SecretJSONField)(
                required=False, allow_null=True, help_text="Never shown. Left out: kept as they are; null: removed."
            ),
            "has_credentials": serializers.BooleanField(read_only=True),
        },
    )
    annotations = {
        "has_credentials": ExpressionWrapper(Q(credentials__isnull=False), output_field=BooleanField()),
    }
    filters = {"project": EXACT, "type": SET, "status": SET, "last_sync_at": NULLABLE_RANGE}

    def perform_create(self, serializer: BaseSerializer[Integration]) -> Integration:
        return serializer.save(**_moment_of(serializer.validated_data))

    def perform_update(self, serializer: BaseSerializer[Integration]) -> Integration:
        assert serializer.instance is not None  # noqa: S101  # an update has one
        before = dict(serializer.instance.config)
        check_address_stays(
            before,
            serializer.validated_data.get("config", before),
            are_stored=serializer.instance.is_connected and "credentials" not in serializer.validated_data,
        )
        integration = serializer.save(**_moment_of(serializer.validated_data))
        settings_changed(integration, before)
        return integration


def _moment_of(values: dict[str, Any]) -> dict[str, Any]:
    """When the credentials changed, if they did."""
    return {"credentials_changed_at": timezone.now()} if "credentials" in values else {}


class SyncResultViewSet(ReadOnlyTenantViewSet[SyncResult]):
    """How runs of integrations ended."""

    model = SyncResult
    serializer_class = SyncResultSerializer
    filters = {"integration": EXACT, "status": SET, "started_at": RANGE}


class FieldMappingViewSet(TenantViewSet[FieldMapping]):
    """How a tool's fields become ours."""

    model = FieldMapping
    serializer_class = serializer_for(FieldMapping)
    filters = {"integration": EXACT, "internal_field": SET}

    def perform_create(self, serializer: BaseSerializer[FieldMapping]) -> FieldMapping:
        with field_mappings_change(serializer.validated_data["integration"]):
            return serializer.save()

    def perform_update(self, serializer: BaseSerializer[FieldMapping]) -> FieldMapping:
        assert serializer.instance is not None  # noqa: S101  # an update has one
        with field_mappings_change(serializer.instance.integration):
            return serializer.save()

    def perform_destroy(self, instance: FieldMapping) -> None:
        with field_mappings_change(instance.integration):
            instance.delete()


ROUTES: Routes = {
    "integrations": IntegrationViewSet,
    "sync-results": SyncResultViewSet,
    "field-mappings": FieldMappingViewSet,
    **OUTGOING_ROUTES,
}

ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    **CONNECTING_VIEWS,
    **CREDENTIALS_VIEWS,
    **WEBHOOK_VIEWS,
    **OUTGOING_VIEWS,
}
"""Further things to ask of an item, by address."""
