"""What the API offers over several apps at once: analysing a project, end to end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from projects.models import Project
from stratibreak.pipeline import ProjectRefresh, RefreshOutcome, refresh_project
from tenants.api.encoding import encode
from tenants.api.fields import AwareDateTimeField
from tenants.api.problems import Conflict
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, answer
from tenants.domain.auditing import AuditAction, record
from tenants.permissions import Action


class RefreshRequestSerializer(serializers.Serializer[Any]):
    """From which moment to look."""

    as_of = AwareDateTimeField(
        required=False, default=None, allow_null=True, help_text="The record as known then; left out: now."
    )

    def validate_as_of(self, value: datetime | None) -> datetime | None:
        if value is not None and value > timezone.now():
            raise serializers.ValidationError("The future is not on record.")
        return value


class RefreshSerializer(serializers.Serializer[Any]):
    """What an analysis found and changed."""

    project = serializers.UUIDField()
    as_of = serializers.DateTimeField()
    duration_s = serializers.FloatField()
    readiness = serializers.CharField(allow_null=True)
    prediction = serializers.UUIDField(allow_null=True, help_text="The claim that holds now.")
    is_new_prediction = serializers.BooleanField()


class ProjectRefreshViewSet(ReadOnlyTenantViewSet[Project]):
    """Analyses a project: flow, forecast, gaps."""

    model = Project
    serializer_class = serializer_for(Project)
    custom_actions = {"refresh": Action.ANALYSE}
    pagination_class = None
    filter_backends = []

    @extend_schema(
        operation_id="projects_refresh_create", request=RefreshRequestSerializer, responses={200: RefreshSerializer}
    )
    def refresh(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Analyse the project as it was known at a moment, and keep what is new. Busy: 409, and nothing changed."""
        project = self.find()
        wanted = RefreshRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        now = timezone.now()
        found = refresh_project(project=project, as_of=wanted.validated_data["as_of"] or now, at=now)
        if found.outcome == RefreshOutcome.BUSY:
            raise Conflict("Another analysis of this project is running.")
        record(action=AuditAction.RUN_ANALYSIS, resource=project)
        return answer(request, encode(_described(found)))


def _described(found: ProjectRefresh) -> dict[str, Any]:
    forecast = found.forecast
    return {
        "project": found.project.pk,
        "as_of": found.as_of,
        "duration_s": round(found.duration_s, 3),
        "readiness": forecast.finish.readiness.readiness if forecast else None,
        "prediction": forecast.prediction.pk if forecast and forecast.prediction else None,
        "is_new_prediction": bool(forecast and forecast.is_new),
    }


ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    "projects/<str:pk>/refresh": ProjectRefreshViewSet.as_view({"post": "refresh"}),
}
"""Further things to ask of an item, by address."""
