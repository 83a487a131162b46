"""Which tables belong to tenants, and by which column: read from the models, once the apps are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps

if TYPE_CHECKING:
    from django.db import models

READ = frozenset({"SELECT"})
APPEND = frozenset({"SELECT", "INSERT"})
FULL = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TableAccess:
    """How one table is isolated: its tenant column and what each role may do with it.

    tenant_column: compared with the chosen tenant, None for tables that only the auth purpose reads
    is_guarded: a trigger refuses TRUNCATE, even to the owner
    search: columns that the role `search` reads, for the functions it owns
    """

    table: str
    tenant_column: str | None
    app: frozenset[str] = NOTHING
    auth: frozenset[str] = NOTHING
    platform: frozenset[str] = NOTHING
    is_guarded: bool = False
    search: frozenset[str] = frozenset()

    def allows_auth(self) -> bool:
        return bool(self.auth)


def access_of(model: type[models.Model]) -> TableAccess | None:
    """Return the access declared by a model's class attributes, None for a model that declares nothing."""
    declared: Any = model
    if not hasattr(model, "app_privileges"):
        return None
    return TableAccess(
        table=model._meta.db_table,
        tenant_column=declared.tenant_column,
        app=declared.app_privileges,
        auth=declared.auth_privileges,
        platform=declared.platform_privileges,
        is_guarded=getattr(declared, "is_guarded", False),
    )


def isolated_models() -> list[type[models.Model]]:
    """Return every concrete model that declares its access, in the order of the apps."""
    return [m for m in apps.get_models(include_auto_created=True) if hasattr(m, "app_privileges") and m._meta.managed]
