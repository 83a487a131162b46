"""Addresses at which tools say that something has changed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tenants.encryption.fields import EncryptedJSONField
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.isolation.registry import READ

DIGEST_CHARACTERS = 64
WORD_CHARACTERS = 32


class IncomingWebhook(TimestampedTenantModel):
    """The secret address of one integration, and what came in at it; at most one for an integration.

    People make, renew and revoke it. The address is shown once and only the keyed digest of its token is kept; the
    secrets that messages are proved with are sealed. The door keeps times and counts. A hint waits for a run while
    `hinted_at` is later than `run_begun_at`; runs keep the latter, and `held_until` where the tool asked for a pause
    or runs fail. `last_refusal` is a `RefusalReason`, `notice` a `ToolNotice`.
    """

    project_path: ClassVar[str | None] = "integration__project"
    auth_privileges: ClassVar[frozenset[str]] = READ
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("integration",)
    shown_to_nobody: ClassVar[tuple[str, ...]] = ("secret_digest", "pepper_version", "proofs")
    audit_ignored_fields: ClassVar[frozenset[str]] = frozenset(
        {
            *("secret_digest", "pepper_version", "hinted_at", "run_begun_at", "held_until", "notice"),
            *("last_received_at", "received_count", "ignored_count", "duplicate_count"),
            *("last_refused_at", "last_refusal", "refused_count", "refused_in_a_row", "refusal_audited_at"),
        }
    )

    integration = TenantForeignKey("integrations.Integration", containing=True, related_name="incoming_webhooks")
    secret_digest = models.CharField(max_length=DIGEST_CHARACTERS, editable=False)
    pepper_version = models.PositiveIntegerField(editable=False)
    proofs = EncryptedJSONField(null=True, blank=True, editable=False)
    takes_unsigned = models.BooleanField("address alone is proof", default=False, editable=False)
    handshake_until = models.DateTimeField("takes a handshake until", null=True, blank=True, editable=False)
    renewed_at = models.DateTimeField("address renewed", null=True, blank=True, editable=False)

    last_received_at = models.DateTimeField("last received", null=True, blank=True, editable=False)
    received_count = models.PositiveBigIntegerField("received", default=0, editable=False)
    ignored_count = models.PositiveBigIntegerField("ignored", default=0, editable=False)
    duplicate_count = models.PositiveBigIntegerField("repeated", default=0, editable=False)
    last_refused_at = models.DateTimeField("last refused", null=True, blank=True, editable=False)
    last_refusal = models.CharField(max_length=WORD_CHARACTERS, blank=True, editable=False)
    refused_count = models.PositiveBigIntegerField("refused", default=0, editable=False)
    refusal_audited_at = models.DateTimeField(null=True, blank=True, editable=False)
    refused_in_a_row = models.PositiveBigIntegerField("refused since the last good one", default=0, editable=False)
    notice = models.CharField(max_length=WORD_CHARACTERS, blank=True, editable=False)

    hinted_at = models.DateTimeField(null=True, blank=True, editable=False)
    run_begun_at = models.DateTimeField(null=True, blank=True, editable=False)
    held_until = models.DateTimeField(null=True, blank=True, editable=False)

    # The tenant is not known yet when a token is looked up, and `objects` refuses to answer without one.
    for_authentication: ClassVar[models.Manager[IncomingWebhook]] = models.Manager()

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "incoming webhook"
        verbose_name_plural = "incoming webhooks"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "integration"],
                name="%(app_label)s_%(class)s_one",
                violation_error_message="The integration has a webhook already.",
            ),
            models.CheckConstraint(condition=~Q(secret_digest=""), name="%(app_label)s_%(class)s_has_digest"),
        ]

    def __str__(self) -> str:
        return f"Webhook of {self.integration}"
