"""Endpoints of the predictions app."""

from __future__ import annotations

from rest_framework import serializers

from predictions.enums import PredictionStatus
from predictions.models import Prediction, PredictionOutcome, PreventiveAction, RiskIndicator
from predictions.models.prediction import prediction_status
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet

SUGGESTED_BY_SYSTEM = ("code", "measured_effect_days")


class PredictionViewSet(ReadOnlyTenantViewSet[Prediction]):
    """Claims about the future, each with its probability, its interval and what it counted. Never rewritten."""

    model = Prediction
    serializer_class = serializer_for(
        Prediction, computed={"status": serializers.ChoiceField(choices=PredictionStatus.choices, read_only=True)}
    )
    annotations = {"status": prediction_status()}
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


class PreventiveActionViewSet(TenantViewSet[PreventiveAction]):
    """What could be done before a predicted event happens."""

    model = PreventiveAction
    serializer_class = serializer_for(PreventiveAction, read_only=SUGGESTED_BY_SYSTEM, fixed=("prediction",))
    filters = {"prediction": EXACT, "status": SET, "priority": SET, "owner": EXACT, "due_date": NULLABLE_RANGE}


class RiskIndicatorViewSet(TenantViewSet[RiskIndicator]):
    """Measures that a prediction watches."""

    model = RiskIndicator
    serializer_class = serializer_for(RiskIndicator, fixed=("prediction",))
    filters = {"prediction": EXACT, "trend": SET}


ROUTES: Routes = {
    "predictions": PredictionViewSet,
    "prediction-outcomes": PredictionOutcomeViewSet,
    "preventive-actions": PreventiveActionViewSet,
    "risk-indicators": RiskIndicatorViewSet,
}
