"""Measures that a prediction watches."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from predictions.enums import Trend
from projects.constraints import not_blank
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.value_constraints import range_check


class RiskIndicator(TimestampedTenantModel):
    """One measure behind a prediction: its value when the prediction was issued, and the level that worries.

    Written by the forecasting run together with its prediction; people may add their own. `value` is null when it
    could not be measured, `weight` is the share of the prediction this indicator explains.
    """

    project_path: ClassVar[str | None] = "prediction__project"
    search_columns: ClassVar[tuple[str, ...]] = ("name",)

    prediction = TenantForeignKey("predictions.Prediction", containing=True, related_name="indicators")
    name = models.CharField(max_length=100)
    value = models.FloatField(null=True, blank=True)
    threshold = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=40, blank=True, default="")
    trend = models.CharField(max_length=16, choices=Trend, default=Trend.STABLE)
    weight = models.FloatField(null=True, blank=True)

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            not_blank("name"),
            models.UniqueConstraint(
                fields=["tenant", "prediction", "name"],
                name="predictions_riskindicator_name_per_prediction",
                violation_error_message="The prediction already has an indicator of this name.",
            ),
            enum_constraint("trend", Trend),
            range_check("value"),
            range_check("threshold"),
            range_check("weight", low=0, high=1),
        ]

    def __str__(self) -> str:
        return self.name
