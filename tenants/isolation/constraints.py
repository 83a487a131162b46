"""Constraints that make isolation part of the schema: keys, references and row security.

They are ordinary Django constraints, so ``makemigrations`` writes them, ``--check`` compares them and each goes back.
The policy itself is queued in ``deferred_sql``: a constraint folded into CREATE TABLE has no statement of its own.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import models
from django.db.backends.ddl_references import Statement
from django.db.models.constraints import BaseConstraint

from .policies import base_security_statements, drop_security_statements

MAX_NAME_BYTES = 63  # PostgreSQL's NAMEDATALEN - 1


def short_name(*parts: str) -> str:
    """Join parts to a name PostgreSQL will not cut; a cut name keeps eight digits of its hash."""
    name = "_".join(parts)
    if len(name) <= MAX_NAME_BYTES:
        return name
    return f"{name[: MAX_NAME_BYTES - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def enum_constraint(field: str, choices: type[models.Choices], *, null: bool = False) -> models.CheckConstraint:
    """Return the CHECK that a text column holds one of the enum's values (or nothing where ``null``)."""
    condition = models.Q(**{f"{field}__in": list(choices.values)})
    if null:
        condition |= models.Q(**{f"{field}__isnull": True})
    return models.CheckConstraint(condition=condition, name=f"%(app_label)s_%(class)s_{field}_valid")


class _SchemaConstraint(BaseConstraint):
    """A constraint that exists in the database only; rows are validated elsewhere."""

    def _arguments(self) -> dict[str, Any]:
        """Return the keyword arguments that make this constraint again, besides its name."""
        return {}

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: Any = None) -> None:
        """Leave it to the database: forms and serialisers validate the fields themselves."""

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, Any]]:
        path, _, kwargs = super().deconstruct()
        return path, (), {**kwargs, **self._arguments()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SchemaConstraint) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash((type(self), self.name))


def table_statement(model: Any, sql: str) -> Statement:
    """Wrap SQL for ``deferred_sql``; the table reference lets Django drop it with a dropped table."""
    return Statement("%(sql)s", sql=_TableSQL(model._meta.db_table, sql))


class _TableSQL:
    """SQL that names one table (what ``Statement`` asks its parts)."""

    def __init__(self, table: str, sql: str) -> None:
        self.table, self.sql = table, sql

    def __str__(self) -> str:
        return self.sql

    def references_table(self, table: str) -> bool:
        return table == self.table

    def references_column(self, table: str, column: str) -> bool:
        return False

    def references_index(self, table: str, index: str) -> bool:
        return False

    def rename_table_references(self, old_table: str, new_table: str) -> None:
        self.sql = self.sql.replace(f'"{old_table}"', f'"{new_table}"')

    def rename_column_references(self, table: str, old_column: str, new_column: str) -> None:
        """Ignore: the tenant column is never renamed."""


class RowSecurity(_SchemaConstraint):
    """Row-level security, enabled and forced, with the policy that compares one column with the chosen tenant.

    tenant_column: the column compared, None for tables that only the auth purpose may read
    """

    def __init__(self, *, name: str, tenant_column: str | None) -> None:
        super().__init__(name=name)
        self.tenant_column = tenant_column

    def _arguments(self) -> dict[str, Any]:
        return {"tenant_column": self.tenant_column}

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        for sql in base_security_statements(model._meta.db_table, self.tenant_column):
            schema_editor.deferred_sql.append(table_statement(model, sql))
        return None

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        return self.constraint_sql(model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        for sql in drop_security_statements(model._meta.db_table):
            schema_editor.execute(sql)
        return None


class TenantKey(_SchemaConstraint):
    """PRIMARY KEY (tenant_id, id) and row security: what makes a table a tenant's."""

    is_primary_key = True

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        for sql in base_security_statements(model._meta.db_table, "tenant_id"):
            schema_editor.deferred_sql.append(table_statement(model, sql))
        return f'CONSTRAINT "{self.name}" PRIMARY KEY ("tenant_id", "id")'

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        table = model._meta.db_table
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{table}_pkey"')
        return f'ALTER TABLE "{table}" ADD {self.constraint_sql(model, schema_editor)}'

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table = model._meta.db_table
        for sql in drop_security_statements(table):
            schema_editor.execute(sql)
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{self.name}"')
        return f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_pkey" PRIMARY KEY ("id")'


class TenantReference(_SchemaConstraint):
    """A reference (tenant_id, x_id) → (tenant_id, id): a row cannot point into another tenant.

    field: the TenantForeignKey, or ``tenant`` for the reference to the tenant itself
    cascade: True towards the containing parent only; otherwise deleting the target is refused
    """

    def __init__(self, *, name: str, field: str, cascade: bool) -> None:
        super().__init__(name=name)
        self.field = field
        self.cascade = cascade

    def _arguments(self) -> dict[str, Any]:
        return {"field": self.field, "cascade": self.cascade}

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        """Return the inline clause.

        Deferrable so that a bulk load may defer it; immediate by default so that the statement itself is refused.
        """
        field = model._meta.get_field(self.field)
        target = field.remote_field.model._meta
        if self.field == "tenant":
            columns, target_columns = f'"{field.column}"', '"id"'
        else:
            columns, target_columns = f'"tenant_id", "{field.column}"', '"tenant_id", "id"'
        action = "CASCADE" if self.cascade else "NO ACTION"
        return (
            f'CONSTRAINT "{self.name}" FOREIGN KEY ({columns}) REFERENCES "{target.db_table}" ({target_columns}) '
            f"ON DELETE {action} DEFERRABLE INITIALLY IMMEDIATE"
        )

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        return f'ALTER TABLE "{model._meta.db_table}" ADD {self.constraint_sql(model, schema_editor)}'

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        return f'ALTER TABLE "{model._meta.db_table}" DROP CONSTRAINT "{self.name}"'
