"""Backoffice pages of predictions, their outcomes, indicators and actions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from predictions.actions_admin import MovingAction
from predictions.alerts_admin import Override
from predictions.models import Prediction, PredictionOutcome, PreventiveAction, RiskIndicator
from predictions.prediction_answer import act_by, over_by, prediction_answer, prediction_company
from projects.plain_words import day, days, percent
from tenants.admin.acts import ActingPage
from tenants.admin.base import SystemAdmin, TenantAdmin, TenantInline
from tenants.admin.columns import column, number
from tenants.domain.auditing import AuditAction

# The stubs know columns that are functions for lists only, not for forms.
MEASURED: tuple[Any, ...] = (column("value", "Measured", number), column("threshold", "Worrying from", number))
WEIGHT: Any = column("weight", "Share of the prediction", percent)
EXPECTED_EFFECT: Any = column("expected_effect_days", "Expected effect", days)


class RiskIndicatorInline(TenantInline):
    """What the prediction watches."""

    model = RiskIndicator
    fields = ("name", *MEASURED, "unit", "trend", WEIGHT)
    readonly_fields = (*MEASURED, WEIGHT)


class PreventiveActionInline(TenantInline):
    """What would prevent it."""

    model = PreventiveAction
    fields = ("title", "status", "priority", "owner", "due_date", EXPECTED_EFFECT)
    readonly_fields = (EXPECTED_EFFECT,)


@admin.register(Prediction)
class PredictionPage(ActingPage, SystemAdmin):
    """What was claimed, with which probability: written once, settled later."""

    act = Override()
    read_action = AuditAction.ACCESS_PREDICTION
    change_form_template = "admin/predictions/prediction/change_form.html"
    change_list_template = "admin/predictions/prediction/change_list.html"
    list_display = ("type", "project", "about", "chance", "impact", "happens_by", "start_by", "issued_at")
    list_filter = ("type", "impact", "is_retrospective")
    list_select_related = ("project",)
    inlines = (RiskIndicatorInline, PreventiveActionInline)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what people ask first, and fold what makes the prediction repeatable and checkable."""
        first = ("project", "type", "impact", "predicted_for", "issued_at", "as_of", "is_alert", "is_retrospective")
        rest = tuple(name for name in self.get_fields(request, obj) if name not in first)
        return [
            (None, {"fields": first}),
            ("Everything that was stored", {"classes": ("collapse",), "fields": rest}),
        ]

    @admin.display(description="About")
    def about(self, prediction: Prediction) -> str:
        """The item, iteration or milestone by its name; the whole project otherwise."""
        subject = prediction.event.get("subject") or {}
        return str(subject.get("key") or subject.get("type", "project").replace("_", " "))

    @admin.display(description="Chance", ordering="probability")
    def chance(self, prediction: Prediction) -> str:
        return percent(prediction.probability)

    @admin.display(description="Would happen by", ordering="predicted_for")
    def happens_by(self, prediction: Prediction) -> str:
        return over_by(prediction)

    @admin.display(description="Act until")
    def start_by(self, prediction: Prediction) -> str:
        """The latest start of the best action as it was computed, with a word where it has passed."""
        latest = act_by(prediction)
        if latest is None:
            return "—"
        return f"{day(latest.date())}{'' if latest > timezone.now() else ', over'}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Say above the fields what is claimed, how sure we are, and why."""
        prediction = self.get_object(request, object_id)
        shown = (
            {}
            if prediction is None
            else {
                "answer": prediction_answer(prediction),
                "company": prediction_company(prediction),
            }
        )
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})


@admin.register(PredictionOutcome)
class PredictionOutcomePage(SystemAdmin):
    """What came true."""

    read_action = AuditAction.ACCESS_PREDICTION
    list_display = (
        "prediction",
        "result",
        "settled_at",
        "occurred_at",
        column("accuracy", "Brier score (0 is perfect)", number),
        "acted_on",
    )
    list_filter = ("result",)
    list_select_related = ("prediction",)


@admin.register(PreventiveAction)
class PreventiveActionPage(ActingPage):
    """What would prevent what was predicted: who, until when, to what effect."""

    act = MovingAction("predictions.transition_preventiveaction")
    list_display = ("title", "prediction", "status", "priority", "owner", "due_date", EXPECTED_EFFECT)
    list_filter = ("status", "priority")
    list_select_related = ("prediction", "owner")


@admin.register(RiskIndicator)
class RiskIndicatorPage(TenantAdmin):
    """Values that predictions watch, with threshold and trend."""

    list_display = ("name", "prediction", *MEASURED, "unit", "trend")
    list_filter = ("trend",)
    list_select_related = ("prediction",)
