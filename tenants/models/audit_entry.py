"""The audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, models

from tenants.append_only import AppendOnlyRefused
from tenants.audit.entries import (
    REASON_MAX_CHARS,
    RESOURCE_ID_MAX_CHARS,
    RESOURCE_TYPE_MAX_CHARS,
    TABLE,
    write_entry,
)
from tenants.audit.enums import AuditAction, AuditMode, Operation
from tenants.audit.resources import draft_of_change
from tenants.isolation.constraints import RowSecurity, enum_constraint
from tenants.isolation.managers import TenantManager
from tenants.isolation.models import IsolatedModel
from tenants.isolation.registry import APPEND, READ
from tenants.request_info import USER_AGENT_MAX_CHARS


class AuditEntryManager(TenantManager["AuditEntry"]):
    """Reads entries of the chosen tenant; writes through the one INSERT of ``tenants.audit.entries``."""

    def log_create(
        self,
        instance: models.Model,
        *,
        action: Operation,
        changes: Mapping[str, Any] | None = None,
        force_log: bool = False,
    ) -> UUID | None:
        """Record a create, update or delete of ``instance``: what auditlog's receivers call.

        changes: field name to [before, after]; nothing is written where nothing changed
        """
        if not changes and not force_log:
            return None
        using = instance._state.db or DEFAULT_DB_ALIAS
        return write_entry(draft_of_change(instance, operation=action, changes=changes or {}), using=using)

    def get_for_object(self, instance: models.Model) -> models.QuerySet[AuditEntry]:
        """Return the entries about one object, newest first."""
        return self.filter(resource_type=instance._meta.label_lower, resource_id=str(instance.pk))


class AuditEntry(IsolatedModel):
    """One thing that somebody did, tried to do, or read.

    Written by ``tenants.domain.auditing`` and by auditlog's receivers, never through ``save()``. Nobody changes a row,
    and only retention deletes one: the roles are granted SELECT and INSERT, and a trigger refuses the rest. The
    database fills ``timestamp``, ``transaction_id`` and ``row_hash``; the table is partitioned by month, so its key is
    (tenant_id, timestamp, id). There is no reference to tenant, user or content type: entries outlive what they name,
    and content type ids differ between installations.
    """

    Action: ClassVar[type[Operation]] = Operation  # the name under which auditlog's receivers look it up
    audit_mode: ClassVar[AuditMode] = AuditMode.NONE
    is_guarded: ClassVar[bool] = True  # emptying a database leaves this table alone: its trigger refuses TRUNCATE

    app_privileges: ClassVar[frozenset[str]] = APPEND
    auth_privileges: ClassVar[frozenset[str]] = frozenset({"INSERT"})
    platform_privileges: ClassVar[frozenset[str]] = READ

    id = models.UUIDField(primary_key=True, editable=False)
    tenant_id = models.UUIDField(editable=False)  # the nil UUID: the installation itself
    timestamp = models.DateTimeField(editable=False)
    action = models.CharField(max_length=40, choices=AuditAction.choices, editable=False)
    operation = models.CharField(max_length=10, choices=Operation.choices, editable=False)
    actor_id = models.UUIDField(null=True, editable=False)
    resource_type = models.CharField(max_length=RESOURCE_TYPE_MAX_CHARS, editable=False)
    resource_id = models.CharField(max_length=RESOURCE_ID_MAX_CHARS, editable=False)
    changes = models.JSONField(editable=False)
    reason = models.CharField(max_length=REASON_MAX_CHARS, editable=False)
    ip_address = models.GenericIPAddressField(null=True, editable=False)
    user_agent = models.CharField(max_length=USER_AGENT_MAX_CHARS, editable=False)
    request_id = models.CharField(max_length=64, editable=False)
    transaction_id = models.BigIntegerField(editable=False)
    hash_version = models.SmallIntegerField(editable=False)
    row_hash = models.BinaryField(max_length=32, editable=False)

    objects: ClassVar[AuditEntryManager] = AuditEntryManager()

    class Meta:
        db_table = TABLE
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        ordering = ["-timestamp", "-id"]
        get_latest_by = "timestamp"
        indexes = [
            models.Index(fields=["tenant_id", "resource_type", "resource_id", "timestamp"], name="audit_by_resource"),
            models.Index(fields=["tenant_id", "actor_id", "timestamp"], name="audit_by_actor"),
            models.Index(fields=["tenant_id", "action", "timestamp"], name="audit_by_action"),
            models.Index(fields=["tenant_id", "transaction_id"], name="audit_by_transaction"),
        ]
        constraints = [
            RowSecurity(name="tenants_auditentry_security", tenant_column="tenant_id"),
            enum_constraint("action", AuditAction),
            enum_constraint("operation", Operation),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.resource_type} {self.resource_id}".strip()

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises AppendOnlyRefused: entries are written by ``tenants.domain.auditing.record``."""
        raise AppendOnlyRefused("Audit entries are written by tenants.domain.auditing.record, and never changed.")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises AppendOnlyRefused: entries go by retention only."""
        raise AppendOnlyRefused("Audit entries are removed by `manage.py audit_partitions` after their retention.")
