"""Backoffice pages of alerts, overrides and reports of missed events. What the system wrote is read-only everywhere."""

from __future__ import annotations

from typing import Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone

from predictions.domain.acting import ActionRefused
from predictions.domain.alerting import MUTE_MOVES, AlertRefused, decide_mute, dismiss_alert, mute_type
from predictions.domain.missed_events import VERDICTS, VerdictRefused, judge_missed_event, report_missed_event
from predictions.domain.overriding import OverrideRefused, override_prediction
from predictions.enums import DismissalReason, MissedEventStatus, MuteState
from predictions.models import (
    Alert,
    AlertDecision,
    AlertMute,
    MissedEvent,
    MissedEventVerdict,
    Prediction,
    PredictionOverride,
)
from projects.plain_words import percent
from tenants.admin.base import SystemAdmin, TenantAdmin, TenantInline, reads_across_tenants
from tenants.admin.columns import column
from tenants.domain.auditing import AuditAction
from tenants.models import User

NOTE_MAX_LENGTH = 5_000
Refusals = (ActionRefused, AlertRefused, VerdictRefused, OverrideRefused)


class ActForm(forms.Form):
    """Something a person does to a row, with what there is to say about it."""

    verb: ClassVar[str] = "Save"
    template_name = "admin/includes/act_fields.html"

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="act_%s", label_suffix="")


def note_field(label: str, *, required: bool) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=NOTE_MAX_LENGTH, required=required, widget=forms.Textarea(attrs={"rows": 2, "cols": 60})
    )


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


def person(user_id: UUID | None) -> str:
    """The address of one of the organisation's people; an id that none of them has is an operator's."""
    if user_id is None:
        return "—"
    return User.objects.filter(pk=user_id).values_list("email", flat=True).first() or "an operator"


class ActingPage:
    """A page on which something is done to a row by a small form of its own, not by editing its fields.

    act_name: last part of the address;  act_permission: action in the role matrix, and of which model
    """

    act_name: ClassVar[str]
    act_permission: ClassVar[str]
    act_title: ClassVar[str]
    model: Any
    admin_site: Any
    opts: Any

    def act_form(self, data: Any, row: Any) -> ActForm:
        """The form of the act."""
        raise NotImplementedError

    def act_is_open(self, row: Any) -> bool:
        """Whether the row's state lets it be done."""
        raise NotImplementedError

    def act(self, row: Any, values: dict[str, Any], by: User) -> str:
        """Do it. Returns what to tell the person; raises one of Refusals."""
        raise NotImplementedError

    def act_url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{self.act_name}"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.act_view)
        mine = path(f"<uuid:row_id>/{self.act_name}/", view, name=self.act_url_name())
        return [mine, *cast("Any", super()).get_urls()]

    def may_act(self, request: HttpRequest) -> bool:
        return not reads_across_tenants() and bool(cast("Any", request.user).has_perm(self.act_permission))

    def act_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page needs to show the form; nothing where it may not or cannot be done."""
        if row is None or not self.may_act(request) or not self.act_is_open(row):
            return {}
        url = reverse(f"admin:{self.act_url_name()}", args=[row.pk])
        return {"act_form": self.act_form(None, row), "act_url": url, "act_title": self.act_title}

    def act_view(self, request: HttpRequest, row_id: Any) -> HttpResponse:
        """Do what the form says, and go back to the row's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.may_act(request):
            raise PermissionDenied
        row = get_object_or_404(cast("Any", self).get_queryset(request), pk=row_id)
        form = self.act_form(request.POST, row)
        if not form.is_valid():
            said = "; ".join(
                f"{form.fields[name].label}: {' '.join(map(str, texts))}" for name, texts in form.errors.items()
            )
            messages.error(request, f"Nothing was changed. {said}")
        else:
            try:
                with transaction.atomic():
                    messages.success(request, self.act(row, form.cleaned_data, cast("User", request.user)))
            except Refusals as refused:
                messages.error(request, f"Nothing was changed. {refused}")
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        return HttpResponseRedirect(page)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        page = cast("Any", super())
        row = cast("Any", self).get_object(request, object_id)
        shown = {**self.act_context(request, row), **(extra_context or {})}
        response: HttpResponse = page.change_view(request, object_id, form_url, shown)
        return response


class SaidOnceAdmin(TenantAdmin):
    """A page of what people say once: they add, and nobody edits or deletes."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def say(self, obj: Any, by: User) -> Any:
        """Keep what the form says, through the domain. Returns the stored row."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        try:
            with transaction.atomic():
                stored = self.say(obj, cast("User", request.user))
        except Refusals as refused:
            _refuse(request, str(refused))
        except ValidationError as refused:
            _refuse(request, " ".join(refused.messages))
        except IntegrityError:
            _refuse(request, "The same stands there already.")
        else:
            for field in stored._meta.concrete_fields:  # the page goes on with what was stored
                setattr(obj, field.attname, getattr(stored, field.attname))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        if getattr(request, "was_refused", False):
            return HttpResponseRedirect("../")
        return super().response_add(request, obj, post_url_continue)


def _refuse(request: HttpRequest, why: str) -> None:
    noted: Any = request
    noted.was_refused = True
    messages.error(request, f"Nothing was kept. {why}")


class AlertDecisionInline(TenantInline):
    """What was pushed of it, and why."""

    model = AlertDecision
    fields = ("decided_at", "decision", "reason", "impact", "deliver_at", "delivered_at")
    ordering = ("id",)
    show_change_link = False


@admin.register(Alert)
class AlertPage(ActingPage, SystemAdmin):
    """Threads of warnings: what alarms, since when, and what was pushed of it."""

    act_name, act_permission, act_title = "dismiss", "predictions.transition_alert", "Hear no more of it"
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
        return person(alert.dismissed_by_id)

    def act_form(self, data: Any, row: Any) -> ActForm:
        return DismissalForm(data)

    def act_is_open(self, row: Any) -> bool:
        return bool(row.state == "OPEN")

    def act(self, row: Any, values: dict[str, Any], by: User) -> str:
        reason = DismissalReason(values["reason"])
        dismiss_alert(alert=row, reason=reason, note=values["note"], by=by, at=timezone.now())
        return "The thread is dismissed. Its event is still followed and scored."


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

    act_name, act_permission, act_title = "decide", "predictions.transition_alertmute", "Decide"
    list_display = ("type", "project", "reason", "state", "proposed_at", "decided_at")
    list_filter = ("state", "type")
    list_select_related = ("project",)
    fields = ("project", "type", "reason", "note", "state", "proposed_at", "decided_at", "decided_by")
    readonly_fields = ("decided_by",)

    @admin.display(description="Decided by")
    def decided_by(self, mute: AlertMute) -> str:
        return person(mute.decided_by_id)

    def act_form(self, data: Any, row: Any) -> ActForm:
        return MuteDecisionForm(data, row=row)

    def act_is_open(self, row: Any) -> bool:
        return any(row.state == source for source in MUTE_MOVES.values())

    def act(self, row: Any, values: dict[str, Any], by: User) -> str:
        decided = decide_mute(mute=row, state=MuteState(values["state"]), note=values["note"], by=by, at=timezone.now())
        return f"{decided.get_type_display()}: {decided.get_state_display().lower()}."

    def say(self, obj: Any, by: User) -> Any:
        return mute_type(project=obj.project, type=obj.type, reason=obj.reason, note=obj.note, by=by, at=timezone.now())


@admin.register(PredictionOverride)
class PredictionOverridePage(SaidOnceAdmin):
    """What people said instead of the model; scored by the same outcomes."""

    read_action = AuditAction.ACCESS_PREDICTION
    list_display = ("prediction", column("probability", "Chance", percent), "reason", "made_at")
    list_select_related = ("prediction",)
    fields = ("project", "prediction", "probability", "reason", "made_by", "made_at")
    readonly_fields = ("made_by",)

    @admin.display(description="Made by")
    def made_by(self, override: PredictionOverride) -> str:
        return person(override.made_by_id)

    def say(self, obj: Any, by: User) -> Any:
        return override_prediction(
            prediction=obj.prediction, probability=obj.probability, reason=obj.reason, by=by, at=timezone.now()
        )


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

    act_name, act_permission, act_title = "judge", "predictions.transition_missedevent", "Does it count as a miss?"
    list_display = ("type", "project", "occurred_at", "status", "reported_at")
    list_filter = ("status", "type")
    list_select_related = ("project",)
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
        return person(event.reported_by_id)

    inlines = (VerdictInline,)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return () if obj is None else self.inlines

    def act_form(self, data: Any, row: Any) -> ActForm:
        return VerdictForm(data)

    def act_is_open(self, row: Any) -> bool:
        return row.status not in (MissedEventStatus.LINKED, MissedEventStatus.COVERED)

    def act(self, row: Any, values: dict[str, Any], by: User) -> str:
        judge_missed_event(
            event=row, status=MissedEventStatus(values["status"]), note=values["note"], by=by, at=timezone.now()
        )
        return f"{row.get_status_display()}: kept in its history."

    def say(self, obj: Any, by: User) -> Any:
        return report_missed_event(
            project=obj.project,
            type=obj.type,
            occurred_at=obj.occurred_at,
            description=obj.description,
            by=by,
            at=timezone.now(),
        )


@admin.register(MissedEventVerdict)
class MissedEventVerdictPage(SystemAdmin):
    """The history of reports: found by the rule or decided by a person, and why."""

    list_display = ("missed_event", "status", "at", "note")
    list_filter = ("status",)
    list_select_related = ("missed_event",)


class OverridingPage(ActingPage):
    """The act of a prediction's page: say another probability."""

    act_name, act_permission = "override", "predictions.add_predictionoverride"
    act_title = "Say another probability"

    def act_form(self, data: Any, row: Any) -> ActForm:
        return OverrideForm(data)

    def act_is_open(self, row: Prediction) -> bool:
        return not row.is_retrospective and row.predicted_for > timezone.now()

    def act(self, row: Prediction, values: dict[str, Any], by: User) -> str:
        override_prediction(
            prediction=row,
            probability=values["chance_percent"] / 100,
            reason=values["reason"],
            by=by,
            at=timezone.now(),
        )
        return "Kept beside the model's number, and scored by the same outcome."
