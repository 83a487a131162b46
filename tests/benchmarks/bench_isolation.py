"""What the layers of isolation add to one statement: `python -m tests.benchmarks.bench_isolation --rows 1000000`.

Needs DATABASE_URL with its owner and superuser; works in a test database that it makes and removes.
Prints one JSON. Each statement is spelled by Django twice, from one queryset: with all layers, and as the twin without
isolation spells it (`bare_twin`). Both texts are then sent in turns, ours by the web's login inside the tenant's
transaction, the twin's by a login that no policy holds. "raw count" is the count as somebody writes it by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Count

from tests.benchmarks.own_database import print_measured
from tests.benchmarks.turns import Work, compare

TENANTS = 1000
RANKS = (1, 10, 100, 1000)


def statements(tenant_id: UUID) -> dict[str, Callable[[], Any]]:
    """What makes each statement, in the context of the tenant: a query of Django's or a text."""
    from gaps.models import Gap  # noqa: PLC0415  # settings are needed first

    (gap_id,) = Gap.objects.order_by("-id").values_list("pk", flat=True)[:1]
    return {
        "list": lambda: Gap.objects.order_by("-id")[:50].query,
        "detail": lambda: Gap.objects.filter(pk=gap_id).query,
        "count": count_query,
        "raw count": lambda: f"SELECT count(*) FROM gaps_gap WHERE tenant_id = '{tenant_id}'",  # noqa: S608  # a UUID
    }


def spelled(statement: Any) -> str:
    """The text Django sends for a query over the connection in use; a text stays as it is."""
    if isinstance(statement, str):
        return statement
    sql, parameters = statement.get_compiler("default").as_sql()
    connection.ensure_connection()
    return psycopg.ClientCursor(connection.connection).mogrify(sql, parameters)


def count_query() -> Any:
    """The query of ``Gap.objects.count()``, before it is run."""
    from gaps.models import Gap  # noqa: PLC0415  # settings are needed first

    query = Gap.objects.all().query.chain()
    query.add_annotation(Count("*"), "n")
    query.default_cols = False
    query.clear_ordering(force=True)
    return query


def runner(raw: psycopg.Connection[Any], sql: str) -> Work:
    """What sends one text and receives its rows, as Django's cursors do: never prepared.

    The rows are not decoded: Django's connections decode instants and JSON in another way than psycopg's own.
    """
    cursor = psycopg.ClientCursor(raw)
    return Work(lambda: cursor.execute(sql.encode(), prepare=False).rowcount, backend_pid=lambda: raw.info.backend_pid)


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
    """What is added, by rank of size and statement."""
    from tenants.isolation.transaction import tenant_context  # noqa: PLC0415  # settings are needed first
    from tests.benchmarks.bare_twin import as_the_twin, bare_connection  # noqa: PLC0415

    found: dict[str, Any] = {}
    twin = bare_connection()
    for rank in (rank for rank in RANKS if rank <= len(tenants)):
        with context_form(owner, signed=signed), tenant_context(tenants[rank - 1]):
            for name, statement in statements(tenants[rank - 1]).items():
                layered = runner(connection.connection, spelled(statement()))
                with as_the_twin(twin):
                    twin.ensure_connection()
                    bare = runner(twin.connection, spelled(statement()))
                assert layered.run() == bare.run()  # as many rows, or the comparison says nothing
                found[f"{name}, tenant {rank}"] = compare(layered, bare).as_json()
    twin.close()
    return found


def measure(rows: int) -> dict[str, Any]:
    """Fill the current database with `rows` gaps of organisations of very unequal size and compare."""
    from tests.benchmarks.bare_twin import bare_login  # noqa: PLC0415  # settings are needed first
    from tests.benchmarks.gap_rows import fill_unequally  # noqa: PLC0415
    from tests.owner_rows import owner_connection  # noqa: PLC0415

    tenants = fill_unequally(rows, tenants=min(TENANTS, rows // 20))
    with owner_connection() as owner, bare_login():
        return {
            "rows": rows,
            "signed": added_per_statement(owner, tenants, signed=True),
            "plain": added_per_statement(owner, tenants, signed=False),
        }


if __name__ == "__main__":
    print_measured(measure, __doc__)
