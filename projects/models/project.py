from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from projects.constraints import currency_form, not_blank, strictly_between, unique_in_tenant
from projects.enums import ProjectStatus
from projects.models.fields import currency_field, lower_case_of, money_field
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import check_period, validate_probability, validate_time_zone
from tenants.value_constraints import money_check, order_check, range_check

NAME_MAX_LENGTH = 200
PERCENT_MAX = 100.0
TOLERANCE_MAX_DAYS = 365

# The starting tolerances of the severity rule: schedule 5 % of the remaining duration but at least 3 days,
# budget 5 %, scope 10 %, and a P(on time) of .85 before a timeline gap closes.
SCHEDULE_TOLERANCE_DAYS = 3
SCHEDULE_TOLERANCE_PERCENT = 5.0
BUDGET_TOLERANCE_PERCENT = 5.0
SCOPE_TOLERANCE_PERCENT = 10.0
ACCEPTED_RISK = 0.15


def _percent_field(verbose_name: str, default: float) -> models.FloatField[float, float]:
    validators = [MinValueValidator(0.0), MaxValueValidator(PERCENT_MAX)]
    return models.FloatField(verbose_name, default=default, validators=validators)


class Project(TimestampedTenantModel):
    """One undertaking with a promise: a scope, a date, perhaps a budget. The parent of every fact about it.

    People write it (admins and project managers); nothing a tool reports overwrites it.
    Always holds: the name is unique within the tenant whatever its case; the end is not before the start;
    the accepted risk is a probability strictly between 0 and 1, so that "on time" keeps a meaning;
    signals of overload are off until somebody says that the team agreed.
    """

    project_path: ClassVar[str | None] = "pk"
    search_columns: ClassVar[tuple[str, ...]] = ("name", "description")

    name = models.CharField(max_length=NAME_MAX_LENGTH)
    name_lower = lower_case_of("name", max_length=NAME_MAX_LENGTH)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=ProjectStatus, default=ProjectStatus.ACTIVE)
    start_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True, help_text="The day promised; forecasts are held against it.")
    owner = TenantForeignKey("tenants.User", null=True, blank=True, related_name="owned_projects")

    planned_budget = money_field("planned budget", null=True, blank=True, validators=[MinValueValidator(Decimal(0))])
    currency = currency_field(default="EUR")
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[validate_time_zone], help_text="IANA name; decides where days end."
    )

    schedule_tolerance_days = models.PositiveIntegerField(
        "schedule tolerance (days)",
        default=SCHEDULE_TOLERANCE_DAYS,
        validators=[MaxValueValidator(TOLERANCE_MAX_DAYS)],
        help_text="The least slip that counts.",
    )
    schedule_tolerance_percent = _percent_field(
        "schedule tolerance (% of the remaining duration)", SCHEDULE_TOLERANCE_PERCENT
    )
    budget_tolerance_percent = _percent_field("budget tolerance (%)", BUDGET_TOLERANCE_PERCENT)
    scope_tolerance_percent = _percent_field("scope tolerance (%)", SCOPE_TOLERANCE_PERCENT)
    accepted_risk = models.FloatField(
        default=ACCEPTED_RISK,
        validators=[validate_probability],
        help_text="The probability of missing the date that the sponsor accepts; .15 asks for P(on time) of .85.",
    )

    team_signals_enabled = models.BooleanField(
        "team signals",
        default=False,
        db_default=False,
        help_text="The team has agreed that its own working times and load are looked at, as a team of five or more.",
    )

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "project"
        verbose_name_plural = "projects"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("name_lower", name="name"),
            not_blank("name"),
            enum_constraint("status", ProjectStatus),
            order_check("start_date", "end_date"),
            money_check("planned_budget"),
            currency_form(),
            not_blank("time_zone"),
            range_check("schedule_tolerance_days", low=0, high=TOLERANCE_MAX_DAYS),
            range_check("schedule_tolerance_percent", low=0.0, high=PERCENT_MAX),
            range_check("budget_tolerance_percent", low=0.0, high=PERCENT_MAX),
            range_check("scope_tolerance_percent", low=0.0, high=PERCENT_MAX),
            strictly_between("accepted_risk", 0.0, 1.0),
        ]
        indexes = [models.Index(fields=["tenant", "status", "-id"], name="project_status_idx")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        check_period(self.start_date, self.end_date, end_field="end_date")
