"""Threads of warnings: what is pushed of what is predicted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.enums import AlertClosing, AlertState, DismissalReason, PredictionType, Severity
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.value_constraints import FieldCheck, hash_check, order_check

SHA256_CHARACTERS = 64


class Alert(TimestampedTenantModel):
    """One thread of warnings about one subject of a project, from the first alarming prediction until it clears.

    Written by the run that forecasts (`predictions.domain.alerting`); people only dismiss it, with a reason. While it
    is live there is no second one of the same type and subject, so that a claim whose target or horizon moves stays in
    its thread: `episode_id` and `prediction` are those of the newest prediction in it. `is_late` says that the first
    warning came less than 72 h before: it is shown so, is never pushed, and counts as a miss.
    """

    app_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "INSERT", "UPDATE"})
    audit_mode: ClassVar[AuditMode] = AuditMode.BULK  # runs write them by the hundred; what people do is recorded
    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("dismissal_note",)

    project = TenantForeignKey("projects.Project", containing=True, related_name="alerts")
    type = models.CharField(max_length=32, choices=PredictionType)
    subject_key = models.CharField(max_length=SHA256_CHARACTERS)
    episode_id = models.UUIDField()
    prediction = TenantForeignKey("predictions.Prediction", related_name="alerts")
    impact = models.CharField(max_length=16, choices=Severity)
    state = models.CharField(max_length=16, choices=AlertState, default=AlertState.OPEN)
    is_late = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closing = models.CharField(max_length=16, choices=AlertClosing, blank=True, default="")
    dismissed_at = models.DateTimeField(null=True, blank=True)
    dismissed_by_id = models.UUIDField("dismissed by", null=True, blank=True)
    dismissal_reason = models.CharField(max_length=32, choices=DismissalReason, blank=True, default="")
    dismissal_note = models.TextField(blank=True, default="")

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "project", "subject_key"],
                condition=Q(closed_at__isnull=True),
                name="predictions_alert_one_live_thread",
                violation_error_message="There is a live thread of this kind about this subject.",
            ),
            models.UniqueConstraint(
                fields=["tenant", "project", "episode_id"],
                name="predictions_alert_one_per_episode",
                violation_error_message="This episode has its thread already.",
            ),
            enum_constraint("type", PredictionType),
            enum_constraint("impact", Severity),
            enum_constraint("state", AlertState),
            FieldCheck(
                field="closing",
                condition=Q(closing="", closed_at__isnull=True)
                | Q(closing__in=AlertClosing.values, closed_at__isnull=False, state=AlertState.CLOSED),
                rule="closing_when_closed",
                message="A closed thread says why, and no other.",
            ),
            FieldCheck(
                field="dismissal_reason",
                condition=Q(dismissal_reason="", dismissed_at__isnull=True)
                | Q(dismissal_reason__in=DismissalReason.values, dismissed_at__isnull=False),
                rule="dismissal_has_reason",
                message="A dismissal has a reason.",
            ),
            FieldCheck(
                field="state",
                condition=Q(state=AlertState.OPEN, dismissed_at__isnull=True, closed_at__isnull=True)
                | Q(state=AlertState.DISMISSED, dismissed_at__isnull=False, closed_at__isnull=True)
                | Q(state=AlertState.CLOSED, closed_at__isnull=False),
                rule="state_follows",
                message="The state follows from when it was dismissed and closed.",
            ),
            order_check("opened_at", "closed_at"),
            order_check("opened_at", "dismissed_at"),
            hash_check("subject_key"),
        ]
        indexes = [
            models.Index(fields=["tenant", "project", "type", "dismissal_reason"], name="alerts_by_dismissal"),
            models.Index(fields=["tenant", "state", "id"], name="alerts_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} since {self.opened_at:%Y-%m-%d}"
