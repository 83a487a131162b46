from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from projects.constraints import not_blank
from projects.enums import GoalHardness
from projects.models.fields import lower_case_of
from projects.schemas import GOAL_CURRENT, GOAL_TARGET
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField, validate_finite
from tenants.value_constraints import json_kind_check, range_check


class Goal(TimestampedTenantModel):
    """One thing a project promised to reach, measurable, with a day.

    People write it; a current value may also be refreshed by an analysis.
    Always holds: target and current value are of the same kind; a current value that is not known is null, never zero;
    a hard goal is one whose miss makes the project fail.
    """

    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("title", "description")

    project = TenantForeignKey("projects.Project", containing=True, related_name="goals")
    title = models.CharField(max_length=200)
    title_lower = lower_case_of("title", max_length=200)
    description = models.TextField(blank=True)
    target_value = CheckedJSONField(
        schema=GOAL_TARGET, help_text='{"kind": "NUMBER", "value": 95, "unit": "tests", "direction": "AT_LEAST"}'
    )
    current_value = CheckedJSONField(
        schema=GOAL_CURRENT, null=True, blank=True, help_text='{"kind": "NUMBER", "value": 80, "unit": "tests"}'
    )
    tolerance = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), validate_finite],
        help_text="How far off still counts as met: in the unit of the target, days for a date. Empty: the project's.",
    )
    hardness = models.CharField(max_length=8, choices=GoalHardness, default=GoalHardness.SOFT)
    due_date = models.DateField(null=True, blank=True)
    achieved_at = models.DateTimeField(null=True, blank=True)

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "goal"
        verbose_name_plural = "goals"
        ordering = ["-id"]
        constraints = [
            not_blank("title"),
            enum_constraint("hardness", GoalHardness),
            range_check("tolerance", low=0),
            json_kind_check("target_value", "object"),
            json_kind_check("current_value", "object"),
        ]
        indexes = [
            models.Index(fields=["tenant", "project", "due_date"], name="goal_project_due_idx"),
            models.Index(fields=["tenant", "title_lower"], name="goal_title_idx"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_achieved(self) -> bool:
        return self.achieved_at is not None

    def clean(self) -> None:
        super().clean()
        if not isinstance(self.target_value, dict) or not isinstance(self.current_value, dict):
            return
        for part in ("kind", "unit"):
            if self.target_value.get(part) != self.current_value.get(part):
                raise ValidationError({"current_value": f"The {part} differs from the target's."})
