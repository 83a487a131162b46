"""What corrective and preventive actions have in common."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.enums import ActionStatus, Priority
from predictions.schemas import MEASUREMENT, STEPS
from projects.constraints import not_blank
from projects.models.fields import currency_field, money_field
from tenants.enums import Role
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck, json_kind_check, money_check, order_check, range_check

ASSIGNED = (ActionStatus.ACTIVE, ActionStatus.DONE)


class Action(TimestampedTenantModel):
    """Something a person can do about a gap or a prediction; suggested by an analysis or entered by hand.

    An action that is active or done has an owner and a due date, and is done exactly when it has a completion time.
    Its status changes only through `predictions.domain.acting`, which leaves an ActionTransition behind.
    Expected and measured effect are in days of the project's finish; positive is earlier. Measured effect is filled
    once, some weeks after completion, against the forecast without the action; null means untested. `measurement` says
    how it was measured, or why it cannot be. `escalated_at` is when it was found overdue, once.
    """

    kept_by_system: ClassVar[tuple[str, ...]] = (
        "code",
        "status",
        "started_at",
        "completed_at",
        "escalated_at",
        "measured_effect_days",
        "measured_at",
        "measurement",
    )

    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    steps = CheckedJSONField(schema=STEPS, default=list, blank=True)
    code = models.SlugField(
        max_length=64,
        blank=True,
        default="",
        db_index=False,
        help_text="Which kind of suggestion this is, so that measured effects can be compared. Empty: by hand.",
    )
    status = models.CharField(max_length=16, choices=ActionStatus, default=ActionStatus.SUGGESTED)
    priority = models.CharField(max_length=16, choices=Priority, default=Priority.MEDIUM)
    owner = TenantForeignKey("tenants.User", null=True, blank=True, related_name="+")
    owner_role = models.CharField(
        max_length=32, choices=Role, blank=True, default="", help_text="Who could take it, while nobody has."
    )
    due_date = models.DateField(null=True, blank=True)
    latest_start_at = models.DateTimeField(
        null=True, blank=True, help_text="After this instant the action no longer restores the target."
    )
    effort_h = models.FloatField("effort (h)", null=True, blank=True)
    cost_amount = money_field("cost", null=True, blank=True)
    cost_currency = currency_field(blank=True, default="")
    expected_effect_days = models.FloatField(null=True, blank=True)
    measured_effect_days = models.FloatField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    measurement = CheckedJSONField(schema=MEASUREMENT, null=True, blank=True)

    class Meta(TimestampedTenantModel.Meta):
        abstract = True
        constraints = [
            not_blank("title"),
            enum_constraint("status", ActionStatus),
            enum_constraint("priority", Priority),
            FieldCheck(
                field="owner",
                condition=~Q(status__in=ASSIGNED) | Q(owner__isnull=False),
                rule="active_has_owner",
                message="An action that is active or done needs an owner.",
            ),
            FieldCheck(
                field="due_date",
                condition=~Q(status__in=ASSIGNED) | Q(due_date__isnull=False),
                rule="active_has_due_date",
                message="An action that is active or done needs a due date.",
            ),
            FieldCheck(
                field="completed_at",
                condition=Q(status=ActionStatus.DONE, completed_at__isnull=False)
                | (~Q(status=ActionStatus.DONE) & Q(completed_at__isnull=True)),
                rule="completed_when_done",
                message="An action has a completion time exactly when it is done.",
            ),
            FieldCheck(
                field="cost_currency",
                condition=Q(cost_amount__isnull=True) | Q(cost_currency__regex=r"^[A-Z]{3}$"),
                rule="cost_has_currency",
                message="A cost needs its currency, three capital letters.",
            ),
            money_check("cost_amount"),
            range_check("effort_h", low=0),
            range_check("expected_effect_days"),
            range_check("measured_effect_days"),
            order_check("started_at", "completed_at"),
            json_kind_check("steps", "array"),
        ]

    def __str__(self) -> str:
        return self.title
