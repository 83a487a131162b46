"""Many gaps of many organisations, written by the database itself from one row that a factory made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from auditlog.context import disable_auditlog
from django.db import transaction

from gaps.models import Gap
from tenants.isolation.identifiers import uuid7
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.gaps import GapFactory
from tests.factories.projects import ProjectFactory
from tests.owner_rows import owner_connection

CHANGED = {
    "id": "(lpad(to_hex(1750000000000 + n), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid",
    "tenant_id": "(%(tenants)s::uuid[])[pick]",
    "project_id": "(%(projects)s::uuid[])[pick]",
    "title": "'Gap ' || n",
    "status": "(ARRAY['OPEN', 'IN_PROGRESS'])[1 + n %% 2]",
    "severity": "(ARRAY['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'])[1 + n %% 4]",
}


@dataclass(frozen=True, slots=True)
class Organisations:
    """tenants[i] owns projects[i]; template is the values of one gap by column name."""

    tenants: list[UUID]
    projects: list[UUID]
    template: dict[str, Any]


def make_organisations(count: int) -> Organisations:
    """Make organisations with a project each, and read one gap to copy."""
    tenants, projects = [], []
    template: dict[str, Any] = {}
    with disable_auditlog():
        with owner_access(), transaction.atomic():
            made = Tenant.objects.bulk_create(Tenant(name=f"Demo Organisation {uuid7()}") for _ in range(count))
        for tenant in made:
            with tenant_context(tenant.pk):
                project = ProjectFactory.create()
                if not template:
                    gap = GapFactory.create(project=project)
                    template = {f.column: f.get_db_prep_save(getattr(gap, f.attname), _connection()) for f in _fields()}
                    gap.delete()
            tenants.append(tenant.pk)
            projects.append(project.pk)
    return Organisations(tenants, projects, template)


def fill_unequally(rows: int, *, tenants: int) -> list[UUID]:
    """Make organisations whose sizes fall as 1, 1/2, 1/3 … (Zipf) and write their gaps; the largest comes first."""
    organisations = make_organisations(tenants)
    with owner_connection() as owner:
        fill(owner, "gaps_gap", rows=rows, of=organisations, shares=[1 / rank for rank in range(1, tenants + 1)])
    return organisations.tenants


def fill_equally(rows_each: int, *, tenants: int) -> list[UUID]:
    """Make organisations of the same size and write their gaps."""
    organisations = make_organisations(tenants)
    with owner_connection() as owner:
        fill(owner, "gaps_gap", rows=rows_each * tenants, of=organisations, shares=[1.0] * tenants)
    return organisations.tenants


def fill(
    owner: psycopg.Connection[Any],
    table: str,
    *,
    rows: int,
    of: Organisations,
    shares: list[float],
    changed: dict[str, str] | None = None,
) -> None:
    """Write `rows` gaps to `table`, in turns of time, `shares[i]` of them (any unit) to the i-th organisation.

    changed: SQL over `n` for columns that are to differ from row to row in another way
    """
    expressions = {**CHANGED, **(changed or {})}
    total, reached, bounds = sum(shares), 0.0, []
    for share in shares[:-1]:
        reached += share / total
        bounds.append(reached)
    columns = list(of.template)
    values = ", ".join(expressions.get(column, f"%({column})s") for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    owner.execute(f"TRUNCATE {table} CASCADE".encode())
    owner.execute("SELECT setseed(0.5)")
    # Names and expressions are constants of this module and of the models.
    statement = (
        f"INSERT INTO {table} ({names}) SELECT {values} FROM (SELECT n, "  # noqa: S608
        "1 + width_bucket(random(), %(bounds)s::float8[]) AS pick "
        "FROM generate_series(1, %(rows)s) AS n OFFSET 0) AS drawn"
    )
    more = {"tenants": of.tenants, "projects": of.projects, "bounds": bounds or [2.0], "rows": rows}
    psycopg.ClientCursor(owner).execute(statement.encode(), {**of.template, **more})
    owner.execute(f"VACUUM ANALYZE {table}".encode())


def _fields() -> list[Any]:
    return [field for field in Gap._meta.concrete_fields if not field.generated]


def _connection() -> Any:
    return transaction.get_connection()
