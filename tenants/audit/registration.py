"""Which models leave an entry per write, and of which fields: registered with auditlog from the models themselves.

auditlog brings the registry, the signal receivers and the diff. Its ``create`` diff also visits reverse relations, its
mask shows half of a secret, and its actor lives in a receiver connected per request; so fields are included by name,
secrets are withheld whole, and the actor is read from the access context when the entry is written.
"""

from __future__ import annotations

from typing import Any

from auditlog.registry import auditlog
from django.db import models
from django.db.models.signals import pre_delete

from tenants.isolation.registry import isolated_models

from .containment import contained_models, remember_contained
from .enums import AuditMode
from .secrets import is_secret_field, withhold

IGNORED_FIELDS = frozenset(
    {
        *("id", "tenant", "created_at", "updated_at"),  # the entry has id, tenant and time itself
        *("last_login", "last_used_at"),  # each login is an entry of its own
        *("next_run_at", "last_sync_at", "error_count", "last_error"),  # written by every run, kept as its SyncResult
    }
)
_DERIVED_SUFFIX = "_lower"  # stored lower-case copies, kept for search

_MASK = f"{withhold.__module__}.{withhold.__qualname__}"


def audit_mode_of(model: type[models.Model]) -> AuditMode:
    """Return the model's declared ``audit_mode``.

    Without a declaration: rows that may be changed leave entries; rows written once are kept in bulk, by the domain
    function that writes them.
    """
    declared: AuditMode | str | None = getattr(model, "audit_mode", None)
    if declared is not None:
        return AuditMode(declared)
    privileges: frozenset[str] = getattr(model, "app_privileges", frozenset())
    return AuditMode.ENTRIES if "UPDATE" in privileges else AuditMode.BULK


def audited_models() -> list[type[models.Model]]:
    """Return the models of which every create, update and delete leaves an entry, in the order of the apps."""
    return [model for model in isolated_models() if audit_mode_of(model) is AuditMode.ENTRIES]


def audited_fields(model: type[models.Model]) -> list[str]:
    """Return the names of the fields whose changes are kept.

    A model names further fields to leave out (counters, times of the last run) in ``audit_ignored_fields``.
    """
    ignored = IGNORED_FIELDS | set(getattr(model, "audit_ignored_fields", ()))
    names = [field.name for field in model._meta.concrete_fields]
    return [name for name in names if name not in ignored and not name.endswith(_DERIVED_SUFFIX)]


def register_audited_models() -> None:
    """Register every audited model with auditlog; again without harm. Called once the apps are loaded."""
    for model in audited_models():
        fields = audited_fields(model)
        secret = [name for name in fields if is_secret_field(_field(model, name))]
        auditlog.unregister(model)
        auditlog.register(model, include_fields=fields, mask_fields=secret, mask_callable=_MASK)
        if contained_models(model):
            pre_delete.connect(remember_contained, sender=model, dispatch_uid=f"stratibreak.audit.{model._meta.label}")


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)  # noqa: S101 - concrete fields only; narrows the type
    return field
