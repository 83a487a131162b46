"""Who is asking, for which tenant, and for what purpose.

One frozen ``AccessContext`` in one ``ContextVar`` is what manager, compiler, database backend and audit read.
A new thread starts without a context, and so without any row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Purpose(StrEnum):
    """Why the database is being asked; each purpose maps to one database role."""

    APP = "app"  # work inside one tenant
    AUTH = "auth"  # the moment before the tenant is known: users, sessions, keys
    PLATFORM = "platform"  # an operator reads across tenants
    OWNER = "owner"  # migrations and maintenance with the owner's credentials


@dataclass(frozen=True, slots=True)
class AccessContext:
    """One frozen answer to "who may see what now".

    purpose: maps to the database role;  tenant_id: required for APP, None for AUTH and PLATFORM
    actor_id: the user or API key that acts, None for the system;  reason: required for PLATFORM
    """

    purpose: Purpose
    tenant_id: UUID | None = None
    actor_id: UUID | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.purpose is Purpose.APP and not isinstance(self.tenant_id, UUID):
            raise TenantContextRequired("An app context needs a tenant id of type UUID.")
        if self.purpose in (Purpose.AUTH, Purpose.PLATFORM) and self.tenant_id is not None:
            raise ValueError(f"A context of purpose {self.purpose} has no tenant.")
        if self.purpose is Purpose.PLATFORM and not self.reason.strip():
            raise ValueError("Reading across all tenants needs a reason.")


class TenantContextRequired(RuntimeError):
    """A tenant's rows were asked for and no tenant was chosen."""

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message
            or "No tenant is chosen. Wrap the work in `with tenant_context(tenant_id):`; "
            "for an operator's read over all tenants use `with across_all_tenants(reason=…):`."
        )


class TenantTransactionRequired(RuntimeError):
    """A tenant's rows were asked for outside a transaction: the tenant travels with the transaction."""


class CrossTenantWrite(RuntimeError):
    """A row of one tenant was about to be written in the context of another."""


_context: ContextVar[AccessContext | None] = ContextVar("stratibreak_access_context", default=None)


def current_context() -> AccessContext | None:
    """Return the context in force, or None."""
    return _context.get()


def current_tenant_id() -> UUID | None:
    """Return the chosen tenant's id, or None: for defaults, never for filters."""
    context = _context.get()
    return context.tenant_id if context else None


def require_tenant_id() -> UUID:
    """Return the chosen tenant's id.

    Raises TenantContextRequired when none is chosen.
    """
    tenant_id = current_tenant_id()
    if tenant_id is None:
        raise TenantContextRequired
    return tenant_id


@contextmanager
def use_context(context: AccessContext | None) -> Iterator[AccessContext | None]:
    """Put a context in force and restore the outer one, whatever happens.

    It opens no transaction: use ``tenant_context`` unless you are the one who opens it.
    """
    token = _context.set(context)
    try:
        yield context
    finally:
        _context.reset(token)
