"""Whether somebody does the jobs, and how many wait, run and failed."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from tenants.isolation.queue.address import queue_address

from .finding import Finding

WORKER = "manage.py worker"
_JOBS = """
  SELECT count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'),
    count(*) FILTER (WHERE status = 'failed') FROM procrastinate_jobs"""
_ALIVE = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds'"


def job_findings() -> Iterator[Finding]:
    """Nobody works: that is a problem once something waits. A failed job is told, and kept for two weeks."""
    address = queue_address()
    if address is None:
        yield Finding("worker", "off", mend="Set DATABASE_QUEUE_URL, then manage.py provision_database and migrate.")
        return
    try:
        with psycopg.connect(autocommit=True, **address) as queue:
            (waiting, running, failed) = queue.execute(_JOBS).fetchone() or (0, 0, 0)
            (alive,) = queue.execute(_ALIVE).fetchone() or (0,)
    except psycopg.Error as error:
        state = f"the queue does not answer: {str(error).strip().splitlines()[0]}"
        yield Finding("worker", state, True, "Correct DATABASE_QUEUE_URL; manage.py provision_database, then migrate.")
        return
    yield Finding("worker", f"{alive} alive" if alive else "none", not alive and waiting + running > 0, WORKER)
    state = f"{waiting} waiting, {running} running, {failed} failed in the past two weeks"
    yield Finding("jobs", state, mend="The worker's log says why." if failed else "")
