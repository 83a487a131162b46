"""The tenant travels with the transaction: through PgBouncer, pools, threads, streams and jobs, none is mixed up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projects.models import Project
from tenants.isolation.context import AccessContext, Purpose, TenantContextRequired, current_context
from tenants.isolation.jobs import carried_context, in_same_context, restored_context, run_batch
from tenants.isolation.owner import owner_access
from tenants.isolation.postgresql.base import DatabaseWrapper
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.middleware import TenantMiddleware
from tenants.models import User
from tests.factories.look_alike import LookAlike
from tests.plugins.pgbouncer import PgBouncer

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
ROUNDS = 40


def _run_in_threads(work: Callable[[int], None], make_connection: Callable[[], DatabaseWrapper] | None = None) -> None:
    """Run ``work(number)`` in eight threads, each with a connection of its own; re-raise the first failure."""
    failures: list[BaseException] = []

    def run(number: int) -> None:
        if make_connection is not None:
            connections["default"] = make_connection()
        try:
            work(number)
        except BaseException as error:  # handed to the test's own thread
            failures.append(error)
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _alternate(tenant_ids: list[UUID]) -> tuple[Callable[[int], None], list[tuple[UUID, set[UUID]]]]:
    """Return work that switches tenants all the time, and where it notes (expected tenant, tenants seen)."""
    seen: list[tuple[UUID, set[UUID]]] = []

    def work(number: int) -> None:
        for round_number in range(ROUNDS):
            outer, inner = (tenant_ids[(number + round_number + k) % 2] for k in (0, 1))
            with tenant_context(outer):
                seen.append((outer, set(Project.objects.values_list("tenant_id", flat=True))))
                with tenant_context(inner):
                    seen.append((inner, set(Project.objects.values_list("tenant_id", flat=True))))
                    transaction.set_rollback(True)
                seen.append((outer, set(Project.objects.values_list("tenant_id", flat=True))))
            with auth_context():
                User.objects.count()

    return work, seen


def _assert_none_wrong(seen: list[tuple[UUID, set[UUID]]]) -> None:
    assert len(seen) == THREADS * ROUNDS * 3
    assert [(expected, found) for expected, found in seen if found != {expected}] == []


def _keep_back(tenant_ids: list[UUID]) -> Callable[[int], None]:
    """Return work that keeps a statement back in each transaction, and now and then rolls one back or drops it."""

    def work(number: int) -> None:
        wrapper: Any = connections["default"]
        for round_number in range(ROUNDS):
            one, other = (tenant_ids[(number + round_number + k) % 2] for k in (0, 1))
            with suppress(RuntimeError), tenant_context(one):
                Project.objects.count()
                _append(wrapper, "never")
                raise RuntimeError
            with tenant_context(one):
                Project.objects.count()
                _append(wrapper, "+")
                with suppress(RuntimeError), tenant_context(other):
                    _append(wrapper, "never")
                    raise RuntimeError
                _append(wrapper, "-")
            if round_number % 10 == 0:
                wrapper.close()

    return work


def _append(wrapper: Any, text: str) -> None:
    wrapper.execute_later("UPDATE projects_project SET description = description || %s WHERE name = 'Kept'", [text])


def _assert_all_kept(tenant_ids: list[UUID], run: Callable[[Callable[[int], None]], None]) -> None:
    for tenant_id in tenant_ids:
        with tenant_context(tenant_id):
            Project.objects.create(name="Kept")

    run(_keep_back(tenant_ids))

    for tenant_id in tenant_ids:
        with tenant_context(tenant_id):
            told = Project.objects.get(name="Kept").description
        assert (told.count("+"), told.count("-"), len(told)) == (THREADS * ROUNDS // 2,) * 2 + (THREADS * ROUNDS,)


def test_threads_never_see_each_others_tenant(ours: LookAlike, theirs: LookAlike) -> None:
    both = [ours.tenant.pk, theirs.tenant.pk]
    work, seen = _alternate(both)

    _run_in_threads(work)

    _assert_none_wrong(seen)
    _assert_all_kept(both, _run_in_threads)


@pytest.mark.pgbouncer
def test_through_pgbouncer_in_transaction_mode(ours: LookAlike, theirs: LookAlike, pgbouncer: PgBouncer) -> None:
    described = connections["default"].settings_dict
    address = conninfo_to_dict(
        pgbouncer.conninfo(make_conninfo(dbname=described["NAME"], user=described["USER"], host=described["HOST"]))
    )

    def connect() -> DatabaseWrapper:
        through = {**described, "HOST": str(address["host"]), "PORT": str(address["port"]), "OPTIONS": {}}
        return DatabaseWrapper(through, alias="default")

    both = [ours.tenant.pk, theirs.tenant.pk]
    work, seen = _alternate(both)
    _run_in_threads(work, connect)

    _assert_none_wrong(seen)
    _assert_all_kept(both, lambda keep_back: _run_in_threads(keep_back, connect))


def test_with_the_pool_of_psycopg(ours: LookAlike, theirs: LookAlike) -> None:
    described = connections["default"].settings_dict
    pooled = {
        **described,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {**described["OPTIONS"], "pool": {"min_size": 1, "max_size": 3, "timeout": 60}},
    }
    both = [ours.tenant.pk, theirs.tenant.pk]
    work, seen = _alternate(both)

    def run(one: Callable[[int], None]) -> None:
        _run_in_threads(one, lambda: DatabaseWrapper(pooled, alias="default"))

    try:
        run(work)
        _assert_all_kept(both, run)
    finally:
        DatabaseWrapper(pooled, alias="default").close_pool()

    _assert_none_wrong(seen)


def test_after_the_transaction_the_connection_has_no_tenant(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_user = session_user, current_setting('stratibreak.context', true)")
        assert cursor.fetchone() in ((True, ""), (True, None))


def test_a_streaming_body_is_read_inside_the_tenant(ours: LookAlike) -> None:
    def body() -> Iterator[bytes]:
        for tenant_id in Project.objects.values_list("tenant_id", flat=True).iterator(chunk_size=1):
            yield str(tenant_id).encode()

    response: Any = TenantMiddleware(lambda request: StreamingHttpResponse(body()))(_request_of(ours))

    assert current_context() is None
    chunks = []
    for chunk in response:
        assert current_context() is None
        chunks.append(chunk)
    assert set(chunks) == {str(ours.tenant.pk).encode()}
    assert not connections["default"].in_atomic_block


def test_a_stream_that_is_dropped_ends_its_transaction(ours: LookAlike) -> None:
    def body() -> Iterator[bytes]:
        while True:
            yield str(Project.objects.count()).encode()

    response: Any = TenantMiddleware(lambda request: StreamingHttpResponse(body()))(_request_of(ours))
    next(iter(response))
    response.close()

    assert not connections["default"].in_atomic_block


@pytest.mark.parametrize(("status", "kept"), [(200, True), (302, True), (400, False), (409, False), (500, False)])
def test_what_a_refused_request_wrote_is_rolled_back(status: int, kept: bool, ours: LookAlike) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        Project.objects.create(name="Half done")
        return HttpResponse(status=status)

    assert TenantMiddleware(view)(_request_of(ours)).status_code == status
    with tenant_context(ours.tenant.pk):
        assert Project.objects.filter(name="Half done").exists() == kept


def _request_of(one: LookAlike) -> HttpRequest:
    request: Any = RequestFactory().get("/")
    request.session = type("Session", (), {"session_key": "known"})()
    request.user = next(iter(one.users.values()))
    return request  # type: ignore[no-any-return]


def test_a_job_runs_in_the_tenant_it_was_deferred_in(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk, actor_id=ours.tenant.pk, reason="nightly"):
        carried = carried_context()

    seen = run_batch(carried, lambda: (current_context(), set(Project.objects.values_list("tenant_id", flat=True))))

    expected = AccessContext(Purpose.APP, ours.tenant.pk, ours.tenant.pk, "nightly")
    assert seen == (expected, {ours.tenant.pk})
    assert restored_context(carried) == expected


def test_a_job_cannot_be_deferred_without_a_tenant() -> None:
    with pytest.raises(TenantContextRequired):
        carried_context()


def test_a_worker_with_a_context_left_behind_runs_nothing(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        carried = carried_context()
    with tenant_context(theirs.tenant.pk), pytest.raises(RuntimeError, match="left behind"):
        run_batch(carried, Project.objects.count)


def test_the_owner_does_not_take_over_a_transaction_of_the_login(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), pytest.raises(RuntimeError, match="inside a transaction"), owner_access():
        Project.objects.count()


def test_work_handed_to_a_thread_keeps_the_tenant(ours: LookAlike) -> None:
    seen: list[set[UUID]] = []
    with tenant_context(ours.tenant.pk):
        work = in_same_context(lambda: seen.append(set(Project.objects.values_list("tenant_id", flat=True))))
    _run_in_threads(lambda number: work())

    assert seen == [{ours.tenant.pk}] * THREADS
