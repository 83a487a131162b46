"""Jira issues made for these tests, in the shape that the REST interface sends."""

from __future__ import annotations

import copy
import json
from typing import Any


def issue(
    issue_id: str = "10001", key: str = "ABC-1", *, histories: list[dict[str, Any]] | None = None, **fields: Any
) -> dict[str, Any]:
    """An open issue created at 09:00 UTC on 5 January 2026; `fields` replace or add to its fields."""
    changelog = [] if histories is None else histories
    return {
        "id": issue_id,
        "key": key,
        "self": f"https://jira.example.org/rest/api/2/issue/{issue_id}",
        "fields": {
            "summary": "Paint the fence",
            "issuetype": {"name": "Task"},
            "status": {"id": "1", "name": "Open", "statusCategory": {"id": 2, "key": "new"}},
            "created": "2026-01-05T10:00:00.000+0100",
            "updated": "2026-01-09T12:30:00.250+0000",
            **fields,
        },
        "changelog": {"total": len(changelog), "histories": changelog},
    }


def history(history_id: str, created: str, *items: dict[str, Any], author: str = "account-1") -> dict[str, Any]:
    return {"id": history_id, "created": created, "author": {"accountId": author}, "items": list(items)}


def change(
    field: str, from_id: str | None, from_text: str | None, to_id: str | None, to_text: str | None
) -> dict[str, Any]:
    return {"field": field, "from": from_id, "fromString": from_text, "to": to_id, "toString": to_text}


def done_status() -> dict[str, Any]:
    return {"id": "6", "name": "Closed", "statusCategory": {"id": 3, "key": "done"}}


def as_lines(*documents: Any) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def replaced(document: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at one place, such as ("fields", "labels", 0)."""
    twin = copy.deepcopy(document)
    inner: Any = twin
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    return twin
