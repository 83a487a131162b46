"""Where one context ends and another goes on in the same transaction: what is still open must not change hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import Error, connection, transaction

from projects.models import Goal
from tenants.isolation.context import AccessContext, Purpose, TenantContextRequired, use_context
from tenants.isolation.jobs import carried_context
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import User
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

PEOPLE = "SELECT tenant_id FROM tenants_user WHERE tenant_id IS NOT NULL"


def _copied(cursor: Any) -> set[UUID]:
    with cursor.copy(f"COPY ({PEOPLE}) TO STDOUT") as copy:
        copy.set_types(["uuid"])
        return {row[0] for row in copy.rows()}


def _streamed(cursor: Any) -> set[UUID]:
    return {row[0] for row in cursor.stream(PEOPLE)}


@pytest.mark.parametrize("read", [_copied, _streamed])
@pytest.mark.parametrize("inner", ["tenant", "auth"])
def test_what_psycopg_runs_by_itself_runs_in_the_context_gone_back_to(
    read: Callable[[Any], set[UUID]], inner: str, ours: LookAlike, theirs: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        with auth_context() if inner == "auth" else tenant_context(theirs.tenant.pk):
            assert User.objects.filter(pk=theirs.users[next(iter(theirs.users))].pk).exists()
        with connection.cursor() as cursor:
            seen = read(cursor)

    assert seen == {ours.tenant.pk}


def test_a_function_is_called_in_the_context_gone_back_to(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        with tenant_context(theirs.tenant.pk):
            Goal.objects.count()
        with connection.cursor() as cursor:
            cursor.callproc("version")
            assert cursor.fetchone() is not None
            cursor.connection.execute("SELECT 1")  # psycopg's own: no context is issued on the way
            seen = {row[0] for row in cursor.connection.execute(PEOPLE)}

    assert seen == {ours.tenant.pk}


@pytest.mark.parametrize("fetch", ["fetchone", "fetchmany", "fetchall", "__iter__"])
def test_a_server_side_cursor_goes_on_in_its_own_context(fetch: str, ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), connection.chunked_cursor() as cursor:
        cursor.execute(PEOPLE)
        with tenant_context(theirs.tenant.pk):
            Goal.objects.count()
            with pytest.raises(TenantContextRequired):
                list(getattr(cursor, fetch)())
        found = getattr(cursor, fetch)()
        seen = {found[0]} if fetch == "fetchone" else {row[0] for row in found}

    assert seen == {ours.tenant.pk}


def test_a_rollback_to_a_savepoint_of_another_context_does_not_bring_it_back(
    ours: LookAlike, theirs: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        with use_context(AccessContext(Purpose.APP, theirs.tenant.pk)):
            savepoint = transaction.savepoint()
        Goal.objects.count()
        transaction.savepoint_rollback(savepoint)
        cursor.execute(PEOPLE)
        seen = {row[0] for row in cursor.fetchall()}

    assert seen == {ours.tenant.pk}


def test_without_a_context_inside_a_transaction_nobody_asks(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        with use_context(None), pytest.raises(Error, match="permission denied"), transaction.atomic():
            cursor.execute(PEOPLE)
        cursor.execute(PEOPLE)
        assert cursor.rowcount > 0


def test_an_iterator_misses_no_row_over_a_nested_tenant(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        expected = set(User.objects.values_list("pk", flat=True))
        seen = set()
        for user in User.objects.iterator(chunk_size=1):
            seen.add(user.pk)
            with tenant_context(theirs.tenant.pk):
                Goal.objects.count()

    assert seen == expected


def test_a_hook_runs_after_the_commit_in_the_context_it_was_made_in(
    ours: LookAlike, theirs: LookAlike, django_capture_on_commit_callbacks: Any
) -> None:
    """A job that a hook defers would otherwise run for the tenant that happened to be the outer one."""
    carried: list[dict[str, str]] = []
    with tenant_context(theirs.tenant.pk):
        with django_capture_on_commit_callbacks() as hooks, tenant_context(ours.tenant.pk):
            transaction.on_commit(lambda: carried.append(carried_context()))
        for hook in hooks:
            hook()

    assert [context["tenant_id"] for context in carried] == [str(ours.tenant.pk)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("level", ["SERIALIZABLE", "REPEATABLE READ"])
def test_the_isolation_level_of_one_request_does_not_reach_the_next(
    level: str, ours: LookAlike, theirs: LookAlike
) -> None:
    try:
        with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
            cursor.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}")
        with tenant_context(theirs.tenant.pk), connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("read committed",)
    finally:
        connection.close()
