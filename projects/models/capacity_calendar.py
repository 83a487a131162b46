from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from projects.constraints import unique_in_tenant
from projects.schemas import CALENDAR_EXCEPTIONS, WEEKLY_HOURS
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField, JsonSchema, check_period
from tenants.value_constraints import json_kind_check, order_check, range_check

EXCEPTIONS_MAX_BYTES = 262_144
PERCENT_MAX = 100.0


def five_day_week() -> dict[str, float]:
    return dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), 8.0)


class CapacityCalendar(TimestampedTenantModel):
    """The hours one contributor, or the whole team when none is named, can give one project in a period.

    People write it, or a calendar import. Always holds: a day's hours are its exception's, else its weekday's, times
    the allocation; where periods overlap, the one that starts latest counts.
    """

    project_path: ClassVar[str | None] = "project"

    project = TenantForeignKey("projects.Project", containing=True, related_name="capacity_calendars")
    contributor = TenantForeignKey("projects.Contributor", null=True, blank=True, related_name="capacity_calendars")
    first_date = models.DateField("from")
    last_date = models.DateField("to (inclusive)", null=True, blank=True, help_text="Empty: until further notice.")
    weekly_hours = CheckedJSONField(
        schema=WEEKLY_HOURS, default=five_day_week, blank=True, help_text='{"monday": 8, "friday": 6}'
    )
    exceptions = CheckedJSONField(
        schema=JsonSchema(CALENDAR_EXCEPTIONS, max_bytes=EXCEPTIONS_MAX_BYTES),
        default=list,
        blank=True,
        help_text='[{"date": "2026-12-25", "hours": 0, "label": "Public holiday"}]',
    )
    allocation_percent = models.FloatField(
        "allocation (%)",
        default=PERCENT_MAX,
        validators=[MinValueValidator(0.0), MaxValueValidator(PERCENT_MAX)],
        help_text="The share of these hours that belongs to this project.",
    )

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "capacity calendar"
        verbose_name_plural = "capacity calendars"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("project", "contributor", "first_date", name="period", nulls_distinct=False),
            order_check("first_date", "last_date"),
            range_check("allocation_percent", low=0.0, high=PERCENT_MAX),
            json_kind_check("weekly_hours", "object"),
            json_kind_check("exceptions", "array"),
        ]

    def __str__(self) -> str:
        return f"{self.contributor or 'Whole team'} from {self.first_date}"

    def clean(self) -> None:
        super().clean()
        check_period(self.first_date, self.last_date, end_field="last_date")
