"""The shapes of JSON columns in this app, as JSON Schemas (draft 2020-12).

Changing one changes what may be stored from now on; rows already stored are not visited, so only widen them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projects.enums import Direction, MeasureKind
from projects.mentions import LONGEST_MENTION, MOST_MENTIONS

JsonShape = dict[str, Any]

MAX_LABELS = 200
MAX_CURVE_POINTS = 2_000
"""Five years of working days, one point each, and room to spare."""
MAX_CALENDAR_EXCEPTIONS = 2_000
HOURS_PER_DAY = 24
RESULTS_MAX_BYTES = 1_048_576
"""Results of one analysis run: a curve for each of a few thousand items fits; anything larger belongs in rows."""


def _when_kind(kinds: Sequence[MeasureKind], then: JsonShape) -> JsonShape:
    return {
        "if": {"properties": {"kind": {"enum": [str(kind) for kind in kinds]}}, "required": ["kind"]},
        "then": then,
    }


def _measure(required: Sequence[str], **properties: JsonShape) -> JsonShape:
    """A value with its kind and unit; the kind decides the type of the value."""
    numeric = [MeasureKind.NUMBER, MeasureKind.PERCENT, MeasureKind.MONEY, MeasureKind.DURATION]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {
            "kind": {"enum": list(MeasureKind.values)},
            "value": {"type": ["number", "string", "boolean"]},
            "unit": {"type": "string", "maxLength": 32},
            **properties,
        },
        "allOf": [
            _when_kind(numeric, {"properties": {"value": {"type": "number"}}}),
            _when_kind([MeasureKind.DATE], {"properties": {"value": {"type": "string", "format": "date"}}}),
            _when_kind([MeasureKind.BOOLEAN], {"properties": {"value": {"type": "boolean"}}}),
            _when_kind([MeasureKind.MONEY], {"required": ["unit"], "properties": {"unit": {"format": "currency"}}}),
            _when_kind([MeasureKind.DURATION], {"required": ["unit"]}),
        ],
    }


GOAL_TARGET = _measure(["kind", "value", "direction"], direction={"enum": list(Direction.values)})
"""{"kind": "NUMBER", "value": 95, "unit": "tests", "direction": "AT_LEAST"}"""

GOAL_CURRENT = _measure(["kind", "value"], measured_at={"type": "string", "format": "date-time"})
"""{"kind": "NUMBER", "value": 80, "unit": "tests", "measured_at": "2026-03-01T09:00:00+00:00"}"""

LABELS: JsonShape = {
    "type": "array",
    "maxItems": MAX_LABELS,
    "items": {"type": "string", "minLength": 1, "maxLength": 255},
}
"""["backend", "security"]"""

MENTIONED: JsonShape = {
    "type": "array",
    "maxItems": MOST_MENTIONS,
    "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_MENTION},
}
"""["PROJ-12", "//acme.example/browse/OPS-3"]"""

PLANNED_VALUE: JsonShape = {
    "type": "object",
    "additionalProperties": False,
    "required": ["unit", "points"],
    "properties": {
        "unit": {"enum": ["items", "points", "hours", "money"]},
        "points": {
            "type": "array",
            "maxItems": MAX_CURVE_POINTS,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["date", "value"],
                "properties": {
                    "date": {"type": "string", "format": "date"},
                    "value": {"type": "number", "minimum": 0},
                },
            },
        },
    },
}
"""Cumulative planned value by the end of each day: {"unit": "items", "points": [{"date": "2026-03-02", "value": 4}]}"""

_HOURS: JsonShape = {"type": "number", "minimum": 0, "maximum": HOURS_PER_DAY}

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

WEEKLY_HOURS: JsonShape = {
    "type": "object",
    "additionalProperties": False,
    "properties": dict.fromkeys(_WEEKDAYS, _HOURS),
}
"""Working hours of each weekday; a day that is left out has none: {"monday": 8, "friday": 6}"""

CALENDAR_EXCEPTIONS: JsonShape = {
    "type": "array",
    "maxItems": MAX_CALENDAR_EXCEPTIONS,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["date", "hours"],
        "properties": {
            "date": {"type": "string", "format": "date"},
            "hours": _HOURS,
            "label": {"type": "string", "maxLength": 100},
        },
    },
}
"""Days that differ from the week: [{"date": "2026-12-25", "hours": 0, "label": "Public holiday"}]"""

REASONS: JsonShape = {
    "type": "array",
    "maxItems": 50,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "minLength": 1, "maxLength": 64},
            "message": {"type": "string", "maxLength": 500},
            "unlock": {"type": "string", "maxLength": 500},
        },
    },
}
"""Why an answer is limited, and the step that would unlock more."""

RESULTS: JsonShape = {"type": "object"}
"""What an analysis returned; its shape belongs to the analysis and its version."""

IMPORT_ERRORS: JsonShape = {
    "type": "array",
    "maxItems": 100,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["line", "field", "reason"],
        "properties": {
            "line": {"type": "integer", "minimum": 1},
            "field": {"type": "string", "maxLength": 255},
            "reason": {"type": "string", "minLength": 1, "maxLength": 500},
        },
    },
}
"""The first lines of a file that could not be read: [{"line": 7, "field": "due date", "reason": "is not a date …"}]"""

IMPORT_NOTES: JsonShape = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {"type": "integer", "minimum": 1} for name in ("HISTORY_CUT", "STATUS_GUESSED", "SPRINT_WITHOUT_ID")
    },
}
"""What was read but is less than it seems, and for how many items: {"HISTORY_CUT": 12}"""
