"""One organisation's imports cannot take every thread: so many run at once, and others are told when to come again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.urls import reverse

from projects.domain.import_places import IMPORTS_AT_ONCE, RETRY_AFTER_S, take_import_place
from projects.models import ImportRun, Project, WorkItem
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = b"key,title,status,created\nA-1,First,Open,2024-01-01T00:00:00Z\n"
PATIENCE_S = 30


@contextmanager
def _running(one: LookAlike, count: int) -> Iterator[None]:
    """Imports of an organisation that other threads are at."""
    taken, over = threading.Semaphore(0), threading.Event()

    def run() -> None:
        try:
            with tenant_context(one.tenant.pk):
                take_import_place()
                taken.release()
                over.wait(PATIENCE_S)
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        assert all(taken.acquire(timeout=PATIENCE_S) for _ in threads)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _send(client: ApiClient, one: LookAlike, **extra: Any) -> Any:
    path = f"/api/v1/projects/{one.rows[Project].pk}/imports"
    return client.post(path, {"file": SimpleUploadedFile("items.csv", TABLE)}, **extra)


def _imported(one: LookAlike) -> tuple[int, int]:
    with tenant_context(one.tenant.pk):
        items = WorkItem.objects.filter(project=one.rows[Project], key="A-1").count()
        return items, ImportRun.objects.filter(file_name="items.csv").count()


def test_one_more_is_told_to_come_again_and_nothing_is_lost(ours: LookAlike, settings: Any) -> None:
    settings.STATIC_ROOT = None
    client = signed_in(ours.users[Role.PROJECT_MANAGER])
    headers = {"Idempotency-Key": "the-same-file"}

    with _running(ours, IMPORTS_AT_ONCE):
        refused = _send(client, ours, headers=headers)
        kept = _imported(ours)
    accepted = _send(client, ours, headers=headers)

    assert (refused.status_code, refused["Retry-After"]) == (429, str(RETRY_AFTER_S))
    assert refused["Content-Type"] == "application/problem+json"
    assert "imports running. Nothing of this file was read" in refused.json()["detail"]
    assert (kept, accepted.status_code, _imported(ours)) == ((0, 0), 201, (1, 1))


def test_a_place_is_left_for_a_second_one(ours: LookAlike, settings: Any) -> None:
    settings.STATIC_ROOT = None
    with _running(ours, IMPORTS_AT_ONCE - 1):
        assert _send(signed_in(ours.users[Role.PROJECT_MANAGER]), ours).status_code == 201


def test_other_organisations_do_not_notice(ours: LookAlike, theirs: LookAlike, settings: Any) -> None:
    settings.STATIC_ROOT = None
    with _running(theirs, IMPORTS_AT_ONCE):
        assert _send(signed_in(ours.users[Role.PROJECT_MANAGER]), ours).status_code == 201


def test_a_place_is_free_again_after_a_file_that_cannot_be_read(ours: LookAlike, settings: Any) -> None:
    settings.STATIC_ROOT = None
    client = signed_in(ours.users[Role.PROJECT_MANAGER])
    path = f"/api/v1/projects/{ours.rows[Project].pk}/imports"

    for _ in range(IMPORTS_AT_ONCE + 1):
        assert client.post(path, {"file": SimpleUploadedFile("items.csv", b"PK\x03\x04")}).status_code == 400
    assert _send(client, ours).status_code == 201


def test_the_form_says_so_too(ours: LookAlike, settings: Any) -> None:
    settings.STATIC_ROOT = None
    client = signed_in(ours.users[Role.ADMIN])
    page = reverse("admin:projects_project_import", args=[ours.rows[Project].pk])

    with _running(ours, IMPORTS_AT_ONCE):
        told = client.post(page, {"import-file": SimpleUploadedFile("items.csv", TABLE)}, follow=True)

    assert f"Your organisation has {IMPORTS_AT_ONCE} imports running." in told.content.decode()
    assert _imported(ours) == (0, 0)
