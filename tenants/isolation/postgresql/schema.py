"""Schema editor: keys of tenant tables come from their TenantKey; what runs outside transactions can be repeated."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import schema


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """PostgreSQL's editor that leaves the primary key of tenant tables to their constraint."""

    sql_create_index_concurrently = schema.DatabaseSchemaEditor.sql_create_index_concurrently.replace(
        "CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS", 1
    )

    def _iter_column_sql(self, column_db_type: Any, params: Any, model: Any, field: Any, *args: Any) -> Any:
        has_own_key = any(getattr(c, "is_primary_key", False) for c in model._meta.constraints)
        for part in super()._iter_column_sql(column_db_type, params, model, field, *args):
            if not (has_own_key and part == "PRIMARY KEY"):
                yield part
