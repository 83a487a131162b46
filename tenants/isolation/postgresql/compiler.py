"""Compilers that add ``tenant_id = …`` to every statement and subquery.

A manager's filter does not reach ``exclude()`` subqueries, ``Model.delete()`` or an update by primary key; the compiler
sees them all, because every query and subquery of Django is compiled by one.

1. The base table's predicate joins the WHERE clause; a joined table's goes into its ON clause, so that outer joins
   stay outer.
2. Under the app purpose the tenant is a constant, which lets the planner prune and turns the policy into a one-time
   filter.  Under platform and owner there is no predicate: the policies of those roles decide.
3. A count of one table names the tenant in another spelling (``_InTenant``), which saves a step per row.
4. Without a context a tenant's table cannot be compiled at all.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.backends.postgresql import compiler as postgresql
from django.db.models import Count, Field, UUIDField
from django.db.models.expressions import Col
from django.db.models.lookups import Exact, Lookup
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE, MULTI
from django.db.models.sql.datastructures import BaseTable, Join
from django.db.models.sql.where import AND, WhereNode

from ..context import CrossTenantWrite, Purpose, TenantContextRequired, TenantTransactionRequired, current_context
from ..isolated_tables import access_by_table
from ..registry import TableAccess

if TYPE_CHECKING:
    from django.db.models.sql.query import Query

_UUID = UUIDField()


class _TenantColumn(Field):  # type: ignore[type-arg]  # a name for Col, never a model's field
    """The tenant column of a table, as far as SQL needs to know it."""

    def __init__(self, column: str) -> None:
        super().__init__()
        self.column = column


@cache
def _tenant_column(name: str) -> _TenantColumn:
    """Return the column of that name: made once, for making a field takes longer than naming it in a statement."""
    return _TenantColumn(name)


def tenant_of(access: TableAccess) -> UUID | None:
    """Return the tenant whose rows of this table may be named now, None where the role's policy decides.

    Raises TenantContextRequired where nobody may name any.
    """
    context = current_context()
    if context is None:
        raise TenantContextRequired
    if context.purpose is Purpose.AUTH:
        if access.allows_auth():
            return None
        raise TenantContextRequired(f"{access.table} cannot be read before the tenant is known: enter tenant_context.")
    if context.purpose is Purpose.APP and access.tenant_column is None:
        raise TenantContextRequired(f"{access.table} is read with auth_context() only.")
    return context.tenant_id


def _predicate(alias: str, access: TableAccess, *, form: type[Exact] = Exact) -> Exact | None:
    tenant_id = tenant_of(access)
    if tenant_id is None or access.tenant_column is None:
        return None
    return form(Col(alias, _tenant_column(access.tenant_column), _UUID), tenant_id)


class _InTenant(Exact):  # type: ignore[type-arg]  # a comparison, for statements of our own
    """``tenant_id = ANY (array of one)``: the same rows as ``tenant_id = …``, planned in another way.

    PostgreSQL joins ``tenant_id = constant`` and the policy's ``tenant_id = current_tenant()`` into one equivalence,
    reads the index by the constant and tests ``current_tenant() = constant`` once, in a Result node through which every
    row passes: 7 to 15 ns each, a quarter of a count. An array joins no equivalence, so both comparisons become
    conditions of the index scan, and of two that contradict each other the scan finds nothing.
    The price is an estimate that is too low, since the planner multiplies both. That matters where rows are joined or
    ordered, not in a count of one table, which reads all rows by the index whatever their number.
    """

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.lhs)
        return f"{sql} = ANY (%s)", [*params, [self.rhs]]


def _only_counts(query: Query) -> bool:
    """Whether a query counts rows of one table and does nothing else, as ``count()`` does."""
    answers = query.annotation_select.values()
    return (
        bool(answers)
        and all(isinstance(answer, Count) for answer in answers)
        and not (query.default_cols or query.select or query.group_by or query.extra_select or query.subquery)
        and sum(map(bool, query.alias_refcount.values())) == 1
        and _compares_with_values(query.where)
    )


def _compares_with_values(node: Any) -> bool:
    """Whether a condition compares columns with values: no subquery, which may be planned as a join."""
    if isinstance(node, WhereNode):
        return all(_compares_with_values(child) for child in node.children)
    return isinstance(node, Lookup) and isinstance(node.lhs, Col) and not hasattr(node.rhs, "as_sql")


class TenantCompilerMixin:
    """What the compilers of all statements share."""

    query: Query
    connection: Any

    def restricted(self, query: Query, where: Any) -> Any:
        """Return ``where`` with the predicate of every tenant's table that the query starts from.

        Usually that is the base table; where Django trims the start of a subquery's joins it is the next one.
        """
        if query.is_empty():
            return where
        form = _InTenant if _only_counts(query) else Exact
        predicates = []
        for alias, table in query.alias_map.items():
            if query.alias_refcount[alias] and isinstance(table, BaseTable):
                access = access_by_table().get(table.table_name)
                predicates.append(_predicate(alias, access, form=form) if access else None)
        children: list[Any] = [predicate for predicate in predicates if predicate is not None]
        if not children:
            return where
        return WhereNode([where, *children] if where else children, AND)

    def get_from_clause(self) -> Any:
        """Return the FROM clause, each joined tenant table with its predicate inside its ON clause.

        Tables are compiled here and nowhere else, so ``compile`` itself, which sees every node, stays Django's own.
        """
        self.compile = self._compile_table  # for the length of the call
        try:
            return super().get_from_clause()  # type: ignore[misc]
        finally:
            del self.compile

    def _compile_table(self, node: Any) -> tuple[str, Any]:
        sql, params = super().compile(node)  # type: ignore[misc]
        if not isinstance(node, Join):
            return sql, params
        access = access_by_table().get(node.table_name)
        alias = str(node.table_alias)
        predicate = _predicate(alias, access) if access else None
        if predicate is None:
            return sql, params
        extra_sql, extra_params = super().compile(predicate)  # type: ignore[misc]
        return f"{sql.removesuffix(')')} AND {extra_sql})", [*params, *extra_params]

    def require_transaction(self) -> None:
        """Refuse to run a tenant's statement outside a transaction, where the tenant cannot travel."""
        context = current_context()
        if context is None or context.purpose is Purpose.OWNER or self.connection.in_atomic_block:
            return
        tables = {table.table_name for table in self.query.alias_map.values()}
        if self.query.model is not None:
            tables.add(self.query.model._meta.db_table)
        if not tables.isdisjoint(access_by_table()):
            raise TenantTransactionRequired(
                "A tenant's rows are reached inside a transaction only: wrap the work in tenant_context(tenant_id)."
            )


class SQLCompiler(TenantCompilerMixin, postgresql.SQLCompiler):
    """SELECT."""

    def pre_sql_setup(self, with_col_aliases: bool = False) -> Any:
        found = super().pre_sql_setup(with_col_aliases=with_col_aliases)
        self.where = self.restricted(self.query, self.where)
        return found

    def execute_sql(
        self, result_type: str = MULTI, chunked_fetch: bool = False, chunk_size: int = GET_ITERATOR_CHUNK_SIZE
    ) -> Any:
        self.require_transaction()
        return super().execute_sql(result_type, chunked_fetch, chunk_size)


class SQLAggregateCompiler(TenantCompilerMixin, postgresql.SQLAggregateCompiler):
    """An aggregate over a subquery: the subquery is compiled, and restricted, by its own compiler."""


class SQLDeleteCompiler(TenantCompilerMixin, postgresql.SQLDeleteCompiler):
    """DELETE."""

    def _as_sql(self, query: Query) -> Any:
        query.get_initial_alias()
        where = self.restricted(query, query.where)
        query = query.clone()
        query.where = where
        return super()._as_sql(query)

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        self.require_transaction()
        return super().execute_sql(*args, **kwargs)


class SQLUpdateCompiler(TenantCompilerMixin, postgresql.SQLUpdateCompiler):
    """UPDATE; a row's tenant is never updated."""

    def pre_sql_setup(self, with_col_aliases: bool = False) -> Any:
        found = super().pre_sql_setup()
        self.query.get_initial_alias()
        self.query.where = self.restricted(self.query, self.query.where)
        return found

    def as_sql(self) -> Any:
        self._drop_tenant_from_values()
        return super().as_sql()

    def _drop_tenant_from_values(self) -> None:
        access = access_by_table().get(self.query.model._meta.db_table)
        if access is None or access.tenant_column in (None, "id"):
            return
        kept = []
        for field, model, value in self.query.values:
            if field.column != access.tenant_column:
                kept.append((field, model, value))
            elif (tenant_id := tenant_of(access)) is not None and value not in (tenant_id, str(tenant_id)):
                raise CrossTenantWrite(f"A row of {access.table} cannot move to another tenant.")
        if tenant_of(access) is not None:
            self.query.values = kept

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        self.require_transaction()
        return super().execute_sql(*args, **kwargs)


class SQLInsertCompiler(TenantCompilerMixin, postgresql.SQLInsertCompiler):
    """INSERT: the tenant is filled from the context and never another's."""

    def as_sql(self) -> Any:
        self._check_tenants()
        return super().as_sql()

    def _check_tenants(self) -> None:
        meta = self.query.get_meta()
        access = access_by_table().get(meta.db_table)
        if access is None or access.tenant_column is None:
            return
        tenant_id = tenant_of(access)
        if tenant_id is None:
            return
        attname = next(f.attname for f in meta.concrete_fields if f.column == access.tenant_column)
        for row in self.query.objs:
            value = getattr(row, attname)
            if value is None:
                setattr(row, attname, tenant_id)
            elif value != tenant_id:
                raise CrossTenantWrite(f"A row of another tenant cannot be written to {access.table} here.")

    def execute_sql(self, returning_fields: Any = None) -> Any:
        self.require_transaction()
        return super().execute_sql(returning_fields)
