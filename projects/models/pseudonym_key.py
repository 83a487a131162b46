from __future__ import annotations

from typing import ClassVar

from django.db import models

from projects.constraints import unique_in_tenant
from tenants.audit.enums import AuditMode
from tenants.encryption.fields import EncryptedField
from tenants.isolation.models import TenantModel
from tenants.isolation.registry import NOTHING


class PseudonymKey(TenantModel):
    """The random key under which a tenant's contributors are known: their digests are keyed by it.

    Made by the first import or sync, shown to nobody, and never replaced, because every contributor would become a
    stranger. It is sealed with the tenant's data key, so that rotating data keys leaves it as it is, and destroying
    them makes all pseudonyms final.
    """

    project_path: ClassVar[str | None] = None
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE
    # UPDATE is for `rotate_keys`, which seals it anew.
    app_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "INSERT", "UPDATE"})
    platform_privileges: ClassVar[frozenset[str]] = NOTHING

    key = EncryptedField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = "pseudonym key"
        verbose_name_plural = "pseudonym keys"
        ordering = ["-id"]
        constraints = [unique_in_tenant(name="one")]

    def __str__(self) -> str:
        return "pseudonym key"
