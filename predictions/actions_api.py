"""Moving actions on through the API, and their history. Corrective and preventive actions share all of it."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from predictions.domain.acting import MOVES, move_action
from predictions.enums import ActionMove
from predictions.models import Action, ActionTransition, PreventiveAction
from tenants.api.access import requester
from tenants.api.fields import VisibleReference
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet, created_step, said
from tenants.models import User
from tenants.permissions import Action as Permitted
from tenants.validators import MAX_NOTE_CHARACTERS

A = TypeVar("A", bound=Action)

ActionTransitionSerializer = serializer_for(ActionTransition)


class ActionMoveSerializer(serializers.Serializer[Any]):
    """One move of an action, with what there is to say about it. An activation may name owner and due date."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.label) for kind in MOVES])
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_NOTE_CHARACTERS)
    owner = VisibleReference(queryset=User._default_manager.none(), required=False, allow_null=True, default=None)
    due_date = serializers.DateField(required=False, allow_null=True, default=None)


class FollowedActionViewSet(TenantViewSet[A]):
    """Actions that are followed up: their status moves by the table of moves only, and the moves stay."""

    filters: ClassVar[Any] = {
        "status": SET,
        "priority": SET,
        "owner": EXACT,
        "code": EXACT,
        "due_date": NULLABLE_RANGE,
        "escalated_at": NULLABLE_RANGE,
    }
    custom_actions = {"transitions": Permitted.TRANSITION}

    @extend_schema(request=ActionMoveSerializer, responses={201: ActionTransitionSerializer})
    @action(detail=True, methods=["post"])
    def transitions(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Move an action on: activate it (with owner and due date), say that it is done, or drop it and say why."""
        found = self.find()
        asked = said(ActionMoveSerializer, request, context=self.get_serializer_context())
        move_action(
            action=found,
            kind=ActionMove(asked["kind"]),
            by=requester(request),
            at=timezone.now(),
            note=asked["note"],
            owner=asked["owner"],
            due_date=asked["due_date"],
        )
        steps = ActionTransition.objects.filter(action_id=found.pk)
        return created_step(request, steps, ActionTransitionSerializer, "/api/v1/action-transitions")


class PreventiveActionViewSet(FollowedActionViewSet[PreventiveAction]):
    """What could be done before a predicted event happens."""

    model = PreventiveAction
    serializer_class = serializer_for(PreventiveAction)
    filters = {"prediction": EXACT, **FollowedActionViewSet.filters}


class ActionTransitionViewSet(ReadOnlyTenantViewSet[ActionTransition]):
    """What happened to actions: activated, done, dropped, escalated. Never rewritten."""

    model = ActionTransition
    serializer_class = ActionTransitionSerializer
    filters = {"project": EXACT, "action_id": EXACT, "action_kind": SET, "kind": SET, "at": RANGE}


ROUTES: Routes = {"preventive-actions": PreventiveActionViewSet, "action-transitions": ActionTransitionViewSet}
