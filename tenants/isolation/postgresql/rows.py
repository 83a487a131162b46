"""One statement of ours and what it returns: for catalogue queries of checks and provisioning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def rows(connection: Any, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement of ours and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return list(cursor.fetchall()) if cursor.description else []
