"""Endpoints of the gaps app."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from gaps.domain.lifecycle import VERBS, GapTransitionRefused, record_transition
from gaps.enums import GapOrigin, GapStatus, TransitionKind
from gaps.models import AffectedArea, CorrectiveAction, Evidence, Gap, GapTransition, RootCause
from tenants.api.access import requester
from tenants.api.encoding import encode
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.problems import Conflict
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet, created
from tenants.permissions import Action

GapTransitionSerializer = serializer_for(GapTransition)


class GapMoveSerializer(serializers.Serializer[Any]):
    """One move of a gap, with what there is to say about it."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.label) for kind in VERBS])
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=5_000)


class GapViewSet(TenantViewSet[Gap]):
    """Differences between what a project intended and what is happening, followed until they are gone."""

    model = Gap
    serializer_class = serializer_for(Gap)
    filters = {
        "project": EXACT,
        "type": SET,
        "category": SET,
        "severity": SET,
        "status": SET,
        "origin": SET,
        "owner": EXACT,
        "identified_at": RANGE,
    }
    orderings = ("id", "identified_at", "severity")
    custom_actions = {"transitions": Action.TRANSITION}
    read_is_audited = True

    def perform_create(self, serializer: BaseSerializer[Gap]) -> Gap:
        gap = serializer.save(origin=GapOrigin.MANUAL, status=GapStatus.OPEN)
        record_transition(
            gap=gap, kind=TransitionKind.OPENED, before=None, by=requester(self.request), at=timezone.now(), note=""
        )
        return gap

    @extend_schema(request=GapMoveSerializer, responses={201: GapTransitionSerializer})
    @action(detail=True, methods=["post"])
    def transitions(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Move a gap on: start, pause, resolve, close or reopen it. The move stays in its history."""
        gap = self.find()
        move = GapMoveSerializer(data=request.data)
        move.is_valid(raise_exception=True)
        kind, note = move.validated_data["kind"], move.validated_data["note"]
        try:
            VERBS[kind](gap=gap, by=requester(request), at=timezone.now(), note=note)
        except GapTransitionRefused as refused:
            raise Conflict({"note" if refused.code == "note_missing" else "kind": [str(refused)]}) from refused
        columns = GapTransitionSerializer.columns()
        row = GapTransition.objects.filter(gap=gap).order_by("-id").values(*columns)[0]
        return created(request, encode(row), f"/api/v1/gap-transitions/{row['id']}")


class GapTransitionViewSet(ReadOnlyTenantViewSet[GapTransition]):
    """What happened to gaps: opened, worse, resolved. Never rewritten."""

    model = GapTransition
    serializer_class = GapTransitionSerializer
    filters = {"gap": EXACT, "kind": SET, "at": RANGE}


class RootCauseViewSet(TenantViewSet[RootCause]):
    """Why a gap is there, with the part of it that each cause explains."""

    model = RootCause
    serializer_class = serializer_for(RootCause)
    filters = {"gap": EXACT, "category": SET}


class AffectedAreaViewSet(TenantViewSet[AffectedArea]):
    """What a gap touches, and how hard; never a person."""

    model = AffectedArea
    serializer_class = serializer_for(AffectedArea)
    filters = {"gap": EXACT, "kind": SET, "impact_level": SET}


class EvidenceViewSet(TenantViewSet[Evidence]):
    """The facts a gap rests on, down to the source item."""

    model = Evidence
    serializer_class = serializer_for(Evidence)
    filters = {"gap": EXACT, "object_type": SET}


class CorrectiveActionViewSet(TenantViewSet[CorrectiveAction]):
    """What could be done to close a gap."""

    model = CorrectiveAction
    serializer_class = serializer_for(CorrectiveAction)
    filters = {"gap": EXACT, "status": SET, "priority": SET, "owner": EXACT, "due_date": NULLABLE_RANGE}


ROUTES: Routes = {
    "gaps": GapViewSet,
    "gap-transitions": GapTransitionViewSet,
    "root-causes": RootCauseViewSet,
    "affected-areas": AffectedAreaViewSet,
    "evidence": EvidenceViewSet,
    "corrective-actions": CorrectiveActionViewSet,
}
