"""Backoffice pages of alerts, overrides and reports of missed events. What the system wrote is read-only everywhere."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from predictions.domain.alerting import MUTE_MOVES, decide_mute, dismiss_alert, mute_type
from predictions.domain.missed_events import VERDICTS, judge_missed_event, report_missed_event
from predictions.domain.overriding import override_prediction
from predictions.enums import AlertState, DismissalReason, MissedEventStatus, MuteState
from predictions.models import (
    Alert,
    AlertDecision,
    AlertMute,
    MissedEvent,
    MissedEventVerdict,
    PredictionOverride,
)
from projects.plain_words import percent
from tenants.admin.acts import Act, ActForm, ActingPage, SaidOnceAdmin, note_field
from tenants.admin.base import SystemAdmin, TenantInline
from tenants.admin.columns import column
from tenants.domain.auditing import AuditAction
from tenants.domain.people import person_in_words
from tenants.models import User


class DismissalForm(ActForm):
    """Hear no more of a thread."""

    verb = "Dismiss"
    reason = forms.ChoiceField(label="Why", choices=DismissalReason.choices)
    note = note_field("In your words", required=False)


class MuteDecisionForm(ActForm):
    """Decide about a mute; what its state does not allow is not offered."""

    verb = "Decide"
    state = forms.ChoiceField(label="Decision")
    note = note_field("In your words", required=False)

    def __init__(self, data: Any = None, *, row: AlertMute) -> None:
        super().__init__(data)
        choice = cast("forms.ChoiceField", self.fields["state"])
        choice.choices = [(to.value, to.label) for to, source in MUTE_MOVES.items() if row.state == source]


class VerdictForm(ActForm):
    """Vouch for a report, or reject it."""

    verb = "Decide"
    status = forms.ChoiceField(label="Verdict", choices=[(each.value, each.label) for each in VERDICTS])
    note = note_field("Why", required=True)


class OverrideForm(ActForm):
    """Say another probability."""

    verb = "Say so"
    chance_percent = forms.FloatField(label="Chance (%)", min_value=0, max_value=100)
    reason = note_field("Why", required=True)


# --- what people do ---


class Dismissal(Act):
    """Hear no more of a thread."""

    name, title, permission = "dismiss", "Hear no more of it", "predictions.transition_alert"

    def form(self, data: Any, row: Any) -> ActForm:
        return DismissalForm(data)

    def is_open(self, row: Any) -> bool:
        return bool(row.state == AlertState.OPEN)

    def do(self, row: Any, values: dict[str, Any], by: User) -> str:
        reason = DismissalReason(values["reason"])
        dismiss_alert(alert=row, reason=reason, note=values["note"], by=by, at=timezone.now())
        return "The thread is dismissed. Its event is still followed and scored."


class MuteDecision(Act):
    """Accept or decline a proposal to mute, or lift a mute."""

    name, title, permission = "decide", "Decide", "predictions.transition_alertmute"

    def form(self, data: Any, row: Any) -> ActForm:
        return MuteDecisionForm(data, row=row)

    def is_open(self, row: Any) -> bool:
        return any(row.state == source for source in MUTE_MOVES.values())

    def do(self, row: Any, values: dict[str, Any], by: User) -> str:
        decided = decide_mute(mute=row, state=MuteState(values["state"]), note=values["note"], by=by, at=timezone.now())
        return f"{decided.get_type_display()}: {decided.get_state_display().lower()}."


class Judgement(Act):
    """Vouch for a report of a missed event, or reject it."""

    name, title, permission = "judge", "Does it count as a miss?", "predictions.transition_missedevent"

    def form(self, data: Any, row: Any) -> ActForm:
        return VerdictForm(data)

    def is_open(self, row: Any) -> bool:
        return row.status not in (MissedEventStatus.LINKED, MissedEventStatus.COVERED)

    def do(self, row: Any, values: dict[str, Any], by: User) -> str:
        status = MissedEventStatus(values["status"])
        judge_missed_event(event=row, status=status, note=values["note"], by=by, at=timezone.now())
        return f"{row.get_status_display()}: kept in its history."


class Override(Act):
    """Say another probability than a prediction."""

    name, title, permission = "override", "Say another probability", "predictions.add_predictionoverride"

    def form(self, data: Any, row: Any) -> ActForm:
        return OverrideForm(data)

    def is_open(self, row: Any) -> bool:
        return not row.is_retrospective and row.predicted_for > timezone.now()

    def do(self, row: Any, values: dict[str, Any], by: User) -> str:
        probability, reason = values["chance_percent"] / 100, values["reason"]
        override_prediction(prediction=row, probability=probability, reason=reason, by=by, at=timezone.now())
        return "Kept beside the model's number, and scored by the same outcome."


# --- what people say once ---


def _mute(row: Any, by: User) -> AlertMute:
    return mute_type(project=row.project, type=row.type, reason=row.reason, note=row.note, by=by, at=timezone.now())


def _override(row: Any, by: User) -> PredictionOverride:
    return override_prediction(
        prediction=row.prediction, probability=row.probability, reason=row.reason, by=by, at=timezone.now()
    )


def _report(row: Any, by: User) -> MissedEvent:
    return report_missed_event(
        project=row.project,
        type=row.type,
        occurred_at=row.occurred_at,
        description=row.description,
        by=by,
        at=timezone.now(),
    )


# --- pages ---


class AlertDecisionInline(TenantInline):
    """What was pushed of it, and why."""

    model = AlertDecision
    fields = ("decided_at", "decision", "reason", "impact", "deliver_at", "delivered_at")
    ordering = ("id",)
    show_change_link = False


@admin.register(Alert)
class AlertPage(ActingPage, SystemAdmin):
    """Threads of warnings: what alarms, since when, and what was pushed of it."""

    act = Dismissal()
    read_action = AuditAction.ACCESS_PREDICTION
    list_display = ("type", "project", "impact", "state", "is_late", "opened_at", "closed_at")
    list_filter = ("state", "type", "impact", "is_late")
    list_select_related = ("project",)
    inlines = (AlertDecisionInline,)
    fields = (
        "project",
        "type",
        "impact",
        "state",
        "prediction",
        "is_late",
        "opened_at",
        "closed_at",
        "closing",
        "dismissed_at",
        "dismissed_by",
        "dismissal_reason",
        "dismissal_note",
        "episode_id",
    )
    readonly_fields = ("dismissed_by",)

    @admin.display(description="Dismissed by")
    def dismissed_by(self, alert: Alert) -> str:
        return person_in_words(alert.dismissed_by_id)


@admin.register(AlertDecision)
class AlertDecisionPage(SystemAdmin):
    """What became of each piece of news: pushed, held over night, left to the digest, or muted."""

    read_action = AuditAction.ACCESS_PREDICTION
    list_display = ("alert", "project", "decision", "reason", "impact", "decided_at", "deliver_at", "delivered_at")
    list_filter = ("decision", "reason")
    list_select_related = ("alert", "project")


@admin.register(AlertMute)
class AlertMutePage(ActingPage, SaidOnceAdmin):
    """Kinds of warnings that are silent in a project, or proposed to be. Adding one mutes the type at once."""

    act = MuteDecision()
    say = staticmethod(_mute)
    list_display = ("type", "project", "reason", "state", "proposed_at", "decided_at")
    list_filter = ("state", "type")
    list_select_related = ("project",)
    fields = ("project", "type", "reason", "note", "state", "proposed_at", "decided_at", "decided_by")
    readonly_fields = ("decided_by",)

    @admin.display(description="Decided by")
    def decided_by(self, mute: AlertMute) -> str:
        return person_in_words(mute.decided_by_id)


@admin.register(PredictionOverride)
class PredictionOverridePage(SaidOnceAdmin):
    """What people said instead of the model; scored by the same outcomes."""

    say = staticmethod(_override)
    read_action = AuditAction.ACCESS_PREDICTION
    list_display = ("prediction", column("probability", "Chance", percent), "reason", "made_at")
    list_select_related = ("prediction",)
    fields = ("project", "prediction", "probability", "reason", "made_by", "made_at")
    readonly_fields = ("made_by",)

    @admin.display(description="Made by")
    def made_by(self, override: PredictionOverride) -> str:
        return person_in_words(override.made_by_id)


class VerdictInline(TenantInline):
    """What was found and decided of it."""

    model = MissedEventVerdict
    fields = ("at", "status", "note")
    ordering = ("id",)
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(MissedEvent)
class MissedEventPage(ActingPage, SaidOnceAdmin):
    """What happened without a warning, as people report it."""

    act = Judgement()
    say = staticmethod(_report)
    list_display = ("type", "project", "occurred_at", "status", "reported_at")
    list_filter = ("status", "type")
    list_select_related = ("project",)
    inlines = (VerdictInline,)
    fields = (
        "project",
        "type",
        "occurred_at",
        "description",
        "status",
        "prediction",
        "reported_at",
        "reported_by",
        "settled_at",
    )
    readonly_fields = ("reported_by",)

    @admin.display(description="Reported by")
    def reported_by(self, event: MissedEvent) -> str:
        return person_in_words(event.reported_by_id)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return () if obj is None else self.inlines


@admin.register(MissedEventVerdict)
class MissedEventVerdictPage(SystemAdmin):
    """The history of reports: found by the rule or decided by a person, and why."""

    list_display = ("missed_event", "status", "at", "note")
    list_filter = ("status",)
    list_select_related = ("missed_event",)
