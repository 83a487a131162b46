"""Shapes of the JSON columns of integrations: the settings of each tool, and the counts of a run.

Settings never hold secrets: those go into the encrypted credentials. `CONFIG` refuses keys that sound like one,
whatever the tool; `config_schema(type)` then admits only the settings that the tool has.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from integrations.connectors.registry import options_of
from integrations.enums import DestinationKind, EventType
from tenants.validators import JsonSchema

SOUNDS_CONFIDENTIAL = r"(?i)(secret|token|passw|api_?key|credential|private|auth|cookie|signature)"

CONFIG: dict[str, Any] = {"type": "object", "propertyNames": {"maxLength": 64, "not": {"pattern": SOUNDS_CONFIDENTIAL}}}
"""What holds for every tool's settings."""

COMMON_SETTINGS: dict[str, Any] = {
    "status_categories": {
        "type": "object",
        "maxProperties": 500,
        "additionalProperties": {"enum": ["TODO", "IN_PROGRESS", "DONE"]},
    },
    "time_zone": {"type": "string", "maxLength": 64},
    "since_date": {"type": "string", "format": "date"},
}
"""Settings that every tool has. `status_categories` maps the tool's status ids to ours, over its own guess."""

STREAM_COUNT_NAMES = ("read", "created", "updated", "unchanged", "facts", "gone", "hidden", "failed", "deferred")
"""read: records the tool sent;  created … failed: items;  facts: rows written beside items (changes, links, events);
deferred: details that the tool would not give, which the next run asks for."""
STREAM_ERROR: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["where", "code", "message"],
    "properties": {
        "where": {"type": "string", "maxLength": 255},
        "code": {"type": "string", "maxLength": 64},
        "message": {"type": "string", "maxLength": 500},
    },
}
"""where: a partition, or the identifier of a record."""
STREAM_COUNTS: dict[str, Any] = {
    "type": "object",
    "maxProperties": 50,
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{name: {"type": "integer", "minimum": 0} for name in STREAM_COUNT_NAMES},
            "skipped": {
                "type": "object",
                "maxProperties": 50,
                "additionalProperties": {"type": "integer", "minimum": 0},
            },
            "error_code": {"type": "string", "maxLength": 64},
            "errors": {"type": "array", "maxItems": 20, "items": STREAM_ERROR},
        },
    },
}
"""Counts of a run by stream ("work_items", "changes"), so that a partial success names what is missing."""


PARTITIONS: dict[str, Any] = {
    "type": ["array", "null"],
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "name", "facts", "error"],
        "properties": {
            "id": {"type": "string", "maxLength": 255},
            "name": {"type": "string", "maxLength": 255},
            "facts": {},
            "error": {"type": ["object", "null"]},
        },
    },
}
"""What a run found to read: repositories, boards, projects."""
WORK_LIST_MAX_BYTES = 8 * 1024 * 1024
"""Of lists of what is to be read: some accounts see tens of thousands of places, about a hundred bytes each."""

DEFERRED: dict[str, Any] = {"type": "array", "maxItems": 100_000}
"""Details that a tool owes; each is JSON that only the stream understands."""

UNLISTED: dict[str, Any] = {"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 100_000}
"""External ids of items that no list of the tool shows."""

EVENT_TYPES: dict[str, Any] = {
    "type": "array",
    "items": {"enum": [each for each in EventType.values if each != EventType.TEST]},
    "uniqueItems": True,
}
"""What a destination wants to be told; nothing in it: everything."""

KINDS: dict[str, Any] = {"type": "array", "items": {"enum": list(DestinationKind.values)}, "uniqueItems": True}

MESSAGE_DATA: dict[str, Any] = {"type": "object", "maxProperties": 50}
NOTICE: dict[str, Any] = {"type": "object", "maxProperties": 20}
"""A message in words, as `integrations.messages.notice` writes and reads it; nothing in it: it has none."""
SENDER_MEMORY: dict[str, Any] = {"type": "object", "maxProperties": 10}

ATTEMPTS: dict[str, Any] = {
    "type": "array",
    "maxItems": 50,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["at", "status_code", "error_code", "duration_ms"],
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "status_code": {"type": ["integer", "null"]},
            "error_code": {"type": "string", "maxLength": 64},
            "duration_ms": {"type": "integer", "minimum": 0},
        },
    },
}
"""Tries of a delivery, the oldest first."""


@cache
def config_schema(integration_type: str) -> JsonSchema:
    """The settings one tool accepts. Raises KeyError for an unknown type."""
    asked = options_of(integration_type).settings
    return JsonSchema(
        {
            "type": "object",
            "required": [option.name for option in asked if option.is_required],
            "additionalProperties": False,
            "properties": {**COMMON_SETTINGS, **{option.name: option.schema for option in asked}},
        }
    )


@cache
def credentials_schema(integration_type: str) -> JsonSchema:
    """The secrets one tool accepts, at least one of them. Raises KeyError for an unknown type."""
    return JsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "properties": {option.name: option.schema for option in options_of(integration_type).secrets},
        },
        secret=True,
    )


def check_address(config: Mapping[str, Any]) -> None:
    """Refuse plain http, unless the operator runs tools of his own in private networks. Raises ValidationError."""
    address = config.get("base_url", "")
    if isinstance(address, str) and address.startswith("http://") and not settings.INTEGRATION_NETWORKS:
        raise ValidationError("The address must begin with https://.")
