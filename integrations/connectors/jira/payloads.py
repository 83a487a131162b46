"""What Jira's interface wraps its issues in: pages, histories, boards. The issue itself is read by `projects.imports`.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/, /cloud/jira/software/rest/, and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from integrations.connectors.records import as_objects, cursor_of, text
from projects.imports.jira_custom_fields import CustomFields
from projects.imports.json_access import JsonObject

_MILLISECONDS_FROM: Final = 10**11
"""Moments as numbers are seconds or milliseconds since 1970; the year 5138 in seconds is 1973 in milliseconds."""


def number(sent: Any, member: str) -> int | None:
    value = sent.get(member) if isinstance(sent, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def custom_fields(fields: Iterable[JsonObject]) -> CustomFields:
    """Which numbered field holds what, from the list of fields."""
    known = [field for field in fields if isinstance(field.get("id"), str)]
    return CustomFields.described_by(
        {
            "names": {field["id"]: field.get("name") for field in known},
            "schema": {field["id"]: field.get("schema") for field in known},
        }
    )


def histories_by_issue(pages: Iterable[Any]) -> dict[str, list[JsonObject]]:
    """Histories of many issues, from `changelog/bulkfetch`; an issue's may be spread over pages."""
    found: dict[str, list[JsonObject]] = {}
    for page in pages:
        for log in as_objects(page, "issueChangeLogs"):
            histories = as_objects(log, "changeHistories")
            found.setdefault(text(log, "issueId"), []).extend(_with_moment(history) for history in histories)
    return found


def updated(issue: JsonObject) -> str | None:
    """When the issue changed last, as a cursor: an ISO instant in UTC."""
    fields = issue.get("fields")
    return cursor_of(fields, "updated") if isinstance(fields, dict) else None


def _with_moment(history: JsonObject) -> Mapping[str, Any]:
    """The bulk interface writes moments as numbers, the others as text."""
    created = history.get("created")
    if not isinstance(created, int) or isinstance(created, bool):
        return history
    seconds = created / 1000 if created >= _MILLISECONDS_FROM else created
    try:
        return {**history, "created": datetime.fromtimestamp(seconds, UTC).isoformat()}
    except (OverflowError, ValueError, OSError):  # refused with its issue
        return history
