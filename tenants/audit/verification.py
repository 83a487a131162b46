"""Whether entries still say what was written: the stored hash against the columns it covers.

A hash alone convinces only against careless changes: whoever rewrites a row can rewrite its hash. Seals over ranges of
``transaction_id``, kept elsewhere, close that; these hashes are what they will cover.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from .entries import HASHED_COLUMNS, TABLE, row_hash_sql

_EXPECTED = " ".join(f"WHEN {version} THEN {row_hash_sql(version)}" for version in HASHED_COLUMNS)
_ALTERED = f"""
SELECT e.id, e.tenant_id, e."timestamp" FROM {TABLE} AS e
WHERE e."timestamp" >= %s AND e.row_hash IS DISTINCT FROM CASE e.hash_version {_EXPECTED} END
ORDER BY e."timestamp", e.id LIMIT %s
"""  # noqa: S608 - built from constants


@dataclass(frozen=True, slots=True)
class AlteredEntry:
    """An entry whose columns do not fit its hash."""

    id: UUID
    tenant_id: UUID
    written_at: datetime


def altered_entries(connection: Any, *, since: datetime, limit: int = 100) -> list[AlteredEntry]:
    """Return entries written since then whose hash does not fit, oldest first, of the tenants the context may see.

    Reads every entry in the range: about 150,000 a second.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ALTERED, [since, limit])
        return [AlteredEntry(*row) for row in cursor.fetchall()]
