"""Context managers that choose a context and open the transaction that carries it.

The tenant travels inside the transaction (``SET LOCAL``), never with the session, so that no pool can hand one
request's tenant to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, transaction

from .context import AccessContext, Purpose, current_context, use_context


@contextmanager
def open_context(
    context: AccessContext, *, using: str = DEFAULT_DB_ALIAS, durable: bool = False
) -> Iterator[AccessContext]:
    """Put ``context`` in force inside a transaction (a savepoint when one is open already).

    durable: the outcome must survive whatever surrounds it
    Raises RuntimeError where it is to be durable and a transaction is open, which could still take it back.
    """
    with use_context(context), transaction.atomic(using=using, durable=durable):
        yield context


@contextmanager
def tenant_context(
    tenant_id: UUID, *, actor_id: UUID | None = None, reason: str = "", durable: bool = False
) -> Iterator[AccessContext]:
    """Work inside one tenant: every query sees and writes its rows only.

    tenant_id: the tenant;  actor_id: who acts (None: the system);  reason: kept with what is audited
    durable: as in ``open_context``
    Raises TenantContextRequired unless tenant_id is a UUID.
    """
    context = AccessContext(Purpose.APP, tenant_id, actor_id, reason)
    with open_context(context, durable=durable):
        yield context


@contextmanager
def auth_context(*, actor_id: UUID | None = None, durable: bool = False) -> Iterator[AccessContext]:
    """Work on users, sessions and keys before the tenant is known, in a transaction of its own right.

    Inside an open transaction this is a savepoint of it; ``durable`` where the outcome must survive a rollback.
    """
    context = AccessContext(Purpose.AUTH, actor_id=actor_id)
    with open_context(context, durable=durable):
        yield context


@contextmanager
def same_actor_in(tenant_id: UUID) -> Iterator[AccessContext]:
    """Enter ``tenant_id`` on behalf of whoever acts now."""
    outer = current_context()
    with tenant_context(tenant_id, actor_id=outer.actor_id if outer else None) as context:
        yield context


@contextmanager
def auth_step() -> Iterator[None]:
    """One step of logging in or resolving a session: joins an auth transaction that is open, else opens one."""
    context = current_context()
    if context and context.purpose is Purpose.AUTH and transaction.get_connection().in_atomic_block:
        yield
    else:
        with auth_context(actor_id=context.actor_id if context else None):
            yield
