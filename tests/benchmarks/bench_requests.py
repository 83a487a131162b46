"""What the layers of isolation add to a whole request: `python -m tests.benchmarks.bench_requests --rows 1000000`.

Needs DATABASE_URL with its owner and superuser; works in test databases that it makes and removes. Prints one JSON:

- "unequal": requests of tenants by rank of size among 1,000 (Zipf), beside the twin without isolation (`bare_twin`)
- "equal": the same where 10, and where 1,000 tenants have 1,000 gaps each
- "neighbours": with 1,000 tenants beside 10 tenants, both with all layers
- "messages": how often each request waits for the database, ours and the twin's
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection, connections

from tests.benchmarks.own_database import print_measured
from tests.benchmarks.turns import Work, compare

TENANTS, FEW_TENANTS = 1000, 10
RANKS = (1, 100, 1000)
ROWS_EACH = 1000


def answers_waited_for(work: Work, wrapper: Any) -> int:
    """How often the work waits for the server, counted in libpq's own trace: each wait ends in ReadyForQuery."""
    raw = wrapper.connection.pgconn
    with tempfile.TemporaryFile("w+") as trace, work.around():
        raw.trace(trace.fileno())
        try:
            work.run()
        finally:
            raw.untrace()
        trace.seek(0)
        return sum("ReadyForQuery" in line for line in trace)


def beside_the_twin(tenant_id: UUID) -> dict[str, Any]:
    """Each request of one tenant, with all layers and without."""
    from tests.benchmarks.bare_twin import bare_connection, with_layers, without_layers  # noqa: PLC0415
    from tests.benchmarks.whole_requests import requests_of  # noqa: PLC0415

    ours, twin = connections["default"], bare_connection()
    found: dict[str, Any] = {}
    for name, ask in requests_of(tenant_id).items():
        layered, bare = with_layers(ask, ours), without_layers(ask, twin)
        numbers = compare(layered, bare).as_json()
        waits = answers_waited_for(layered, ours), answers_waited_for(bare, twin)
        found[name] = {**numbers, "waits": waits[0], "waits_of_twin": waits[1]}
    twin.close()
    return found


@contextmanager
def second_database() -> Iterator[Any]:
    """A connection to a copy of the current database, which is empty of tenants; the copy goes afterwards."""
    from tests.benchmarks.bare_twin import make_login, using_connection  # noqa: PLC0415

    name = connection.settings_dict["NAME"]
    described = {**connection.settings_dict, "NAME": f"{name}_few"}
    superuser: dict[str, Any] = settings.DATABASES["default"]["SUPERUSER"]
    connections.close_all()
    with psycopg.connect(**superuser, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}_few" TEMPLATE "{name}"'.encode())
        wrapper = type(connections["default"])(described, alias="default")
        try:
            with using_connection(wrapper):
                make_login()
            yield wrapper
        finally:
            wrapper.close()
            admin.execute(f'DROP DATABASE "{name}_few" WITH (FORCE)'.encode())


def equal_sizes(few: Any) -> dict[str, Any]:
    """1,000 tenants here and 10 in the second database, each with as many gaps."""
    from tests.benchmarks.bare_twin import using_connection, with_layers  # noqa: PLC0415
    from tests.benchmarks.gap_rows import fill_equally  # noqa: PLC0415
    from tests.benchmarks.whole_requests import requests_of  # noqa: PLC0415

    many = connections["default"]
    with using_connection(few):
        one_of_few = fill_equally(ROWS_EACH, tenants=FEW_TENANTS)[-1]
        among_few = beside_the_twin(one_of_few)
        asked_of_few = requests_of(one_of_few)
    one_of_many = fill_equally(ROWS_EACH, tenants=TENANTS)[TENANTS // 2]
    asked_of_many = requests_of(one_of_many)
    neighbours = {
        name: compare(with_layers(asked_of_many[name], many), with_layers(asked_of_few[name], few)).as_json()
        for name in asked_of_many
    }
    return {
        "equal": {f"{FEW_TENANTS} tenants": among_few, f"{TENANTS} tenants": beside_the_twin(one_of_many)},
        "neighbours": neighbours,
    }


def measure(rows: int) -> dict[str, Any]:
    """Fill the current database and compare."""
    from tests.benchmarks.bare_twin import bare_login  # noqa: PLC0415  # settings are needed first
    from tests.benchmarks.gap_rows import fill_unequally  # noqa: PLC0415

    settings.STATIC_ROOT = None
    settings.ALLOWED_HOSTS = ["*"]
    with bare_login():
        with second_database() as few:
            found = equal_sizes(few)
        tenants = fill_unequally(rows, tenants=TENANTS)
        unequal = {f"tenant {rank}": beside_the_twin(tenants[rank - 1]) for rank in RANKS}
    return {"rows": rows, "unequal": unequal, **found}


if __name__ == "__main__":
    print_measured(measure, __doc__)
