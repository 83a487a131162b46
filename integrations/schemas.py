"""Shapes of the JSON columns of integrations: the settings of each tool, and the counts of a run.

Settings never hold secrets: those go into the encrypted credentials. `CONFIG` refuses keys that sound like one,
whatever the tool; `config_schema(type)` then admits only the settings that the tool has.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from integrations.enums import IntegrationType
from tenants.validators import JsonSchema

SOUNDS_CONFIDENTIAL = r"(?i)(secret|token|passw|api_?key|credential|private|auth|cookie|signature)"
HTTPS_URL = {"type": "string", "maxLength": 500, "pattern": r"^https://[^\s/?#@\\]+(/[^\s?#@\\]*)?$"}
NAME = {"type": "string", "minLength": 1, "maxLength": 200}
NAMES = {"type": "array", "items": NAME, "maxItems": 500, "uniqueItems": True}

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

TOOL_SETTINGS: dict[str, tuple[list[str], dict[str, Any]]] = {
    IntegrationType.JIRA: (
        ["base_url"],
        {
            "base_url": HTTPS_URL,
            "deployment": {"enum": ["cloud", "data_center"]},
            "cloud_id": NAME,
            "project_keys": NAMES,
            "account_email": {"type": "string", "format": "email", "maxLength": 254},
        },
    ),
    IntegrationType.ASANA: ([], {"workspace_gid": NAME, "project_gids": NAMES}),
    IntegrationType.TRELLO: ([], {"board_ids": NAMES}),
    IntegrationType.MONDAY: ([], {"board_ids": NAMES, "api_version": NAME}),
    IntegrationType.BITRIX24: (["base_url"], {"base_url": HTTPS_URL, "group_ids": NAMES}),
    IntegrationType.SLACK: ([], {"channel_ids": NAMES, "notify_channel_id": NAME}),
    IntegrationType.GITHUB: (
        ["repositories"],
        {
            "base_url": HTTPS_URL,
            "api_version": NAME,
            "repositories": {
                "type": "array",
                "minItems": 1,
                "maxItems": 500,
                "uniqueItems": True,
                "items": {"type": "string", "pattern": r"^[\w.-]{1,100}/[\w.-]{1,100}$"},
            },
        },
    ),
    IntegrationType.GITLAB: ([], {"base_url": HTTPS_URL, "project_paths": NAMES, "group_paths": NAMES}),
    IntegrationType.TEAMS: ([], {"directory_id": NAME, "team_ids": NAMES, "channel_ids": NAMES}),
}
"""For each tool: the settings it must have, and all it may have."""

STREAM_COUNTS: dict[str, Any] = {
    "type": "object",
    "maxProperties": 50,
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{
                name: {"type": "integer", "minimum": 0}
                for name in ("created", "updated", "unchanged", "gone", "hidden", "failed")
            },
            "error_code": {"type": "string", "maxLength": 64},
        },
    },
}
"""Counts of a run by stream ("work_items", "changes"), so that a partial success names what is missing."""


@cache
def config_schema(integration_type: str) -> JsonSchema:
    """The settings one tool accepts. Raises KeyError for an unknown type."""
    required, settings = TOOL_SETTINGS[integration_type]
    return JsonSchema(
        {
            "type": "object",
            "required": required,
            "additionalProperties": False,
            "properties": {**COMMON_SETTINGS, **settings},
        }
    )
