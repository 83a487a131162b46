"""What was pushed, what was left to the digest, and why."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.enums import MAX_PUSHES_PER_WEEK, PushDecision, PushReason, Severity
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.value_constraints import FieldCheck, order_check

PUSHES = (PushDecision.PUSHED, PushDecision.HELD)


class AlertDecision(TenantModel):
    """What became of one piece of news in a thread of warnings: its opening, or that it got worse.

    Written once by the run that forecasts; only `delivered_at` is filled later, by whoever delivers it. Two keys hold
    what no race may break: a prediction is decided once in its thread, and a project's week has three slots for pushes.
    `week_start` is the Monday of the organisation's own week in which it is delivered.
    """

    app_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "INSERT", "UPDATE"})
    audit_mode: ClassVar[AuditMode] = AuditMode.BULK
    project_path: ClassVar[str | None] = "project"

    project = TenantForeignKey("projects.Project", containing=True, related_name="alert_decisions")
    alert = TenantForeignKey("predictions.Alert", related_name="decisions")
    prediction = TenantForeignKey("predictions.Prediction", related_name="alert_decisions")
    impact = models.CharField(max_length=16, choices=Severity)
    decision = models.CharField(max_length=16, choices=PushDecision)
    reason = models.CharField(max_length=16, choices=PushReason)
    decided_at = models.DateTimeField()
    deliver_at = models.DateTimeField(null=True, blank=True)
    week_start = models.DateField(null=True, blank=True)
    week_slot = models.PositiveSmallIntegerField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "alert", "prediction"],
                name="predictions_alertdecision_decided_once",
                violation_error_message="This was decided already.",
            ),
            models.UniqueConstraint(
                fields=["tenant", "project", "week_start", "week_slot"],
                name="predictions_alertdecision_one_per_slot",
                violation_error_message="This push of the week is taken.",
            ),
            enum_constraint("impact", Severity),
            enum_constraint("decision", PushDecision),
            enum_constraint("reason", PushReason),
            FieldCheck(
                field="week_slot",
                condition=Q(week_slot__isnull=True) | Q(week_slot__gte=1, week_slot__lte=MAX_PUSHES_PER_WEEK),
                rule="week_slot_range",
                message=f"A week has {MAX_PUSHES_PER_WEEK} pushes.",
            ),
            FieldCheck(
                field="deliver_at",
                condition=Q(
                    decision__in=PUSHES, deliver_at__isnull=False, week_start__isnull=False, week_slot__isnull=False
                )
                | (
                    ~Q(decision__in=PUSHES)
                    & Q(deliver_at__isnull=True, week_start__isnull=True, week_slot__isnull=True)
                ),
                rule="push_has_slot",
                message="A push has its moment and its place in the week, and nothing else has.",
            ),
            order_check("decided_at", "deliver_at"),
            order_check("decided_at", "delivered_at"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "deliver_at"],
                condition=Q(delivered_at__isnull=True, deliver_at__isnull=False),
                name="alert_decisions_to_deliver",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_decision_display()} ({self.decided_at:%Y-%m-%d})"
