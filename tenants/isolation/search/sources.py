"""What is searched: read from the ``search_columns`` of the models, once the apps are loaded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import models

from ..registry import access_of, isolated_models


@dataclass(frozen=True, slots=True)
class Step:
    """One reference on the way from a row to its project: `table.column`, read where `id` is the value before."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class SearchSource:
    """One table that is searched.

    tenant_column: holds the tenant;  columns: the text, in the order in which it is joined
    scope_column: on this table, what is compared with the ids a caller may see, after following `steps`
    """

    table: str
    tenant_column: str
    columns: tuple[str, ...]
    scope_column: str
    steps: tuple[Step, ...] = ()

    @property
    def function(self) -> str:
        return f"search_in_{self.table}"

    @property
    def words(self) -> str:
        """The indexed expression; the function repeats it to the letter."""
        return words_expression(self.tenant_column, self.columns)

    def read_columns(self) -> dict[str, set[str]]:
        """Return what the role `search` must read, by table."""
        found: dict[str, set[str]] = defaultdict(set)
        found[self.table] |= {self.tenant_column, "id", *self.columns, self.scope_column}
        for step in self.steps:
            found[step.table] |= {"tenant_id", "id", step.column}
        return found


def words_expression(tenant_column: str, columns: tuple[str, ...]) -> str:
    """Return the words of a row, as SQL over its columns."""
    joined = " || ' ' || ".join(f"coalesce(\"{column}\", '')" for column in columns)
    return f'stratibreak.search_words("{tenant_column}", {joined})'


def source_of(model: Any) -> SearchSource | None:
    """Return how a model is searched, None for one that is not."""
    access = access_of(model)
    if access is None or not model.search_columns or access.tenant_column is None:
        return None
    names = {field.name: field.column for field in model._meta.concrete_fields}
    first, steps = _path(model)
    return SearchSource(
        access.table, access.tenant_column, tuple(names[name] for name in model.search_columns), first, steps
    )


def _path(model: Any) -> tuple[str, tuple[Step, ...]]:
    """Return the column that names the project or leads towards it, and the further references."""
    path: str | None = getattr(model, "project_path", None)
    if path in (None, "pk"):
        return "id", ()
    first, *further = str(path).split("__")
    field = model._meta.get_field(first)
    steps = []
    column = field.column
    for name in further:
        target = field.remote_field.model
        field = target._meta.get_field(name)
        steps.append(Step(target._meta.db_table, field.column))
    return column, tuple(steps)


@cache
def search_sources() -> dict[type[models.Model], SearchSource]:
    """Return every searched model with how it is searched.  Needs loaded apps; cached for the process."""
    return {model: source for model in isolated_models() if (source := source_of(model))}


def is_searchable(model: Any) -> bool:
    return model in search_sources()


def columns_read_by_search() -> dict[str, frozenset[str]]:
    """Return what the role `search` reads, by table: enough to find ids, and nothing of the other columns."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in search_sources().values():
        for table, columns in source.read_columns().items():
            found[table] |= columns
    return {table: frozenset(columns) for table, columns in found.items()}
