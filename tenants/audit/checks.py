"""System checks of the audit trail: partitions ahead, append-only triggers, key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core import checks
from django.db import DatabaseError, connections

from .entries import TABLE
from .partitions import partitions_ahead

_TRIGGERS = "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgenabled <> 'D' AND NOT tgisinternal"
_KEY = """
SELECT array_to_json(array_agg(attname::text ORDER BY place))
FROM pg_constraint, unnest(conkey) WITH ORDINALITY AS key(number, place)
JOIN pg_attribute ON attnum = number AND attrelid = to_regclass(%s)
WHERE conrelid = to_regclass(%s) AND contype = 'p'
"""
_EXPECTED_TRIGGERS = {"audit_append_only", "audit_no_truncate"}


def register_audit_checks() -> None:
    """Register the checks with Django (`manage.py check --database default`)."""
    checks.register(check_audit_partitions, checks.Tags.database)
    checks.register(check_audit_table, checks.Tags.database)


def check_audit_partitions(app_configs: Any, databases: Iterable[str] | None = None, **kwargs: Any) -> list[Any]:
    """Warn while there is still time: without the month's partition every audited write fails."""
    if "default" not in (databases or ()):
        return []
    try:
        ahead = partitions_ahead(connections["default"])
    except DatabaseError as error:
        return [checks.Error(f"The audit table cannot be asked: {error}", id="tenants.E040")]
    if ahead.is_enough:
        return []
    missing = ", ".join(str(month) for month in ahead.missing)
    hint = "Run `manage.py audit_partitions`, and run it daily."
    if ahead.months == 0:
        return [checks.Error(f"Audit partitions are missing for {missing}.", hint=hint, id="tenants.E041")]
    return [checks.Warning(f"Audit partitions are missing for {missing}.", hint=hint, id="tenants.W041")]


def check_audit_table(app_configs: Any, databases: Iterable[str] | None = None, **kwargs: Any) -> list[Any]:
    """The triggers that keep entries as they were written are there and on, and the key leads with the tenant."""
    if "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute(_TRIGGERS, [TABLE])
        missing = _EXPECTED_TRIGGERS - {name for (name,) in cursor.fetchall()}
        cursor.execute(_KEY, [TABLE, TABLE])
        (key,) = cursor.fetchone()
    found = [
        checks.Error(
            f"The trigger {name} of {TABLE} is missing or off.", hint="Run `manage.py migrate`.", id="tenants.E042"
        )
        for name in sorted(missing)
    ]
    if key != ["tenant_id", "timestamp", "id"]:
        found.append(checks.Error(f"The key of {TABLE} is {key}, not (tenant_id, timestamp, id).", id="tenants.E043"))
    return found
