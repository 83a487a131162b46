"""One layer taken away at a time: the next one holds, and the checks name what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from django.db import connection, models, transaction
from django.db.models import Count, Exists, F, FilteredRelation, Q, Subquery, Window
from django.db.models.functions import RowNumber

from gaps.models import Gap
from projects.models import Goal, Project
from tenants.isolation.checks import catalogue_differences, check_managers
from tenants.isolation.context import TenantContextRequired
from tenants.isolation.isolated_tables import access_by_table
from tenants.isolation.managers import TenantManager
from tenants.isolation.owner import owner_access
from tenants.isolation.postgresql import compiler
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike
from tests.owner_rows import owner_connection

pytestmark = pytest.mark.django_db


@contextmanager
def _without_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(compiler, "access_by_table", dict)
        yield


def test_without_the_manager_the_compiler_raises() -> None:
    with pytest.raises(TenantContextRequired):
        list(models.QuerySet(Project))


def test_without_the_compiler_the_policy_shows_our_rows_only(
    ours: LookAlike, theirs: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _without_compiler(monkeypatch), tenant_context(ours.tenant.pk):
        statement = str(Gap.objects.filter(title="x").query)
        seen = set(Gap.objects.values_list("tenant_id", flat=True))
        changed = Gap.objects.filter(pk=theirs.rows[Gap].pk).update(title="taken")

    assert "tenant_id" not in statement.split("WHERE")[1]
    assert seen == {ours.tenant.pk}
    assert changed == 0


def test_without_the_compiler_and_a_tenant_the_role_has_no_right(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with _without_compiler(monkeypatch), pytest.raises(Exception, match="permission denied"), transaction.atomic():
        list(models.QuerySet(Project))


@pytest.mark.django_db(transaction=True)
def test_without_the_policy_the_compiler_still_restricts(ours: LookAlike) -> None:
    with _policies_off("gaps_gap"), tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT tenant_id) FROM gaps_gap")
        raw = cursor.fetchone()[0]
        seen = set(Gap.objects.values_list("tenant_id", flat=True))

    assert raw > 1  # the leak is real
    assert seen == {ours.tenant.pk}


# What each shape would show of the other tenant without its predicates: tenant ids, or a value that only its rows give.
SHAPES: dict[str, Callable[[LookAlike], Any]] = {
    "exclude over two relations": lambda _: Project.objects.exclude(
        gaps__root_causes__description="x", goals__title="y"
    ),
    "exists": lambda them: Project.objects.filter(Exists(Goal.objects.filter(pk=them.rows[Goal].pk))).values(x=F("pk")),
    "negated disjunction": lambda _: Gap.objects.filter(~Q(evidence__object_key="x") | Q(project__goals__isnull=True)),
    "window": lambda _: Project.objects.annotate(n=Window(RowNumber(), order_by="id")).filter(n__gt=0),
    "union": lambda _: Project.objects.values("tenant_id").union(Goal.objects.values("tenant_id"), all=True),
    "union in a filter": lambda _: Project.objects.filter(
        tenant_id__in=Project.objects.values("tenant_id").union(Goal.objects.values("tenant_id"))
    ),
    "either queryset": lambda _: Project.objects.filter(name="x") | Project.objects.filter(name__gt=""),
    "the other tenant by name": lambda them: Project.objects.filter(Q(tenant=them.tenant) | Q(tenant__name__gt="")),
    "outer joins": lambda _: Project.objects.values("tenant_id", "goals__tenant_id", "gaps__evidence__tenant_id"),
    "filtered relation": lambda _: Project.objects.annotate(
        g=FilteredRelation("gaps", condition=~Q(gaps__title=""))
    ).values("g__tenant_id", "g__root_causes__tenant_id"),
    "grouped": lambda _: Goal.objects.values("project__tenant_id").annotate(n=Count("pk")),
    "people of a tenant": lambda _: Tenant.objects.values("users__tenant_id"),
    "subquery": lambda them: Project.objects.values(
        x=Subquery(Goal.objects.filter(pk=them.rows[Goal].pk).values("tenant_id"))
    ),
    "locked": lambda _: Project.objects.select_for_update(of=("self",)).select_related("owner"),
    "by many keys": lambda them: Project.objects.in_bulk([them.rows[Project].pk]).values(),
    "from their row": lambda them: cast("Any", them.rows[Project]).goals.all(),
}


@pytest.mark.django_db(transaction=True)
def test_without_any_policy_no_shape_of_query_leaves_the_tenant(ours: LookAlike, theirs: LookAlike) -> None:
    tables = sorted(table for table, access in access_by_table().items() if access.tenant_column)
    shown = {}
    with _policies_off(*tables), tenant_context(ours.tenant.pk):
        for name, shape in SHAPES.items():
            rows = [row if isinstance(row, dict) else vars(row) for row in shape(theirs)]
            shown[name] = {value for row in rows for key, value in row.items() if key == "x" or "tenant_id" in key}

    assert {name: values for name, values in shown.items() if values - {ours.tenant.pk, None}} == {}


def test_every_table_of_a_statement_names_the_tenant(ours: LookAlike) -> None:
    """Also where the reference already compares both rows' tenants: the planner prunes by the constant."""
    with tenant_context(ours.tenant.pk):
        joined = str(Goal.objects.select_related("project__owner").query)

    assert joined.count(str(ours.tenant.pk)) == len(("goal", "project", "owner"))


@pytest.mark.django_db(transaction=True)
def test_without_any_policy_no_statement_deletes_or_changes_a_foreign_row(ours: LookAlike, theirs: LookAlike) -> None:
    foreign = theirs.rows[Goal].pk
    with _policies_off("projects_goal", "projects_project"), tenant_context(ours.tenant.pk):
        removed = [
            Goal.objects.filter(pk=foreign).delete()[0],
            Goal.objects.filter(pk=foreign)._raw_delete("default"),
            Goal.objects.filter(project__pk=theirs.rows[Project].pk).delete()[0],
            Goal.objects.filter(pk=foreign).update(title="taken"),
            Goal.objects.filter(project__name__gt="").filter(pk=foreign).update(title="taken"),
        ]

    assert removed == [0, 0, 0, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_an_owner_keeps_rows_apart_that_have_one_id_in_two_tenants(ours: LookAlike, theirs: LookAlike) -> None:
    """No predicate names a tenant there; joins and forward access compare the tenants of both rows."""
    goal: Any = ours.rows[Goal]
    with owner_access(), transaction.atomic():
        Project(pk=goal.project_id, tenant_id=theirs.tenant.pk, name="Twin").save(force_insert=True)
        joined = Goal.objects.select_related("project").get(pk=goal.pk)
        accessed = Goal.objects.get(pk=goal.pk).project

    assert joined.project.tenant_id == accessed.tenant_id == ours.tenant.pk


@contextmanager
def _policies_off(*tables: str) -> Iterator[None]:
    with owner_connection() as owner:
        for table in tables:
            owner.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY'.encode())
        try:
            yield
        finally:
            for table in tables:
                owner.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'.encode())


PLANTED = {
    "tenants.E020": (
        "ALTER TABLE projects_goal RENAME TO projects_gone",
        "ALTER TABLE projects_gone RENAME TO projects_goal",
    ),
    "tenants.E021": (
        "ALTER TABLE projects_goal NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE projects_goal FORCE ROW LEVEL SECURITY",
    ),
    "tenants.E022": (
        "CREATE POLICY leak ON projects_goal USING (true)",
        "DROP POLICY leak ON projects_goal",
    ),
    "tenants.E024": ("CREATE INDEX leak ON projects_goal (title)", "DROP INDEX leak"),
    "tenants.E026": (
        "GRANT TRUNCATE ON projects_goal TO stratibreak_app",
        "REVOKE TRUNCATE ON projects_goal FROM stratibreak_app",
    ),
    "tenants.E027": ("GRANT SELECT ON projects_goal TO PUBLIC", "REVOKE SELECT ON projects_goal FROM PUBLIC"),
}


@pytest.mark.parametrize("code", PLANTED)
def test_the_checks_name_a_planted_leak(code: str, world: Any) -> None:
    plant, mend = PLANTED[code]
    with owner_connection() as owner:
        owner.execute(plant.encode())
        try:
            found = {found_code for found_code, _ in catalogue_differences(_Asked(owner))}
        finally:
            owner.execute(mend.encode())
        after = catalogue_differences(_Asked(owner))

    assert code in found
    assert after == []


def test_the_checks_name_a_policy_that_lets_everything_through(world: Any) -> None:
    with owner_connection() as owner:
        owner.execute(b"BEGIN")
        owner.execute(b"ALTER POLICY tenant_isolation ON projects_goal USING (true)")
        found = catalogue_differences(_Asked(owner))
        owner.execute(b"ROLLBACK")

    assert [code for code, _ in found] == ["tenants.E023"]


def test_the_checks_name_a_manager_without_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    class Open(models.Manager[Any]):
        pass

    leak = Open()
    leak.model, leak.name = Goal, "objects"
    monkeypatch.setattr(Goal._meta, "managers", [leak], raising=False)

    assert [message.id for message in check_managers(None)] == ["tenants.E001"]
    assert not isinstance(leak, TenantManager)


class _Asked:
    """A psycopg connection, as far as the checks need one of Django's."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def cursor(self) -> Any:
        return self.owner.cursor()
