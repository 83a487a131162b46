"""The history of gaps."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from gaps.enums import GapStatus, TransitionKind
from predictions.enums import Severity
from tenants.append_only import AppendOnly
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.value_constraints import FieldCheck, hash_check, range_check

SHA256_CHARACTERS = 64


class GapTransition(AppendOnly, TenantModel):
    """One thing that happened to a gap: it was opened, got worse, was resolved, and so on.

    Written by `gaps.domain` together with the change it tells of, never rewritten. `actor_id` is the user who did
    it, null for an analysis run; it is a plain id, so that the history survives the person's account. The first row
    of a gap has no former status or severity. Effects are in units of the goal's tolerance.
    """

    project_path: ClassVar[str | None] = "gap__project"

    gap = TenantForeignKey("gaps.Gap", containing=True, related_name="transitions")
    kind = models.CharField(max_length=16, choices=TransitionKind)
    from_status = models.CharField(max_length=16, choices=GapStatus, blank=True, default="")
    to_status = models.CharField(max_length=16, choices=GapStatus)
    from_severity = models.CharField(max_length=16, choices=Severity, blank=True, default="")
    to_severity = models.CharField(max_length=16, choices=Severity)
    from_effect = models.FloatField(null=True, blank=True)
    to_effect = models.FloatField(null=True, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField()
    note = models.TextField(blank=True, default="")
    inputs_hash = models.CharField(max_length=SHA256_CHARACTERS, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            enum_constraint("kind", TransitionKind),
            enum_constraint("to_status", GapStatus),
            enum_constraint("to_severity", Severity),
            FieldCheck(
                field="from_status",
                condition=Q(from_status__in=["", *GapStatus.values]),
                rule="from_status_valid",
                message="Choose a status, or none for the opening.",
            ),
            FieldCheck(
                field="from_severity",
                condition=Q(from_severity__in=["", *Severity.values]),
                rule="from_severity_valid",
                message="Choose a severity, or none for the opening.",
            ),
            FieldCheck(
                field="from_status",
                condition=Q(kind=TransitionKind.OPENED, from_status="")
                | (~Q(kind=TransitionKind.OPENED) & ~Q(from_status="")),
                rule="opening_has_no_before",
                message="Only the opening has no former status.",
            ),
            range_check("from_effect"),
            range_check("to_effect"),
            hash_check("inputs_hash", empty=True),
        ]
        indexes = [
            models.Index(fields=["tenant", "gap", "id"], name="gap_transitions_by_gap"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%Y-%m-%d})"
