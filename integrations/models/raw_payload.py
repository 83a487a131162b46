"""What tools sent, kept for a while."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from tenants.audit.enums import AuditMode
from tenants.encryption.fields import EncryptedField
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.isolation.registry import NOTHING


class RawPayload(TenantModel):
    """The answers behind one committed step of a stream, as the tool sent them: one to a line, compressed, sealed.

    Synchronisation writes it and removes it after the retention. It may hold names and what people wrote, which the
    record leaves out; so it is sealed with the tenant's data key and shown through no door. It serves to find out
    why a fact was read as it was.
    """

    project_path: ClassVar[str | None] = "integration__project"
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE
    platform_privileges: ClassVar[frozenset[str]] = NOTHING

    integration = TenantForeignKey("integrations.Integration", containing=True, related_name="raw_payloads")
    stream = models.CharField(max_length=64)
    partition = models.CharField(max_length=255, blank=True)
    body = EncryptedField(editable=False)
    size_bytes = models.PositiveBigIntegerField("size before compression (bytes)")
    received_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        verbose_name = "raw payload"
        verbose_name_plural = "raw payloads"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "integration", "received_at"], name="raw_payload_age_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.stream}, {self.received_at:%Y-%m-%d %H:%M}"
