"""What the database has of the search, beside what the models declare: functions, callers, columns, indexes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ..postgresql.rows import rows
from ..roles import DatabaseRoles
from .functions import function_statement
from .index import SearchIndex
from .sources import columns_read_by_search, search_sources
from .words import SEARCH_QUERY, SEARCH_WORDS

SEARCH_FUNCTION_NAMES = r"""
  SELECT proname FROM pg_proc WHERE pronamespace = 'stratibreak'::regnamespace AND proname LIKE 'search\_in\_%'"""
_FUNCTIONS = """
  SELECT proname, prosrc, prosecdef, coalesce(proconfig, '{}'), pg_get_userbyid(proowner),
         ARRAY(SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END
               FROM aclexplode(coalesce(proacl, acldefault('f', proowner))))
  FROM pg_proc WHERE pronamespace = 'stratibreak'::regnamespace AND proname LIKE 'search%'"""
_COLUMNS = """
  SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges
  WHERE table_schema = 'public' AND grantee = %s"""
_INDEXES = """
  SELECT c.relname, x.indisvalid, pg_get_indexdef(x.indexrelid),
         ARRAY(SELECT a.attname FROM pg_depend d
               JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
               WHERE d.objid = x.indexrelid AND d.refobjid = x.indrelid)
  FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE c.relnamespace = 'public'::regnamespace"""
_CLOSED = {"search_path=pg_catalog, pg_temp", "max_parallel_workers_per_gather=0"}


def search_differences(connection: Any, roles: DatabaseRoles | None) -> list[tuple[str, str]]:
    """Return (check id, sentence) for every difference between the declared search and the connected database."""
    functions = {name: rest for name, *rest in rows(connection, _FUNCTIONS)}
    found = _word_differences(functions)
    found += _function_differences(functions, roles)
    found += _index_differences(connection)
    if roles:
        found += _column_differences(connection, roles)
    return found


def _word_differences(functions: dict[str, list[Any]]) -> list[tuple[str, str]]:
    declared = {"search_words": SEARCH_WORDS, "search_query": SEARCH_QUERY}
    return [
        ("tenants.E030", f"The function {name} is missing or not the declared one.")
        for name, statement in declared.items()
        if name not in functions or functions[name][0] != _body(statement)
    ]


def _function_differences(functions: dict[str, list[Any]], roles: DatabaseRoles | None) -> list[tuple[str, str]]:
    found = []
    expected = {source.function: source for source in search_sources().values()}
    for name in sorted({name for name in functions if name.startswith("search_in_")} - set(expected)):
        found.append(("tenants.E031", f"The search function {name} belongs to no model."))
    for name, source in expected.items():
        if name not in functions:
            found.append(("tenants.E031", f"The search function {name} does not exist."))
            continue
        body, is_definer, configuration, owner, callers = functions[name]
        if body != _body(function_statement(source, roles)) or not is_definer or set(configuration) != _CLOSED:
            found.append(("tenants.E032", f"The search function {name} is not the declared one."))
        if roles and owner != roles.search:
            found.append(("tenants.E033", f"The search function {name} belongs to {owner}, not {roles.search}."))
        if roles and set(callers) != {roles.search, roles.app, roles.platform}:
            found.append(("tenants.E033", f"The search function {name} can be called by {sorted(callers)}."))
    return found


def _body(statement: str) -> str:
    return statement.split("$body$")[1]


def _column_differences(connection: Any, roles: DatabaseRoles) -> list[tuple[str, str]]:
    have: dict[str, set[str]] = defaultdict(set)
    for table, column, privilege in rows(connection, _COLUMNS, [roles.search]):
        have[table].add(column if privilege == "SELECT" else f"{column} ({privilege})")
    expected = columns_read_by_search()
    return [
        ("tenants.E034", f"{roles.search} may read {sorted(have[table])} of {table}, not {sorted(wanted)}.")
        for table in sorted({*have, *expected})
        if have[table] != (wanted := set(expected.get(table, ())))
    ]


def _index_differences(connection: Any) -> list[tuple[str, str]]:
    have = {name: rest for name, *rest in rows(connection, _INDEXES)}
    found = []
    for model, source in search_sources().items():
        names = [index.name for index in model._meta.indexes if isinstance(index, SearchIndex)]
        if not names:
            found.append(("tenants.E035", f"{model._meta.label} is searched and declares no SearchIndex."))
        for name in names:
            if name not in have:
                found.append(("tenants.E035", f"The search index {name} does not exist."))
                continue
            is_valid, definition, columns = have[name]
            wanted = {source.tenant_column, *source.columns}
            made_of_words = f"gin (stratibreak.search_words({source.tenant_column}," in definition
            if not is_valid or set(columns) != wanted or not made_of_words:
                found.append(("tenants.E035", f"The search index {name} is unfinished or not the declared one."))
    return found
