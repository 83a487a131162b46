"""Shapes of the JSON columns of predictions, and of those that gaps share (gaps may import from here)."""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string", "maxLength": 2000}
CODE = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_.-]{0,63}$"}
SCALAR = {"type": ["string", "number", "boolean", "null"]}
INSTANT_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
DAY_OR_NULL = {"type": ["string", "null"], "format": "date"}

EVIDENCE_ROWS: dict[str, Any] = {
    "type": "array",
    "maxItems": 200,
    "items": {
        "type": "object",
        "required": ["object_type", "object_id", "field", "value", "observed_at"],
        "additionalProperties": False,
        "properties": {
            "object_type": {"type": "string", "minLength": 1, "maxLength": 64},
            "object_id": {"type": "string", "maxLength": 200},
            "object_key": {"type": "string", "maxLength": 200},
            "field": {"type": "string", "minLength": 1, "maxLength": 100},
            "value": {"anyOf": [SCALAR, {"type": "array", "items": SCALAR, "maxItems": 100}]},
            "observed_at": INSTANT_OR_NULL,
            "url": {"type": "string", "maxLength": 2000},
        },
    },
}
"""Facts an answer rests on, down to the source item: object, field, value, when it was observed, and its page."""

EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["claim"],
    "additionalProperties": False,
    "properties": {
        "claim": {"type": "string", "minLength": 1, "maxLength": 500},
        "subject": {
            "type": "object",
            "required": ["type"],
            "additionalProperties": False,
            "properties": {
                "type": {"enum": ["project", "milestone", "iteration", "work_item", "goal"]},
                "id": {"type": "string", "maxLength": 200},
                "key": {"type": "string", "maxLength": 200},
            },
        },
        "target_date": DAY_OR_NULL,
        "horizon_end": INSTANT_OR_NULL,
        "scope": {
            "type": "object",
            "required": ["item_count", "as_of"],
            "additionalProperties": False,
            "properties": {
                "item_count": {"type": "integer", "minimum": 0},
                "remaining_count": {"type": "integer", "minimum": 0},
                "as_of": INSTANT_OR_NULL,
                "items_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            },
        },
        "threshold": {"type": ["number", "null"]},
        "unit": {"type": "string", "maxLength": 40},
        "terms": {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,63}$"},
            "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": 200},
        },
    },
}
"""The resolvable event, fixed at issue: what is claimed, of what, by when, for which scope.

`terms` is whatever else its settlement needs, as it was at issue.

The scope names its items by hash and instant, not one by one: `ProjectHistory.as_of(scope.as_of)` gives them back,
and thirty thousand ids would not fit a row.
"""

QUANTILES: dict[str, Any] = {
    "type": "object",
    "required": ["unit", "points"],
    "additionalProperties": False,
    "properties": {
        "unit": {"type": "string", "minLength": 1, "maxLength": 40},
        "points": {
            "type": "array",
            "maxItems": 99,
            "items": {
                "type": "object",
                "required": ["p", "value"],
                "additionalProperties": False,
                "properties": {
                    "p": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                    "value": {"type": ["number", "string", "null"], "maxLength": 40},
                },
            },
        },
    },
}
"""A forecast distribution by its quantiles, for example unit "date" and points at 0.5, 0.7, 0.85 and 0.95."""

DRIVERS: dict[str, Any] = {
    "type": "array",
    "maxItems": 50,
    "items": {
        "type": "object",
        "required": ["code", "text"],
        "additionalProperties": False,
        "properties": {
            "code": CODE,
            "text": TEXT,
            "effect": {"type": ["number", "null"]},
            "unit": {"type": "string", "maxLength": 40},
        },
    },
}
"""What moves the probability, with its effect (positive is adverse) in a unit."""

ASSUMPTIONS: dict[str, Any] = {
    "type": "array",
    "maxItems": 50,
    "items": {
        "type": "object",
        "required": ["code", "text"],
        "additionalProperties": False,
        "properties": {"code": CODE, "text": TEXT, "value": SCALAR},
    },
}
"""What was taken for granted, in words for people and, where there is one, as a value."""

STEPS: dict[str, Any] = {"type": "array", "maxItems": 30, "items": {"type": "string", "minLength": 1, "maxLength": 500}}
"""The steps of an action, in order."""

MEASUREMENT: dict[str, Any] = {
    "type": "object",
    "required": ["method", "reason"],
    "additionalProperties": False,
    "properties": {
        "method": {"type": "string", "minLength": 1, "maxLength": 64},
        "reason": {"type": ["string", "null"], "maxLength": 64},
        "forecast_before": {"type": "string", "format": "uuid"},
        "forecast_after": {"type": "string", "format": "uuid"},
        "before_as_of": INSTANT_OR_NULL,
        "after_as_of": INSTANT_OR_NULL,
        "p85_before": INSTANT_OR_NULL,
        "p85_without": INSTANT_OR_NULL,
        "p85_after": INSTANT_OR_NULL,
        "is_played_on": {"type": "boolean"},
        "raw_days": {"type": "number"},
        "regression_days": {"type": "number"},
        "compared_forecasts": {"type": "integer", "minimum": 0},
    },
}
"""How the effect of an action was measured; `reason` is null, or why there is no number."""

USER_IDS: dict[str, Any] = {"type": "array", "maxItems": 100, "items": {"type": "string", "format": "uuid"}}
"""People by their plain ids."""
