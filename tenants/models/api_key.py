"""Keys for machines."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q

from tenants.enums import ApiScope
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import json_kind_check, order_check

SCOPES_SCHEMA = {
    "type": "array",
    "items": {"enum": list(ApiScope.values)},
    "minItems": 1,
    "uniqueItems": True,
}
DIGEST_CHARACTERS = 64


class ApiKey(TimestampedTenantModel):
    """One key a machine shows instead of a password; it acts as one user and may do no more than they may.

    Administrators make and revoke them; the secret is shown once and only its keyed hash is kept. Always holds: a key
    is of one tenant, and with its user deactivated, itself revoked or past its expiry it opens nothing.
    """

    auth_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "UPDATE"})
    audit_ignored_fields: ClassVar[frozenset[str]] = frozenset({"last_used_at", "secret_digest", "pepper_version"})
    search_columns: ClassVar[tuple[str, ...]] = ("name",)

    name = models.CharField(max_length=100, validators=[MinLengthValidator(1)], help_text="What uses it.")
    user = TenantForeignKey("tenants.User", related_name="api_keys")
    scopes = CheckedJSONField(schema=SCOPES_SCHEMA, help_text='What it may be used for, such as ["read"].')
    expires_at = models.DateTimeField(help_text="When it stops opening anything.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the nearest few minutes.")
    created_by_id = models.UUIDField(null=True, blank=True, editable=False)
    secret_digest = models.CharField(max_length=DIGEST_CHARACTERS, editable=False)
    pepper_version = models.PositiveIntegerField(editable=False)

    # The tenant is not known yet when a key is looked up, and `objects` refuses to answer without one.
    for_authentication: ClassVar[models.Manager[ApiKey]] = models.Manager()

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "API key"
        ordering = ["-id"]
        constraints = [
            order_check("created_at", "expires_at", message="Must lie in the future."),
            json_kind_check("scopes", "array"),
            models.CheckConstraint(condition=~Q(secret_digest=""), name="%(app_label)s_%(class)s_has_digest"),
        ]

    def __str__(self) -> str:
        return self.name

    def is_usable(self, *, at: datetime) -> bool:
        """Whether it opens anything at that moment, its user aside."""
        return self.revoked_at is None and at < self.expires_at
