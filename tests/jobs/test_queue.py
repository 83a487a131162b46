"""The queue in the database: nobody sees or makes another organisation's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from psycopg.sql import SQL, Identifier

from stratibreak.jobs.rescue import MOST_ATTEMPTS, RESCUE
from tenants.isolation.context import TenantContextRequired
from tenants.isolation.queue import defer_job, own_jobs
from tenants.isolation.queue.fetching import LONG_TASKS, SLOTS
from tenants.isolation.transaction import auth_context, tenant_context
from tests.factories.look_alike import LookAlike
from tests.jobs.conftest import as_the_queue

pytestmark = pytest.mark.django_db
SUBJECT = uuid4()
FORGED = """SELECT queue.procrastinate_defer_jobs_v1(ARRAY[ROW('work', 'sync_integration', 0, NULL, NULL,
  jsonb_build_object('tenant_id', %s), NULL)::queue.procrastinate_job_to_defer_v1])"""


def test_organisation_sees_its_own_jobs_only(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        defer_job("refresh_project", subject=SUBJECT)
    with tenant_context(ours.tenant.pk):
        defer_job("sync_integration", subject=SUBJECT)

        seen = [(job.task, job.subject, job.status, job.attempts, job.note) for job in own_jobs(subject=SUBJECT)]
        of_others = own_jobs(subject=uuid4())

    assert seen == [("sync_integration", SUBJECT, "todo", 0, "")]
    assert of_others == []


def test_same_job_waits_once_for_each_organisation(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        first, second = (defer_job("sync_integration", subject=SUBJECT) for _ in range(2))
    with tenant_context(theirs.tenant.pk):
        of_theirs = defer_job("sync_integration", subject=SUBJECT)

    assert first is not None
    assert second is None
    assert of_theirs is not None
    assert {first.version, of_theirs.version} == {4}  # not a number that counts the jobs of others


def test_job_goes_with_a_transaction_that_is_taken_back(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        savepoint = transaction.savepoint()
        defer_job("sync_integration", subject=SUBJECT)
        waited = len(own_jobs())
        transaction.savepoint_rollback(savepoint)
        left = own_jobs()

    assert (waited, left) == (1, [])


def test_no_job_without_an_organisation() -> None:
    with pytest.raises(TenantContextRequired):
        defer_job("sync_integration", subject=SUBJECT)
    with auth_context(), pytest.raises(TenantContextRequired):
        defer_job("sync_integration", subject=SUBJECT)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM queue.procrastinate_jobs",
        "SELECT * FROM queue.procrastinate_events",
        "UPDATE queue.procrastinate_jobs SET status = 'todo'",
        "DELETE FROM queue.procrastinate_workers",
        "SELECT queue.procrastinate_fetch_job_v2(NULL, 1)",
        "SELECT queue.procrastinate_cancel_job_v1(1, true, true)",
    ],
)
def test_injected_statement_reaches_no_table_of_the_queue(ours: LookAlike, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        tenant_context(ours.tenant.pk),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_injected_statement_forges_no_job_of_another_organisation(ours: LookAlike, theirs: LookAlike) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        tenant_context(ours.tenant.pk),
        connection.cursor() as cursor,
    ):
        cursor.execute(FORGED, [str(theirs.tenant.pk)])


def test_context_that_is_taken_away_defers_and_sees_nothing(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        defer_job("sync_integration", subject=SUBJECT)
        cursor.execute("SET LOCAL stratibreak.context = ''")
        cursor.execute("SELECT count(*) FROM stratibreak.own_jobs()")
        seen = cursor.fetchone()
        with pytest.raises(DatabaseError, match="in the context of a tenant"), transaction.atomic():
            cursor.execute("SELECT stratibreak.defer_job('sync_integration', %s, NULL, '', false)", [SUBJECT])

    assert seen == (0,)


def test_login_of_the_queue_reaches_no_table_of_an_organisation(ours: LookAlike) -> None:
    with as_the_queue() as queue:
        for table in ("projects_project", "tenants_user", "integrations_integration"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                queue.execute(SQL("SELECT * FROM public.{}").format(Identifier(table)))
        roles = queue.execute(
            "SELECT count(*) FROM pg_auth_members m WHERE m.member = current_user::regrole"
        ).fetchone()

    assert roles == (0,)


def test_row_security_is_forced_on_every_table_of_the_queue() -> None:
    with as_the_queue() as queue:
        tables = queue.execute(
            "SELECT count(*), bool_and(relrowsecurity AND relforcerowsecurity) FROM pg_class "
            "WHERE relnamespace = 'queue'::regnamespace AND relkind = 'r'"
        ).fetchone()
        speaks_to = queue.execute(
            "SELECT DISTINCT policyname, roles::text FROM pg_policies WHERE schemaname = 'queue' ORDER BY 1"
        ).fetchall()
        grants = queue.execute(
            "SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = 'queue' "
            "AND grantee <> (SELECT tableowner FROM pg_tables WHERE schemaname = 'queue' LIMIT 1)"
        ).fetchall()

    assert tables == (4, True)
    assert speaks_to == [("owner_access", "{stratibreak_owner}"), ("queue_access", "{stratibreak_queue}")]
    assert grants == [("stratibreak_queue",)]


# --- dead workers ---

INSERT = """
INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts, queueing_lock)
VALUES ('elsewhere', 'sync_integration', %s, %s, %s) RETURNING id"""


def test_jobs_of_dead_workers_wait_again_unless_that_is_in_vain() -> None:
    with as_the_queue() as queue, queue.transaction(force_rollback=True):
        ids = [
            queue.execute(INSERT, values).fetchone()
            for values in [
                ("doing", 0, "once"),
                ("doing", 0, "waits already"),
                ("todo", 0, "waits already"),
                ("doing", 0, "twice"),
                ("doing", 0, "twice"),
                ("doing", MOST_ATTEMPTS - 1, "too often"),
                ("doing", 0, None),
            ]
        ]
        queue.execute(RESCUE, {"stalled_after_s": 30, "most": MOST_ATTEMPTS})
        found = queue.execute(
            "SELECT status::text, attempts, note FROM procrastinate_jobs WHERE id = ANY (%s) ORDER BY id",
            [[row[0] for row in ids if row]],
        ).fetchall()

    assert found == [
        ("todo", 1, "its worker died"),
        ("failed", 1, "its worker died; the same job waits"),
        ("todo", 0, ""),
        ("todo", 1, "its worker died"),
        ("failed", 1, "its worker died; the same job waits"),
        ("failed", MOST_ATTEMPTS, "its worker died too often"),
        ("todo", 1, "its worker died"),
    ]


def test_job_of_a_living_worker_is_left_alone() -> None:
    with as_the_queue() as queue, queue.transaction(force_rollback=True):
        queue.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        row = queue.execute(INSERT, ("doing", 0, "alive")).fetchone()
        queue.execute("UPDATE procrastinate_jobs SET worker_id = (SELECT max(id) FROM procrastinate_workers)")
        queue.execute(RESCUE, {"stalled_after_s": 30, "most": MOST_ATTEMPTS})
        found = queue.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", row).fetchone()

    assert found == ("doing",)


# --- whose job is next ---

FETCH = "SELECT j.args ->> 'subject' FROM procrastinate_fetch_job_v2(ARRAY['work'], %s) j WHERE j.id > 0"
WAITS = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
VALUES ('work', 'sync_integration', jsonb_build_object('tenant_id', %s::text, 'subject', %s::text))"""
FINISH = "SELECT procrastinate_finish_job_v1(id, 'succeeded', false) FROM procrastinate_jobs WHERE status = 'doing'"


@dataclass(frozen=True)
class _Worker:
    """One that takes jobs. queue: its connection;  number: what the queue knows it by"""

    queue: psycopg.Connection[Any]
    number: int

    def take(self) -> str:
        """The subject of the next job, "" where there is none for it."""
        found = self.queue.execute(FETCH, [self.number]).fetchone()
        return found[0] if found else ""

    def finish(self) -> None:
        self.queue.execute(FINISH)


@contextmanager
def one_worker(*, slots: int, waiting: str) -> Iterator[_Worker]:
    """A worker with free slots; waiting: owners of jobs, oldest first"""
    tenants = {name: str(uuid4()) for name in sorted(set(waiting))}
    with as_the_queue() as queue, queue.transaction(force_rollback=True):
        queue.execute("DELETE FROM procrastinate_jobs")
        [(worker,)] = queue.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id").fetchall()
        queue.execute(f"SET LOCAL {SLOTS} = {slots}")
        for place, name in enumerate(waiting):
            queue.execute(WAITS, [tenants[name], f"{name}{place}"])

        yield _Worker(queue, worker)


def test_organisations_take_turns_whatever_the_number_of_their_jobs() -> None:
    with one_worker(slots=1, waiting="AAAAABC") as worker:
        order = []
        for _ in range(8):
            order.append(worker.take())
            worker.finish()

    assert order == ["A0", "B5", "C6", "A1", "A2", "A3", "A4", ""]


def test_last_slot_of_a_worker_is_left_to_others() -> None:
    with one_worker(slots=3, waiting="AAAAB") as worker:
        taken = [worker.take() for _ in range(4)]

    assert taken == ["A0", "B4", "A1", ""]


def test_long_jobs_leave_a_slot_to_short_ones_which_come_first() -> None:
    with one_worker(slots=3, waiting="AAA") as worker:
        worker.queue.execute(f"SET LOCAL {LONG_TASKS} = 'sync_integration,replay_project'")
        long_ones = [worker.take() for _ in range(3)]
        worker.queue.execute("UPDATE procrastinate_jobs SET task_name = 'refresh_project' WHERE status = 'todo'")
        short_one = worker.take()

    assert (long_ones, short_one) == (["A0", "A1", ""], "A2")


def test_only_organisation_has_all_slots() -> None:
    with one_worker(slots=2, waiting="AAA") as worker:
        taken = [worker.take() for _ in range(2)]

    assert taken == ["A0", "A1"]
