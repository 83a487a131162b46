"""The keys that seal a tenant's secrets."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tenants.audit.enums import AuditMode
from tenants.encryption.envelope import MAX_KEY_VERSION
from tenants.isolation.models import TenantModel
from tenants.isolation.registry import NOTHING

_KEEP_ROWS = frozenset({"SELECT", "INSERT", "UPDATE"})


class TenantDataKey(TenantModel):
    """One version of a tenant's data key, wrapped by the key ring; the highest version seals, all of them open.

    Made by `tenants.domain.keys` when the tenant is made or first keeps a secret, and by `rotate_keys`. The key is
    never stored in plain form, and no door shows even the wrapped one. A destroyed key stays as an empty row, so that
    a version never comes back with another key, and a tenant whose key was destroyed is not silently given a new one.
    """

    audit_mode: ClassVar[AuditMode] = AuditMode.NONE
    app_privileges: ClassVar[frozenset[str]] = _KEEP_ROWS
    platform_privileges: ClassVar[frozenset[str]] = NOTHING

    version = models.PositiveIntegerField(editable=False)
    wrapped_key = models.BinaryField(null=True)
    key_ring_version = models.PositiveIntegerField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    destroyed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-version"]
        verbose_name = "data key"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "version"], name="tenants_data_key_version"),
            models.CheckConstraint(
                condition=Q(version__gte=1, version__lte=MAX_KEY_VERSION, key_ring_version__gte=1),
                name="tenants_data_key_versions_count_from_one",
            ),
            models.CheckConstraint(
                condition=Q(wrapped_key__isnull=True, destroyed_at__isnull=False)
                | Q(wrapped_key__isnull=False, destroyed_at__isnull=True),
                name="tenants_data_key_present_or_destroyed",
            ),
        ]

    def __str__(self) -> str:
        return f"data key {self.version}"
