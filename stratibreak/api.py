"""What the API offers over several apps at once: analysing a project, end to end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from predictions.answer_tables import REPLAY
from predictions.domain.replaying import (
    describe_record,
    describe_replay,
    keep_replay,
    load_replay_inputs,
    run_replay,
)
from predictions.forecasters.replay import MAX_MONTHS, ReplayPlan
from predictions.models import Prediction
from projects.enums import Readiness
from projects.models import AnalysisRecord, Project, WorkItem
from stratibreak.pipeline import ProjectRefresh, RefreshOutcome, refresh_project, take_refresh_lock
from tenants.api.fields import AwareDateTimeField, StrictIntegerField
from tenants.api.problems import Conflict
from tenants.api.reads import record_read
from tenants.api.serializers import serializer_for
from tenants.api.tables import file_handler, file_view
from tenants.api.viewsets import ReadOnlyTenantViewSet, answer, created, said
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
        asked = said(RefreshRequestSerializer, request)
        now = timezone.now()
        found = refresh_project(project=project, as_of=asked["as_of"] or now, at=now)
        if found.outcome == RefreshOutcome.BUSY:
            raise Conflict("Another analysis of this project is running.")
        record(action=AuditAction.RUN_ANALYSIS, resource=project)
        return answer(request, _described(found))


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


MAX_STEP_WEEKS = 13
REPLAYED_ITEMS = 30_000
"""What a request may replay: two years of it week by week take half a minute. The command takes any number."""


class ReplayRequestSerializer(serializers.Serializer[Any]):
    """How far back, and in which steps."""

    months = StrictIntegerField(required=False, default=MAX_MONTHS, min_value=1, max_value=MAX_MONTHS)
    step_weeks = StrictIntegerField(required=False, default=1, min_value=1, max_value=MAX_STEP_WEEKS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            ReplayPlan(timezone.now(), months=attrs["months"], step=timedelta(weeks=attrs["step_weeks"]))
        except ValueError as error:
            raise serializers.ValidationError({"step_weeks": "Longer than the months to look back over."}) from error
        return attrs


class ReplaySerializer(serializers.Serializer[Any]):
    """What would have been predicted when, and what came true. Never part of the ledger."""

    project = serializers.UUIDField()
    id = serializers.UUIDField(allow_null=True, help_text="The analysis record that keeps it.")
    as_of = serializers.DateTimeField(allow_null=True)
    computed_at = serializers.DateTimeField(allow_null=True)
    readiness = serializers.ChoiceField(choices=Readiness.choices)
    readiness_reasons = serializers.ListField(child=serializers.DictField())
    model = serializers.DictField(allow_null=True, help_text="id, version and inputs_hash.")
    result = serializers.DictField(
        allow_null=True,
        help_text="summary (hits, misses, false alarms, lead time, promises kept), events, steps; is_reconstructed "
        "where it leans on records that came later.",
    )


class ProjectReplayViewSet(ReadOnlyTenantViewSet[Project]):
    """A project's past, forecast again."""

    model = Project
    serializer_class = serializer_for(Project)
    custom_actions = {"replay": Action.VIEW, "replay_file": Action.EXPORT, "run_replay": Action.ANALYSE}
    pagination_class = None
    filter_backends = []

    def permission_label(self) -> str:
        return AnalysisRecord._meta.label_lower

    @extend_schema(operation_id="projects_replay_retrieve", responses=ReplaySerializer)
    def replay(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The newest replay: what would have been warned of, when, and what came true."""
        project = self.find()
        record_read(Prediction, [])
        return answer(request, describe_replay(project))

    replay_file = file_handler(
        lambda view, request: describe_replay(view.find()), REPLAY, operation_id="projects_replay_export"
    )

    @extend_schema(
        operation_id="projects_replay_create", request=ReplayRequestSerializer, responses={201: ReplaySerializer}
    )
    def run_replay(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Forecast the project's past again, step by step, and keep the run. Busy: 409, and nothing was run.

        Large projects take up to half a minute; beyond 30,000 work items the operator's command does it.
        """
        project = self.find()
        asked = said(ReplayRequestSerializer, request)
        if not take_refresh_lock(project.pk):
            raise Conflict("Another analysis of this project is running.")
        if WorkItem.objects.filter(project=project).order_by()[: REPLAYED_ITEMS + 1].count() > REPLAYED_ITEMS:
            raise Conflict(f"More than {REPLAYED_ITEMS:,} work items; ask an operator to run manage.py replay.")
        now, began = timezone.now(), perf_counter()
        months, step = asked["months"], timedelta(weeks=asked["step_weeks"])
        inputs = load_replay_inputs(project, at=now)
        found = run_replay(inputs, ReplayPlan(inputs.ends_at, months=months, step=step))
        kept = keep_replay(project, found, at=now, duration_ms=round((perf_counter() - began) * 1000))
        record(action=AuditAction.RUN_ANALYSIS, resource=project)
        return created(request, describe_record(project, kept), f"/api/v1/analysis-records/{kept.pk}")


ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    "projects/<str:pk>/refresh": ProjectRefreshViewSet.as_view({"post": "refresh"}),
    "projects/<str:pk>/replay": ProjectReplayViewSet.as_view({"get": "replay", "post": "run_replay"}),
    "projects/<str:pk>/replay/export": file_view(ProjectReplayViewSet, "replay_file"),
}
"""Further things to ask of an item, by address."""
