"""One run of an integration at a time, whoever starts it and wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from integrations.domain.locks import lock_key, own_transaction


@contextmanager
def run_lock(tenant_id: UUID, integration_id: UUID) -> Iterator[bool]:
    """Whether this run may begin; the lock is held until the block ends, or the process does.

    An advisory lock of a transaction that does nothing else, on a connection of its own: it outlives the short
    transactions of the run, it is gone the moment the process is, and it holds behind a pooler that hands
    connections out by transaction. It looks at no row, so it keeps nothing from being vacuumed.
    """
    with own_transaction() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_key(tenant_id, integration_id)])
        (taken,) = cursor.fetchone()
        yield bool(taken)
