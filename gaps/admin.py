"""Backoffice pages of gaps, their causes, evidence and actions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from gaps.admin_forms import VERBS, GapForm
from gaps.enums import TransitionKind
from gaps.models import AffectedArea, CorrectiveAction, Evidence, Gap, GapTransition, RootCause
from tenants.admin.base import SystemAdmin, TenantAdmin, TenantInline
from tenants.domain.auditing import AuditAction


class RootCauseInline(TenantInline):
    """Why, ranked."""

    model = RootCause
    fields = ("rank", "description", "contribution_days", "contribution_share", "confidence")


class EvidenceInline(TenantInline):
    """The facts it rests on."""

    model = Evidence
    fields = ("object_type", "object_key", "field", "value", "observed_at")


class CorrectiveActionInline(TenantInline):
    """What closes it."""

    model = CorrectiveAction
    fields = ("title", "status", "priority", "owner", "due_date", "expected_effect_days")


class AffectedAreaInline(TenantInline):
    """What it touches."""

    model = AffectedArea
    fields = ("kind", "name", "impact_level")


@admin.register(Gap)
class GapPage(TenantAdmin):
    """Where a project differs from what was intended, with causes, evidence and actions on one page."""

    read_action = AuditAction.VIEW_GAP_ANALYSIS
    list_display = ("title", "project", "type", "severity", "status", "identified_at", "owner")
    list_filter = ("status", "severity", "type")
    list_select_related = ("project", "owner")
    search_fields = ("title__prefix",)
    inlines = (RootCauseInline, AffectedAreaInline, EvidenceInline, CorrectiveActionInline)
    form = GapForm
    readonly_fields = ("status",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Put status and move first; a new gap is open, so there is nothing to move yet."""
        names = [name for name in super().get_fields(request, obj) if name not in ("move", "note", "status")]
        if obj is None or not self.has_change_permission(request, obj):
            return [*names[:2], *(["status"] if obj else []), *names[2:]]
        return [*names[:2], "status", "move", "note", *names[2:]]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        move = form.cleaned_data.get("move")
        if move:
            verb = VERBS[TransitionKind(move)]
            verb(gap=obj, by=request.user, at=timezone.now(), note=form.cleaned_data.get("note", ""))


@admin.register(RootCause)
class RootCausePage(TenantAdmin):
    """Causes of gaps with their contribution in days, money or share."""

    read_action = AuditAction.VIEW_GAP_ANALYSIS
    list_display = ("description", "gap", "rank", "category", "contribution_days", "contribution_share", "confidence")
    list_select_related = ("gap",)


@admin.register(AffectedArea)
class AffectedAreaPage(TenantAdmin):
    """What gaps touch."""

    read_action = AuditAction.VIEW_GAP_ANALYSIS
    list_display = ("name", "gap", "kind", "impact_level")
    list_select_related = ("gap",)


@admin.register(Evidence)
class EvidencePage(TenantAdmin):
    """The facts gaps rest on."""

    read_action = AuditAction.VIEW_GAP_ANALYSIS
    list_display = ("object_key", "gap", "object_type", "field", "observed_at")
    list_select_related = ("gap",)


@admin.register(CorrectiveAction)
class CorrectiveActionPage(TenantAdmin):
    """What closes gaps: who, until when, at what cost, to what effect."""

    list_display = ("title", "gap", "status", "priority", "owner", "due_date", "expected_effect_days")
    list_filter = ("status", "priority")
    list_select_related = ("gap", "owner")


@admin.register(GapTransition)
class GapTransitionPage(SystemAdmin):
    """Who moved a gap from which state to which, when and why."""

    read_action = AuditAction.VIEW_GAP_ANALYSIS
    list_display = ("gap", "kind", "from_status", "to_status", "from_severity", "to_severity", "at")
    list_select_related = ("gap",)
