"""Endpoints of the predictions app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from predictions.actions_api import ROUTES as ACTION_ROUTES
from predictions.alerts_api import ROUTES as ALERT_ROUTES
from predictions.answer_tables import CALIBRATION
from predictions.api.forecast import FORECAST_VIEWS
from predictions.domain.calibrating import describe_calibration
from predictions.domain.overriding import standing_override_value
from predictions.enums import PredictionStatus
from predictions.models import (
    MissedEvent,
    Prediction,
    PredictionOutcome,
    PredictionOverride,
    RiskIndicator,
)
from predictions.models.prediction import prediction_status
from projects.enums import Readiness
from tenants.api.access import visible
from tenants.api.filters import EXACT, RANGE, SET
from tenants.api.reads import record_read
from tenants.api.serializers import serializer_for
from tenants.api.tables import file_handler, file_view
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet, answer
from tenants.permissions import Action

M = TypeVar("M", bound=Model)


class PredictionViewSet(ReadOnlyTenantViewSet[Prediction]):
    """Claims about the future, each with its probability, its interval and what it counted. Never rewritten."""

    model = Prediction
    serializer_class = serializer_for(
        Prediction,
        computed={
            "status": serializers.ChoiceField(choices=PredictionStatus.choices, read_only=True),
            "override_probability": serializers.FloatField(
                read_only=True,
                allow_null=True,
                help_text="What a person said last of this event; the model's number stays beside it.",
            ),
            "override_made_at": serializers.DateTimeField(read_only=True, allow_null=True),
        },
    )
    annotations = {
        "status": prediction_status(),
        "override_probability": standing_override_value("probability"),
        "override_made_at": standing_override_value("made_at"),
    }
    filters = {
        "project": EXACT,
        "type": SET,
        "is_alert": EXACT,
        "is_retrospective": EXACT,
        "readiness": SET,
        "episode_id": EXACT,
        "issued_at": RANGE,
        "predicted_for": RANGE,
    }
    orderings = ("id", "predicted_for")
    read_is_audited = True


class PredictionOutcomeViewSet(ReadOnlyTenantViewSet[PredictionOutcome]):
    """What became of a prediction's event, and the score it earned."""

    model = PredictionOutcome
    serializer_class = serializer_for(PredictionOutcome)
    filters = {"prediction": EXACT, "result": SET, "settled_at": RANGE}
    orderings = ("id", "settled_at")
    read_is_audited = True


class RiskIndicatorViewSet(TenantViewSet[RiskIndicator]):
    """Measures that a prediction watches."""

    model = RiskIndicator
    serializer_class = serializer_for(RiskIndicator)
    filters = {"prediction": EXACT, "trend": SET}


class CalibrationSerializer(serializers.Serializer[Any]):
    """How good the settled predictions were. Scores are null while fewer than the required events are settled."""

    as_of = serializers.DateTimeField(allow_null=True, help_text="When the newest outcome was settled.")
    readiness = serializers.ChoiceField(choices=Readiness.choices)
    readiness_reasons = serializers.ListField(child=serializers.DictField(), help_text="How many more are needed.")
    model = serializers.DictField(help_text="id, version and inputs_hash.")
    evidence = serializers.DictField(help_text="The exports from which every score can be computed again.")
    required_events = serializers.IntegerField()
    all = serializers.DictField(
        help_text="Distinct events, Brier score and its bounds, skill against base rates, reliability diagram, "
        "coverage of finish dates, warnings (recall at 72 h, lead times, false alarms), worst misses."
    )
    acted = serializers.DictField(help_text="The same where people took a preventive action before.")
    unacted = serializers.DictField(help_text="The same where nobody did.")
    overrides = serializers.DictField(
        help_text="Brier scores of people and of the model on the same events, people minus model with its interval."
    )
    reported_misses = serializers.DictField(
        help_text="Reports that something happened without a warning, by status; the CONFIRMED ones count in recall."
    )
    drift = serializers.ListField(
        child=serializers.DictField(),
        help_text="By type: whether probabilities and finish dates have ceased to be right, since when, in which way.",
    )
    probation = serializers.ListField(
        child=serializers.DictField(),
        help_text="By type, over the whole organisation: how many warnings of the past year came true; below the "
        "required share a type is left to the digest.",
    )


class CalibrationViewSet(ReadOnlyTenantViewSet[Prediction]):
    """What our predictions were worth."""

    model = Prediction
    serializer_class = serializer_for(Prediction)
    custom_actions = {"track_record": Action.VIEW, "track_record_file": Action.EXPORT}
    filters = {"type": SET, "project": EXACT}
    pagination_class = None

    def own_parameters(self) -> frozenset[str]:
        return self.file_parameters

    @extend_schema(operation_id="calibration_retrieve", responses=CalibrationSerializer)
    def track_record(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Can it be trusted? Scores of the settled predictions that the requester may see and whose target is over."""
        told = self._told(request)
        record_read(Prediction, [])
        return answer(request, told)

    def _told(self, request: Request) -> dict[str, Any]:
        return describe_calibration(
            predictions=self.filter_queryset(self.get_queryset()),
            overrides=self._of_same_kind(PredictionOverride, "prediction__type"),
            reports=self._of_same_kind(MissedEvent, "type"),
            at=timezone.now(),
        )

    track_record_file = file_handler(_told, CALIBRATION, operation_id="calibration_export")

    def _of_same_kind(self, model: type[M], type_path: str) -> QuerySet[M]:
        """What the requester sees of another model, narrowed to the types and the project asked for."""
        rows = visible(model, self.request)
        asked = self.request.query_params
        if types := asked.get("type"):
            rows = rows.filter(**{f"{type_path}__in": types.split(",")})
        return rows.filter(project=asked["project"]) if asked.get("project") else rows


ITEM_VIEWS: dict[str, Callable[..., Any]] = {**FORECAST_VIEWS}
"""Further things to ask of an item, by address."""

REPORT_VIEWS: dict[str, Callable[..., Any]] = {
    "calibration": CalibrationViewSet.as_view({"get": "track_record"}),
    "calibration/export": file_view(CalibrationViewSet, "track_record_file"),
}
"""What can be asked of all that a person sees at once, by address."""

ROUTES: Routes = {
    "predictions": PredictionViewSet,
    "prediction-outcomes": PredictionOutcomeViewSet,
    **ACTION_ROUTES,
    "risk-indicators": RiskIndicatorViewSet,
    **ALERT_ROUTES,
}
