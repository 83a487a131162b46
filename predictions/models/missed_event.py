"""Events that happened without a warning, as people tell them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.enums import MissedEventStatus, PredictionType
from projects.constraints import not_blank
from tenants.append_only import AppendOnly
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel, TimestampedTenantModel
from tenants.value_constraints import FieldCheck, order_check

COVERING = (MissedEventStatus.LINKED, MissedEventStatus.COVERED)


class MissedEvent(TimestampedTenantModel):
    """A report: this happened to the project, and nobody was warned.

    Written by a person and never edited; its status moves by verdicts only (`MissedEventVerdict`). A claim that was
    open at the time covers it: then the ledger counts the event, and not this report. What no claim covered counts as
    a miss once a manager or administrator vouches for it.
    """

    app_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "INSERT", "UPDATE"})
    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("description",)
    kept_by_system: ClassVar[tuple[str, ...]] = ("status", "prediction", "reported_at", "reported_by_id", "settled_at")

    project = TenantForeignKey("projects.Project", containing=True, related_name="missed_events")
    type = models.CharField(max_length=32, choices=PredictionType)
    occurred_at = models.DateTimeField()
    description = models.TextField()
    status = models.CharField(max_length=16, choices=MissedEventStatus, default=MissedEventStatus.REPORTED)
    prediction = TenantForeignKey("predictions.Prediction", null=True, blank=True, related_name="reported_misses")
    reported_at = models.DateTimeField()
    reported_by_id = models.UUIDField("reported by")
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "project", "type", "occurred_at"],
                name="predictions_missedevent_reported_once",
                violation_error_message="An event of this type at this moment is reported already.",
            ),
            enum_constraint("type", PredictionType),
            enum_constraint("status", MissedEventStatus),
            not_blank("description"),
            order_check("occurred_at", "reported_at", message="An event is reported after it happened."),
            FieldCheck(
                field="prediction",
                condition=~Q(status__in=COVERING) | Q(prediction__isnull=False),
                rule="covered_by_a_claim",
                message="What is covered names the claim that covers it.",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "project", "type", "status"], name="missed_events_by_type")]

    def __str__(self) -> str:
        return f"{self.get_type_display()} on {self.occurred_at:%Y-%m-%d}"


class MissedEventVerdict(AppendOnly, TenantModel):
    """One step in the life of a report: what was found or decided, by whom, and why. Never rewritten.

    `actor_id` is null where the rule decided from the claims. `claim_id` is the prediction that covered the event then,
    a plain id: a reference at this depth would keep a project from being deleted with all it holds.
    """

    project_path: ClassVar[str | None] = "missed_event__project"
    search_columns: ClassVar[tuple[str, ...]] = ("note",)

    missed_event = TenantForeignKey("predictions.MissedEvent", containing=True, related_name="verdicts")
    status = models.CharField(max_length=16, choices=MissedEventStatus)
    claim_id = models.UUIDField("claim", null=True, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField()
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            enum_constraint("status", MissedEventStatus),
            FieldCheck(
                field="actor_id",
                condition=Q(actor_id__isnull=False)
                | ~Q(status__in=[MissedEventStatus.CONFIRMED, MissedEventStatus.REJECTED]),
                rule="people_vouch",
                message="Only a person confirms or rejects.",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "missed_event", "id"], name="missed_verdicts_by_event")]

    def __str__(self) -> str:
        return f"{self.get_status_display()} ({self.at:%Y-%m-%d})"
