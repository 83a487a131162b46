"""One run of an integration at a time, whoever starts it and wherever it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Error


@contextmanager
def run_lock(tenant_id: UUID, integration_id: UUID) -> Iterator[bool]:
    """Whether this run may begin; the lock is held until the block ends, or the process does.

    An advisory lock of a transaction that does nothing else, on a connection of its own: it outlives the short
    transactions of the run, it is gone the moment the process is, and it holds behind a pooler that hands
    connections out by transaction. It looks at no row, so it keeps nothing from being vacuumed.
    """
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        own.ensure_connection()
        cursor = own.connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_key(tenant_id, integration_id)])
        (taken,) = cursor.fetchone()
        try:
            yield bool(taken)
        finally:
            with suppress(Error):
                cursor.execute("ROLLBACK")  # at once: a closed connection is noticed a little later
    finally:
        own.close()


def lock_key(tenant_id: UUID, integration_id: UUID) -> int:
    """The lock's name as PostgreSQL wants it: 64 bits, signed."""
    name = f"stratibreak sync {tenant_id} {integration_id}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
