"""What people say instead of a model."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from projects.constraints import not_blank
from tenants.append_only import AppendOnly
from tenants.audit.enums import AuditMode
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.value_constraints import hash_check, range_check

SHA256_CHARACTERS = 64


class PredictionOverride(AppendOnly, TenantModel):
    """A person's own probability of a predicted event, with their reason; beside the model's, never in its place.

    Written once and never changed: a second thought is a new row, and the newest of an event stands. It is made of the
    newest prediction of an event that is not decided, and is scored by the same outcome. `made_by_id` is a plain id,
    so that the score survives the person's account.
    """

    audit_mode: ClassVar[AuditMode] = AuditMode.ENTRIES  # a person's word
    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("reason",)
    kept_by_system: ClassVar[tuple[str, ...]] = ("project", "event_key", "made_by_id", "made_at")

    project = TenantForeignKey("projects.Project", containing=True, related_name="prediction_overrides")
    prediction = TenantForeignKey("predictions.Prediction", related_name="overrides")
    event_key = models.CharField(max_length=SHA256_CHARACTERS)
    probability = models.FloatField()
    reason = models.TextField()
    made_by_id = models.UUIDField("made by")
    made_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            range_check("probability", low=0, high=1),
            not_blank("reason"),
            hash_check("event_key"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "event_key", "id"], name="overrides_by_event")]

    def __str__(self) -> str:
        return f"{self.probability:.0%} ({self.made_at:%Y-%m-%d})"
