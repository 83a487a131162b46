"""Answers kept for clients that may have to ask again."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tenants.audit.enums import AuditMode
from tenants.encryption.fields import EncryptedField
from tenants.isolation.models import TenantModel
from tenants.isolation.registry import NOTHING
from tenants.validators import CheckedJSONField
from tenants.value_constraints import hash_check, json_kind_check, range_check

KEY_MAX_CHARS = 255
PATH_MAX_CHARS = 500
HEADERS_SCHEMA = {"type": "object", "additionalProperties": {"type": "string"}}


class IdempotentRequest(TenantModel):
    """One request that its client marked with an Idempotency-Key, and the answer it got.

    Written once by `tenants.domain.idempotency`, in the transaction of what the request did, and gone after a day; only
    `rotate_keys` changes a row, to seal it anew.
    Always holds: a key of one actor stands for one request, which succeeded. Every body is sealed with the tenant's
    data key, because some hold a secret that is shown once, and one rule for all cannot be forgotten for one.
    """

    # What the request did left its own entries.
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE
    # An operator who reads across tenants has no use for answers that were meant for one client.
    platform_privileges: ClassVar[frozenset[str]] = NOTHING

    # The fingerprint is of a body that may hold what could be guessed.
    shown_to_nobody: ClassVar[tuple[str, ...]] = ("body", "fingerprint")

    actor_id = models.UUIDField(editable=False, help_text="The API key, or the user of a session.")
    key = models.CharField("idempotency key", max_length=KEY_MAX_CHARS, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    method = models.CharField(max_length=10, editable=False)
    path = models.CharField(max_length=PATH_MAX_CHARS, editable=False)
    status = models.PositiveSmallIntegerField(editable=False)
    headers = CheckedJSONField(schema=HEADERS_SCHEMA, editable=False)
    body = EncryptedField()
    answered_at = models.DateTimeField(editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "actor_id", "key"], name="tenants_idempotentrequest_key"),
            models.CheckConstraint(condition=~Q(key=""), name="tenants_idempotentrequest_has_key"),
            range_check("status", low=200, high=399),
            hash_check("fingerprint"),
            json_kind_check("headers", "object"),
        ]
        indexes = [models.Index(fields=["tenant", "answered_at"], name="idempotentrequest_answered_at")]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
