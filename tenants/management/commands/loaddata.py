"""Load fixtures with the owner's rights: they hold several tenants."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.loaddata import Command as DjangoLoaddata

from tenants.append_only import AppendOnly
from tenants.isolation.context import AccessContext, Purpose
from tenants.isolation.owner import OwnerCommand
from tenants.isolation.registry import access_of
from tenants.isolation.roles import database_roles
from tenants.isolation.transaction import open_context


class Command(OwnerCommand, DjangoLoaddata):
    """Django's ``loaddata`` with the owner's rights.

    With a single database user nobody sees all tenants, so each row is written inside its own.  Rows that are never
    rewritten are left as they are when they are there already: the same fixture may be loaded again.
    """

    def save_obj(self, obj: Any) -> Any:
        if database_roles() is not None:
            return self._save_unless_kept(obj)
        with open_context(_context_of_row(obj.object)):
            return self._save_unless_kept(obj)

    def _save_unless_kept(self, obj: Any) -> Any:
        row: Any = obj.object
        if issubclass(type(row), AppendOnly) and row._meta.base_manager.filter(pk=row.pk).exists():
            return False
        return super().save_obj(obj)


def _context_of_row(row: Any) -> AccessContext:
    """Return the context in which a single database user may write this row; a row of no tenant is an operator's."""
    access = access_of(type(row))
    column = access.tenant_column if access else None
    tenant_id = getattr(row, column) if column else None
    return AccessContext(Purpose.APP, tenant_id) if tenant_id else AccessContext(Purpose.AUTH)
