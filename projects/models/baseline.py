from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models

from projects.constraints import currency_form, not_blank, unique_in_tenant
from projects.models.fields import currency_field, money_field
from projects.schemas import PLANNED_VALUE
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField, JsonSchema, check_period, validate_finite
from tenants.value_constraints import json_kind_check, money_check, order_check, range_check

CURVE_MAX_BYTES = 262_144


def empty_curve() -> dict[str, object]:
    return {"unit": "items", "points": []}


class Baseline(TimestampedTenantModel):
    """One approved plan: scope, budget and finish as they stood when somebody said yes.

    People write it. Always holds: the baseline in force at t is the latest one approved by then; its scope is what the
    record held at `approved_at`, and the counts here are that scope's size.
    """

    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("name",)

    project = TenantForeignKey("projects.Project", containing=True, related_name="baselines")
    name = models.CharField(max_length=200)
    approved_at = models.DateTimeField()
    approved_by_id = models.UUIDField("approved by (user id)", null=True, blank=True)
    start_date = models.DateField(null=True, blank=True)
    finish_date = models.DateField(null=True, blank=True)
    budget = money_field("budget at completion", null=True, blank=True, validators=[MinValueValidator(Decimal(0))])
    currency = currency_field(default="EUR")
    scope_item_count = models.PositiveIntegerField("scope (items)", null=True, blank=True)
    scope_points = models.FloatField(
        "scope (points)", null=True, blank=True, validators=[MinValueValidator(0.0), validate_finite]
    )
    planned_value = CheckedJSONField(
        "planned value curve",
        schema=JsonSchema(PLANNED_VALUE, max_bytes=CURVE_MAX_BYTES),
        default=empty_curve,
        help_text='Cumulative: {"unit": "items", "points": [{"date": "2026-03-02", "value": 4}]}',
    )

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "baseline"
        verbose_name_plural = "baselines"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("project", "name", name="name"),
            not_blank("name"),
            order_check("start_date", "finish_date"),
            money_check("budget"),
            currency_form(),
            range_check("scope_points", low=0),
            json_kind_check("planned_value", "object"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "-approved_at"], name="baseline_project_time_idx")]

    def __str__(self) -> str:
        return f"{self.name} ({self.approved_at:%Y-%m-%d})"

    def clean(self) -> None:
        super().clean()
        check_period(self.start_date, self.finish_date, end_field="finish_date")


class ScopeApproval(TimestampedTenantModel):
    """One change of scope, budget or date that somebody approved: what sets approved growth apart from creep.

    People write it. Always holds: deltas are signed and add to the baseline in force at `approved_at`; a date replaces
    the finish date from then on.
    """

    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("title", "note")

    project = TenantForeignKey("projects.Project", containing=True, related_name="scope_approvals")
    title = models.CharField(max_length=200)
    approved_at = models.DateTimeField()
    approved_by_id = models.UUIDField("approved by (user id)", null=True, blank=True)
    item_count_delta = models.IntegerField("change of scope (items)", default=0)
    points_delta = models.FloatField("change of scope (points)", default=0.0, validators=[validate_finite])
    budget_delta = money_field("change of budget", default=Decimal(0))
    finish_date = models.DateField("new finish date", null=True, blank=True)
    note = models.TextField(blank=True)

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "scope approval"
        verbose_name_plural = "scope approvals"
        ordering = ["-id"]
        constraints = [not_blank("title"), range_check("points_delta")]
        indexes = [models.Index(fields=["tenant", "project", "-approved_at"], name="approval_project_time_idx")]

    def __str__(self) -> str:
        return f"{self.title} ({self.approved_at:%Y-%m-%d})"
