"""Backoffice pages of connected tools."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from integrations.models import FieldMapping, Integration, StreamState, SyncProgress, SyncResult
from tenants.admin.base import SystemAdmin, TenantAdmin, TenantInline


class FieldMappingInline(TenantInline):
    """Which external field becomes which of ours."""

    model = FieldMapping


@admin.register(Integration)
class IntegrationPage(TenantAdmin):
    """Connections to tools; credentials are entered here and shown nowhere."""

    list_display = ("name", "project", "type", "status", "last_sync_at", "error_count")
    list_filter = ("type", "status")
    list_select_related = ("project",)
    inlines = (FieldMappingInline,)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep when the credentials changed, as the API does."""
        if "credentials" in form.changed_data:
            obj.credentials_changed_at = timezone.now()
        super().save_model(request, obj, form, change)


@admin.register(FieldMapping)
class FieldMappingPage(TenantAdmin):
    """Which external field becomes which of ours, and how."""

    list_display = ("external_field", "internal_field", "integration", "transformation", "is_required")
    list_select_related = ("integration",)


@admin.register(SyncResult)
class SyncResultPage(SystemAdmin):
    """Runs of connections: how many, how long, what failed."""

    list_display = ("integration", "status", "started_at", "duration_ms", "created_count", "failed_count")
    list_filter = ("status",)
    list_select_related = ("integration",)


@admin.register(SyncProgress)
class SyncProgressPage(SystemAdmin):
    """Runs that are under way, or were interrupted."""

    list_display = ("integration", "started_at", "seen_at", "pass_number", "request_count")
    list_select_related = ("integration",)


@admin.register(StreamState)
class StreamStatePage(SystemAdmin):
    """How far each stream has been read."""

    list_display = ("integration", "stream", "partition", "cursor", "checkpoint_at", "census_at")
    list_filter = ("stream",)
    list_select_related = ("integration",)
