"""What parallel requests, and a database that is gone, get."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError, connections

from projects.models import Project
from tenants.api import viewsets
from tenants.domain import login_attempts, people
from tenants.enums import Role
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import User
from tenants.models.login_attempt import LoginAttempt
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike

PARALLEL = 4


def in_parallel(work: Callable[[int], int], count: int = PARALLEL) -> Counter[int]:
    """Run the work of several clients at once; the statuses they got."""
    ready = threading.Barrier(count)

    def run(number: int) -> int:
        ready.wait()
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


def meeting_after(check: Callable[..., None]) -> Callable[..., None]:
    """The check, after which one waits for another who is behind it too; with a lock in it nobody comes."""
    behind = threading.Barrier(2)

    def check_and_wait(*args: Any) -> None:
        check(*args)
        with suppress(threading.BrokenBarrierError):
            behind.wait(timeout=0.5)

    return check_and_wait


@pytest.mark.django_db(transaction=True)
def test_of_parallel_changes_of_one_version_one_succeeds(ours: LookAlike) -> None:
    path = f"/api/v1/projects/{ours.rows[Project].pk}"
    clients = [signed_in(ours.users[Role.ADMIN]) for _ in range(PARALLEL)]
    etag = clients[0].fetch(path)["ETag"]

    statuses = in_parallel(
        lambda number: int(clients[number].send("PATCH", path, {"description": f"By {number}"}, etag=etag).status_code)
    )

    assert statuses == {200: 1, 412: PARALLEL - 1}


@pytest.mark.django_db(transaction=True)
def test_of_parallel_creations_of_one_name_one_succeeds(ours: LookAlike) -> None:
    clients = [signed_in(ours.users[Role.ADMIN]) for _ in range(PARALLEL)]

    statuses = in_parallel(
        lambda number: int(clients[number].send("POST", "/api/v1/projects", {"name": "Relaunch"}).status_code)
    )

    assert statuses == {201: 1, 409: PARALLEL - 1}


@pytest.fixture
def _no_attempts() -> Iterator[None]:
    """Leave no bad tries behind: they are committed."""
    yield
    with auth_context():
        LoginAttempt.objects.all().delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_no_attempts")
def test_guesses_in_parallel_are_all_counted(ours: LookAlike, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 2
    monkeypatch.setattr(login_attempts, "_check_limit", meeting_after(login_attempts._check_limit))
    body = {"email": ours.users[Role.ANALYST].email, "password": "guess"}

    statuses = in_parallel(lambda number: int(ApiClient().send("POST", "/api/v1/session", body).status_code))

    assert statuses == {401: 2, 429: PARALLEL - 2}


@pytest.mark.django_db(transaction=True)
def test_two_administrators_do_not_remove_each_other(ours: LookAlike, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [ours.users[Role.ADMIN], ours.users[Role.ANALYST]]
    with tenant_context(ours.tenant.pk):
        User.objects.filter(pk=both[1].pk).update(role=Role.ADMIN)
    clients = [signed_in(user) for user in both]
    tags = [client.fetch(f"/api/v1/users/{both[1 - number].pk}")["ETag"] for number, client in enumerate(clients)]
    monkeypatch.setattr(people, "check_not_last_administrator", meeting_after(people.check_not_last_administrator))

    def remove_the_other(number: int) -> int:
        path = f"/api/v1/users/{both[1 - number].pk}"
        return int(clients[number].send("DELETE", path, etag=tags[number]).status_code)

    assert in_parallel(remove_the_other, count=2) == {204: 1, 409: 1}


def test_a_database_that_is_gone_is_a_503_that_tells_nothing(admin: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("connection to server at 10.0.0.7 failed: password of stratibreak_login")

    monkeypatch.setattr(viewsets, "page_of", gone)
    admin.raise_request_exception = False

    answer = admin.fetch("/api/v1/projects")

    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer["Retry-After"]
    assert b"10.0.0.7" not in answer.content


def test_a_bug_is_a_500_that_tells_nothing(admin: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(viewsets, "page_of", fail)
    admin.raise_request_exception = False

    answer = admin.fetch("/api/v1/projects")

    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert b"secret" not in answer.content
    assert answer.json()["instance"] == f"urn:request:{answer['X-Request-ID']}"
