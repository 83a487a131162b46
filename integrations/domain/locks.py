"""What only one process does at a time, whichever it is and wherever it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Error
from psycopg.errors import LockNotAvailable

Cursor = Any


@contextmanager
def token_lock(tenant_id: UUID, integration_id: UUID, *, patience_s: float) -> Iterator[bool]:
    """One renewal of an integration's tokens at a time. Waits for its turn; False where that takes too long.

    Of the same kind as the lock of a run, and apart from it: a test of the connection renews while a run goes on.
    """
    with own_transaction() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{round(patience_s * 1000)}ms"])
        try:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(tenant_id, integration_id, what="tokens")])
        except LockNotAvailable:
            is_taken = False
        else:
            is_taken = True
        yield is_taken


@contextmanager
def own_transaction() -> Iterator[Cursor]:
    """A transaction on a connection of its own, which is rolled back."""
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        own.ensure_connection()
        cursor = own.connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        try:
            yield cursor
        finally:
            with suppress(Error):
                cursor.execute("ROLLBACK")  # at once: a closed connection is noticed a little later
    finally:
        own.close()


def lock_key(tenant_id: UUID, subject_id: UUID, *, what: str = "sync") -> int:
    """The lock's name as PostgreSQL wants it, 64 bits, signed: two subjects that shared one would take turns."""
    name = f"stratibreak {what} {tenant_id} {subject_id}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
