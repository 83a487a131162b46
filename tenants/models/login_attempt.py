"""Tries to log in, kept only to slow down guessing."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from tenants.isolation.constraints import RowSecurity
from tenants.isolation.identifiers import uuid7
from tenants.isolation.models import IsolatedModel
from tenants.isolation.registry import FULL, NOTHING

DIGEST_CHARACTERS = 64


class LoginAttempt(IsolatedModel):
    """One try to log in, written before the password is looked at and settled after.

    Belongs to no tenant: at that moment none is known, and the address typed may belong to nobody. It is kept as a
    keyed digest, because people type passwords into the wrong box. The login door writes it; a day later it goes.
    """

    tenant_column: ClassVar[str | None] = None
    app_privileges: ClassVar[frozenset[str]] = NOTHING
    auth_privileges: ClassVar[frozenset[str]] = FULL
    platform_privileges: ClassVar[frozenset[str]] = NOTHING
    audit_mode: ClassVar[str] = "none"  # failed logins have audit entries of their own

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account_digest = models.CharField(max_length=DIGEST_CHARACTERS)
    ip_address = models.GenericIPAddressField("IP address", null=True, blank=True)
    tried_at = models.DateTimeField()
    succeeded = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [RowSecurity(name="tenants_loginattempt_security", tenant_column=None)]
        indexes = [
            models.Index(fields=["account_digest", "tried_at"], name="loginattempt_account"),
            models.Index(fields=["ip_address", "tried_at"], name="loginattempt_ip_address"),
        ]

    def __str__(self) -> str:
        return f"{self.tried_at:%Y-%m-%d %H:%M} {self.ip_address or 'unknown address'}"
