"""What monday's answers are wrapped in: data or errors, objects and lists of which any part may be null.

Source: https://developer.monday.com/api-reference/docs/error-handling, /docs/rate-limits, and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from integrations.connectors.records import as_object
from integrations.http.answers import Answer
from integrations.http.errors import (
    CheckpointExpired,
    Forbidden,
    NotFound,
    RateLimited,
    ServerFailed,
    ToolError,
    Unauthorized,
    UnexpectedAnswer,
    error_of_code,
)
from projects.imports.json_access import JsonObject

LIMITS: Final = frozenset(
    {
        *("COMPLEXITY_BUDGET_EXHAUSTED", "ComplexityException", "RATE_LIMIT_EXCEEDED", "RateLimitExceeded"),
        *("MINUTE_LIMIT_EXCEEDED", "maxConcurrencyExceeded", "CONCURRENCY_LIMIT_EXCEEDED", "IP_RATE_LIMIT_EXCEEDED"),
        *("DAILY_LIMIT_EXCEEDED", "FIELD_MINUTE_RATE_LIMIT_EXCEEDED", "FIELD_LIMIT_EXCEEDED"),
    }
)
ERRORS: Final[Mapping[str, type[ToolError]]] = {
    "Unauthorized": Unauthorized,
    "NOT_AUTHENTICATED": Unauthorized,
    "UserUnauthorizedException": Forbidden,
    "USER_UNAUTHORIZED": Forbidden,
    "UserAccessDenied": Forbidden,
    "missingRequiredPermissions": Forbidden,
    "ResourceNotFoundException": NotFound,
    "InvalidBoardIdException": NotFound,
    "CursorExpiredError": CheckpointExpired,
    "CursorException": CheckpointExpired,
    "INTERNAL_SERVER_ERROR": ServerFailed,
    "InternalServerError": ServerFailed,
}


def judge(answer: Answer) -> ToolError | None:
    """Errors come with any status, 200 too, and limits with 200 or 429."""
    sent = answer.json_or_none()
    if not isinstance(sent, dict) or not (sent.get("errors") or sent.get("error_code")):
        return None
    code, details = _code(sent)
    if code in LIMITS:
        wait_s = details.get("retry_in_seconds")
        return RateLimited(vendor_code=code, retry_after_s=float(wait_s) if isinstance(wait_s, int | float) else None)
    return error_of_code(code, ERRORS, answer.status)


def _code(sent: JsonObject) -> tuple[str, JsonObject]:
    """The tool's name for the first error, and what it says beside: in extensions, or as older versions do on top."""
    errors = sent.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    details = first.get("extensions") if isinstance(first, dict) else None
    found = details if isinstance(details, dict) else {}
    return str(found.get("code") or sent.get("error_code") or ""), found


def data_of(answer: Answer) -> JsonObject:
    """Raises UnexpectedAnswer."""
    return as_object(as_object(answer.json()).get("data"))


def object_at(sent: JsonObject, member: str) -> JsonObject:
    """Raises UnexpectedAnswer."""
    return as_object(sent.get(member))


def objects_at(sent: JsonObject, member: str) -> list[JsonObject]:
    """A list of objects; null is an empty one, and items that are null are not shown. Raises UnexpectedAnswer."""
    found = sent.get(member, ())
    if found is None:
        return []
    if not isinstance(found, list) or not all(each is None or isinstance(each, dict) for each in found):
        raise UnexpectedAnswer("A list was expected.")
    return [each for each in found if each is not None]
