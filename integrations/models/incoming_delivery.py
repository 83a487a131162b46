"""Messages that tools sent by themselves."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from integrations.connectors.webhooks import MOST_HINTS
from tenants.audit.enums import AuditMode
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import json_kind_check

KEY_CHARACTERS = 64
CLAIMED_ID_MAX_LENGTH = 100
DELETIONS: dict[str, Any] = {"type": "array", "maxItems": MOST_HINTS, "items": {"type": "string", "maxLength": 255}}


class IncomingDelivery(TenantModel):
    """One message of a tool that was proved and hinted at a change, kept for a week so that no repetition counts.

    The door writes it, once for each `key`: what the tool has signed, digested. Nothing of the message is kept but
    the places where something was deleted, as the connector names them ("" where it did not say), because the census
    of these is due then. `claimed_id` is the id under which the tool lists it; it is not proved.
    """

    project_path: ClassVar[str | None] = "integration__project"
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE

    integration = TenantForeignKey("integrations.Integration", containing=True, related_name="incoming_deliveries")
    key = models.CharField(max_length=KEY_CHARACTERS)
    claimed_id = models.CharField("id in the tool", max_length=CLAIMED_ID_MAX_LENGTH, blank=True)
    received_at = models.DateTimeField()
    deletions_in = CheckedJSONField(schema=DELETIONS, default=list, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = "incoming delivery"
        verbose_name_plural = "incoming deliveries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration", "key"], name="%(app_label)s_%(class)s_once"),
            json_kind_check("deletions_in", "array"),
        ]
        indexes = [
            models.Index(fields=["tenant", "integration", "received_at"], name="incoming_deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M} {self.claimed_id or self.key[:12]}"
