"""Migration operations of the kernel."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation

from .sql import SCHEMA_STATEMENTS, function_statements


class InstallContextFunctions(Operation):
    """Create the schema ``stratibreak`` with the functions that every policy calls (plain bodies)."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: the functions are no model's."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for statement in (*SCHEMA_STATEMENTS, *function_statements(signed=False)):
            schema_editor.execute(statement, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        schema_editor.execute("DROP FUNCTION IF EXISTS stratibreak.current_tenant()", params=None)
        schema_editor.execute("DROP FUNCTION IF EXISTS stratibreak.has_purpose(text)", params=None)
        schema_editor.execute("DROP FUNCTION IF EXISTS stratibreak.refresh_statistics(text[])", params=None)

    def describe(self) -> str:
        return "Install the functions that answer the tenant and purpose of a transaction"

    @property
    def migration_name_fragment(self) -> str:
        return "context_functions"
