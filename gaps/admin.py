"""Backoffice pages of gaps, their causes, evidence and actions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from gaps.admin_forms import GapForm
from gaps.domain.lifecycle import VERBS, record_transition
from gaps.enums import TransitionKind
from gaps.gap_answer import gap_answer
from gaps.models import AffectedArea, CorrectiveAction, Evidence, Gap, GapTransition, RootCause
from predictions.actions_admin import MovingAction
from projects.plain_words import days, percent
from tenants.admin.acts import ActingPage
from tenants.admin.base import SystemAdmin, TenantAdmin, TenantInline
from tenants.admin.columns import column
from tenants.domain.auditing import AuditAction

MEASURES = ("current_value", "target_value", "effect_tolerance_units", "confidence", "urgency_h")
SET_BY_MOVES = ("resolved_at", "closed_at")
FOLLOWED_BY_RUNS = (
    "last_seen_at",
    "readiness",
    "readiness_reasons",
    "detector_id",
    "detector_version",
    "fingerprint",
    "inputs_hash",
    "opening_effect",
    "below_since",
)
"""What a detection run finds its own gaps again by; a person who changed it would lose the gap for the next run."""


class RootCauseInline(TenantInline):
    """Why, ranked; folded, because the answer above the form says it in words."""

    model = RootCause
    classes = ("collapse",)
    fields = ("rank", "description", "contribution_days", "contribution_share", "confidence")


class EvidenceInline(TenantInline):
    """The facts it rests on."""

    model = Evidence
    classes = ("collapse",)
    fields = ("object_type", "object_key", "field", "value", "observed_at")


class CorrectiveActionInline(TenantInline):
    """What closes it."""

    model = CorrectiveAction
    fields = ("title", "status", "priority", "owner", "due_date", "expected_effect_days")


class AffectedAreaInline(TenantInline):
    """What it touches."""

    model = AffectedArea
    classes = ("collapse",)
    fields = ("kind", "name", "impact_level")


@admin.register(Gap)
class GapPage(TenantAdmin):
    """Where a project differs from what was intended, with causes, evidence and actions on one page."""

    read_action = AuditAction.VIEW_GAP_ANALYSIS
    list_display = ("title", "project", "type", "severity", "status", "identified_at", "owner")
    list_filter = ("status", "severity", "type")
    list_select_related = ("project", "owner")
    inlines = (CorrectiveActionInline, RootCauseInline, AffectedAreaInline, EvidenceInline)
    form = GapForm
    readonly_fields = ("status", *FOLLOWED_BY_RUNS, *SET_BY_MOVES)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Put what people decide first, and fold what only the detection and its readers need.

        A new gap is open and nobody found it by a run, so it has neither moves nor a history yet.
        """
        moves = ("move", "note") if obj is not None and self.has_change_permission(request, obj) else ()
        decided = ("owner", "severity", "type", "category", "title", "description", "impact", "identified_at")
        sections = [
            (None, {"fields": ("project", *(("status",) if obj else ()), *moves, *decided)}),
            ("Measures", {"classes": ("collapse",), "fields": MEASURES}),
        ]
        if obj is None:
            return sections
        found = ("origin", *SET_BY_MOVES, *FOLLOWED_BY_RUNS, "created_at", "updated_at")
        return [*sections, ("How it was found and followed", {"classes": ("collapse",), "fields": found})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return (*super().get_readonly_fields(request, obj), "origin")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Say above the form what the gap is, why, and on which facts."""
        gap = self.get_object(request, object_id)
        answer = None if gap is None else gap_answer(gap)
        return super().change_view(request, object_id, form_url, {"answer": answer, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        by: Any = request.user
        if not change:
            kind = TransitionKind.OPENED
            record_transition(gap=obj, kind=kind, before=None, by=by, at=timezone.now(), note="")
        move = form.cleaned_data.get("move")
        if move:
            verb = VERBS[TransitionKind(move)]
            verb(gap=obj, by=by, at=timezone.now(), note=form.cleaned_data.get("note", ""))


@admin.register(RootCause)
class RootCausePage(TenantAdmin):
    """Causes of gaps with their contribution in days, money or share."""

    read_action = AuditAction.VIEW_GAP_ANALYSIS
    list_display = (
        "description",
        "gap",
        "rank",
        "category",
        column("contribution_days", "Part of the slip", days),
        column("contribution_share", "Share", percent),
        column("confidence", "How sure", percent),
    )
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
class CorrectiveActionPage(ActingPage):
    """What closes gaps: who, until when, at what cost, to what effect."""

    act = MovingAction("gaps.transition_correctiveaction")
    list_display = (
        "title",
        "gap",
        "status",
        "priority",
        "owner",
        "due_date",
        column("expected_effect_days", "Expected effect", days),
    )
    list_filter = ("status", "priority")
    list_select_related = ("gap", "owner")


@admin.register(GapTransition)
class GapTransitionPage(SystemAdmin):
    """Who moved a gap from which state to which, when and why."""

    read_action = AuditAction.VIEW_GAP_ANALYSIS
    list_display = ("gap", "kind", "from_status", "to_status", "from_severity", "to_severity", "at")
    list_select_related = ("gap",)
