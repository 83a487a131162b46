"""Operations: where the compilers are found, and what emptying a database leaves alone."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import operations

from ..registry import access_by_table


class DatabaseOperations(operations.DatabaseOperations):
    """PostgreSQL operations whose compilers add the tenant to every statement."""

    compiler_module = "tenants.isolation.postgresql.compiler"

    def sql_flush(self, style: Any, tables: Any, **options: Any) -> Any:
        """Return the statements that empty tables, all but those whose trigger refuses it."""
        guarded = {table for table, access in access_by_table().items() if access.is_guarded}
        return super().sql_flush(style, [table for table in tables if table not in guarded], **options)
