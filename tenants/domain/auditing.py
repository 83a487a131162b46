"""Recording what people do: the calls that doors and domain functions make.

Creates, updates and deletes of what people own record themselves (``tenants.audit.registration``). Everything else is
an explicit call here: reads of analyses, exports, bulk writes, refusals, logins, an operator's steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.utils.crypto import salted_hmac

from tenants.audit.deferred import defer_entry, entries_after_transaction
from tenants.audit.entries import INSTALLATION, Draft, write_entry, write_entry_at_end
from tenants.audit.enums import AuditAction, Operation
from tenants.audit.resources import Resource, named_action, resource_of
from tenants.isolation.context import AccessContext, Purpose, current_context, require_tenant_id, use_context
from tenants.isolation.transaction import auth_context
from tenants.models.user import User
from tenants.request_info import printable

__all__ = [
    "INSTALLATION",
    "AuditAction",
    "Operation",
    "entries_after_transaction",
    "record",
    "record_bulk",
    "record_login",
    "record_login_failed",
    "record_logout",
    "record_operator_enter",
    "record_operator_read",
    "record_refusal",
    "record_shown",
]

_ADDRESS_MAX_CHARS = 254  # RFC 5321, as the users' column


def record(
    *,
    action: AuditAction,
    resource: Resource = None,
    operation: Operation = Operation.NONE,
    tenant_id: UUID | None = None,
    actor_id: UUID | None = None,
    changes: Mapping[str, Any] | None = None,
    reason: str = "",
) -> UUID:
    """Write one entry in the current transaction: it stands or falls with what it records. Returns its id.

    resource: a row, a model, or (type, id);  changes: JSON, secrets are withheld
    tenant_id, actor_id, reason: taken from the context in force when not given
    Raises TenantContextRequired when no tenant is given or chosen.
    """
    return write_entry(
        _draft(
            action=action,
            resource=resource,
            operation=operation,
            tenant_id=tenant_id,
            actor_id=actor_id,
            changes=changes,
            reason=reason,
        )
    )


def record_shown(*, action: AuditAction, resource: Resource, changes: Mapping[str, Any] | None = None) -> None:
    """Write the entry of a read at the end of the current transaction; it stands or falls with the answer.

    Raises TenantContextRequired when no tenant is chosen; what the database refuses is raised where it is sent.
    """
    write_entry_at_end(_draft(action=action, operation=Operation.READ, resource=resource, changes=changes))


def record_bulk(
    *,
    model: type[models.Model],
    counts: Mapping[str, int],
    action: AuditAction | None = None,
    tenant_id: UUID | None = None,
    actor_id: UUID | None = None,
    reason: str = "",
) -> UUID:
    """Write one entry for a statement or batch over many rows of ``model``.

    counts: what happened to how many, such as {"created": 120, "updated": 3}
    """
    return record(
        action=action or named_action(model._meta.label_lower, Operation.BULK),
        resource=model,
        operation=Operation.BULK,
        tenant_id=tenant_id,
        actor_id=actor_id,
        changes={"counts": dict(counts)},
        reason=reason,
    )


def record_refusal(
    *,
    reason: str,
    resource: Resource = None,
    action: AuditAction = AuditAction.REFUSED,
    tenant_id: UUID | None = None,
    actor_id: UUID | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Keep that something was tried and refused, although the request is rolled back.

    reason: the rule that refused, for people;  changes: what was asked for (method, path), never a body
    tenant_id, actor_id: taken from the context in force; a stranger's attempts belong to the installation
    """
    resource_type, resource_id = resource_of(resource)
    context = current_context()
    defer_entry(
        Draft(
            action=action,
            tenant_id=tenant_id or (context.tenant_id if context else None) or INSTALLATION,
            actor_id=actor_id or (context.actor_id if context else None),
            resource_type=resource_type,
            resource_id=resource_id,
            changes=changes or {},
            reason=reason,
        )
    )


def record_login(*, user: User) -> None:
    """Keep that a person logged in."""
    _defer_for(user, AuditAction.LOGIN)


def record_logout(*, user: User) -> None:
    """Keep that a person logged out."""
    _defer_for(user, AuditAction.LOGOUT)


def record_login_failed(*, login: str, reason: str = "", action: AuditAction = AuditAction.LOGIN_FAILED) -> None:
    """Keep a failed login, under the person's tenant where the address is known.

    login: what was typed. People type passwords into the wrong box, so only a keyed digest of it is kept: enough to see
    that the same address is tried again and again.
    """
    address = printable(login, _ADDRESS_MAX_CHARS).lower()
    with auth_context():
        known = User.objects.filter(email=address).values_list("id", "tenant_id").first()
    user_id, tenant_id = known or (None, None)
    defer_entry(
        Draft(
            action=action,
            tenant_id=tenant_id or INSTALLATION,
            actor_id=user_id,
            resource_type=User._meta.label_lower,
            resource_id=str(user_id or ""),
            changes={"login": salted_hmac("tenants.auditing.login", address, algorithm="sha256").hexdigest()[:16]},
            reason=reason,
        )
    )


def record_operator_read(context: AccessContext) -> None:
    """Commit that an operator is about to read across tenants (``across_all_tenants`` calls this before it reads).

    Raises RuntimeError inside an open transaction, where the entry could still be rolled back.
    """
    _commit_now(
        Draft(
            action=AuditAction.OPERATOR_READ,
            operation=Operation.READ,
            tenant_id=INSTALLATION,
            actor_id=context.actor_id,
            reason=context.reason,
        )
    )


def record_operator_enter(*, tenant_id: UUID, operator_id: UUID, reason: str) -> None:
    """Commit that an operator enters a tenant; the tenant's own administrators can read it.

    Raises ValueError without a reason, RuntimeError inside an open transaction.
    """
    if not reason.strip():
        raise ValueError("Entering a tenant needs a reason.")
    _commit_now(
        Draft(
            action=AuditAction.OPERATOR_ENTER,
            tenant_id=tenant_id,
            actor_id=operator_id,
            resource_type="tenants.tenant",
            resource_id=str(tenant_id),
            reason=reason,
        )
    )


def _draft(
    *,
    action: AuditAction,
    resource: Resource,
    operation: Operation,
    tenant_id: UUID | None = None,
    actor_id: UUID | None = None,
    changes: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Draft:
    resource_type, resource_id = resource_of(resource)
    context = current_context()
    return Draft(
        action=action,
        operation=operation,
        tenant_id=tenant_id or require_tenant_id(),
        actor_id=actor_id or (context.actor_id if context else None),
        resource_type=resource_type,
        resource_id=resource_id,
        changes=changes or {},
        reason=reason or (context.reason if context else ""),
    )


def _commit_now(draft: Draft) -> None:
    with use_context(AccessContext(Purpose.AUTH, actor_id=draft.actor_id)), transaction.atomic(durable=True):
        write_entry(draft)


def _defer_for(user: User, action: AuditAction) -> None:
    defer_entry(
        Draft(
            action=action,
            tenant_id=user.tenant_id or INSTALLATION,
            actor_id=user.pk,
            resource_type=User._meta.label_lower,
            resource_id=str(user.pk),
        )
    )
