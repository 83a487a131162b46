"""Many rows in one statement: columns travel as arrays, and the database unnests them.

COPY is refused under row-level security, and one VALUES list has a parameter for each cell. An array is one parameter
for each column, whatever the number of rows, and ON CONFLICT works on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from django.db import connection

from tenants.isolation.context import CrossTenantWrite, require_tenant_id

_TO_TEXT: Final[dict[str, Callable[[Any], str] | None]] = {
    "text": None,
    "uuid": attrgetter("hex"),
    "timestamptz": datetime.isoformat,
    "date": date.isoformat,
    "bigint": str,
    "float8": repr,
    "jsonb": json.dumps,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Where facts are recorded, under which source's identifiers, and when."""

    tenant_id: UUID
    project_id: UUID
    source: str
    at: datetime

    @property
    def tenant_column(self) -> dict[str, Any]:
        return {"tenant_id": self.tenant_id}

    @property
    def source_columns(self) -> dict[str, Any]:
        """What all facts have that are named by a source within a project."""
        return {"tenant_id": self.tenant_id, "project_id": self.project_id, "source": self.source}

    def __post_init__(self) -> None:
        """The policies would refuse the rows too; this names the mistake."""
        if self.tenant_id != require_tenant_id():
            raise CrossTenantWrite("The project belongs to another tenant than the one that is chosen.")
        if self.at.tzinfo is None:
            raise ValueError("The moment of recording must be aware.")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the rows to write. sql_type: a key of _TO_TEXT;  values: one for each row"""

    name: str
    sql_type: str
    values: list[Any]

    @property
    def is_alike(self) -> bool:
        """Whether all rows have the same value: then one value travels in place of an array. Identifiers never do."""
        return self.name != "id" and self.values.count(self.values[0]) == len(self.values)

    def at(self, places: Sequence[int]) -> Column:
        """The column of some of the rows."""
        return Column(self.name, self.sql_type, [self.values[place] for place in places])

    def first_text(self) -> str | None:
        value, to_text = self.values[0], _TO_TEXT[self.sql_type]
        return value if value is None or to_text is None else to_text(value)


@dataclass(frozen=True, slots=True)
class Overwrite:
    """What happens to a row that is there already: it changes only if one of the values does.

    values: column -> SQL of its new value, over `kept` (the row) and `excluded` (what was observed); a change of any of
        them is a change of the row
    also: column -> SQL, set together with a change and no reason for one
    only_if: SQL that must hold as well
    """

    values: Mapping[str, str]
    also: Mapping[str, str] = field(default_factory=dict)
    only_if: str = "true"


def observed(*columns: str) -> dict[str, str]:
    """New values as observed, for `Overwrite.values`."""
    return {column: f"excluded.{column}" for column in columns}


def upsert(
    table: str,
    columns: Sequence[Column],
    *,
    shared: Mapping[str, Any],
    key: Sequence[str],
    overwrite: Overwrite | None = None,
) -> list[tuple[Any, ...]]:
    """Insert rows, and bring those whose key is there already up to date.

    table, names of columns, key: trusted SQL;  key: the columns of a unique index
    columns: of equal length; no two rows may have the same key;  shared: columns in which all rows are alike

    Returns (id, *key) of the rows that were inserted or changed, in no particular order.
    """
    if not columns[0].values:
        return []
    alike = [column for column in columns if column.is_alike]
    varied = [column for column in columns if not column.is_alike]
    own = ", ".join(column.name for column in varied)
    names = ", ".join([*shared, *(column.name for column in alike), own])
    constants = ", ".join([*["%s"] * len(shared), *(f"%s::{column.sql_type}" for column in alike)])
    returned = ", ".join(f"kept.{name}" for name in ("id", *key))
    statement = (
        f"INSERT INTO {table} AS kept ({names}) SELECT {constants}, {own} "  # noqa: S608 - names of our own columns
        f"FROM {unnest_sql(varied)} AS observed ({own}) "
        f"ON CONFLICT ({', '.join(key)}) {_conflict_sql(overwrite)} RETURNING {returned}"
    )
    parameters = [*shared.values(), *(column.first_text() for column in alike), *unnest_parameters(varied)]
    return fetch(statement, parameters)


def fetch(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def execute(statement: str, parameters: Sequence[Any]) -> int:
    """Run a statement and return the number of rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


@contextmanager
def index_scans() -> Iterator[None]:
    """Plan with indexes even where a table is tiny.

    A session keeps the plan with which it first checked a reference. Made while the referenced table had a few rows it
    reads that table from end to end, and goes on doing so for every row of an import that has made it large: five times
    the time for 29,000 items.
    """
    execute("SET LOCAL enable_seqscan = off", [])
    yield
    # After an error the transaction, or the savepoint, takes the setting back.
    execute("SET LOCAL enable_seqscan = DEFAULT", [])


def unnest_sql(columns: Sequence[Column]) -> str:
    """`UNNEST(…)` with one placeholder for each column, to be filled by `unnest_parameters`."""
    return f"UNNEST({', '.join(f'%s::{column.sql_type}[]' for column in columns)})"


def unnest_parameters(columns: Sequence[Column]) -> list[str]:
    return [array_literal(column.values, sql_type=column.sql_type) for column in columns]


def array_literal(values: Sequence[Any], *, sql_type: str) -> str:
    """A PostgreSQL array in text form. psycopg's own dumper needs five times as long and escapes each element apart.

    values: None is NULL; text must hold no NUL character
    Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    to_text = _TO_TEXT[sql_type]
    texts = values if to_text is None else [None if value is None else to_text(value) for value in values]
    elements = [
        "NULL" if text is None else f'"{text}"' if '"' not in text and "\\" not in text else _quoted(text)
        for text in texts
    ]
    return f"{{{','.join(elements)}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _conflict_sql(overwrite: Overwrite | None) -> str:
    if overwrite is None:
        return "DO NOTHING"
    assignments = ", ".join(f"{name} = {sql}" for name, sql in {**overwrite.values, **overwrite.also}.items())
    kept = ", ".join(f"kept.{name}" for name in overwrite.values)
    new = ", ".join(overwrite.values.values())
    return f"DO UPDATE SET {assignments} WHERE ({overwrite.only_if}) AND ({kept}) IS DISTINCT FROM ({new})"
