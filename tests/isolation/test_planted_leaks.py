"""One layer taken away at a time: the next one holds, and the checks name what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, models, transaction

from gaps.models import Gap
from projects.models import Goal, Project
from tenants.isolation.checks import catalogue_differences, check_managers
from tenants.isolation.context import TenantContextRequired
from tenants.isolation.managers import TenantManager
from tenants.isolation.postgresql import compiler
from tenants.isolation.transaction import tenant_context
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


@contextmanager
def _policies_off(table: str) -> Iterator[None]:
    with owner_connection() as owner:
        owner.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY'.encode())
        try:
            yield
        finally:
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
