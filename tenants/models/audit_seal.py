"""Seals over the audit trail."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models import Q

from tenants.append_only import AppendOnlyRefused
from tenants.audit.enums import AuditMode, SealKind
from tenants.isolation.constraints import TenantKey, enum_constraint
from tenants.isolation.identifiers import uuid7
from tenants.isolation.managers import TenantManager
from tenants.isolation.models import IsolatedModel
from tenants.isolation.registry import READ


class AuditSeal(IsolatedModel):
    """A seal over the audit entries of one organisation and one day, or the word that sealed entries were given up.

    Written by `manage.py audit_seal` and by retention, with the owner's rights; nobody changes or deletes one. Like the
    entries they vouch for, seals refer to no tenant: they outlive it, and the nil UUID means the installation.
    What a seal says is in ``tenants.audit.seals``; the code over it in ``mac``, made with a key outside the database.
    """

    audit_mode: ClassVar[AuditMode] = AuditMode.NONE
    is_guarded: ClassVar[bool] = True

    app_privileges: ClassVar[frozenset[str]] = READ
    platform_privileges: ClassVar[frozenset[str]] = READ

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField(editable=False)  # the nil UUID: the installation itself
    number = models.PositiveIntegerField(editable=False)
    kind = models.CharField(max_length=8, choices=SealKind.choices, editable=False)
    day = models.DateField(null=True, editable=False, help_text="Of the entries, in UTC.")
    removed_before = models.DateField(null=True, editable=False, help_text="Entries of earlier days were given up.")
    cluster = models.CharField(max_length=20, editable=False, help_text="The server whose transaction ids are meant.")
    from_transaction = models.BigIntegerField(editable=False)
    below_transaction = models.BigIntegerField(editable=False)
    entry_count = models.PositiveIntegerField("entries", editable=False)
    leaves = models.BinaryField(editable=False)
    leaves_digest = models.BinaryField(max_length=32, editable=False)
    sealed_at = models.DateTimeField(editable=False)
    format = models.PositiveSmallIntegerField(editable=False)
    key_version = models.PositiveIntegerField(editable=False)
    previous_mac = models.BinaryField(max_length=32, editable=False)
    mac = models.BinaryField(max_length=32, editable=False)

    objects: ClassVar[TenantManager[Any]] = TenantManager()

    class Meta:
        verbose_name = "audit seal"
        verbose_name_plural = "audit seals"
        ordering = ["-id"]
        constraints = [
            TenantKey(name="tenants_auditseal_tenant_key"),
            models.UniqueConstraint(fields=["tenant_id", "number"], name="tenants_auditseal_number"),
            enum_constraint("kind", SealKind),
            models.CheckConstraint(condition=Q(number__gte=1), name="tenants_auditseal_counts_from_one"),
            models.CheckConstraint(
                condition=Q(kind=SealKind.SEALED, day__isnull=False, removed_before__isnull=True)
                | Q(kind=SealKind.REMOVED, day__isnull=True),
                name="tenants_auditseal_names_its_days",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} no. {self.number}: {self.entry_count:,} entries"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises AppendOnlyRefused: seals are written by ``tenants.domain.audit_sealing``."""
        raise AppendOnlyRefused("Seals are written by `manage.py audit_seal`, and never changed.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises AppendOnlyRefused: seals stay, also when the entries they vouch for are gone."""
        raise AppendOnlyRefused("Seals stay: without them a removed entry could not be told from a lost one.")
