"""The JSON that an entry keeps of a change: storable, bounded, and without secrets."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from .secrets import without_secrets

TEXT_MAX_CHARS = 1_000
JSON_MAX_CHARS = 4_000  # of one value
CHANGES_MAX_CHARS = 32_000  # of all values together
_MAX_DEPTH = 12
_PAIR = 2  # [before, after]
_LARGEST_EXACT = 2**53  # beyond it, JSON readers disagree about integers


def storable_changes(changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return ``changes`` as JSON that ``jsonb`` takes, without secrets and of bounded size.

    changes: name to value; a diff's values are pairs [before, after]
    Values too long are cut (text) or replaced by their length (anything else); a change set too long keeps its names.
    """
    if not changes:
        return {}
    kept: dict[str, Any] = without_secrets({_text(str(key), 100): _storable(value) for key, value in changes.items()})
    kept = {name: _bounded(value) for name, value in kept.items()}
    if len(json.dumps(kept)) > CHANGES_MAX_CHARS:
        return {"too_long": sorted(kept)[:200]}
    return kept


def _storable(value: Any, depth: int = 0) -> Any:
    """Return ``value`` in JSON's types: numbers jsonb keeps as they are, text without NUL and lone surrogates."""
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {_text(str(key), 100): _storable(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _MAX_DEPTH:
        return [_storable(inner, depth + 1) for inner in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if _is_exact(value) else _text(str(value), TEXT_MAX_CHARS)


def _is_exact(value: Any) -> bool:
    """Whether JSON holds the value as it is; everything else is kept as text."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) <= _LARGEST_EXACT)


def _bounded(value: Any) -> Any:
    """Return a value, or each half of a [before, after] pair, or its length where it is too long."""
    if isinstance(value, list) and len(value) == _PAIR:
        return [_bounded_part(part) for part in value]
    return _bounded_part(value)


def _bounded_part(value: Any) -> Any:
    length = len(json.dumps(value)) if isinstance(value, dict | list) else 0
    return value if length <= JSON_MAX_CHARS else {"omitted_chars": length}


def _text(value: str, max_chars: int) -> str:
    cut = value if len(value) <= max_chars else f"{value[: max_chars - 1]}…"
    return cut.encode("utf-8", "replace").decode().replace("\0", "�")
