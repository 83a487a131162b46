"""Checks of single values, shared by models, admin forms and serializers.

Each raises `django.core.exceptions.ValidationError`, which the doors translate into a form error or a 400 problem.
`JsonSchema` describes the shape of a JSON column; `CheckedJSONField` also applies it on every write, because
Django runs validators in `full_clean()` only, and imports, bulk writes and fixtures never call that.
"""

from __future__ import annotations

import json
import math
import re
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.deconstruct import deconstructible
from django.utils.functional import cached_property
from django.utils.timezone import is_aware
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError as SchemaViolation
from referencing import Registry

MAX_JSON_BYTES = 65_536
"""Largest JSON value by default, as UTF-8 bytes. A page of settings or criteria fits a hundred times over."""
MAX_JSON_DEPTH = 16
"""Deepest nesting by default. Python's own recursion limit would be met at about 1,000 with an error page."""
MAX_REPORTED_VIOLATIONS = 5
MAX_MESSAGE_CHARACTERS = 300
MAX_NOTE_CHARACTERS = 5_000
"""What a person may say of something they do."""
MAX_INTEGER_BITS = 1_024
"""As wide as a double's range; far beyond it Python refuses to print an integer at all."""
CURRENCY_PATTERN = re.compile(r"[A-Z]{3}")
SURROGATE_PATTERN = re.compile("[\ud800-\udfff]")


# --- JSON ---------------------------------------------------------------------------------------------------------


@deconstructible(path="tenants.validators.JsonSchema")
class JsonSchema:
    """Accepts JSON values that fit a JSON Schema (draft 2020-12), a size and a depth.

    schema: a JSON Schema; references within the schema only, nothing is ever fetched
    max_bytes, max_depth: caps that are checked before the schema, so that a hostile value costs little
    secret: leave values out of the messages (for credentials)

    Beyond the schema it refuses what PostgreSQL's jsonb refuses: NaN, infinities, NUL characters and lone surrogates;
    and what JSON does not have, such as tuples, dates and keys that are not text.
    Raises ValidationError with one message for each violation, each opening with the JSONPath of the culprit
    ("$.criteria[2].unit: …"); code "json_schema" (shape), "json_size", "json_depth" or "json_type".
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        *,
        max_bytes: int = MAX_JSON_BYTES,
        max_depth: int = MAX_JSON_DEPTH,
        secret: bool = False,
    ) -> None:
        Draft202012Validator.check_schema(schema)
        self.schema = schema
        self.max_bytes = max_bytes
        self.max_depth = max_depth
        self.secret = secret
        self._validator = Draft202012Validator(dict(schema), format_checker=_format_checker(), registry=Registry())

    def __call__(self, value: object) -> None:
        check_plain_json(value, max_bytes=self.max_bytes, max_depth=self.max_depth)
        violations: list[ValidationError] = []
        for violation in self._validator.iter_errors(value):
            violations.append(ValidationError(self._message(violation), code="json_schema"))
            if len(violations) == MAX_REPORTED_VIOLATIONS:
                break
        if violations:
            raise ValidationError(violations)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JsonSchema):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str, int, int, bool]:
        return json.dumps(self.schema, sort_keys=True), self.max_bytes, self.max_depth, self.secret

    def _message(self, violation: SchemaViolation) -> str:
        text = f"does not satisfy “{violation.validator}”." if self.secret else _shorten(violation.message)
        return f"{violation.json_path}: {text}"


def check_plain_json(value: object, *, max_bytes: int = MAX_JSON_BYTES, max_depth: int = MAX_JSON_DEPTH) -> None:
    """Refuse what is not JSON, what jsonb cannot store, and what is too deep or too large.

    Raises ValidationError; messages name the place, never the value.
    """
    for path, depth, part in _walk(value):
        if depth > max_depth:
            raise ValidationError(f"{_shorten(path)}: nested deeper than {max_depth} levels.", code="json_depth")
        problem = _scalar_problem(part)
        if problem:
            raise ValidationError(f"{_shorten(path)}: {problem}", code="json_type")
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    if size > max_bytes:
        raise ValidationError(f"$: {size} bytes of JSON, more than the {max_bytes} allowed.", code="json_size")


def _walk(value: object) -> Iterator[tuple[str, int, object]]:
    """Every part of a JSON value with its path and depth; a stack, because hostile nesting would end recursion."""
    waiting: list[tuple[str, int, object]] = [("$", 0, value)]
    while waiting:
        path, depth, part = waiting.pop()
        yield path, depth, part
        if isinstance(part, dict):
            for key, child in part.items():
                waiting.append((path, depth + 1, _Key(key)))
                waiting.append((f"{path}.{key!s}", depth + 1, child))
        elif isinstance(part, list):
            waiting.extend((f"{path}[{index}]", depth + 1, child) for index, child in enumerate(part))


class _Key:
    """Marks an object's key, which may only be text, among the walked values."""

    def __init__(self, key: object) -> None:
        self.key = key


def _scalar_problem(part: object) -> str | None:
    if isinstance(part, _Key):
        return _text_problem(part.key) if isinstance(part.key, str) else "the keys of an object must be text."
    if isinstance(part, str):
        return _text_problem(part)
    if isinstance(part, float) and not math.isfinite(part):
        return "NaN and infinities are not JSON."
    if isinstance(part, int) and part.bit_length() > MAX_INTEGER_BITS:
        return f"an integer of more than {MAX_INTEGER_BITS} bits."
    if part is None or isinstance(part, bool | int | float | dict | list):
        return None
    return f"{type(part).__name__} is not a JSON type."


def _text_problem(text: str) -> str | None:
    if "\x00" in text:
        return "NUL characters cannot be stored."
    if SURROGATE_PATTERN.search(text):
        return "lone surrogates are not text."
    return None


def _shorten(text: str) -> str:
    """Fit for a response: bounded, and encodable even when a key holds a lone surrogate."""
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else f"{text[:MAX_MESSAGE_CHARACTERS]}…"


@lru_cache(maxsize=1)
def _format_checker() -> FormatChecker:
    """Formats that are enforced: date, uuid, email from the library; date-time and currency our way."""
    checker = FormatChecker(formats=["date", "uuid", "email"])
    checks: Iterable[tuple[str, Callable[[object], bool]]] = (
        ("date-time", _is_aware_instant),
        ("currency", _is_currency),
    )
    for name, check in checks:
        checker.checks(name, raises=ValueError)(check)
    return checker


def _is_aware_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _is_currency(value: object) -> bool:
    return not isinstance(value, str) or CURRENCY_PATTERN.fullmatch(value) is not None


class CheckedJSONFormField(forms.JSONField):
    """Shows an empty box where nothing is stored: the word "null" would be refused when it comes back."""

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


class CheckedJSONField(models.JSONField):
    """A JSON column whose shape is checked on every write, also in bulk writes, `update()` and fixtures.

    schema: as for `JsonSchema`, or a ready `JsonSchema`
    Raises ValidationError, keyed by the field's name, from `save()` and its relatives.
    """

    # A changed schema needs no ALTER TABLE.
    non_db_attrs = (*models.JSONField.non_db_attrs, "schema")

    def __init__(self, *args: Any, schema: JsonSchema | Mapping[str, Any], **kwargs: Any) -> None:
        self.schema = schema if isinstance(schema, JsonSchema) else JsonSchema(schema)
        super().__init__(*args, **kwargs)

    # Django lists constructor arguments through deconstruct(); anything left out would vanish from migrations.
    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "schema": self.schema}

    # Listed, so that a ModelSerializer takes it over too.
    @cached_property
    def validators(self) -> list[Any]:
        return [*super().validators, self.schema]

    # Django skips validators for empty values, yet {} breaks a schema that requires a member.
    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        if value is not None and value in self.empty_values:
            self.schema(value)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": CheckedJSONFormField, **kwargs})

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is not None and not hasattr(value, "as_sql"):
            try:
                self.schema(value)
            except ValidationError as error:
                raise ValidationError({self.name: error.error_list}) from error
        return super().get_db_prep_save(value, connection)


# --- scalars --------------------------------------------------------------------------------------------------------


def validate_time_zone(value: str) -> None:
    """Accept the names of the IANA time zone database, such as "Europe/Riga"."""
    if value not in _time_zones():
        raise ValidationError("Enter the name of an IANA time zone, such as “Europe/Riga”.", code="time_zone")


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def validate_currency(value: str) -> None:
    """Accept the form of ISO 4217 codes: three capital letters. Membership of the list is left to people."""
    if CURRENCY_PATTERN.fullmatch(value) is None:
        raise ValidationError("Enter a currency as three capital letters, such as “EUR”.", code="currency")


def validate_aware(value: datetime) -> None:
    """Refuse an instant without a time zone: it could be any of forty moments."""
    if not is_aware(value):
        raise ValidationError("Enter an instant with a time zone, such as 2026-03-01T09:00:00Z.", code="naive_instant")


def validate_probability(value: float) -> None:
    """Accept a number in [0, 1]; NaN is refused."""
    if not 0.0 <= value <= 1.0:
        raise ValidationError("Enter a probability from 0 to 1.", code="probability")


def validate_finite(value: float) -> None:
    """Refuse NaN and infinities, which compare with nothing and spoil every sum."""
    if not math.isfinite(value):
        raise ValidationError("Enter a finite number.", code="finite")


def validate_plain_text(value: str) -> None:
    """Refuse NUL characters and lone surrogates, which PostgreSQL cannot store."""
    problem = _text_problem(value)
    if problem:
        raise ValidationError(f"{problem[0].upper()}{problem[1:]}", code="plain_text")


def validate_line(value: str) -> None:
    """Refuse what is not one printable line: line breaks, control characters and marks that turn text around.

    For what is shown where readers decide whom to trust: headers of pages, mails.
    """
    if not value.isprintable():
        raise ValidationError("Enter one line without control characters.", code="line")


def check_period(start: date | None, end: date | None, *, end_field: str) -> None:
    """Refuse an end before its start; either may be open (None). The error is keyed by `end_field`.

    Raises ValidationError, or TypeError when one is an instant and the other a day.
    """
    if start is not None and end is not None and end < start:
        raise ValidationError({end_field: ValidationError("The end lies before the start.", code="period")})
