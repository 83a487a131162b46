"""The kernel's own promises: context, transport, compiler, and that each layer holds when the one before it leaks."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection, models, transaction
from django.db.models import Count, Exists, F, OuterRef, Subquery
from django.forms import modelform_factory

from gaps.models import Gap
from projects.models import Goal, Project
from tenants.isolation.context import (
    AccessContext,
    CrossTenantWrite,
    Purpose,
    TenantContextRequired,
    TenantTransactionRequired,
    current_context,
    use_context,
)
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import User
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db


def _id(row: models.Model) -> UUID:
    return UUID(str(row.pk))


def test_a_tenant_model_without_a_tenant_raises_with_the_fix() -> None:
    with pytest.raises(TenantContextRequired, match="tenant_context"):
        Project.objects.all()


def test_none_needs_no_tenant() -> None:
    assert list(Project.objects.none()) == []


def test_people_cannot_be_listed_without_a_context() -> None:
    with pytest.raises(TenantContextRequired):
        list(User.objects.all())


def test_a_context_of_the_app_needs_a_tenant() -> None:
    with pytest.raises(TenantContextRequired):
        AccessContext(Purpose.APP)


def test_reading_across_tenants_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        AccessContext(Purpose.PLATFORM, reason="  ")


def test_the_context_is_restored_after_an_exception(ours: LookAlike) -> None:
    with pytest.raises(RuntimeError, match="boom"), tenant_context(ours.tenant.pk):
        raise RuntimeError("boom")

    assert current_context() is None


def test_a_new_thread_starts_without_a_tenant(ours: LookAlike) -> None:
    seen: list[Any] = []
    with tenant_context(ours.tenant.pk):
        thread = threading.Thread(target=lambda: seen.append(current_context()))
        thread.start()
        thread.join()

    assert seen == [None]


def test_a_nested_tenant_sees_its_own_rows_and_the_outer_one_its_own_again(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        before = set(Project.objects.values_list("id", flat=True))
        with tenant_context(theirs.tenant.pk):
            inside = set(Project.objects.values_list("id", flat=True))
        after = set(Project.objects.values_list("id", flat=True))

    assert before == after
    assert inside
    assert before.isdisjoint(inside)


def test_the_context_survives_a_rollback_to_a_savepoint(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        count = Project.objects.count()
        with tenant_context(theirs.tenant.pk):
            Project.objects.count()
            with suppress(RuntimeError), transaction.atomic():
                with tenant_context(ours.tenant.pk):
                    Project.objects.count()
                raise RuntimeError
            inside = set(Project.objects.values_list("tenant_id", flat=True))

        assert inside == {theirs.tenant.pk}
        assert Project.objects.count() == count


def test_a_failed_statement_does_not_lose_the_context(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

        assert set(Project.objects.values_list("tenant_id", flat=True)) == {ours.tenant.pk}


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_read(ours: LookAlike) -> None:
    context = AccessContext(Purpose.APP, ours.tenant.pk)
    with use_context(context), pytest.raises(TenantTransactionRequired):
        list(Project.objects.all())
    with use_context(context), pytest.raises(TenantTransactionRequired):
        Project.objects.update(description="")
    with use_context(context), connection.cursor() as cursor, pytest.raises(ProgrammingError, match="permission"):
        cursor.execute("SELECT count(*) FROM projects_project")


@pytest.mark.django_db(transaction=True)
def test_the_context_adds_no_round_trip(ours: LookAlike, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3) as captured, tenant_context(ours.tenant.pk):
        Project.objects.count()

    kinds = [query["sql"].split(" ")[0] for query in captured.captured_queries]
    assert kinds == ["BEGIN", "SELECT", "COMMIT"]


def test_every_shape_of_query_stays_inside(ours: LookAlike, theirs: LookAlike) -> None:
    foreign = _id(theirs.rows[Project])
    with tenant_context(ours.tenant.pk):
        shapes = {
            "filter": Project.objects.filter(pk=foreign),
            "exclude": Project.objects.exclude(goals__title="no such goal").filter(pk=foreign),
            "in a subquery": Project.objects.filter(pk__in=Goal.objects.values("project")).filter(pk=foreign),
            "exists": Project.objects.filter(Exists(Gap.objects.filter(project=OuterRef("pk")))).filter(pk=foreign),
            "join": Goal.objects.filter(project__id=foreign),
            "reverse join": Project.objects.filter(goals__isnull=False, pk=foreign),
            "union": Project.objects.filter(pk=foreign).union(Project.objects.filter(pk=foreign)),
            "annotate": Project.objects.annotate(n=Count("goals")).filter(pk=foreign),
            "select related": Goal.objects.select_related("project__owner").filter(project__id=foreign),
            "base manager": Project._base_manager.filter(pk=foreign),
        }
        found = {shape: list(queryset) for shape, queryset in shapes.items()}
        a_goal = Subquery(Goal.objects.values("tenant_id")[:1])
        newest = set(Project.objects.annotate(goal=a_goal).values_list("goal", flat=True))

        assert [shape for shape, rows in found.items() if rows] == []
        assert newest <= {ours.tenant.pk}


def test_writes_by_filter_and_key_leave_foreign_rows_alone(ours: LookAlike, theirs: LookAlike) -> None:
    foreign = _id(theirs.rows[Goal])
    with tenant_context(ours.tenant.pk):
        assert Goal.objects.filter(pk=foreign).update(title="taken") == 0
        assert Goal.objects.filter(pk=foreign).delete() == (0, {})
        assert Goal._base_manager.filter(project__goals__pk=foreign).update(title="taken") == 0
        assert Goal.objects.bulk_update([Goal(pk=foreign, title="taken")], ["title"]) == 0
        ghost = Goal(pk=foreign, tenant_id=ours.tenant.pk)
        ghost.delete()
        Goal.objects.update(title=F("title"))

    with tenant_context(theirs.tenant.pk):
        assert Goal.objects.filter(pk=foreign, title="taken").count() == 0
        assert Goal.objects.filter(pk=foreign).count() == 1


def test_a_row_of_another_tenant_cannot_be_written(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        with pytest.raises(CrossTenantWrite), transaction.atomic():
            Project.objects.create(name="Taken", tenant_id=theirs.tenant.pk)
        with pytest.raises(CrossTenantWrite), transaction.atomic():
            Project.objects.bulk_create([Project(name="Taken", tenant_id=theirs.tenant.pk)])
        with pytest.raises(CrossTenantWrite), transaction.atomic():
            Project.objects.update(tenant_id=theirs.tenant.pk)


def test_a_foreign_reference_is_refused_like_a_missing_one(ours: LookAlike, theirs: LookAlike) -> None:
    messages = []
    for target in (_id(theirs.rows[Project]), uuid4()):
        with tenant_context(ours.tenant.pk), pytest.raises(IntegrityError) as refused, transaction.atomic():
            Goal.objects.filter(pk=_id(ours.rows[Goal])).update(project_id=target)
        messages.append(str(refused.value).replace(str(target), "X"))

    assert messages[0] == messages[1]


def test_the_auth_purpose_reads_people_and_no_tenant_data(ours: LookAlike, theirs: LookAlike) -> None:
    with auth_context():
        emails = set(User.objects.values_list("email", flat=True))
        with pytest.raises(TenantContextRequired):
            Project.objects.all()
        with pytest.raises(TenantContextRequired):
            list(Project._base_manager.all())

    assert {user.email for one in (ours, theirs) for user in one.users.values()} <= emails


def test_people_of_another_tenant_are_not_seen(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        assert set(User.objects.values_list("tenant_id", flat=True)) == {ours.tenant.pk}


def test_a_form_class_made_without_a_tenant_offers_the_rows_of_the_one_that_shows_it(
    ours: LookAlike, theirs: LookAlike
) -> None:
    form_class = modelform_factory(Goal, fields=["project"])

    with tenant_context(ours.tenant.pk):
        field: Any = form_class().fields["project"]
        offered = {choice.tenant_id for choice in field.queryset}
        foreign = form_class({"project": str(theirs.rows[Project].pk)})
        missing = form_class({"project": str(uuid4())})

        assert offered == {ours.tenant.pk}
        assert foreign.errors["project"] == missing.errors["project"]
