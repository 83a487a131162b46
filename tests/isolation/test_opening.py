"""A transaction is opened by the message of its first statement: what that saves, and what it must not change."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from projects.models import Project
from tenants.isolation.transaction import auth_context, tenant_context
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db(transaction=True)


def _rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return list(cursor.fetchall())


def _copied() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor, cursor.copy("COPY projects_project TO STDOUT") as copy:
        return [bytes(part).decode().split("\t")[:1] for part in copy]  # type: ignore[misc]


def _many() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE projects_project SET description = %s", [("first",), ("second",)])
    return list(Project.objects.values_list("pk"))


@contextmanager
def _waits() -> Iterator[list[str]]:
    """The lines of libpq's trace; each wait for the server ends in ReadyForQuery."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    lines: list[str] = []
    with tempfile.TemporaryFile("w+") as trace:
        raw.pgconn.trace(trace.fileno())
        try:
            yield lines
        finally:
            raw.pgconn.untrace()
            trace.seek(0)
            lines += [line for line in trace if "ReadyForQuery" in line]


def test_a_statement_and_its_context_wait_once(ours: LookAlike) -> None:
    Project.objects.none()
    with _waits() as waits, tenant_context(ours.tenant.pk):
        Project.objects.count()

    assert len(waits) == 2  # the count with all that opens the transaction, and COMMIT


def test_a_transaction_without_statements_says_nothing(ours: LookAlike) -> None:
    done: list[str] = []
    with _waits() as waits, tenant_context(ours.tenant.pk):
        transaction.on_commit(lambda: done.append("committed"))

    assert (waits, done) == ([], ["committed"])


def _in_savepoint() -> list[Any]:
    with transaction.atomic():
        return list(Project.objects.values_list("pk", flat=True))


FIRST_STATEMENTS: dict[str, Callable[[], list[Any]]] = {
    "rows": lambda: list(Project.objects.values_list("pk", flat=True)),
    "a parameter and a per cent sign": lambda: _rows(
        "SELECT id FROM projects_project WHERE name LIKE '%%' AND id::text <> %s", "100%; COMMIT"
    ),
    "a per cent sign without parameters": lambda: _rows("SELECT id FROM projects_project WHERE name LIKE '%'"),
    "several statements": lambda: _rows("SELECT id FROM projects_project; SELECT 1"),
    "an iterator": lambda: list(Project.objects.values_list("pk", flat=True).iterator(chunk_size=1)),
    "copying out": _copied,
    "many": _many,
    "a savepoint": _in_savepoint,
}


@pytest.mark.parametrize("first", FIRST_STATEMENTS)
def test_whatever_comes_first_is_answered_inside(first: str, ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        expected = Project.objects.count()
    with tenant_context(ours.tenant.pk):
        found = FIRST_STATEMENTS[first]()
        (tenant,) = _rows("SELECT stratibreak.current_tenant()")[0]

    assert len(found) == expected
    assert str(theirs.rows[Project].pk) not in str(found)
    assert tenant == ours.tenant.pk


def test_a_context_that_changes_before_the_first_statement_is_the_one_sent(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), tenant_context(theirs.tenant.pk):
        inside = set(Project.objects.values_list("tenant_id", flat=True))

    assert inside == {theirs.tenant.pk}


@pytest.mark.parametrize("broken", ["SELEC 1", "SELECT nothing FROM nowhere", "SELECT 'stratibreak"])
def test_a_first_statement_that_fails_tells_no_token_and_loses_no_context(broken: str, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        with pytest.raises(ProgrammingError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(broken)
        inside = set(Project.objects.values_list("tenant_id", flat=True))

    assert inside == {ours.tenant.pk}
    assert "context" not in str(refused.value)


@pytest.mark.parametrize("broken", ["SELEC 1", "SELECT nothing FROM nowhere"])
def test_after_one_that_fails_nothing_is_read_without_a_context(
    broken: str, ours: LookAlike, theirs: LookAlike
) -> None:
    """Without a savepoint: what the server could not read has opened nothing; what it could has failed."""
    seen: set[Any] = set()
    with suppress(Exception), tenant_context(ours.tenant.pk):
        with pytest.raises(ProgrammingError) as refused, connection.cursor() as cursor:
            cursor.execute(broken)
        seen |= set(Project.objects.values_list("tenant_id", flat=True))
    with tenant_context(theirs.tenant.pk):
        after = set(Project.objects.values_list("tenant_id", flat=True))

    assert "context" not in str(refused.value)
    assert seen <= {ours.tenant.pk}
    assert after == {theirs.tenant.pk}


def test_what_was_not_sent_is_not_sent_later(ours: LookAlike) -> None:
    """A transaction that ended without a statement leaves nothing behind for the next one, nor for none."""
    with suppress(RuntimeError), tenant_context(ours.tenant.pk):
        raise RuntimeError
    with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="permission"):
        cursor.execute("SELECT count(*) FROM projects_project")


def test_a_step_of_another_purpose_may_come_first(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        with auth_context():
            (purpose,) = _rows("SELECT stratibreak.has_purpose('auth')")[0]
        (tenant,) = _rows("SELECT stratibreak.current_tenant()")[0]

    assert (purpose, tenant) == (True, ours.tenant.pk)


def test_the_query_log_shows_no_token(ours: LookAlike, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(4) as captured, tenant_context(ours.tenant.pk):
        _rows("SELECT id FROM projects_project WHERE id::text <> %s", "x")
        Project.objects.count()

    told = [query["sql"] for query in captured.captured_queries]
    assert [sql.split(" ")[0] for sql in told] == ["BEGIN", "SELECT", "SELECT", "COMMIT"]
    assert not any("stratibreak.context" in sql for sql in told)


def _later(text: str, sql: str = "UPDATE projects_project SET description = %s") -> None:
    wrapper: Any = connection
    wrapper.execute_later(sql, [text])


def _descriptions(tenant_id: Any) -> set[str]:
    with tenant_context(tenant_id):
        return set(Project.objects.values_list("description", flat=True))


def test_what_can_wait_goes_out_with_the_commit(ours: LookAlike, theirs: LookAlike) -> None:
    before = _descriptions(theirs.tenant.pk)
    with _waits() as waits, tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later("it's 100% late; COMMIT")

    assert len(waits) == 2  # the count with all that opens the transaction, and the statement with COMMIT
    assert _descriptions(ours.tenant.pk) == {"it's 100% late; COMMIT"}
    assert _descriptions(theirs.tenant.pk) == before


def _appended(text: str) -> list[tuple[Any, ...]]:
    _later(text, "UPDATE projects_project SET description = description || %s")
    return _rows("SELECT description FROM projects_project")


def _copied_descriptions() -> str:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY (SELECT description FROM projects_project) TO STDOUT") as copy,
    ):
        return b"".join(bytes(part) for part in copy).decode()


READ_AFTER: dict[str, Callable[[], Any]] = {
    "rows": lambda: list(Project.objects.values_list("description", flat=True)),
    "an iterator": lambda: list(Project.objects.values_list("description", flat=True).iterator(chunk_size=1)),
    "copying out": _copied_descriptions,
    "a savepoint": lambda: _in_savepoint() and list(Project.objects.values_list("description", flat=True)),
    "another that can wait": lambda: _appended(" again"),
}


@pytest.mark.parametrize("reading", READ_AFTER)
def test_whatever_comes_first_finds_it_done(reading: str, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later("late")
        found = READ_AFTER[reading]()

    assert ("late again" if reading == "another that can wait" else "late") in str(found)


def test_it_is_done_for_the_tenant_it_was_made_for(ours: LookAlike, theirs: LookAlike) -> None:
    before = _descriptions(theirs.tenant.pk)
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later("late")
        with tenant_context(theirs.tenant.pk):
            Project.objects.count()

    assert _descriptions(ours.tenant.pk) == {"late"}
    assert _descriptions(theirs.tenant.pk) == before


def test_first_in_its_transaction_or_in_none_it_is_done_at_once(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        _later("late")
        assert {row[0] for row in _rows("SELECT description FROM projects_project")} == {"late"}
    with pytest.raises(ProgrammingError, match="permission"):
        _later("without a tenant")

    assert _descriptions(ours.tenant.pk) == {"late"}


def test_what_is_refused_at_the_end_takes_everything_with_it(ours: LookAlike) -> None:
    before = _descriptions(ours.tenant.pk)
    done: list[str] = []
    refused = tenant_context(ours.tenant.pk)
    refused.__enter__()
    transaction.on_commit(lambda: done.append("committed"))
    Project.objects.update(description="changed")
    _later("", "UPDATE nowhere SET nothing = %s")
    with pytest.raises(ProgrammingError, match="nowhere"):
        refused.__exit__(None, None, None)

    assert (_descriptions(ours.tenant.pk), done) == (before, [])


def test_what_is_rolled_back_is_not_done_later(ours: LookAlike) -> None:
    before = _descriptions(ours.tenant.pk)
    with suppress(RuntimeError), tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later("late")
        raise RuntimeError
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        with suppress(RuntimeError), transaction.atomic():
            _later("late")
            raise RuntimeError

    assert _descriptions(ours.tenant.pk) == before


def test_the_query_log_shows_what_waited(ours: LookAlike, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(4) as captured, tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later("late")

    told = [query["sql"].split(" ")[0] for query in captured.captured_queries]
    assert told == ["BEGIN", "SELECT", "UPDATE", "COMMIT"]
