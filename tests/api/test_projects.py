"""The main job through the API: bring a history, analyse it, ask for the forecast."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from projects.enums import ProjectStatus, ProjectTask
from projects.models import ImportRun, Project, WorkItem
from tenants.enums import Role
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.trello.fake import FakeTrello
from tests.integrations.exports.files import trello_board

pytestmark = pytest.mark.django_db

TABLE = (
    b"id,key,title,type,status,status_category,created,resolved\n"
    b"1,DEMO-1,First,Task,Done,DONE,2026-01-05T09:00:00Z,2026-01-09T09:00:00Z\n"
    b"2,DEMO-2,Second,Task,Open,TODO,2026-01-06T09:00:00Z,\n"
)
BROKEN = TABLE + b"3,DEMO-3,Third,Task,Open,TODO,not a date,\n"


@pytest.fixture
def path(ours: LookAlike) -> str:
    """A project of ours."""
    return f"/api/v1/projects/{ours.rows[Project].pk}"


def upload(client: ApiClient, path: str, content: bytes, *, name: str = "items.csv", **form: Any) -> Any:
    """Send a file as a browser's form does."""
    return client.post(f"{path}/imports", {"file": SimpleUploadedFile(name, content), **form})


def keys(ours: LookAlike) -> list[str]:
    with tenant_context(ours.tenant.pk):
        items = WorkItem.objects.filter(project=ours.rows[Project], key__startswith="DEMO-")
        return sorted(items.values_list("key", flat=True))


def test_a_history_is_read_once(admin: ApiClient, ours: LookAlike, path: str) -> None:
    first = upload(admin, path, TABLE)
    again = upload(admin, path, gzip.compress(TABLE), name="items.csv.gz")

    assert (first.status_code, first.json()["status"], first.json()["created_count"]) == (201, "COMPLETED", 2)
    assert (again.status_code, again.json()["unchanged_count"], again.json()["created_count"]) == (201, 2, 0)
    told = {"replay": f"{path}/replay", "format": "A table with one row for each item (CSV)"}
    assert {**admin.fetch(first["Location"]).json(), **told} == first.json()
    assert first.json()["requested_by_id"] == str(ours.users[Role.ADMIN].pk)
    assert keys(ours) == ["DEMO-1", "DEMO-2"]


def test_a_broken_line_is_reported_and_the_rest_is_read(admin: ApiClient, ours: LookAlike, path: str) -> None:
    run = upload(admin, path, BROKEN).json()

    assert (run["status"], run["failed_count"]) == ("COMPLETED", 1)
    assert [(error["line"], error["field"]) for error in run["errors"]] == [(4, "created")]
    assert keys(ours) == ["DEMO-1", "DEMO-2"]


def test_an_import_says_where_to_start_a_replay_until_there_is_one(
    admin: ApiClient, ours: LookAlike, path: str
) -> None:
    refused = upload(admin, path, BROKEN, strict="true").json()
    first = upload(admin, path, TABLE).json()

    replayed = admin.send("POST", first["replay"], {"months": 1})
    again = upload(admin, path, TABLE).json()

    assert (refused["replay"], first["replay"], again["replay"]) == (None, f"{path}/replay", None)
    assert replayed.status_code == 201


def test_a_strict_import_reads_all_or_nothing(admin: ApiClient, ours: LookAlike, path: str) -> None:
    run = upload(admin, path, BROKEN, strict="true").json()

    assert (run["status"], run["failed_count"], run["created_count"]) == ("REFUSED", 1, 0)
    assert keys(ours) == []


@pytest.mark.parametrize(
    ("content", "form", "place"),
    [
        (b"", {}, "#/file"),
        (b"\x00\x01\x02", {}, "#/file"),
        (b"\x1f\x8b nothing packed", {}, "#/file"),
        (b"a,b\n1,2\n", {}, "#/file"),
        (TABLE, {"profile": "no-such-profile"}, "#/profile"),
        (TABLE, {"time_zone": "Mars/Olympus"}, "#/file"),
        (TABLE, {"strict": "perhaps"}, "#/strict"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_400(
    content: bytes, form: dict[str, str], place: str, admin: ApiClient, ours: LookAlike, path: str
) -> None:
    answer = upload(admin, path, content, **form)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [place]
    with tenant_context(ours.tenant.pk):
        assert not ImportRun.objects.filter(project=ours.rows[Project], status="COMPLETED", created_count=2).exists()


def test_a_file_beyond_the_limit_is_refused_unread(admin: ApiClient, path: str, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 100

    assert upload(admin, path, TABLE).status_code == 413


def test_another_tenants_project_takes_no_file(admin: ApiClient, theirs: LookAlike) -> None:
    answer = upload(admin, f"/api/v1/projects/{theirs.rows[Project].pk}", TABLE)

    assert answer.status_code == 404


def test_without_an_analysis_the_forecast_says_what_is_missing(admin: ApiClient) -> None:
    path = admin.send("POST", "/api/v1/projects", {"name": "Never analysed"})["Location"]

    forecast = admin.fetch(f"{path}/forecast").json()

    assert forecast["readiness"] == "INSUFFICIENT"
    assert forecast["result"] is None
    assert [reason["code"] for reason in forecast["readiness_reasons"]] == ["NOT_YET_RUN"]


def test_an_analysis_of_too_little_answers_with_null(
    admin: ApiClient, as_role: Callable[[Role], ApiClient], path: str
) -> None:
    upload(admin, path, TABLE)

    analysed = as_role(Role.ANALYST).send("POST", f"{path}/refresh", {"as_of": "2026-02-01T00:00:00Z"})
    forecast = as_role(Role.STAKEHOLDER).fetch(f"{path}/forecast")
    shown = admin.fetch(f"{path}/forecast").json()

    assert analysed.status_code == 200
    assert forecast.status_code == 404
    assert (shown["readiness"], shown["result"], shown["prediction"]) == ("INSUFFICIENT", None, None)
    assert shown["as_of"] == "2026-02-01T00:00:00Z"
    assert shown["model"]["inputs_hash"]


@pytest.mark.parametrize("as_of", ["2999-01-01T00:00:00Z", "2026-02-01T00:00:00", "now", 7])
def test_an_analysis_looks_at_a_known_moment(as_of: Any, admin: ApiClient, path: str) -> None:
    answer = admin.send("POST", f"{path}/refresh", {"as_of": as_of})

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/as_of"]


@pytest.mark.parametrize("form", [{}, {"profile": "trello-board"}], ids=["seen", "asked for"])
def test_an_export_of_a_tool_is_read_and_named_and_the_project_is_analysed_next(
    admin: ApiClient, ours: LookAlike, theirs: LookAlike, form: dict[str, str]
) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(status=ProjectStatus.ACTIVE)
    board = trello_board(FakeTrello())

    # A name that says something else: only the content counts.
    run = upload(admin, f"/api/v1/projects/{project.pk}", board, name="report.xlsx", **form).json()

    assert (run["profile"], run["source"]) == ("trello-board", "trello")
    assert run["format"] == "Board of Trello with its actions (JSON)"
    assert (run["status"], run["created_count"], run["failed_count"]) == ("COMPLETED", 6, 0)
    with tenant_context(ours.tenant.pk):
        assert [job.task for job in own_jobs(subject=project.pk)] == [ProjectTask.REFRESH]
    with tenant_context(theirs.tenant.pk):
        assert own_jobs(subject=project.pk) == []


def test_what_a_file_leaves_open_is_refused_until_it_is_said(admin: ApiClient, ours: LookAlike, path: str) -> None:
    content = "Issue key;Issue id;Issue Type;Status;Project key;Created\nD-1;1;Bug;Ä;D;03/04/2026 9:05 AM\n"
    said = {"time_zone": "Europe/Berlin", "date_order": "DMY", "encoding": "windows-1252"}

    silent = upload(admin, path, content.encode("windows-1252")).json()
    told = upload(admin, path, content.encode("windows-1252"), **said).json()
    wrong = upload(admin, path, content.encode(), date_order="YDM")

    assert [error["reason"][:12] for error in silent["errors"]] == ["is not UTF-8"]
    assert (told["profile"], told["created_count"], told["failed_count"]) == ("jira-csv", 1, 0)
    with tenant_context(ours.tenant.pk):
        item = WorkItem.objects.get(project=ours.rows[Project], key="D-1")
    assert item.opened_at == datetime(2026, 4, 3, 7, 5, tzinfo=UTC)
    assert wrong.status_code == 400
