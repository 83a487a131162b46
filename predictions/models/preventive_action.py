"""Actions that keep a predicted event from happening."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.models.action import Action
from tenants.isolation.models import TenantForeignKey


class PreventiveAction(Action):
    """One thing that could be done before a predicted event happens.

    Suggested by the forecasting run (then `code` names the kind, once for a prediction) or entered by a person, who
    owns it from then on. Rules of life, cost and effect: see `Action`.
    """

    project_path: ClassVar[str | None] = "prediction__project"
    search_columns: ClassVar[tuple[str, ...]] = ("title", "description")

    prediction = TenantForeignKey("predictions.Prediction", containing=True, related_name="preventive_actions")

    class Meta(Action.Meta):
        ordering = ["-id"]
        constraints = [
            *Action.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "prediction", "code"],
                condition=~Q(code=""),
                name="predictions_preventiveaction_suggested_once",
                violation_error_message="This action was already suggested for the prediction.",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "prediction", "status", "id"], name="preventive_by_prediction"),
            models.Index(fields=["tenant", "status", "due_date", "id"], name="preventive_by_due_date"),
        ]
