"""Attacks beside the layers' own tests: poisoned sessions, side doors of the ORM, answers that tell too much."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from django.db import Error, connection, models, transaction
from django.db.models import Count, F, FilteredRelation, Func, OuterRef, Prefetch, Q, Subquery
from django.db.models.expressions import RawSQL

from gaps.models import Gap
from projects.models import Goal, Project
from tenants.enums import Role
from tenants.isolation.context import CrossTenantWrite, TenantContextRequired
from tenants.isolation.transaction import tenant_context
from tenants.models import User
from tests.api.conftest import signed_in
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


# What an injected statement leaves behind on the connection


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "poison",
    [
        "SET TimeZone = 'Pacific/Kiritimati'",
        "SET search_path = pg_catalog",
        "SET default_transaction_read_only = on",
        "SET row_security = off",
        "SET statement_timeout = '1ms'",
        "SELECT set_config('stratibreak.context', current_setting('stratibreak.context'), false)",
    ],
)
def test_a_setting_of_one_request_does_not_reach_the_next(poison: str, ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        before = Project.objects.values_list("tenant_id", "created_at").get(pk=theirs.rows[Project].pk)
    try:
        with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
            cursor.execute(poison)
        with tenant_context(theirs.tenant.pk):
            after = Project.objects.values_list("tenant_id", "created_at").get(pk=theirs.rows[Project].pk)
            written = Project.objects.filter(pk=theirs.rows[Project].pk).update(description=F("description"))
    finally:
        connection.close()

    assert (after, written) == (before, 1)


@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_inside_a_context_comes_back_with_the_next_tenant(ours: LookAlike, theirs: LookAlike) -> None:
    with suppress(Error), tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.close()
    with tenant_context(theirs.tenant.pk):
        assert set(Project.objects.values_list("tenant_id", flat=True)) == {theirs.tenant.pk}


@pytest.mark.django_db(transaction=True)
def test_a_cursor_kept_open_shows_nothing_new_in_the_next_tenant(ours: LookAlike, theirs: LookAlike) -> None:
    try:
        with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
            cursor.execute("DECLARE kept CURSOR WITH HOLD FOR SELECT tenant_id FROM projects_project")
        with tenant_context(theirs.tenant.pk), connection.cursor() as cursor:
            cursor.execute("FETCH ALL FROM kept")
            assert {tenant_id for (tenant_id,) in cursor.fetchall()} == {ours.tenant.pk}
    finally:
        connection.close()


def test_errors_of_casts_do_not_show_foreign_values(ours: LookAlike, theirs: LookAlike) -> None:
    """A filter that fails on a row is asked after the policy: it cannot fail on a row the policy hides."""
    with tenant_context(theirs.tenant.pk):
        Goal.objects.filter(pk=theirs.rows[Goal].pk).update(title="only theirs")
        with tenant_context(ours.tenant.pk):
            Goal.objects.update(title="1")
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM projects_goal WHERE title::int > 0")
                assert cursor.fetchone()[0] == Goal.objects.count()


# Side doors of the ORM

SHAPES: dict[str, Callable[[], Any]] = {
    "filtered relation": lambda: Project.objects.annotate(
        g=FilteredRelation("goals", condition=Q(goals__title__isnull=False))
    ).filter(g__isnull=False),
    "extra table": lambda: Project.objects.extra(tables=["gaps_gap"], where=["gaps_gap.id IS NOT NULL"]),
    "raw subquery": lambda: Project.objects.filter(pk__in=RawSQL("SELECT id FROM projects_project", [])),
    "function over a subquery": lambda: Project.objects.annotate(
        n=Func(Subquery(Goal.objects.filter(project=OuterRef("pk")).values("title")[:1]), function="upper")
    ),
    "intersection": lambda: Project.objects.order_by().intersection(Project.objects.order_by()),
    "prefetch": lambda: Project.objects.prefetch_related(Prefetch("goals", queryset=Goal.objects.all())),
    "nullable join": lambda: Project.objects.select_related("owner", "owner__tenant"),
    "aggregate with a filter": lambda: Project.objects.annotate(n=Count("goals", filter=Q(goals__isnull=False))),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_query_leaves_the_tenant(shape: str, ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        found = list(SHAPES[shape]())

    assert {row.tenant_id for row in found} == {ours.tenant.pk}
    assert {
        goal.tenant_id for row in found for goal in getattr(row, "_prefetched_objects_cache", {}).get("goals", [])
    } <= {ours.tenant.pk}


def test_a_queryset_belongs_to_the_context_that_reads_it(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        lazy = Project.objects.all()
        pickled = pickle.dumps(lazy.query)
    with tenant_context(theirs.tenant.pk):
        again: models.QuerySet[Project] = models.QuerySet(Project)
        again.query = pickle.loads(pickled)  # noqa: S301  # our own bytes
        assert {row.tenant_id for row in lazy.all()} == {row.tenant_id for row in again} == {theirs.tenant.pk}
    with pytest.raises(TenantContextRequired):
        list(again.all())


def test_an_upsert_with_a_foreign_id_leaves_the_foreign_row(ours: LookAlike, theirs: LookAlike) -> None:
    foreign = theirs.rows[Goal]
    taken: Any = Goal(pk=foreign.pk, project_id=ours.rows[Project].pk, title="taken")
    with tenant_context(ours.tenant.pk):
        with suppress(Error), transaction.atomic():
            Goal.objects.bulk_create(
                [taken], update_conflicts=True, unique_fields=["tenant", "id"], update_fields=["title"]
            )
        with pytest.raises(CrossTenantWrite), transaction.atomic():
            Goal.objects.update_or_create(pk=uuid4(), defaults={"title": "x"}, create_defaults=_foreign(theirs))
    with tenant_context(theirs.tenant.pk):
        assert not Goal.objects.filter(pk=foreign.pk, title="taken").exists()


def _foreign(theirs: LookAlike) -> dict[str, Any]:
    return {"tenant_id": theirs.tenant.pk, "project_id": theirs.rows[Project].pk, "title": "x"}


def test_an_explained_query_names_our_tenant_only(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        plan = Gap.objects.all().explain(verbose=True)

    assert str(theirs.tenant.pk) not in plan


# Answers that tell too much


def test_an_administrator_cannot_ask_whether_an_organisation_is_here(ours: LookAlike, theirs: LookAlike) -> None:
    browser = signed_in(ours.users[Role.ADMIN])
    address = f"/api/v1/tenants/{ours.tenant.pk}"
    page = f"/admin/tenants/tenant/{ours.tenant.pk}/change/"
    answers = []
    for name in (theirs.tenant.name, "A name that is free"):
        tag = browser.get(address)["ETag"]
        by_api = browser.send("PATCH", address, {"name": name}, etag=tag)
        typed = {"retention_days": "365", "time_zone": "UTC", "quiet_from": "20:00", "quiet_until": "07:00"}
        by_page = browser.post(page, {"name": name, **typed})
        answers.append((by_api.status_code, by_api.json()["name"], by_page.status_code))

    assert answers[0] == answers[1] == (200, ours.tenant.name, 302)


def test_an_administrator_cannot_ask_whether_an_address_is_somewhere_else(ours: LookAlike, theirs: LookAlike) -> None:
    browser, person = signed_in(ours.users[Role.ADMIN]), ours.users[Role.ANALYST]
    page = f"/admin/tenants/user/{person.pk}/change/"
    answers = [
        browser.post(page, {"email": email, "role": person.role, "is_active": "on"}).status_code
        for email in (theirs.users[Role.ADMIN].email, "free@example.org")
    ]

    assert answers == [302, 302]
    with tenant_context(ours.tenant.pk):
        assert User.objects.get(pk=person.pk).email == person.email


@pytest.mark.parametrize(
    "filtering",
    [
        "tenants/user/?password__startswith=a",
        "tenants/user/?email__regex=(",
        "tenants/user/?tenant__name=x",
        "tenants/apikey/?secret_digest__startswith=a",
        "tenants/apikey/?user__password__startswith=a",
        "tenants/auditentry/?row_hash__startswith=a",
        "projects/goal/?project__tenant__name=x",
        "projects/project/?_to_field=name&_popup=1",
    ],
)
def test_the_backoffice_filters_by_nothing_it_does_not_show(filtering: str, ours: LookAlike) -> None:
    assert signed_in(ours.users[Role.ADMIN]).get(f"/admin/{filtering}").status_code == 400


def test_a_project_is_found_by_the_beginning_of_its_name(ours: LookAlike, theirs: LookAlike) -> None:
    term = str(ours.rows[Project])
    asked = {"app_label": "projects", "model_name": "goal", "field_name": "project", "term": term}
    answer = signed_in(ours.users[Role.ADMIN]).get("/admin/autocomplete/", asked)

    found = {row["id"] for row in answer.json()["results"]}
    assert str(ours.rows[Project].pk) in found
    assert str(theirs.rows[Project].pk) not in found
