"""What the layers of isolation cost, in one run: `python -m tests.benchmarks.bench_isolation --rows 1000000`.

Needs DATABASE_URL with its owner and superuser; works in a test database that it makes and removes.
Prints one JSON: medians in ms, each beside its comparison from the same run, taken in turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import django
import psycopg
from django.conf import settings
from django.db import connection

TENANTS = 1000
RANKS = (1, 10, 100, 1000)
ROUNDS = 200


def in_turns(*works: Callable[[], Any], rounds: int = ROUNDS) -> list[float]:
    """Median duration of each work, in ms, taken in turns so that all see the same machine."""
    kept: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 5):
        for work, durations in zip(works, kept, strict=True):
            began = time.perf_counter()
            work()
            if number >= 5:
                durations.append((time.perf_counter() - began) * 1000)
    return [statistics.median(durations) for durations in kept]


def statements(tenant_id: UUID, gap_id: UUID, table: str = "gaps_gap") -> dict[str, str]:
    """The three statements with a bare WHERE, as text, so that nothing but the database is timed."""
    where = f"WHERE tenant_id = '{tenant_id}'"
    return {
        "list": f"SELECT * FROM {table} {where} ORDER BY id DESC LIMIT 50",  # noqa: S608  # a UUID and a constant
        "detail": f"SELECT * FROM {table} {where} AND id = '{gap_id}'",  # noqa: S608  # UUIDs and a constant
        "count": f"SELECT count(*) FROM {table} {where}",  # noqa: S608  # a UUID and a constant
    }


def runner(raw: psycopg.Connection[Any], sql: str) -> Callable[[], int]:
    """Return a call that sends one text and receives its rows, as Django's cursors do: never prepared.

    The rows are not decoded: Django's connections decode instants and JSON in another way than psycopg's own.
    """
    cursor = psycopg.ClientCursor(raw)

    def run() -> int:
        return cursor.execute(sql.encode(), prepare=False).rowcount

    return run


@contextmanager
def context_form(owner: psycopg.Connection[Any], *, signed: bool) -> Iterator[None]:
    """Let the policies read the signed or the plain context for the duration."""
    from tenants.isolation.sql import function_statements  # noqa: PLC0415  # settings are needed first

    key = settings.CONTEXT_SIGNING_KEY
    _use_form(owner, function_statements(signed=signed), key if signed else b"")
    try:
        yield
    finally:
        _use_form(owner, function_statements(signed=bool(key)), key)


def _use_form(owner: psycopg.Connection[Any], bodies: list[str], key: bytes) -> None:
    for body in bodies:
        owner.execute(body.encode())
    settings.CONTEXT_SIGNING_KEY = key
    connection._signer = None  # type: ignore[attr-defined]  # our backend's


def added_per_statement(owner: psycopg.Connection[Any], tenants: list[UUID], *, signed: bool) -> dict[str, Any]:
    """Medians by rank of size and statement: under all layers, by the owner without policies, and what is added."""
    from tenants.isolation.transaction import tenant_context  # noqa: PLC0415  # settings are needed first

    found: dict[str, Any] = {}
    for rank in (rank for rank in RANKS if rank <= len(tenants)):
        tenant_id = tenants[rank - 1]
        sql = "SELECT id FROM gaps_gap WHERE tenant_id = %s ORDER BY id DESC LIMIT 1"
        (gap_id,) = owner.execute(sql, [tenant_id]).fetchone() or (UUID(int=0),)
        with context_form(owner, signed=signed), tenant_context(tenant_id), owner.transaction():
            connection.ensure_connection()
            for name, text in statements(tenant_id, gap_id).items():
                layered, bare = runner(connection.connection, text), runner(owner, text)
                assert layered() == bare()  # the same rows, or the comparison says nothing
                a, b = in_turns(layered, bare)
                found[f"{name}, tenant {rank}"] = {"layered_ms": a, "bare_ms": b, "added_ms": a - b}
    return found


def measure(rows: int) -> dict[str, Any]:
    """Fill the current database with `rows` gaps of organisations of very unequal size and compare."""
    from tests.benchmarks.gap_rows import fill, make_organisations  # noqa: PLC0415  # settings are needed first
    from tests.owner_rows import owner_connection  # noqa: PLC0415  # settings are needed first

    organisations = make_organisations(min(TENANTS, rows // 20))
    with owner_connection() as owner:
        owner.execute("ALTER TABLE gaps_gap NO FORCE ROW LEVEL SECURITY")
        try:
            shares = [1 / rank for rank in range(1, len(organisations.tenants) + 1)]
            fill(owner, "gaps_gap", rows=rows, of=organisations, shares=shares)
            return {
                "rows": rows,
                "signed": added_per_statement(owner, organisations.tenants, signed=True),
                "plain": added_per_statement(owner, organisations.tenants, signed=False),
            }
        finally:
            owner.execute("ALTER TABLE gaps_gap FORCE ROW LEVEL SECURITY")


def main() -> None:
    """Make a test database, measure, remove it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    django.setup()
    from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415  # settings are needed first

    old = setup_databases(verbosity=0, interactive=False, serialized_aliases=set())
    try:
        sys.stdout.write(json.dumps(measure(rows), indent=2) + "\n")
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
