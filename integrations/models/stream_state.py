"""How far streams have been read."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.schemas import DEFERRED, UNLISTED, WORK_LIST_MAX_BYTES
from tenants.audit.enums import AuditMode
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField, JsonSchema
from tenants.value_constraints import json_kind_check

CURSOR_MAX_LENGTH = 255


class StreamState(TenantModel):
    """Where one stream of one partition of a tool is to be read on from.

    Synchronisation writes it, in the transaction of the facts that it stands for. `cursor` is how far the last
    finished reading came; `checkpoint` is set while a reading is unfinished, `newest` is its cursor to be, and
    `done_in_run` names the run that finished last. Deferred details are owed by the tool and asked for again. Unlisted
    are external ids of items that are there though no list of the partition shows them: a census does not judge them.
    """

    project_path: ClassVar[str | None] = "integration__project"
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE

    integration = TenantForeignKey("integrations.Integration", containing=True, related_name="stream_states")
    stream = models.CharField(max_length=64)
    partition = models.CharField(max_length=255, blank=True, help_text="Empty for what the tool has once.")
    cursor = models.CharField(max_length=CURSOR_MAX_LENGTH, blank=True)
    newest = models.CharField(max_length=CURSOR_MAX_LENGTH, blank=True)
    checkpoint = models.JSONField(null=True, blank=True)
    checkpoint_at = models.DateTimeField(null=True, blank=True)
    deferred = CheckedJSONField(schema=JsonSchema(DEFERRED, max_bytes=WORK_LIST_MAX_BYTES), default=list, blank=True)
    unlisted = CheckedJSONField(
        schema=JsonSchema(UNLISTED, max_bytes=WORK_LIST_MAX_BYTES), default=list, db_default=[], blank=True
    )
    done_in_run = models.UUIDField(null=True, blank=True, editable=False)
    census_in_run = models.UUIDField(null=True, blank=True, editable=False)
    census_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = "stream state"
        verbose_name_plural = "stream states"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "integration", "stream", "partition"], name="%(app_label)s_%(class)s_natural_key"
            ),
            json_kind_check("deferred", "array"),
            json_kind_check("unlisted", "array"),
        ]

    def __str__(self) -> str:
        return f"{self.stream} of {self.partition}" if self.partition else self.stream
