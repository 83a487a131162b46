"""Entries that must outlive the transaction that made them: refusals, and people coming and going.

A refused request is rolled back, and with it everything written in its transaction. So such entries wait, with the
request's origin already in them, until the door has ended its transaction, and are then written in one of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import Error

from tenants.isolation.transaction import auth_context

from .entries import Draft, write_entry

logger = logging.getLogger(__name__)

_waiting: ContextVar[list[Draft] | None] = ContextVar("stratibreak_waiting_audit_entries", default=None)


@contextmanager
def entries_after_transaction() -> Iterator[None]:
    """Hold back deferred entries and write them on the way out, whatever happened inside.

    For doors: wraps everything that opens transactions. An entry that cannot be written is logged as an error and the
    answer stands: it was a refusal already, and the next statement of a dead database would fail anyway.
    """
    waiting: list[Draft] = []
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
        if waiting:
            _write_waiting(waiting)


def defer_entry(draft: Draft) -> None:
    """Write an entry after the door's transaction; outside a door at once, in a transaction of the auth purpose.

    Outside a door and inside a transaction it shares that transaction's fate.
    """
    waiting = _waiting.get()
    if waiting is None:
        with auth_context():
            write_entry(draft)
    else:
        waiting.append(draft)


def _write_waiting(waiting: list[Draft]) -> None:
    try:
        with auth_context():
            for draft in waiting:
                write_entry(draft)
    except Error:
        for draft in waiting:
            logger.exception(
                "audit entry lost: %s %s %s tenant=%s actor=%s request=%s",
                draft.action.value,
                draft.resource_type,
                draft.resource_id,
                draft.tenant_id,
                draft.actor_id,
                draft.request.request_id,
            )
