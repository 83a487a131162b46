"""From a model and what was done to it, to the entry that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import models

from tenants.isolation.context import current_context

from .containment import remembered_contained
from .entries import INSTALLATION, Draft
from .enums import AuditAction, Operation

_GENERAL = {
    Operation.CREATE: AuditAction.CREATE,
    Operation.UPDATE: AuditAction.UPDATE,
    Operation.DELETE: AuditAction.DELETE,
    Operation.BULK: AuditAction.BULK_WRITE,
}
_PROJECT = dict.fromkeys((Operation.CREATE, Operation.UPDATE, Operation.DELETE), AuditAction.MODIFY_PROJECT)
_INTEGRATION = dict.fromkeys((Operation.CREATE, Operation.UPDATE, Operation.DELETE), AuditAction.CONFIGURE_INTEGRATION)

# By label, so that the trail's vocabulary stands in one place although the models live in the apps above.
NAMED_ACTIONS: dict[str, dict[Operation, AuditAction]] = {
    "projects.project": _PROJECT,
    "projects.projectmembership": _PROJECT,
    "projects.goal": _PROJECT,
    "projects.stakeholder": _PROJECT,
    "integrations.integration": _INTEGRATION,
    "integrations.fieldmapping": _INTEGRATION,
    "integrations.destination": _INTEGRATION,
    "integrations.incomingwebhook": _INTEGRATION,
    "tenants.user": {
        Operation.CREATE: AuditAction.CREATE_USER,
        Operation.UPDATE: AuditAction.UPDATE_USER,
        Operation.DELETE: AuditAction.DELETE_USER,
    },
    "tenants.apikey": {Operation.CREATE: AuditAction.API_KEY_CREATED, Operation.DELETE: AuditAction.API_KEY_REVOKED},
}

Resource = models.Model | type[models.Model] | tuple[str, object] | None
"""What an entry is about: a row, a kind of row, (type, id) in words, or nothing in particular."""


# An update whose meaning is this one change: (label, field, value after it).
_TELLING_CHANGES: dict[tuple[str, str], tuple[object, AuditAction]] = {
    ("tenants.user", "is_active"): (False, AuditAction.DELETE_USER),  # people are deactivated, never deleted
}


def named_action(label: str, operation: Operation, changes: Mapping[str, Any] | None = None) -> AuditAction:
    """Return the action's own name where the trail has one, else the general one.

    changes: field name to [before, after]
    """
    for name, change in (changes or {}).items():
        value_after, action = _TELLING_CHANGES.get((label, name), (None, None))
        if operation is Operation.UPDATE and action is not None and change[1] == value_after:
            return action
    return NAMED_ACTIONS.get(label, {}).get(operation) or _GENERAL[operation]


def resource_of(resource: Resource) -> tuple[str, str]:
    """Return resource type (the model's label, lower case) and id, both "" where there is no resource."""
    if resource is None:
        return "", ""
    if isinstance(resource, tuple):
        return resource[0], str(resource[1])
    return resource._meta.label_lower, str(resource.pk) if isinstance(resource, models.Model) else ""


def draft_of_change(instance: models.Model, *, operation: Operation, changes: Mapping[str, Any]) -> Draft:
    """Return the entry of a create, update or delete of one row, by whoever acts in the context in force."""
    resource_type, resource_id = resource_of(instance)
    context = current_context()
    if operation is Operation.DELETE and (counts := remembered_contained(instance)):
        changes = {**changes, "contained": counts}
    return Draft(
        action=named_action(resource_type, operation, changes),
        operation=operation,
        tenant_id=tenant_of_row(instance),
        actor_id=context.actor_id if context else None,
        resource_type=resource_type,
        resource_id=resource_id,
        changes=changes,
        reason=context.reason if context else "",
    )


def tenant_of_row(instance: models.Model) -> UUID:
    """Return the tenant a row belongs to; the installation for operators and shared rows."""
    column = getattr(instance, "tenant_column", None)
    tenant_id = getattr(instance, column, None) if column else None
    return tenant_id if isinstance(tenant_id, UUID) else INSTALLATION
