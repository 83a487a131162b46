"""Backoffice pages of predictions, their outcomes, indicators and actions."""

from __future__ import annotations

from django.contrib import admin

from predictions.models import Prediction, PredictionOutcome, PreventiveAction, RiskIndicator
from tenants.admin.base import SystemAdmin, TenantAdmin, TenantInline
from tenants.domain.auditing import AuditAction


class RiskIndicatorInline(TenantInline):
    """What the prediction watches."""

    model = RiskIndicator
    fields = ("name", "value", "threshold", "unit", "trend", "weight")


class PreventiveActionInline(TenantInline):
    """What would prevent it."""

    model = PreventiveAction
    fields = ("title", "status", "priority", "owner", "due_date", "expected_effect_days")


@admin.register(Prediction)
class PredictionPage(SystemAdmin):
    """What was claimed, with which probability: written once, settled later."""

    read_action = AuditAction.ACCESS_PREDICTION
    list_display = ("type", "project", "probability", "impact", "predicted_for", "prevention_window_h", "issued_at")
    list_filter = ("type", "impact")
    list_select_related = ("project",)
    inlines = (RiskIndicatorInline, PreventiveActionInline)


@admin.register(PredictionOutcome)
class PredictionOutcomePage(SystemAdmin):
    """What came true."""

    read_action = AuditAction.ACCESS_PREDICTION
    list_display = ("prediction", "result", "settled_at", "occurred_at", "accuracy", "acted_on")
    list_filter = ("result",)
    list_select_related = ("prediction",)


@admin.register(PreventiveAction)
class PreventiveActionPage(TenantAdmin):
    """What would prevent what was predicted: who, until when, to what effect."""

    list_display = ("title", "prediction", "status", "priority", "owner", "due_date", "expected_effect_days")
    list_filter = ("status", "priority")
    list_select_related = ("prediction", "owner")


@admin.register(RiskIndicator)
class RiskIndicatorPage(TenantAdmin):
    """Values that predictions watch, with threshold and trend."""

    list_display = ("name", "prediction", "value", "threshold", "unit", "trend")
    list_filter = ("trend",)
    list_select_related = ("prediction",)
