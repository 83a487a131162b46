"""Endpoints of alerts, overrides and reports of missed events."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from predictions.domain.alerting import MUTE_MOVES, decide_mute, dismiss_alert, mute_type
from predictions.domain.missed_events import VERDICTS, judge_missed_event, report_missed_event
from predictions.domain.overriding import override_prediction
from predictions.enums import DismissalReason, MissedEventStatus, MuteState
from predictions.models import (
    Alert,
    AlertDecision,
    AlertMute,
    MissedEvent,
    MissedEventVerdict,
    PredictionOverride,
)
from tenants.api.access import requester
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet, answer, created_step, said
from tenants.permissions import Action
from tenants.validators import MAX_NOTE_CHARACTERS

SAID_ONCE = ["get", "head", "post"]
"""Methods of what people say and nobody edits."""

AlertSerializer = serializer_for(Alert)
AlertMuteSerializer = serializer_for(AlertMute)
MissedEventSerializer = serializer_for(MissedEvent)
VerdictSerializer = serializer_for(MissedEventVerdict)


class DismissalSerializer(serializers.Serializer[Any]):
    """Why nobody wants to hear of a thread."""

    reason = serializers.ChoiceField(choices=DismissalReason.choices)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_NOTE_CHARACTERS)


class AlertViewSet(ReadOnlyTenantViewSet[Alert]):
    """Threads of warnings: one for each subject that alarms, until it clears. Never more than three pushes a week."""

    model = Alert
    serializer_class = AlertSerializer
    filters = {
        "project": EXACT,
        "type": SET,
        "state": SET,
        "impact": SET,
        "episode_id": EXACT,
        "prediction": EXACT,
        "is_late": EXACT,
        "opened_at": RANGE,
    }
    custom_actions = {"dismissal": Action.TRANSITION}
    read_is_audited = True

    @extend_schema(request=DismissalSerializer, responses={200: AlertSerializer})
    @action(detail=True, methods=["post"])
    def dismissal(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Hear no more of a thread, and say why. Its event is followed and scored all the same."""
        alert = self.find()
        asked = said(DismissalSerializer, request)
        dismiss_alert(
            alert=alert,
            reason=DismissalReason(asked["reason"]),
            note=asked["note"],
            by=requester(request),
            at=timezone.now(),
        )
        return answer(request, self.read_row(alert.pk))


class AlertDecisionViewSet(ReadOnlyTenantViewSet[AlertDecision]):
    """What was pushed, held, left to the digest or muted, when, and why."""

    model = AlertDecision
    serializer_class = serializer_for(AlertDecision)
    filters = {
        "project": EXACT,
        "alert": EXACT,
        "prediction": EXACT,
        "decision": SET,
        "reason": SET,
        "decided_at": RANGE,
        "deliver_at": NULLABLE_RANGE,
    }
    read_is_audited = True


class MuteDecisionSerializer(serializers.Serializer[Any]):
    """What becomes of a proposal to mute, or of a mute."""

    state = serializers.ChoiceField(choices=[(state.value, state.label) for state in MUTE_MOVES])
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_NOTE_CHARACTERS)


class AlertMuteViewSet(TenantViewSet[AlertMute]):
    """Kinds of warnings that are silent in a project, or proposed to be. Adding one mutes the type at once."""

    model = AlertMute
    serializer_class = AlertMuteSerializer
    http_method_names = SAID_ONCE
    filters = {"project": EXACT, "type": SET, "state": SET, "reason": SET}
    custom_actions = {"decision": Action.TRANSITION}

    def perform_create(self, serializer: BaseSerializer[AlertMute]) -> AlertMute:
        values = serializer.validated_data
        return mute_type(**{"note": "", **values}, by=requester(self.request), at=timezone.now())

    @extend_schema(request=MuteDecisionSerializer, responses={200: AlertMuteSerializer})
    @action(detail=True, methods=["post"])
    def decision(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Accept or decline a proposal, or lift a mute. What is muted is still forecast and scored."""
        mute = self.find()
        asked = said(MuteDecisionSerializer, request)
        decide_mute(
            mute=mute,
            state=MuteState(asked["state"]),
            note=asked["note"],
            by=requester(request),
            at=timezone.now(),
        )
        return answer(request, self.read_row(mute.pk))


class PredictionOverrideViewSet(TenantViewSet[PredictionOverride]):
    """What people say instead of the model: beside its number, never in its place, and scored by the same outcome."""

    model = PredictionOverride
    serializer_class = serializer_for(PredictionOverride)
    http_method_names = SAID_ONCE
    filters = {"project": EXACT, "prediction": EXACT, "event_key": EXACT, "made_by_id": EXACT, "made_at": RANGE}
    read_is_audited = True

    def perform_create(self, serializer: BaseSerializer[PredictionOverride]) -> PredictionOverride:
        return override_prediction(**serializer.validated_data, by=requester(self.request), at=timezone.now())


class MissedEventJudgementSerializer(serializers.Serializer[Any]):
    """Whether a report counts as a miss."""

    status = serializers.ChoiceField(choices=[(status.value, status.label) for status in VERDICTS])
    note = serializers.CharField(max_length=MAX_NOTE_CHARACTERS)


class MissedEventViewSet(TenantViewSet[MissedEvent]):
    """Reports that something happened and nobody was warned. Where a claim covered it, its outcome counts instead."""

    model = MissedEvent
    serializer_class = MissedEventSerializer
    http_method_names = SAID_ONCE
    filters = {"project": EXACT, "type": SET, "status": SET, "occurred_at": RANGE, "reported_at": RANGE}
    custom_actions = {"verdicts": Action.TRANSITION}

    def perform_create(self, serializer: BaseSerializer[MissedEvent]) -> MissedEvent:
        return report_missed_event(**serializer.validated_data, by=requester(self.request), at=timezone.now())

    @extend_schema(request=MissedEventJudgementSerializer, responses={201: VerdictSerializer})
    @action(detail=True, methods=["post"])
    def verdicts(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Vouch for a report or reject it, with a reason. Confirmed, it counts as a miss of the track record."""
        event = self.find()
        asked = said(MissedEventJudgementSerializer, request)
        judge_missed_event(
            event=event,
            status=MissedEventStatus(asked["status"]),
            note=asked["note"],
            by=requester(request),
            at=timezone.now(),
        )
        steps = MissedEventVerdict.objects.filter(missed_event=event)
        return created_step(request, steps, VerdictSerializer, "/api/v1/missed-event-verdicts")


class MissedEventVerdictViewSet(ReadOnlyTenantViewSet[MissedEventVerdict]):
    """What was found and decided of each report. Never rewritten."""

    model = MissedEventVerdict
    serializer_class = VerdictSerializer
    filters = {"missed_event": EXACT, "status": SET, "at": RANGE}


ROUTES: Routes = {
    "alerts": AlertViewSet,
    "alert-decisions": AlertDecisionViewSet,
    "alert-mutes": AlertMuteViewSet,
    "prediction-overrides": PredictionOverrideViewSet,
    "missed-events": MissedEventViewSet,
    "missed-event-verdicts": MissedEventVerdictViewSet,
}
