"""Runs that are under way, or were interrupted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.schemas import PARTITIONS, STREAM_COUNTS, WORK_LIST_MAX_BYTES
from tenants.audit.enums import AuditMode
from tenants.isolation.models import TenantForeignKey, TenantModel, uuid7
from tenants.validators import CheckedJSONField, JsonSchema
from tenants.value_constraints import json_kind_check


class SyncProgress(TenantModel):
    """How far the run of an integration has come. One row for each integration that is being read, or was until a kill.

    Synchronisation writes it together with the facts it counts, and removes it when the run's SyncResult is kept; one
    that is left belongs to a run that was killed, which the next one carries on.
    """

    project_path: ClassVar[str | None] = "integration__project"
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE

    integration = TenantForeignKey("integrations.Integration", containing=True, related_name="progress")
    run_id = models.UUIDField(default=uuid7, editable=False)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it last brought something.")
    pass_number = models.PositiveSmallIntegerField("pass", default=1)
    partitions = CheckedJSONField(
        schema=JsonSchema(PARTITIONS, max_bytes=WORK_LIST_MAX_BYTES),
        null=True,
        blank=True,
        help_text="What the tool showed to read.",
    )
    streams = CheckedJSONField(schema=STREAM_COUNTS, default=dict, blank=True)
    request_count = models.PositiveIntegerField("requests", default=0)
    waited_ms = models.PositiveBigIntegerField("waited for the tool (ms)", default=0)
    worked_ms = models.PositiveBigIntegerField("duration until now (ms)", default=0)

    class Meta(TenantModel.Meta):
        verbose_name = "sync progress"
        verbose_name_plural = "sync progress"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration"], name="%(app_label)s_%(class)s_one_run"),
            json_kind_check("streams", "object"),
        ]

    def __str__(self) -> str:
        return f"{self.integration}, since {self.started_at:%Y-%m-%d %H:%M}"
