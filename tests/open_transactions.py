"""What others do on the same server: parallel test processes have databases of their own and share its transactions."""

from __future__ import annotations

import os
import threading
import time

import psycopg
from psycopg.conninfo import conninfo_to_dict

LONGEST_WAIT_S = 120

_NOW = "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"


def wait_for_open_transactions() -> None:
    """Until every transaction of the server begun before is over: the audit trail seals what finished ones wrote."""
    with psycopg.connect(autocommit=True, **conninfo_to_dict(os.environ["DATABASE_SUPERUSER_URL"])) as server:  # type: ignore[arg-type]  # its values are text
        begun_before, until = _moment(server)[1], time.monotonic() + LONGEST_WAIT_S
        while _moment(server)[0] < begun_before:
            assert time.monotonic() < until, "a transaction stays open on this server"
            threading.Event().wait(0.1)


def _moment(server: psycopg.Connection) -> tuple[int, int]:
    """Below the first all is over; from the second on nothing had begun."""
    row = server.execute(_NOW).fetchone()
    assert row is not None
    return row[0], row[1]
