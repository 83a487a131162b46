"""`?search=` on lists: what is found, by whom, in how many queries, whatever is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gaps.models import Gap
from projects.models import Project
from stratibreak.api_router import ROUTES
from tenants.api.schema import schema_json
from tenants.enums import Role
from tenants.isolation.search import matching
from tenants.isolation.search.sources import is_searchable
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient
from tests.factories.gaps import GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory, ProjectMembershipFactory, StakeholderFactory, WorkItemFactory

pytestmark = pytest.mark.django_db

GAPS = "/api/v1/gaps"
SEARCHED = sorted(name for name, view in ROUTES.items() if is_searchable(view.model))


@pytest.fixture
def zebras(ours: LookAlike, theirs: LookAlike) -> list[Gap]:
    """Three gaps of ours about zebras, and as many of theirs; the first is visible to every role."""
    _make_zebras(theirs)
    return _make_zebras(ours)


def _make_zebras(one: LookAlike) -> list[Gap]:
    with tenant_context(one.tenant.pk):
        led, hidden = ProjectFactory.create_batch(2)
        ProjectMembershipFactory.create(project=led, user=one.users[Role.TEAM_LEADER])
        StakeholderFactory.create(project=led, user=one.users[Role.STAKEHOLDER])
        return [
            GapFactory.create(project=led, title="Zébra crossing is late", description="Needs ABC-1234."),
            GapFactory.create(project=hidden, title="Late: the zebra\u2019s stable", description="Hay"),
            GapFactory.create(project=hidden, title="Hay", description="for zebras, late"),
        ]


def _found(client: ApiClient, typed: str, **query: Any) -> set[str]:
    answer = client.fetch(GAPS, search=typed, **query)
    assert answer.status_code == 200, answer.content
    assert answer.json()["more_matches"] is False
    return {row["id"] for row in answer.json()["results"]}


def _ids(*gaps: Gap) -> set[str]:
    return {str(gap.pk) for gap in gaps}


def test_rows_are_found_by_words_in_any_order(zebras: list[Gap], admin: ApiClient) -> None:
    crossing, stable, hay = zebras

    assert _found(admin, "zebra") == _ids(crossing, stable, hay)
    assert _found(admin, "late ZÉB") == _ids(crossing, stable, hay)
    assert _found(admin, "hay zebra") == _ids(stable, hay)
    assert _found(admin, "abc-1234") == _found(admin, "abc-12") == _ids(crossing)
    assert _found(admin, "okapi") == set()


def test_a_search_narrows_with_filters_orderings_and_pages(zebras: list[Gap], admin: ApiClient) -> None:
    crossing, stable, hay = zebras
    assert _found(admin, "zebra", project=stable.project_id, ordering="identified_at") == _ids(stable, hay)

    first = admin.fetch(GAPS, search="zebra", page_size=2).json()
    address = urlsplit(first["next"])
    second = admin.get(f"{address.path}?{address.query}").json()

    assert [row["id"] for row in first["results"] + second["results"]] == [str(g.pk) for g in (hay, stable, crossing)]
    assert second["next"] is None


@pytest.mark.parametrize("role", [Role.TEAM_LEADER, Role.STAKEHOLDER])
def test_a_role_of_some_projects_finds_nothing_of_others(
    role: Role, zebras: list[Gap], as_role: Callable[[Role], ApiClient]
) -> None:
    assert _found(as_role(role), "zebra") == _ids(zebras[0])


def test_hidden_rows_neither_count_nor_push_visible_ones_out(
    zebras: list[Gap], as_role: Callable[[Role], ApiClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two newer matches are hidden from the leader; at most one match is looked at."""
    monkeypatch.setattr(matching, "MOST_MATCHES", 1)

    leader = as_role(Role.TEAM_LEADER).fetch(GAPS, search="zebra").json()
    manager = as_role(Role.PROJECT_MANAGER).fetch(GAPS, search="zebra").json()

    assert ([row["id"] for row in leader["results"]], leader["more_matches"]) == ([str(zebras[0].pk)], False)
    assert ([row["id"] for row in manager["results"]], manager["more_matches"]) == ([str(zebras[2].pk)], True)


def test_a_search_that_finds_more_than_it_returns_is_not_exported(
    zebras: list[Gap], as_role: Callable[[Role], ApiClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "MOST_MATCHES", 1)
    manager = as_role(Role.PROJECT_MANAGER)

    cut = manager.fetch(f"{GAPS}/export", search="zebra")
    monkeypatch.setattr(matching, "MOST_MATCHES", 10)
    whole = manager.fetch(f"{GAPS}/export", search="zebra")

    assert cut.status_code == 400
    assert "the file would lack some" in cut.content.decode()
    assert whole.status_code == 200


@pytest.mark.parametrize("role", Role)
def test_the_people_a_role_finds_are_the_people_it_sees(role: Role, as_role: Callable[[Role], ApiClient]) -> None:
    client = as_role(role)
    seen = {row["id"] for row in client.fetch("/api/v1/users", page_size=200).json().get("results", [])}
    answer = client.fetch("/api/v1/users", search="example", page_size=200).json()

    assert {row["id"] for row in answer.get("results", [])} <= seen


TYPED = (
    "%_\\",
    "' OR true --",
    "& | ! :* ()",
    "🚀",
    "\u202e\u05e9\u05dc",
    "\x01",
    "a" * 200,
    "-" * 200,
    "1 " * 100,
    "\\",
)


@pytest.mark.parametrize("name", SEARCHED)
def test_whatever_is_typed_is_answered_and_finds_nothing_of_others(
    name: str, admin: ApiClient, theirs: LookAlike
) -> None:
    rows: dict[Any, Any] = theirs.rows
    foreign = rows.get(ROUTES[name].model, theirs.tenant).pk
    for typed in TYPED:
        answer = admin.fetch(f"/api/v1/{name}", search=typed)

        assert answer.status_code == 200, typed
        assert answer.json()["more_matches"] is False, typed
        assert str(theirs.tenant.pk) not in answer.content.decode(), typed
        assert str(foreign) not in answer.content.decode(), typed


@pytest.mark.parametrize("typed", ["a\0b", "x" * 201, "x" * 10_000, "é" * 201])
def test_what_cannot_be_searched_is_named(typed: str, admin: ApiClient) -> None:
    answer = admin.fetch(GAPS, search=typed)

    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == ["search"]


@pytest.mark.parametrize("typed", ["", "   ", "\t"])
def test_nothing_typed_narrows_nothing(typed: str, zebras: list[Gap], admin: ApiClient) -> None:
    answer = admin.fetch(GAPS, search=typed, page_size=200).json()

    assert _ids(*zebras) <= {row["id"] for row in answer["results"]}
    assert "more_matches" not in answer


@pytest.mark.parametrize("name", sorted(set(ROUTES) - set(SEARCHED)))
def test_a_list_without_words_has_no_such_parameter(name: str, admin: ApiClient) -> None:
    assert admin.fetch(f"/api/v1/{name}", search="x").status_code == 400


def test_the_description_has_the_parameter_where_the_lists_do() -> None:
    paths = json.loads(schema_json())["paths"]
    described = {
        path.removeprefix("/api/v1/")
        for path, operations in paths.items()
        if any(parameter["name"] == "search" for parameter in operations.get("get", {}).get("parameters", []))
    }

    assert described == {*SEARCHED, *(f"{name}/export" for name in SEARCHED)}


def _queries(client: ApiClient, path: str, typed: str) -> list[str]:
    client.fetch(path, search=typed)
    with CaptureQueriesContext(connection) as captured:
        assert client.fetch(path, search=typed).status_code == 200
    own = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET LOCAL", "COMMIT")
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(own)]


# Session, user, search, page and the audit entry of the reading; for roles of some projects their ids before.
@pytest.mark.parametrize(("role", "expected"), [(Role.ADMIN, 5), (Role.TEAM_LEADER, 6), (Role.STAKEHOLDER, 6)])
def test_a_searched_list_takes_as_many_queries_for_three_rows_as_for_one(
    role: Role, expected: int, zebras: list[Gap], as_role: Callable[[Role], ApiClient]
) -> None:
    client = as_role(role)

    assert len(_queries(client, GAPS, "crossing")) == len(_queries(client, GAPS, "zebra")) == expected


def test_a_project_that_was_renamed_is_found_by_its_new_name(admin: ApiClient, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Zebra")
        Project.objects.filter(pk=project.pk).update(name="Okapi")
        item = WorkItemFactory.create(project=project, key="OKA-77", title="")

    assert admin.fetch("/api/v1/projects", search="zebra").json()["results"] == []
    assert [row["id"] for row in admin.fetch("/api/v1/projects", search="okapi").json()["results"]] == [str(project.pk)]
    assert [row["id"] for row in admin.fetch("/api/v1/work-items", search="oka77").json()["results"]] == [str(item.pk)]
