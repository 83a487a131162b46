"""Searching in the backoffice: words in any order, for administrators and for operators who read across."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, models
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gaps.models import Gap
from projects.models import FieldChange, Project
from tenants.enums import Role
from tenants.isolation.owner import owner_access
from tenants.isolation.search import matching
from tenants.isolation.transaction import tenant_context
from tenants.models import User
from tests.factories.gaps import GapFactory
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db


def _is_searched(model: type[models.Model], page: Any) -> bool:
    return bool(page.get_search_fields(RequestFactory().get("/")))


SEARCHABLE = sorted(
    (m for m, page in admin.site._registry.items() if _is_searched(m, page)), key=lambda m: m._meta.label
)


def _client(one: LookAlike) -> Client:
    client = Client()
    client.force_login(one.users[Role.ADMIN])
    return client


def _list(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


TYPED = ("relaunch", "Ünïcode", "%_\\", "a" * 500, "a" * 10_000, "' | !", "🚀", "\u202e\u05e9\u05dc", "-", "1 " * 100)


@pytest.mark.parametrize("model", SEARCHABLE, ids=[m._meta.label for m in SEARCHABLE])
def test_every_search_answers_whatever_is_typed(model: type[models.Model], ours: LookAlike, theirs: LookAlike) -> None:
    client = _client(ours)
    for typed in TYPED:
        answer = client.get(_list(model), {"q": typed})

        assert answer.status_code == 200, typed
        assert str(theirs.tenant.pk) not in answer.content.decode(), typed


@pytest.fixture
def zebras(ours: LookAlike, theirs: LookAlike) -> list[Gap]:
    """Two gaps of ours about zebras, and as many of theirs."""
    _make_zebras(theirs)
    return _make_zebras(ours)


def _make_zebras(one: LookAlike) -> list[Gap]:
    with tenant_context(one.tenant.pk):
        return [
            GapFactory.create(project=one.rows[Project], title=title)
            for title in ("Zébra crossing is late", "Late: zebras (ABC-77)")
        ]


def _shown(client: Client, typed: str) -> set[str]:
    changelist = client.get(_list(Gap), {"q": typed}).context["cl"]
    return {row.title for row in changelist.result_list}


def test_rows_are_found_by_words_in_any_order_case_and_spelling(zebras: list[Gap], ours: LookAlike) -> None:
    crossing, key = (gap.title for gap in zebras)
    client = _client(ours)

    assert _shown(client, "late ZEBRA") == {crossing, key}
    assert _shown(client, "crossing zébra") == {crossing}
    assert _shown(client, "abc-77") == {key}
    assert _shown(client, "no such gap") == set()
    assert {gap.title for gap in zebras} <= _shown(client, "  ")


def test_a_cut_is_said_on_the_page_and_not_by_completions(
    zebras: list[Gap], ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "MOST_MATCHES", 1)
    client = _client(ours)
    completion = {"app_label": "gaps", "model_name": "rootcause", "field_name": "gap", "term": "zebra"}

    completed = client.get(reverse("admin:autocomplete"), completion)
    whole = client.get(_list(Gap), {"q": "crossing"}).content.decode()
    cut = client.get(_list(Gap), {"q": "zebra"}).content.decode()
    too_long = client.get(_list(Gap), {"q": "zebra " * 100}).content.decode()

    assert [row["text"] for row in completed.json()["results"]] == [zebras[1].title]
    assert "match. Only the newest" not in whole
    assert "match. Only the newest" in cut
    assert "Search for at most 200 characters." in too_long


def test_a_reference_is_completed_by_any_word_of_its_text(zebras: list[Gap], ours: LookAlike) -> None:
    completion = {"app_label": "gaps", "model_name": "rootcause", "field_name": "gap", "term": "cross"}

    assert [row["id"] for row in _client(ours).get(reverse("admin:autocomplete"), completion).json()["results"]] == [
        str(zebras[0].pk)
    ]


def test_what_has_no_words_is_found_by_the_whole_value(ours: LookAlike) -> None:
    change: Any = ours.rows[FieldChange]
    client = _client(ours)

    assert str(change.pk) in client.get(_list(FieldChange), {"q": change.external_id}).content.decode()
    assert str(change.pk) not in client.get(_list(FieldChange), {"q": change.external_id[:-1]}).content.decode()


def _queries(client: Client, typed: str) -> list[str]:
    client.get(_list(Gap), {"q": typed})
    with CaptureQueriesContext(connection) as captured:
        assert client.get(_list(Gap), {"q": typed}).status_code == 200
    own = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET LOCAL", "COMMIT")
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(own)]


def test_a_searched_list_takes_as_many_queries_for_two_rows_as_for_one(zebras: list[Gap], ours: LookAlike) -> None:
    # Session, user, search, count, page.
    assert len(_queries(_client(ours), "crossing")) == len(_queries(_client(ours), "zebra")) == 5


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_an_operator_who_reads_across_finds_rows_of_every_organisation(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        own = GapFactory.create(project=ours.rows[Project], title="Zebra")
    with tenant_context(theirs.tenant.pk):
        other = GapFactory.create(project=theirs.rows[Project], title="The zebra")
    operator = Client()
    with owner_access("test data"):
        person = User.objects.create_superuser("search@platform.invalid", "a long enough password")
    operator.force_login(person)
    step = {"target": "across", "reason": "A test looks for zebras."}
    assert operator.post(reverse("admin:operator_step"), step).status_code == 302

    page = operator.get(_list(Gap), {"q": "zebra"}).content.decode()

    assert str(own.pk) in page
    assert str(other.pk) in page


def test_an_address_or_a_cookie_with_nul_is_refused_and_no_error(ours: LookAlike) -> None:
    stranger = Client()
    stranger.cookies["stratibreak_session"] = "aaaaaaaaaaaa\0"

    assert _client(ours).get("/admin/tenants/user/?role__exact=%00").status_code == 400
    assert _client(ours).get(_list(Gap), {"q": "a\0b"}).status_code == 400
    assert stranger.get("/admin/").status_code == 302
