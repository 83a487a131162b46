"""Kinds of warnings that a project does not want to hear."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.enums import DismissalReason, MuteState, PredictionType
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.value_constraints import FieldCheck


class AlertMute(TimestampedTenantModel):
    """That warnings of one type are silent in a project, or that this was proposed.

    Proposed after three dismissals with the same reason, and in force only once a person accepts; a person can also
    mute without a proposal. Whatever is muted is still forecast, shown and scored. `proposed_at` is null where a
    person muted by themselves.
    """

    app_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "INSERT", "UPDATE"})
    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("note",)
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("type", "reason")
    kept_by_system: ClassVar[tuple[str, ...]] = ("state", "proposed_at", "decided_at", "decided_by_id")

    project = TenantForeignKey("projects.Project", containing=True, related_name="alert_mutes")
    type = models.CharField(max_length=32, choices=PredictionType)
    reason = models.CharField(max_length=32, choices=DismissalReason)
    note = models.TextField(blank=True, default="")
    state = models.CharField(max_length=16, choices=MuteState, default=MuteState.PROPOSED)
    proposed_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by_id = models.UUIDField("decided by", null=True, blank=True)

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "project", "type"],
                condition=Q(state__in=[MuteState.PROPOSED, MuteState.ACTIVE]),
                name="predictions_alertmute_one_standing",
                violation_error_message="This type is muted in the project already, or that is proposed.",
            ),
            enum_constraint("type", PredictionType),
            enum_constraint("reason", DismissalReason),
            enum_constraint("state", MuteState),
            FieldCheck(
                field="state",
                condition=Q(state=MuteState.PROPOSED, decided_at__isnull=True, proposed_at__isnull=False)
                | (~Q(state=MuteState.PROPOSED) & Q(decided_at__isnull=False, decided_by_id__isnull=False)),
                rule="decided_by_a_person",
                message="Only a person mutes, declines or lifts.",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "project", "type", "state"], name="alert_mutes_by_type")]

    def __str__(self) -> str:
        return f"{self.get_type_display()}: {self.get_state_display()}"
