"""Bringing a file into a project on the project's page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from projects.enums import ProjectStatus, ProjectTask
from projects.models import ImportRun, Project, WorkItem
from tenants.enums import Role
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory

pytestmark = pytest.mark.django_db

TABLE = b"key,created,status\nFORM-1,2026-01-05T09:00Z,Open\nFORM-2,yesterday,Open\n"


@pytest.fixture
def project(ours: LookAlike) -> Project:
    with tenant_context(ours.tenant.pk):
        return ProjectFactory.create(name="Form", status=ProjectStatus.ACTIVE)


def browser_of(one: LookAlike, role: Role = Role.ADMIN) -> Client:
    client = Client()
    client.force_login(one.users[role])
    return client


def upload(client: Client, project: Project, content: bytes = TABLE, **fields: str) -> Any:
    said = {f"import-{name}": value for name, value in fields.items()}
    data = {"import-file": SimpleUploadedFile("items.csv", content), **said}
    return client.post(reverse("admin:projects_project_import", args=[project.pk]), data, follow=True)


def words_of(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def keys_of(one: LookAlike) -> list[str]:
    with tenant_context(one.tenant.pk):
        return list(WorkItem.objects.filter(key__startswith="FORM-").values_list("key", flat=True))


def test_file_is_read_and_the_project_is_analysed_next(ours: LookAlike, theirs: LookAlike, project: Project) -> None:
    words = words_of(upload(browser_of(ours), project))

    assert "Read as: A table with one row for each item (CSV). 1 items are new" in words
    assert "1 could not be read (line 3, created: is not an ISO 8601 instant" in words
    assert "A worker analyses the project next" in words
    assert (keys_of(ours), keys_of(theirs)) == (["FORM-1"], [])
    with tenant_context(ours.tenant.pk):
        assert ProjectTask.REFRESH in [job.task for job in own_jobs(subject=project.pk)]
        assert ImportRun.objects.get(project=project).requested_by_id == ours.users[Role.ADMIN].pk


def test_strict_import_says_that_nothing_was_imported(ours: LookAlike, project: Project) -> None:
    words = words_of(upload(browser_of(ours), project, strict="on"))

    assert "Nothing was imported. 1 could not be read (line 3" in words
    assert keys_of(ours) == []


@pytest.mark.parametrize(
    ("content", "fields", "reason"),
    [
        (b"", {}, "The submitted file is empty."),
        (b"name,created\nx,y\n", {}, "The file lacks a column"),
        (TABLE, {"time_zone": "Nowhere/At all"}, "There is no time zone of that name"),
        (TABLE, {"profile": "trello-csv"}, "The file lacks a column"),
        (TABLE, {"profile": "unknown"}, "Select a valid choice."),
        (b"PK\x03\x04 not a packed file", {}, "The packed file is damaged."),
    ],
)
def test_file_that_cannot_be_read_is_refused_in_words(
    ours: LookAlike, project: Project, content: bytes, fields: dict[str, str], reason: str
) -> None:
    words = words_of(upload(browser_of(ours), project, content, **fields))

    assert reason in words
    assert keys_of(ours) == []


def test_file_that_is_too_long_is_refused(ours: LookAlike, project: Project, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 10

    words = words_of(upload(browser_of(ours), project))

    assert "Nothing was imported. At most 0 MiB." in words


@pytest.mark.parametrize("name", ["admin:login", "admin:index", "invitation"])
def test_a_stranger_can_have_no_file_written_to_disk(name: str, ours: LookAlike, settings: Any) -> None:
    """A form is read before anybody asks who sent it, by the CSRF check; a token for it everybody can make."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    token = "a" * 32
    stranger, person = Client(enforce_csrf_checks=True), browser_of(ours)
    statuses = []
    for client, length in ((stranger, 20_000), (stranger, 100), (person, 20_000)):
        client.cookies[settings.CSRF_COOKIE_NAME] = token
        form = {"csrfmiddlewaretoken": token, "file": SimpleUploadedFile("items.csv", b"x" * length)}
        statuses.append(client.post(reverse(name), form).status_code)

    assert statuses[0] == 413
    assert 413 not in statuses[1:]


def test_a_person_has_no_file_written_that_is_longer_than_an_upload(ours: LookAlike, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.UPLOAD_MAX_BYTES = 100, 10_000

    answer = browser_of(ours).post(reverse("admin:index"), {"file": SimpleUploadedFile("items.csv", b"x" * 20_000)})

    assert answer.status_code == 413


def test_project_of_another_organisation_is_not_there(ours: LookAlike, theirs: LookAlike, project: Project) -> None:
    response = upload(browser_of(theirs), project)

    assert response.status_code == 404
    assert (keys_of(ours), keys_of(theirs)) == ([], [])


def test_who_may_not_import_sees_no_form_and_is_refused(ours: LookAlike, project: Project) -> None:
    viewer = browser_of(ours, Role.ANALYST)

    page = viewer.get(reverse("admin:projects_project_change", args=[project.pk]))

    assert b"Import a file" not in page.content
    assert "Read as" not in words_of(upload(viewer, project))
    assert keys_of(ours) == []


def test_form_is_on_the_page_and_a_get_of_its_address_is_refused(ours: LookAlike, project: Project) -> None:
    client = browser_of(ours)

    page = client.get(reverse("admin:projects_project_change", args=[project.pk])).content.decode()

    assert 'enctype="multipart/form-data"' in page
    assert "Board of Trello with its actions (JSON)" in page
    assert client.get(reverse("admin:projects_project_import", args=[project.pk])).status_code == 405
