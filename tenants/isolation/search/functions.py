"""One function for each searched table: the ids of the rows that hold all words, newest first.

It belongs to the role ``search``, whose policy shows it every row, so nothing below it keeps tenants apart: it asks
``stratibreak.current_tenant()``, as every policy does, and answers nothing without a tenant.  An operator who reads
across all tenants is answered tenant by tenant, each from its own range of the index.

    typed: what to look for, any text;  within: the projects a caller may see (of a table without projects: the rows),
    NULL for all of the tenant;  most: how many ids at most
"""

from __future__ import annotations

from ..roles import DatabaseRoles
from .sources import SearchSource, search_sources

SIGNATURE = "(text, uuid[], integer)"

# The scan names nothing but the words, behind a fence (OFFSET 0): given the tenant too, the planner takes the tenant's
# primary key wherever it expects few rows of it, and makes the words of each anew (10 µs a row).
# Ordering outside the fence for the same reason: it would read the primary key backwards.
_TEMPLATE = """
CREATE OR REPLACE FUNCTION stratibreak."{function}"(typed text, within uuid[], most integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp SET max_parallel_workers_per_gather = 0 AS $body$
DECLARE
  tenant uuid;
  words tsquery;
  whole_keys boolean;
  left_over integer := most;
  found_now integer;
BEGIN
  FOR tenant IN
    SELECT stratibreak.current_tenant(){across}
  LOOP
    -- A key finds itself; where there is no such key it is the beginning of others.
    FOREACH whole_keys IN ARRAY ARRAY[true, false] LOOP
      words := stratibreak.search_query(tenant, typed, whole_keys);
      EXIT WHEN words IS NULL;
      RETURN QUERY
        SELECT hit.id FROM (
          SELECT "{tenant_column}" AS tenant_id, "id" AS id, "{scope_column}" AS scope_id
          FROM public."{table}" WHERE {words} @@ words OFFSET 0
        ) AS hit
        WHERE hit.tenant_id = tenant AND (within IS NULL OR {in_scope})
        ORDER BY hit.id DESC LIMIT left_over;
      GET DIAGNOSTICS found_now = ROW_COUNT;
      left_over := left_over - found_now;
      -- As text: tsqueries that differ by `:*` alone count as equal.
      EXIT WHEN found_now > 0 OR words::text = stratibreak.search_query(tenant, typed, false)::text;
    END LOOP;
    EXIT WHEN left_over <= 0;
  END LOOP;
END
$body$"""

# The token alone would do where contexts are signed; where they are not, the login decides.
_ACROSS = """
    UNION ALL SELECT one.id FROM (SELECT id FROM public.tenants_tenant ORDER BY id DESC) AS one
      WHERE stratibreak.has_purpose('platform') AND pg_has_role(session_user, '{platform}', 'MEMBER')"""


def function_statement(source: SearchSource, roles: DatabaseRoles | None) -> str:
    """Return the statement that (re)creates the function of one table.

    Names of tables, columns and roles are those of the models and settings; what people type is only ever an argument.
    """
    return _TEMPLATE.format(
        function=source.function,
        table=source.table,
        tenant_column=source.tenant_column,
        scope_column=source.scope_column,
        words=source.words,
        in_scope=_in_scope(source),
        across=_ACROSS.format(platform=roles.platform) if roles else "",
    ).strip()


def _in_scope(source: SearchSource) -> str:
    """Return whether the row's project is among `within`, asking from the project backwards."""
    test = "ANY (within)"
    for number, step in enumerate(reversed(source.steps)):
        alias = f"step_{number}"
        compared = f'{alias}."{step.column}" = {test}' if number == 0 else f'{alias}."{step.column}" IN {test}'
        test = (
            f'(SELECT {alias}.id FROM public."{step.table}" AS {alias} '  # noqa: S608  # names of models
            f"WHERE {alias}.tenant_id = tenant AND {compared})"
        )
    return f"hit.scope_id IN {test}" if source.steps else f"hit.scope_id = {test}"


def sync_function_statements(roles: DatabaseRoles | None, existing: set[str], present: set[str]) -> list[str]:
    """Return the statements that leave exactly the declared functions, each with its owner and its callers.

    existing: names of tables;  present: names of search functions that the database has now
    """
    sources = [source for source in search_sources().values() if source.table in existing]
    statements = [
        f'DROP FUNCTION stratibreak."{name}"{SIGNATURE}' for name in sorted(present - {s.function for s in sources})
    ]
    statements += [function_statement(source, roles) for source in sources]
    if roles is None:
        return statements
    # Whoever is to own a function must be able to make one there; only for as long as it takes.
    statements.append(f'GRANT USAGE, CREATE ON SCHEMA stratibreak TO "{roles.search}"')
    statements += [f'ALTER FUNCTION stratibreak."{s.function}"{SIGNATURE} OWNER TO "{roles.search}"' for s in sources]
    statements.append(f'REVOKE CREATE ON SCHEMA stratibreak FROM "{roles.search}"')
    for source in sources:
        statements.append(f'REVOKE ALL ON FUNCTION stratibreak."{source.function}"{SIGNATURE} FROM PUBLIC')
        statements.append(
            f'GRANT EXECUTE ON FUNCTION stratibreak."{source.function}"{SIGNATURE} TO "{roles.app}", "{roles.platform}"'
        )
    return statements
