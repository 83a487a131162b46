"""Monthly partitions of the audit trail: made ahead, dropped after the longest retention.

There is no default partition: rows in one would block the month's own partition later. A missing month fails every
audited write, so partitions are made months ahead and ``check`` and ``doctor`` warn early. "Now" is the database's,
because the database stamps the entries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from .entries import TABLE

MONTHS_AHEAD = 3
WARN_BELOW_MONTHS = 2
_BOUNDS = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")

_LIST = """
SELECT child.relname, pg_get_expr(child.relpartbound, child.oid)
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = to_regclass(%s)
ORDER BY child.relname
"""
_DELETE_EXPIRED = f"""
DELETE FROM {TABLE} WHERE tenant_id = %s AND ("timestamp", id) IN (
  SELECT "timestamp", id FROM {TABLE} WHERE tenant_id = %s AND "timestamp" < %s ORDER BY "timestamp" LIMIT %s)
AND "timestamp" < %s
"""  # noqa: S608 - built from constants


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC. ``number`` is 1 to 12."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    def plus(self, months: int) -> Month:
        """Return the month so many months later (earlier where negative)."""
        years, index = divmod(self.number - 1 + months, 12)
        return Month(self.year + years, index + 1)

    def starts_at(self) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


@dataclass(frozen=True, slots=True)
class Partition:
    """One month's table: entries from ``starts_at`` until before ``ends_at``."""

    name: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class PartitionsAhead:
    """How far the trail can be written.

    months: whole months after the current one that have their partition, 0 also when the current one is missing
    missing: months from the current one to ``MONTHS_AHEAD`` later without a partition
    """

    months: int
    missing: tuple[Month, ...]

    @property
    def is_enough(self) -> bool:
        return self.months >= WARN_BELOW_MONTHS


def partition_name(month: Month) -> str:
    """Return the name of a month's table."""
    return f"{TABLE}_{month.year:04d}_{month.number:02d}"


def create_partition_statements(month: Month) -> list[str]:
    """Return the statements that make a month's partition and then attach it.

    Attaching locks the trail against less than CREATE TABLE … PARTITION OF does, so writers go on. Row security is
    forced without a policy: rows are reached through the parent, under its policies, and never directly.
    """
    name, following = partition_name(month), month.plus(1)
    return [
        f'CREATE TABLE "{name}" (LIKE "{TABLE}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{name}" FORCE ROW LEVEL SECURITY',
        f'CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON "{name}" '
        "FOR EACH STATEMENT EXECUTE FUNCTION stratibreak.refuse_audit_change()",
        f'ALTER TABLE "{TABLE}" ATTACH PARTITION "{name}" '
        f"FOR VALUES FROM ('{month}-01 00:00:00+00') TO ('{following}-01 00:00:00+00')",
    ]


def database_now(connection: Any) -> datetime:
    """Return the database server's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)


def list_partitions(connection: Any) -> list[Partition]:
    """Return the partitions there are, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_LIST, [TABLE])
        found = [_partition(name, bounds) for name, bounds in cursor.fetchall()]
    return sorted((p for p in found if p is not None), key=lambda p: p.starts_at)


def _partition(name: str, bounds: str) -> Partition | None:
    if (match := _BOUNDS.search(bounds)) is None:
        return None
    starts_at, ends_at = (datetime.fromisoformat(text).astimezone(UTC) for text in match.groups())
    return Partition(name, starts_at, ends_at)


def missing_months(partitions: list[Partition], first: Month, last: Month) -> list[Month]:
    """Return the months from ``first`` to ``last`` that no partition covers."""
    months, month = [], first
    while month <= last:
        if not any(p.starts_at <= month.starts_at() < p.ends_at for p in partitions):
            months.append(month)
        month = month.plus(1)
    return months


def partitions_ahead(connection: Any) -> PartitionsAhead:
    """Return how far ahead the trail can be written; needs no rights beyond reading the catalogue."""
    this_month = Month.of(database_now(connection))
    missing = missing_months(list_partitions(connection), this_month, this_month.plus(MONTHS_AHEAD))
    months = MONTHS_AHEAD
    for offset in range(MONTHS_AHEAD, -1, -1):
        if this_month.plus(offset) in missing:
            months = max(offset - 1, 0)
    return PartitionsAhead(months=months, missing=tuple(missing))


def make_partitions(connection: Any, *, months_ahead: int = MONTHS_AHEAD) -> list[Month]:
    """Make what is missing from the previous month to ``months_ahead`` later, as the owner. Returns what was made."""
    this_month = Month.of(database_now(connection))
    missing = missing_months(list_partitions(connection), this_month.plus(-1), this_month.plus(months_ahead))
    with connection.cursor() as cursor:
        for month in missing:
            for statement in create_partition_statements(month):
                cursor.execute(statement)
    return missing


def drop_partitions_before(connection: Any, moment: datetime) -> list[str]:
    """Drop the partitions that end at or before ``moment``, as the owner. Returns their names."""
    expired = [p.name for p in list_partitions(connection) if p.ends_at <= moment]
    with connection.cursor() as cursor:
        for name in expired:
            cursor.execute(f'DROP TABLE "{name}"')
    return expired


def allow_removal(connection: Any) -> None:
    """Let the rest of the owner's transaction delete entries: the trigger looks for this."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL stratibreak.audit_removal = 'on'")


def delete_expired(connection: Any, *, tenant_id: UUID, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` of a tenant's oldest entries older than ``before``, after ``allow_removal``.

    Returns how many were deleted; fewer than ``limit`` means that none are left.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_EXPIRED, [tenant_id, tenant_id, before, limit, before])
        deleted: int = cursor.rowcount
    return deleted
