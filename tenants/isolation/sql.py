"""The two functions that every policy calls, in a plain and in a signed body.

``stratibreak.current_tenant()`` answers the tenant of an app context, else NULL; ``stratibreak.has_purpose(text)``
answers whether the context has that purpose.  The plain body is one expression, which the planner inlines.  The signed
one verifies expiry (against the transaction's start) and HMAC-SHA256 with core ``sha256``, with a key in
``stratibreak.context_key`` that only the owner reads; it runs with the owner's rights and a closed search path.
"""

from __future__ import annotations

SCHEMA_STATEMENTS = (
    "CREATE SCHEMA IF NOT EXISTS stratibreak",
    "CREATE TABLE IF NOT EXISTS stratibreak.context_key ("
    "version integer PRIMARY KEY, inner_pad bytea NOT NULL, outer_pad bytea NOT NULL)",
    "REVOKE ALL ON TABLE stratibreak.context_key FROM PUBLIC",
)

_SETTING = "pg_catalog.current_setting('stratibreak.context', true)"

PLAIN_CURRENT_TENANT = f"""
CREATE OR REPLACE FUNCTION stratibreak.current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $body$
  SELECT CASE WHEN pg_catalog.split_part({_SETTING}, '|', 1) = 'app'
    THEN nullif(pg_catalog.split_part({_SETTING}, '|', 2), '')::uuid END
$body$"""

PLAIN_HAS_PURPOSE = f"""
CREATE OR REPLACE FUNCTION stratibreak.has_purpose(purpose text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
AS $body$
  SELECT coalesce(pg_catalog.split_part({_SETTING}, '|', 1) = purpose, false)
$body$"""


# Autovacuum comes by a minute later; until then every index that begins with tenant_id looks equally good, and checks
# of references walk through all rows of the tenant.  Only the owner may ANALYZE.  It keeps its lock until the caller's
# transaction ends.  So once in a call a lock is waited for as long as autovacuum takes to give way (deadlock_timeout,
# 1 s); whoever holds one for longer is another import, and no organisation waits for that: such tables are skipped.
REFRESH_STATISTICS = """
CREATE OR REPLACE FUNCTION stratibreak.refresh_statistics(table_names text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1500ms' AS $body$
DECLARE
  found text;
  may_wait boolean := true;
BEGIN
  FOR found IN SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relrowsecurity AND relname = ANY (table_names)
      AND pg_relation_size(oid) > 2 * current_setting('block_size')::bigint * (relpages + 8)
  LOOP
    IF may_wait THEN
      BEGIN
        EXECUTE format('ANALYZE public.%I', found);
      EXCEPTION WHEN lock_not_available THEN
        may_wait := false;
      END;
    ELSE
      EXECUTE format('ANALYZE (SKIP_LOCKED) public.%I', found);
    END IF;
  END LOOP;
END
$body$"""


def _signed(signature: str, returns: str, refused: str, test: str, answer: str) -> str:
    # Every part is a constant of this module.  Few expressions, because each is set up anew in every transaction.
    # CASE keeps the casts behind the tests that make them safe.  PARALLEL SAFE: the body reads a table and a setting,
    # and parallel workers are given role, settings and transaction start as the leader has them; it writes nothing.
    return f"""
CREATE OR REPLACE FUNCTION stratibreak.{signature} RETURNS {returns}
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  part text[] := string_to_array(current_setting('stratibreak.context', true), '|');
  inner_key bytea;
  outer_key bytea;
BEGIN
  IF (CASE WHEN cardinality(part) = 5 AND {test} AND part[3] ~ '^[0-9]{{1,12}}$' AND part[4] ~ '^[0-9]{{1,9}}$'
      THEN to_timestamp(part[3]::double precision) >= transaction_timestamp() END) THEN
    SELECT inner_pad, outer_pad INTO inner_key, outer_key
      FROM stratibreak.context_key WHERE version = part[4]::integer;
    IF part[5] = encode(sha256(outer_key || sha256(inner_key ||
        convert_to(array_to_string(part[1:4], '|'), 'UTF8'))), 'hex') THEN
      RETURN {answer};
    END IF;
  END IF;
  RETURN {refused};
END
$body$"""  # noqa: S608


SIGNED_CURRENT_TENANT = _signed("current_tenant()", "uuid", "NULL", "part[1] = 'app'", "nullif(part[2], '')::uuid")
SIGNED_HAS_PURPOSE = _signed("has_purpose(purpose text)", "boolean", "false", "part[1] = purpose", "true")


def function_statements(*, signed: bool) -> list[str]:
    """Return the statements that (re)create the functions, the two of the policies with the plain or signed body."""
    bodies = (SIGNED_CURRENT_TENANT, SIGNED_HAS_PURPOSE) if signed else (PLAIN_CURRENT_TENANT, PLAIN_HAS_PURPOSE)
    return [body.strip() for body in (*bodies, REFRESH_STATISTICS)]
