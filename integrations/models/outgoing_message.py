"""What is told."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.enums import EventType
from integrations.schemas import KINDS, MESSAGE_DATA, NOTICE
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import json_kind_check

KEY_MAX_LENGTH = 128
THREAD_MAX_LENGTH = 64


class OutgoingMessage(TenantModel):
    """Something that happened, as it is told to all destinations that want to know: its id is the `webhook-id`.

    Written in the transaction that it happened in, never rewritten, removed after the retention. `data` is thin: ids,
    kinds, figures and links, no names of people and nothing that people wrote. `key` names the event within its
    type, so that it is told once, whoever looks at it again.

    `notice` is what it says to people, in the words of `integrations.messages`; without it only programs are told.
    Messages of one `thread` are kept together where a place can do that.
    """

    project_path: ClassVar[str | None] = "project"
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE

    type = models.CharField(max_length=64, choices=EventType)
    key = models.CharField(max_length=KEY_MAX_LENGTH)
    project = TenantForeignKey(
        "projects.Project", containing=True, null=True, blank=True, related_name="outgoing_messages"
    )
    occurred_at = models.DateTimeField()
    data = CheckedJSONField(schema=MESSAGE_DATA, default=dict, blank=True)
    kinds = CheckedJSONField("kinds of destinations", schema=KINDS, default=list, blank=True, help_text="Empty: all.")
    notice = CheckedJSONField(schema=NOTICE, default=dict, db_default={}, blank=True)
    thread = models.CharField(max_length=THREAD_MAX_LENGTH, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = "outgoing message"
        verbose_name_plural = "outgoing messages"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "type", "key"], name="%(app_label)s_%(class)s_told_once"),
            enum_constraint("type", EventType),
            json_kind_check("data", "object"),
            json_kind_check("kinds", "array"),
            json_kind_check("notice", "object"),
        ]
        indexes = [models.Index(fields=["tenant", "created_at"], name="outgoing_message_age_idx")]

    def __str__(self) -> str:
        return f"{self.get_type_display()}, {self.occurred_at:%Y-%m-%d %H:%M}"
