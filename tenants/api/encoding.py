"""Python values as JSON text: one encoder for every answer, so that an entity tag means one spelling.

Instants are ISO 8601 in UTC ending in Z, days ISO 8601, decimals text (a JSON number would lose digits).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from django.utils.functional import Promise


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise TypeError("A naive datetime has no place in an answer.")
    return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


_SPELLING: dict[type, Callable[[Any], Any]] = {
    UUID: str,
    datetime: _instant,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: timedelta.total_seconds,
    Decimal: lambda value: format(value, "f"),
    IPv4Address: str,
    IPv6Address: str,
    set: sorted,
    frozenset: sorted,
}


def spell(value: Any) -> Any:
    """A value in JSON's own types. Raises TypeError for what JSON cannot hold."""
    spell = _SPELLING.get(type(value))
    if spell is not None:
        return spell(value)
    if isinstance(value, Promise):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    for known, spell in _SPELLING.items():
        if isinstance(value, known):
            return spell(value)
    raise TypeError(f"{type(value).__name__} has no JSON spelling.")


# Made once: json.dumps builds a new encoder on every call that passes options.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=spell)


def encode(value: Any) -> bytes:
    """Spell a value as UTF-8 JSON.

    Raises ValueError for NaN and infinities, TypeError for what JSON cannot hold.
    """
    return _ENCODER.encode(value).encode()
