"""Runs of integrations."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from integrations.enums import SyncStatus
from integrations.schemas import STREAM_COUNTS
from tenants.append_only import AppendOnly
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck, json_kind_check

COUNT_FIELDS = (
    "created_count",
    "updated_count",
    "unchanged_count",
    "gone_count",
    "hidden_count",
    "failed_count",
)


class SyncResult(AppendOnly, TenantModel):
    """How one run of an integration ended.

    Written by synchronisation when the run is over, never rewritten. Counts are records of the run: written anew,
    changed, found as they were, found deleted, no longer shown to us, and refused; `streams` has them by stream. A
    run that failed or is partial says why by a code for machines and a sentence for people, without bodies,
    addresses or secrets. "0 records" is a success only when the tool said so.
    """

    project_path: ClassVar[str | None] = "integration__project"

    integration = TenantForeignKey("integrations.Integration", containing=True, related_name="sync_results")
    status = models.CharField(max_length=16, choices=SyncStatus)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveBigIntegerField("duration (ms)")
    waited_ms = models.PositiveBigIntegerField("waited for the tool (ms)", default=0)
    request_count = models.PositiveIntegerField("requests", default=0)
    created_count = models.PositiveIntegerField("created", default=0)
    updated_count = models.PositiveIntegerField("updated", default=0)
    unchanged_count = models.PositiveIntegerField("unchanged", default=0)
    gone_count = models.PositiveIntegerField("gone", default=0)
    hidden_count = models.PositiveIntegerField("hidden", default=0)
    failed_count = models.PositiveIntegerField("failed", default=0)
    streams = CheckedJSONField(schema=STREAM_COUNTS, default=dict, blank=True)
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_message = models.CharField(max_length=1000, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            enum_constraint("status", SyncStatus),
            FieldCheck(
                field="error_code",
                condition=Q(status=SyncStatus.SUCCEEDED, error_code="")
                | (~Q(status=SyncStatus.SUCCEEDED) & ~Q(error_code="")),
                rule="error_fits_status",
                message="A run has an error code exactly when it did not succeed.",
            ),
            json_kind_check("streams", "object"),
        ]
        indexes = [
            models.Index(fields=["tenant", "integration", "id"], name="sync_results_by_integration"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} ({self.started_at:%Y-%m-%d %H:%M})"

    @property
    def records(self) -> int:
        """Records the run dealt with, whatever became of them."""
        return sum(getattr(self, name) for name in COUNT_FIELDS)
