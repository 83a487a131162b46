"""Operations: where the compilers are found, and what emptying a database leaves alone."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import operations

from ..isolated_tables import access_by_table

OPENING_END = ";\n"
"""Between what opens a transaction and its first statement, which go out in one message."""


class DatabaseOperations(operations.DatabaseOperations):
    """PostgreSQL operations whose compilers add the tenant to every statement."""

    compiler_module = "tenants.isolation.postgresql.compiler"

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> Any:
        """Return what was run for the query log, without the opening of the transaction: it holds the token."""
        executed: Any = super().last_executed_query(cursor, sql, params)
        opening, end, statement = str(executed).partition(OPENING_END)
        return statement if end and opening.startswith("BEGIN") else executed

    def sql_flush(self, style: Any, tables: Any, **options: Any) -> Any:
        """Return the statements that empty tables, all but those whose trigger refuses it."""
        guarded = {table for table, access in access_by_table().items() if access.is_guarded}
        return super().sql_flush(style, [table for table in tables if table not in guarded], **options)
