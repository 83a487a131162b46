"""What the models declare against the catalogue, by name: where no second database can be made to compare with.

1. What each model declares is read from the models themselves.
2. Columns are compared by name, type and nullability; indexes and constraints by name, their bodies not at all.
3. Row security, keys, references and grants are compared by tenants.isolation.checks, not here.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.apps import apps
from django.db import models

from tenants.isolation.postgresql.rows import rows

_COLUMNS = """
  SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped"""
_NAMES = """
  SELECT t.relname, i.relname FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
  JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = t.relnamespace
  WHERE n.nspname = 'public' AND NOT t.relispartition
  UNION SELECT t.relname, c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
  JOIN pg_namespace n ON n.oid = t.relnamespace
  WHERE n.nspname = 'public' AND NOT t.relispartition AND c.contype <> 'n'"""
_EXTRA_INDEXES = """
  SELECT t.relname, i.relname FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
  JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = t.relnamespace
  WHERE n.nspname = 'public' AND NOT t.relispartition
    AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = x.indexrelid)"""


def schema_differences(connection: Any) -> list[str]:
    """A sentence for each difference; [] when the catalogue is what the models declare. Needs no rights."""
    columns: dict[str, dict[str, tuple[str, bool]]] = defaultdict(dict)
    for table, column, kind, nullable in rows(connection, _COLUMNS):
        columns[table][column] = (kind, nullable)
    names: dict[str, set[str]] = defaultdict(set)
    for table, name in rows(connection, _NAMES):
        names[table].add(name)
    found: list[str] = []
    for model in _managed_models():
        table = model._meta.db_table
        if table not in columns:
            found.append(f"The table {table} does not exist.")
            continue
        found += _column_differences(connection, model, columns[table])
        found += [
            f"{table} lacks {name}, which {model._meta.label} declares."
            for name in sorted(_declared_names(model) - names[table])
        ]
    return found + _extra_indexes(connection)


def _managed_models() -> list[type[models.Model]]:
    ours = {config.label for config in apps.get_app_configs() if config.name in _OUR_APPS}
    return [m for m in apps.get_models() if m._meta.app_label in ours and m._meta.managed and not m._meta.proxy]


_OUR_APPS = ("tenants", "projects", "gaps", "predictions", "integrations")


def _column_differences(connection: Any, model: type[models.Model], have: dict[str, tuple[str, bool]]) -> list[str]:
    table = model._meta.db_table
    declared = {field.column: field for field in model._meta.local_concrete_fields if field.column}
    found = [f"{table} has the column {name}, which no model declares." for name in sorted(set(have) - set(declared))]
    for name, field in declared.items():
        if name not in have:
            found.append(f"{table} lacks the column {name}.")
            continue
        kind, nullable = have[name]
        wanted = _plain_type(str(field.db_type(connection)))
        if _plain_type(kind) != wanted:
            found.append(f"The column {name} of {table} is {kind}, not {wanted}.")
        if nullable != field.null and not field.primary_key and not field.generated:
            found.append(f"The column {name} of {table} {'takes' if nullable else 'refuses'} NULL.")
    return found


_SPELLINGS = (
    ("character varying", "varchar"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("numeric(", "decimal("),
    (", ", ","),
)


def _plain_type(kind: str) -> str:
    """One spelling for the types that Django and the catalogue spell differently."""
    plain = kind.lower().split(" collate")[0]
    for theirs, ours in _SPELLINGS:
        plain = plain.replace(theirs, ours)
    return plain


def _declared_names(model: type[models.Model]) -> set[str]:
    plain = (models.CheckConstraint, models.UniqueConstraint)
    constraints = {c.name for c in model._meta.constraints if isinstance(c, plain)}
    return constraints | {index.name for index in model._meta.indexes}


def _extra_indexes(connection: Any) -> list[str]:
    declared: dict[str, set[str]] = {}
    for model in _managed_models():
        own = {str(c.name) for c in model._meta.constraints} | {index.name for index in model._meta.indexes}
        declared[model._meta.db_table] = own
    # Django itself makes these for db_index and unique columns, under names that end in a hash.
    return [
        f"{table} has the index {name}, which no model declares."
        for table, name in sorted(rows(connection, _EXTRA_INDEXES))
        if table in declared and name not in declared[table] and not name.endswith(("_like", "_uniq"))
    ]
