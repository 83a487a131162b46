"""Migration operations of the kernel."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.migrations.operations.base import Operation

from .postgresql.rows import rows
from .search.checks import SEARCH_FUNCTION_NAMES
from .search.functions import SIGNATURE
from .search.words import WORD_FUNCTIONS, word_function_statements
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


class InstallSearchWords(Operation):
    """Create the functions that turn text into words; the indexes of searched tables are made with them."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: the functions are no model's."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for statement in word_function_statements():
            schema_editor.execute(statement, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for name in rows(schema_editor.connection, SEARCH_FUNCTION_NAMES):
            schema_editor.execute(f'DROP FUNCTION stratibreak."{name[0]}"{SIGNATURE}', params=None)
        for signature in WORD_FUNCTIONS:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {signature}", params=None)

    def describe(self) -> str:
        return "Install the functions that turn text into words"

    @property
    def migration_name_fragment(self) -> str:
        return "search_words"


class AddIndexWhileServing(AddIndexConcurrently):
    """Build an index while others read and write; a build that was interrupted is begun anew."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        # An interrupted build leaves an index behind that is kept up to date and never used.
        schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{self.index.name}"', params=None)
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def _ensure_not_in_transaction(self, schema_editor: Any) -> None:
        """Let the statements be shown (``sqlmigrate``) inside a transaction; nothing runs then."""
        if not schema_editor.collect_sql:
            super()._ensure_not_in_transaction(schema_editor)


class AddSearchIndex(AddIndexWhileServing):
    """The index of a search."""
