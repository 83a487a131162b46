"""Reading JSON bodies strictly: what cannot be stored is refused here, with the place where it stands."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser, MultiPartParser

from tenants.api.problems import TooLarge
from tenants.request_info import announced_bytes

MAX_DEPTH = 32
"""Deepest nesting of a body. Twice what a JSON column takes; Python's own limit would be met with an error page."""


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 has it: no NaN, no infinity (1e999 included), no NUL, no lone surrogate, no doubled name."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        text = _read(stream)
        try:
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from error
        for place, message in _faults(value):
            raise ValidationError({place: [message]} if place else [message])
        return value


class UploadParser(MultiPartParser):
    """A form with files, read to disk and not to memory; one that is too long is refused before a byte is read."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        if announced_bytes((parser_context or {})["request"]) > settings.UPLOAD_MAX_BYTES:
            most = settings.UPLOAD_MAX_BYTES // 2**20
            raise TooLarge(f"At most {most} MiB. Use `manage.py import_history` for more.")
        return super().parse(stream, media_type, parser_context)


def _read(stream: IO[Any]) -> str:
    """The body as text. DRF hands over the socket, past Django's own limit, so the limit is kept here."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise TooLarge
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise ParseError("The body is not UTF-8.") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return value


def _faults(value: Any, field: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """What PostgreSQL could not store, as (top-level field, message)."""
    if depth > MAX_DEPTH:
        yield field, "Nested too deeply."
    elif isinstance(value, str):
        if "\x00" in value:
            yield field, "NUL characters cannot be stored."
        if any("\ud800" <= character <= "\udfff" for character in value) if not value.isascii() else False:
            yield field, "Half of a character pair: not valid Unicode text."
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield field, "A number beyond the range of a double."
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _faults(name, field, depth + 1)
            yield from _faults(inner, field or name, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _faults(inner, field, depth + 1)
