"""Shapes of the JSON columns of gaps."""

from __future__ import annotations

from typing import Any

from predictions.schemas import SCALAR

MEASURE: dict[str, Any] = {
    "type": "object",
    "required": ["value", "unit"],
    "additionalProperties": False,
    "properties": {
        "value": {"type": ["number", "string", "boolean", "null"], "maxLength": 200},
        "unit": {"type": "string", "minLength": 1, "maxLength": 40},
        "low": {"type": ["number", "string", "null"], "maxLength": 40},
        "high": {"type": ["number", "string", "null"], "maxLength": 40},
        "label": {"type": "string", "maxLength": 200},
    },
}
"""One measured or intended value with its unit ("date", "days", "share", "EUR") and, if known, interval."""

EVIDENCE_VALUE: dict[str, Any] = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR, "maxItems": 100}]}
"""The value a source field had: one scalar, or a short list of them."""

CAUSE_CODES: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": 64},
    "maxItems": 20,
    "uniqueItems": True,
}
"""Codes of causes of the same gap."""
