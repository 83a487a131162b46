"""Carrying a context to where the work is done: a job's row, another process, another thread.

A job keeps the context as plain data and opens one short transaction per batch; no HTTP inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from uuid import UUID

from .context import AccessContext, Purpose, TenantContextRequired, current_context, use_context
from .transaction import open_context

P = ParamSpec("P")
R = TypeVar("R")


def carried_context() -> dict[str, str]:
    """Return the app context in force as JSON-ready data, to be stored with a job.

    Raises TenantContextRequired when no tenant is chosen: such a job could only run without one.
    """
    context = current_context()
    if context is None or context.purpose is not Purpose.APP:
        raise TenantContextRequired("A job is deferred inside tenant_context(tenant_id), whose tenant it will run for.")
    return {
        "tenant_id": str(context.tenant_id),
        "actor_id": str(context.actor_id or ""),
        "reason": context.reason,
    }


def restored_context(carried: dict[str, str]) -> AccessContext:
    """Return the context a job was deferred in.

    Raises ValueError or KeyError for data that ``carried_context`` did not make.
    """
    actor = carried["actor_id"]
    return AccessContext(
        Purpose.APP, UUID(carried["tenant_id"]), UUID(actor) if actor else None, str(carried["reason"])
    )


def run_batch(carried: dict[str, str], batch: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run one batch of a job in its tenant, in one transaction, from a worker that has no context of its own."""
    if current_context() is not None:
        raise RuntimeError("A worker runs batches with no context in force; one was left behind.")
    with open_context(restored_context(carried)):
        return batch(*args, **kwargs)


def in_same_context(work: Callable[P, R]) -> Callable[P, R]:
    """Return ``work`` for another thread, where it runs with today's context in a transaction of its own."""
    context = current_context()
    if context is None:
        raise TenantContextRequired

    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with use_context(None), open_context(context):
            return work(*args, **kwargs)

    return inside
