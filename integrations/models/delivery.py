"""How the telling goes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from integrations.enums import DeliveryState
from integrations.schemas import ATTEMPTS, SENDER_MEMORY
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import json_kind_check


class Delivery(TenantModel):
    """One message on its way to one destination.

    Made with the message, and moved on by whoever sends. Whoever is about to send holds a claim, by a token and until
    a moment; without a claim nobody sends, and one that ran out belongs to a sender that is gone. So a message may
    arrive more than once, with the same id, and is never sent by two at a time.

    `memory` is what the sender has to know at the next try, or for the next message of the thread.
    """

    project_path: ClassVar[str | None] = "message__project"
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE
    shown_to_nobody: ClassVar[tuple[str, ...]] = ("claim", "memory")

    message = TenantForeignKey("integrations.OutgoingMessage", containing=True, related_name="deliveries")
    destination = TenantForeignKey("integrations.Destination", containing=True, related_name="deliveries")
    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    status_code = models.PositiveSmallIntegerField("last status", null=True, blank=True)
    error_code = models.CharField("last error", max_length=64, blank=True, default="")
    sent_at = models.DateTimeField(null=True, blank=True)
    log = CheckedJSONField("tries", schema=ATTEMPTS, default=list, blank=True)
    memory = CheckedJSONField(schema=SENDER_MEMORY, default=dict, db_default={}, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "message", "destination"], name="%(app_label)s_%(class)s_once"),
            enum_constraint("state", DeliveryState),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.WAITING, next_try_at__isnull=False)
                | ~Q(state=DeliveryState.WAITING) & Q(next_try_at__isnull=True),
                name="%(app_label)s_%(class)s_next_try",
            ),
            json_kind_check("log", "array"),
            json_kind_check("memory", "object"),
        ]
        indexes = [
            models.Index(fields=["tenant", "destination", "state", "next_try_at"], name="delivery_due_idx"),
            models.Index(
                fields=["tenant", "next_try_at"], condition=Q(state=DeliveryState.WAITING), name="delivery_waiting_idx"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message} → {self.destination}"
