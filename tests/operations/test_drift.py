"""Drift of every kind is named, with the statement that mends it, and the statement does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from stratibreak.drift import Catalogue, Difference, differences, expected_catalogue, read_catalogue
from stratibreak.drift.catalogue import PartKind
from tests.owner_rows import owner_connection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def expected(django_db_setup: None, django_db_blocker: Any) -> Catalogue:
    """The schema as the migrations make it: the same for all tests here."""
    with django_db_blocker.unblock():
        return expected_catalogue()


def found_now(expected: Catalogue) -> list[Difference]:
    return differences(expected, read_catalogue(connection), database=str(connection.settings_dict["NAME"]))


# What is planted, the part that is named, and words of what is said.
PLANTED = {
    "column type": (
        "ALTER TABLE projects_workitem ALTER COLUMN priority TYPE text",
        PartKind.COLUMN,
        "priority",
        "is text",
    ),
    "nullability": ("ALTER TABLE projects_goal ALTER COLUMN title DROP NOT NULL", PartKind.COLUMN, "title", "NOT NULL"),
    "extra column": ("ALTER TABLE projects_goal ADD COLUMN planted int", PartKind.COLUMN, "planted", "in no migration"),
    "default": (
        "ALTER TABLE projects_goal ALTER COLUMN title SET DEFAULT 'x'",
        PartKind.DEFAULT,
        "title",
        "in no migration",
    ),
    "check": (
        "ALTER TABLE tenants_auditseal DROP CONSTRAINT tenants_auditseal_counts_from_one,"
        " ADD CONSTRAINT tenants_auditseal_counts_from_one CHECK (number >= 0)",
        PartKind.CONSTRAINT,
        "tenants_auditseal_counts_from_one",
        "number >= 0",
    ),
    "check not validated": (
        "ALTER TABLE tenants_auditseal DROP CONSTRAINT tenants_auditseal_counts_from_one,"
        " ADD CONSTRAINT tenants_auditseal_counts_from_one CHECK (number >= 1) NOT VALID",
        PartKind.CONSTRAINT,
        "tenants_auditseal_counts_from_one",
        "NOT VALID",
    ),
    "unique columns": (
        "ALTER TABLE tenants_auditseal DROP CONSTRAINT tenants_auditseal_number,"
        " ADD CONSTRAINT tenants_auditseal_number UNIQUE (tenant_id, number, kind)",
        PartKind.CONSTRAINT,
        "tenants_auditseal_number",
        "number, kind",
    ),
    "reference's action": (
        "ALTER TABLE projects_goal DROP CONSTRAINT projects_goal_project_ref,"
        " ADD CONSTRAINT projects_goal_project_ref FOREIGN KEY (tenant_id, project_id)"
        " REFERENCES projects_project (tenant_id, id) DEFERRABLE",
        PartKind.CONSTRAINT,
        "projects_goal_project_ref",
        "CASCADE",
    ),
    "index columns": (
        "DROP INDEX item_key_idx; CREATE INDEX item_key_idx ON projects_workitem (tenant_id, title)",
        PartKind.INDEX,
        "item_key_idx",
        "title",
    ),
    "index predicate": (
        "DROP INDEX item_key_idx; CREATE INDEX item_key_idx ON projects_workitem (tenant_id, key) WHERE key <> ''",
        PartKind.INDEX,
        "item_key_idx",
        "WHERE",
    ),
    "index method": (
        "DROP INDEX item_key_idx; CREATE INDEX item_key_idx ON projects_workitem USING brin (tenant_id, key)",
        PartKind.INDEX,
        "item_key_idx",
        "brin",
    ),
    "missing index": ("DROP INDEX item_key_idx", PartKind.INDEX, "item_key_idx", "is missing"),
    "extra index": ("CREATE INDEX planted ON projects_goal (id)", PartKind.INDEX, "planted", "in no migration"),
    "policy's expression": (
        "ALTER POLICY tenant_isolation ON projects_goal USING (true)",
        PartKind.POLICY,
        "tenant_isolation",
        "USING (true)",
    ),
    "extra policy": (
        "CREATE POLICY planted ON projects_goal FOR SELECT USING (true)",
        PartKind.POLICY,
        "planted",
        "in no migration",
    ),
    "row security": (
        "ALTER TABLE projects_goal NO FORCE ROW LEVEL SECURITY",
        PartKind.ROW_SECURITY,
        "",
        "not forced",
    ),
    "row security of a partition": (
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', max(inhrelid::regclass::text))"
        " FROM pg_inherits WHERE inhparent = 'tenants_auditentry'::regclass); END $$",
        PartKind.ROW_SECURITY,
        "",
        "disabled",
    ),
    "trigger that is off": (
        "ALTER TABLE tenants_auditentry DISABLE TRIGGER audit_append_only",
        PartKind.TRIGGER,
        "audit_append_only",
        "DISABLED",
    ),
    "missing trigger": (
        "DROP TRIGGER audit_append_only ON tenants_auditseal",
        PartKind.TRIGGER,
        "audit_append_only",
        "is missing",
    ),
    "function's body": (
        "CREATE OR REPLACE FUNCTION stratibreak.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END'",
        PartKind.FUNCTION,
        "stratibreak.refuse_audit_change()",
        "RETURN NEW",
    ),
    "extra function": (
        "CREATE FUNCTION stratibreak.planted() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        PartKind.FUNCTION,
        "stratibreak.planted()",
        "in no migration",
    ),
    "grant on a table": (
        "GRANT TRUNCATE ON projects_goal TO stratibreak_app",
        PartKind.GRANT,
        "stratibreak_app",
        "TRUNCATE",
    ),
    "grant on a column": (
        "GRANT UPDATE (reason) ON tenants_auditentry TO stratibreak_app",
        PartKind.GRANT,
        "stratibreak_app",
        "UPDATE",
    ),
    "grant to everybody": ("GRANT SELECT ON tenants_user TO PUBLIC", PartKind.GRANT, "PUBLIC", "SELECT"),
    "revoked grant": (
        "REVOKE SELECT ON projects_goal FROM stratibreak_app",
        PartKind.GRANT,
        "stratibreak_app",
        "SELECT",
    ),
    "grant on a function": (
        "GRANT EXECUTE ON FUNCTION stratibreak.current_tenant() TO PUBLIC",
        PartKind.GRANT,
        "PUBLIC",
        "EXECUTE",
    ),
    "grant on the schema": (
        "GRANT CREATE ON SCHEMA public TO stratibreak_app",
        PartKind.GRANT,
        "stratibreak_app",
        "CREATE",
    ),
    "extra table": ("CREATE TABLE planted (id int)", PartKind.RELATION, "", "in no migration"),
    "extra view": ("CREATE VIEW planted AS SELECT * FROM tenants_user", PartKind.RELATION, "", "in no migration"),
}


@pytest.fixture(autouse=True)
def _as_before(expected: Catalogue) -> Iterator[None]:
    """Nothing planted is left for the next test, also where a mend did not do."""
    yield
    left = found_now(expected)
    for difference in left:
        mend(difference)
    assert found_now(expected) == []
    assert left == []


def mend(difference: Difference) -> None:
    """Do what a difference says."""
    if difference.mend.startswith("manage.py "):
        call_command(*difference.mend.removeprefix("manage.py ").split(), verbosity=0)
    else:
        with owner_connection() as owner:
            owner.execute(difference.mend.encode())


def test_a_migrated_database_is_as_the_migrations_make_it(expected: Catalogue) -> None:
    assert found_now(expected) == []
    assert {part.kind for part in expected} == set(PartKind)


@pytest.mark.parametrize("planted", PLANTED)
def test_planted_drift_is_named_with_a_mend_that_mends(planted: str, expected: Catalogue) -> None:
    sql, kind, name, said = PLANTED[planted]
    with owner_connection() as owner:
        owner.execute(sql.encode())

    found = found_now(expected)
    named = [each for each in found if (each.part.kind, each.part.name) == (kind, name)]
    for each in found:
        mend(each)

    assert len(named) == 1, [str(each) for each in found]
    assert said in str(named[0])
    assert found_now(expected) == []


def test_the_scratch_database_is_gone_afterwards(expected: Catalogue) -> None:
    with owner_connection() as owner:
        # Other test runs on the server have scratch databases of their own.
        left = owner.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE current_database() || '_expected_%'"
        ).fetchall()

    assert left == []
