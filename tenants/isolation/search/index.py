"""The index behind a search: the words of each row, marked with its tenant."""

from __future__ import annotations

from typing import Any

from django.db import models

from ..constraints import table_statement
from .sources import words_expression

PENDING_KB = 256
"""Rows wait in a list before they are sorted in: every search reads the list, so it stays short (default: 4 MB)."""
_MOST_APP, _MOST_MODEL = 4, 18  # Django allows thirty characters


def search_index_name(model: Any) -> str:
    return f"{model._meta.app_label[:_MOST_APP]}_{model._meta.model_name[:_MOST_MODEL]}_words"


class SearchIndex(models.Index):
    """GIN over the words of some columns.

    An expression and not a column: a stored column would be read with every row, and rewrite the table to be added.
    """

    suffix = "words"

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        """Return the statement; `concurrently` leaves the table open to writers."""
        columns = [model._meta.get_field(name).column for name in self.fields]
        concurrently = " CONCURRENTLY IF NOT EXISTS" if kwargs.get("concurrently") else ""
        return table_statement(
            model,
            f'CREATE INDEX{concurrently} "{self.name}" ON "{model._meta.db_table}" '
            f"USING gin ({words_expression(columns[0], tuple(columns[1:]))}) "
            f"WITH (gin_pending_list_limit = {PENDING_KB})",
        )
