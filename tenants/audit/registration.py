"""Which models leave an entry per write, and of which fields: registered with auditlog from the models themselves.

auditlog brings the registry, the signal receivers and the diff. Its ``create`` diff also visits reverse relations, its
mask shows half of a secret, and its actor lives in a receiver connected per request; so fields are included by name,
secrets are withheld whole, and the actor is read from the access context when the entry is written.
"""

from __future__ import annotations

from typing import Any

from auditlog.registry import auditlog
from django.db import models

from tenants.isolation.registry import isolated_models

from .enums import AuditMode
from .secrets import is_secret_field, withhold

IGNORED_FIELDS = frozenset({"id", "tenant", "created_at", "updated_at", "last_login", "last_used_at"})
"""Fields whose change says nothing: the entry has id, tenant and time itself, and each login is an entry of its own."""

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
    return [field.name for field in model._meta.concrete_fields if field.name not in ignored]


def register_audited_models() -> None:
    """Register every audited model with auditlog; again without harm. Called once the apps are loaded."""
    for model in audited_models():
        fields = audited_fields(model)
        secret = [name for name in fields if is_secret_field(_field(model, name))]
        auditlog.unregister(model)
        auditlog.register(model, include_fields=fields, mask_fields=secret, mask_callable=_MASK)


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)  # noqa: S101 - concrete fields only; narrows the type
    return field
