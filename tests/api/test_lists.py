"""Lists: pages, orderings, filters, and how many queries they take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gaps.models import Gap
from projects.models import Project
from stratibreak.api_router import ROUTES
from tenants.api.pagination import SALT
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models.audit_entry import AuditEntry
from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS, Endpoint
from tests.factories.gaps import IDENTIFIED_AT, GapFactory
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

GAPS = "/api/v1/gaps"


@pytest.fixture
def gaps(ours: LookAlike, theirs: LookAlike) -> list[Gap]:
    """Seven gaps of ours, two of them identified at one instant, and as many of theirs."""
    _make_gaps(theirs)
    return _make_gaps(ours)


def _make_gaps(world: LookAlike) -> list[Gap]:
    with tenant_context(world.tenant.pk):
        return [
            GapFactory.create(project=world.rows[Project], identified_at=IDENTIFIED_AT + timedelta(days=day // 2))
            for day in range(7)
        ]


def tenant_id_of(gaps: list[Gap]) -> UUID:
    """The tenant the gaps belong to, without asking the database for its row."""
    return UUID(str(gaps[0].tenant_id))


def _pages(client: ApiClient, **query: Any) -> list[list[dict[str, Any]]]:
    """Every page of a list, following `next`."""
    answer = client.fetch(GAPS, **query)
    pages = []
    while True:
        assert answer.status_code == 200
        pages.append(answer.json()["results"])
        address = answer.json()["next"]
        if address is None:
            return pages
        answer = client.get(f"{urlsplit(address).path}?{urlsplit(address).query}")


@pytest.mark.parametrize("ordering", ["id", "-id", "identified_at", "-identified_at", "severity", "-severity"])
@pytest.mark.parametrize("size", [1, 2, 3, 200])
def test_the_pages_hold_every_row_once_in_order(ordering: str, size: int, gaps: list[Gap], admin: ApiClient) -> None:
    pages = _pages(admin, project=gaps[0].project_id, ordering=ordering, page_size=size)

    rows = [row for page in pages for row in page]
    name = ordering.removeprefix("-")
    assert sorted(row["id"] for row in rows) == sorted(str(gap.pk) for gap in [*gaps, *_other_gaps(gaps)])
    assert rows == sorted(rows, key=lambda row: (row[name], row["id"]), reverse=ordering.startswith("-"))
    assert all(len(page) == size for page in pages[:-1])


def _other_gaps(gaps: list[Gap]) -> list[Gap]:
    """Gaps of the same project that the look-alike tenant came with."""
    with tenant_context(tenant_id_of(gaps)):
        own = {gap.pk for gap in gaps}
        return [gap for gap in Gap.objects.filter(project_id=gaps[0].project_id) if gap.pk not in own]


def test_a_row_that_arrives_meanwhile_shifts_nothing(gaps: list[Gap], admin: ApiClient) -> None:
    first = admin.fetch(GAPS, page_size=2).json()
    with tenant_context(tenant_id_of(gaps)):
        GapFactory.create(project=gaps[0].project)

    second = admin.get(first["next"]).json()

    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "201"}, "page_size"),
        ({"page_size": "-1"}, "page_size"),
        ({"page_size": "ten"}, "page_size"),
        ({"page_size": "\u0661"}, "page_size"),
        ({"ordering": "title"}, "ordering"),
        ({"ordering": "tenant"}, "ordering"),
        ({"ordering": "project__owner__password"}, "ordering"),
        ({"ordering": "--id"}, "ordering"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": signing.dumps(["gaps.gap -id", "x", "x"], salt=SALT)}, "cursor"),
        ({"cursor": signing.dumps("text", salt=SALT)}, "cursor"),
        ({"cursor": signing.dumps({"a": 1}, salt="other")}, "cursor"),
        ({"status": "DONE"}, "status"),
        ({"status__in": "OPEN,DONE"}, "status__in"),
        ({"project": "no id"}, "project"),
        ({"identified_at__gte": "2026-03-01T09:00:00"}, "identified_at__gte"),
        ({"identified_at__gte": "soon"}, "identified_at__gte"),
        ({"statsu": "OPEN"}, "statsu"),
        ({"tenant": "x"}, "tenant"),
        ({"project__owner__email": "x"}, "project__owner__email"),
        ({"title__icontains": "date"}, "title__icontains"),
        ({"owner": "\x00"}, "owner"),
    ],
)
def test_a_parameter_that_means_nothing_is_a_400_that_names_it(
    query: dict[str, str], parameter: str, admin: ApiClient
) -> None:
    answer = admin.fetch(GAPS, **query)

    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


def test_a_cursor_belongs_to_its_list_and_ordering(gaps: list[Gap], admin: ApiClient) -> None:
    cursor = urlsplit(admin.fetch(GAPS, page_size=1).json()["next"]).query.split("cursor=")[1].split("&")[0]

    elsewhere = admin.get(f"/api/v1/projects?cursor={cursor}")
    otherwise = admin.get(f"{GAPS}?ordering=identified_at&cursor={cursor}")

    assert (elsewhere.status_code, otherwise.status_code) == (400, 400)


def test_a_cursor_of_another_tenant_shows_nothing_of_it(gaps: list[Gap], admin: ApiClient, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        last = Gap.objects.order_by("-id").values_list("id", flat=True)[0]
    cursor = signing.dumps(["gaps.gap -id", str(last), str(last)], salt=SALT)

    answer = admin.fetch(GAPS, cursor=cursor)

    with tenant_context(theirs.tenant.pk):
        assert not {row["id"] for row in answer.json()["results"]} & {str(gap.pk) for gap in Gap.objects.all()}


def test_filters_narrow_by_value_set_and_range(gaps: list[Gap], admin: ApiClient) -> None:
    with tenant_context(tenant_id_of(gaps)):
        Gap.objects.filter(pk=gaps[0].pk).update(severity="LOW")
    project = str(gaps[0].project_id)

    low = admin.fetch(GAPS, project=project, severity="LOW").json()["results"]
    some = admin.fetch(GAPS, severity__in="LOW,CRITICAL").json()["results"]
    day = {"identified_at__gte": "2026-03-03T00:00:00Z", "identified_at__lt": "2026-03-04T00:00:00+00:00"}
    dated = admin.fetch(GAPS, project=project, **day).json()["results"]

    assert [row["id"] for row in low] == [row["id"] for row in some] == [str(gaps[0].pk)]
    assert {row["id"] for row in dated} == {str(gaps[2].pk), str(gaps[3].pk)}


def test_filtering_by_another_tenants_project_is_an_empty_list(admin: ApiClient, theirs: LookAlike) -> None:
    assert admin.fetch(GAPS, project=str(theirs.rows[Project].pk)).json() == {"results": [], "next": None}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_filter_and_ordering_answers(endpoint: Endpoint, admin: ApiClient) -> None:
    view = ROUTES[endpoint.name]
    for field in view.orderings:
        for ordering in (field, f"-{field}"):
            assert admin.fetch(endpoint.list_path, ordering=ordering, page_size=1).status_code == 200
    row = admin.fetch(endpoint.list_path, page_size=1).json()["results"][0]
    for name, lookups in view.filters.items():
        for lookup in lookups:
            value = "true" if lookup == "isnull" else row[name]
            if value is None or isinstance(value, bool) or value == "":
                continue
            parameter = name if lookup == "exact" else f"{name}__{lookup}"
            assert admin.fetch(endpoint.list_path, **{parameter: value}).status_code == 200, parameter


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_orderings_are_columns_that_are_never_null(endpoint: Endpoint) -> None:
    view = ROUTES[endpoint.name]
    columns = {field.name: field for field in view.model._meta.concrete_fields}

    assert [name for name in view.orderings if columns[name].null] == []


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_what_a_reader_gets_are_columns_and_annotations_and_no_secret(endpoint: Endpoint) -> None:
    view = ROUTES[endpoint.name]
    columns = {field.name for field in view.model._meta.concrete_fields}
    readable = set(view.serializer_class.columns())

    assert readable <= columns | set(view.annotations)
    assert not readable & {"tenant", "tenant_id", "password", "credentials", "secret_digest", "pepper_version"}


def _queries(client: ApiClient, path: str) -> list[str]:
    client.fetch(path)
    with CaptureQueriesContext(connection) as captured:
        assert client.fetch(path).status_code == 200
    own = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET LOCAL", "COMMIT")
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(own)]


@pytest.mark.parametrize(
    ("role", "expected"), [(Role.ADMIN, 4), (Role.TEAM_LEADER, 4), (Role.STAKEHOLDER, 4), (Role.ANALYST, 4)]
)
def test_a_list_takes_as_many_queries_for_seven_rows_as_for_one(
    role: Role, expected: int, gaps: list[Gap], as_role: Callable[[Role], ApiClient]
) -> None:
    # Session, user, page and the audit entry of the reading.
    client = as_role(role)

    assert len(_queries(client, f"{GAPS}?page_size=1")) == len(_queries(client, GAPS)) == expected


def test_a_machines_list_takes_one_query_to_know_the_machine(gaps: list[Gap], key_of: Callable[..., ApiClient]) -> None:
    # Key with user and tenant, page, the audit entry of the reading.
    assert len(_queries(key_of(Role.ADMIN, ApiScope.READ), GAPS)) == 3


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_no_list_takes_more_than_six_queries(endpoint: Endpoint, admin: ApiClient) -> None:
    assert len(_queries(admin, endpoint.list_path)) <= 6


@pytest.mark.parametrize(("path", "action"), [("gaps", "VIEW_GAP_ANALYSIS"), ("predictions", "ACCESS_PREDICTION")])
def test_reading_gaps_and_predictions_is_kept(path: str, action: str, admin: ApiClient, ours: LookAlike) -> None:
    page = admin.fetch(f"/api/v1/{path}").json()["results"]
    admin.fetch(f"/api/v1/{path}/{page[0]['id']}")

    with tenant_context(ours.tenant.pk):
        kept = list(AuditEntry.objects.filter(action=action).order_by("timestamp"))[-2:]
    assert [entry.changes for entry in kept] == [{"counts": {"shown": len(page)}}, {}]
    assert kept[1].resource_id == page[0]["id"]
    assert {entry.actor_id for entry in kept} == {ours.users[Role.ADMIN].pk}


def test_the_audit_log_is_read_by_time(admin: ApiClient) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC).isoformat()

    rows = admin.fetch("/api/v1/audit-entries", timestamp__gte=since, page_size=200).json()["results"]

    assert rows == sorted(rows, key=lambda row: (row["timestamp"], row["id"]), reverse=True)
