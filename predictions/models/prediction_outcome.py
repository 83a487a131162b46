"""How a prediction ended."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.enums import OutcomeResult
from predictions.schemas import EVIDENCE_ROWS
from tenants.append_only import AppendOnly
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck, json_kind_check, range_check


class PredictionOutcome(AppendOnly, TenantModel):
    """What became of one prediction's event; at most one row for a prediction.

    Written by settlement, once, against the target and scope at issue; never changed. `accuracy` is the Brier score,
    the square of probability minus outcome: 0 is best, 1 is worst, null when the event is censored. `acted_on` tells
    that people took a preventive action before the event was decided: a flag beside the score, never an outcome.
    """

    project_path: ClassVar[str | None] = "prediction__project"

    prediction = TenantForeignKey("predictions.Prediction", containing=True, related_name="outcomes")
    result = models.CharField(max_length=16, choices=OutcomeResult)
    settled_at = models.DateTimeField()
    occurred_at = models.DateTimeField(null=True, blank=True)
    accuracy = models.FloatField("accuracy (Brier score)", null=True, blank=True)
    acted_on = models.BooleanField(default=False)
    note = models.TextField(blank=True, default="")
    evidence = CheckedJSONField(schema=EVIDENCE_ROWS, default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "prediction"],
                name="predictions_predictionoutcome_one_per_prediction",
                violation_error_message="This prediction is settled already.",
            ),
            enum_constraint("result", OutcomeResult),
            range_check("accuracy", low=0, high=1),
            FieldCheck(
                field="accuracy",
                condition=Q(result=OutcomeResult.CENSORED, accuracy__isnull=True)
                | (~Q(result=OutcomeResult.CENSORED) & Q(accuracy__isnull=False)),
                rule="accuracy_unless_censored",
                message="A score belongs to every outcome that was decided, and to no other.",
            ),
            FieldCheck(
                field="occurred_at",
                condition=Q(occurred_at__isnull=True) | Q(result=OutcomeResult.OCCURRED),
                rule="occurred_at_if_occurred",
                message="Only an event that occurred has an instant.",
            ),
            json_kind_check("evidence", "array"),
        ]
        indexes = [
            models.Index(fields=["tenant", "settled_at", "id"], name="outcomes_by_settled_at"),
        ]

    def __str__(self) -> str:
        return f"{self.get_result_display()} ({self.settled_at:%Y-%m-%d})"
