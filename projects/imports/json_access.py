"""Typed access to JSON that somebody else wrote: a missing member is None, one of another type is refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from projects.imports.errors import FieldRefused

JsonObject = Mapping[str, Any]
EMPTY: Final[JsonObject] = {}


def loads(text: str) -> Any:
    """Like json.loads, without NaN and infinities.

    Raises ValueError for everything that is not JSON, among it nesting that is too deep to read.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def object_in(parent: JsonObject, name: str, *, path: str) -> JsonObject | None:
    """The object at `name`; path: where parent stands, for the error."""
    value = parent.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise FieldRefused(f"{path}.{name}", "is not an object")


def objects_in(parent: JsonObject, name: str, *, path: str) -> list[JsonObject]:
    """The objects of the list at `name`; empty when it is missing."""
    value = parent.get(name)
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(element, dict) for element in value):
        return value
    raise FieldRefused(f"{path}.{name}", "is not a list of objects")


def string_in(parent: JsonObject, name: str, *, path: str) -> str | None:
    """The string at `name`. Whole numbers count, because the same identifier comes both ways; "" is kept."""
    value = parent.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError:  # more digits than Python converts
            pass
    raise FieldRefused(f"{path}.{name}", "is not a string")


def number_in(parent: JsonObject, name: str, *, path: str) -> float | None:
    value = parent.get(name)
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    raise FieldRefused(f"{path}.{name}", "is not a number")
