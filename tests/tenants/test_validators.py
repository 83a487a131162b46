"""Checks of single values: what is refused, and that the message names the place."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.migrations.writer import MigrationWriter
from django.db.models import Value
from hypothesis import given
from hypothesis import strategies as st

from tenants import validators
from tenants.validators import CheckedJSONField, JsonSchema, check_period, check_plain_json

SCHEMA = {
    "type": "object",
    "required": ["value"],
    "properties": {
        "value": {"type": "number"},
        "at": {"type": "string", "format": "date-time"},
        "currency": {"type": "string", "format": "currency"},
        "parts": {"type": "array", "items": {"type": "object", "properties": {"unit": {"type": "string"}}}},
    },
    "additionalProperties": False,
}

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=4)
    ),
    max_leaves=12,
)


def _messages(check: Callable[[Any], None], value: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        check(value)
    return list(caught.value.messages)


@pytest.mark.parametrize(
    "value",
    [
        {"value": 1},
        {"value": 1.5, "at": "2026-03-02T09:00:00Z", "currency": "EUR"},
        {"value": 0, "at": "2026-03-02T09:00:00+02:00", "parts": [{"unit": "h"}, {}]},
    ],
)
def test_schema_accepts_what_fits(value: Any) -> None:
    JsonSchema(SCHEMA)(value)


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ({}, ["$: 'value' is a required property"]),
        ({"value": "x"}, ["$.value: 'x' is not of type 'number'"]),
        ({"value": 1, "parts": [{}, {"unit": 7}]}, ["$.parts[1].unit: 7 is not of type 'string'"]),
        ({"value": 1, "at": "2026-03-02T09:00:00"}, ["$.at: '2026-03-02T09:00:00' is not a 'date-time'"]),
        ({"value": 1, "at": "soon"}, ["$.at: 'soon' is not a 'date-time'"]),
        ({"value": 1, "currency": "eur"}, ["$.currency: 'eur' is not a 'currency'"]),
        ([], ["$: [] is not of type 'object'"]),
    ],
)
def test_schema_names_the_place(value: Any, messages: list[str]) -> None:
    assert _messages(JsonSchema(SCHEMA), value) == messages


def test_schema_reports_five_violations_at_most() -> None:
    messages = _messages(JsonSchema({"items": {"type": "number"}}), ["x"] * 50)

    assert len(messages) == 5


def test_secret_schema_tells_no_value() -> None:
    messages = _messages(JsonSchema(SCHEMA, secret=True), {"value": "token-3f9c"})

    assert messages == ["$.value: does not satisfy “type”."]


def test_long_values_are_shortened_in_messages() -> None:
    (message,) = _messages(JsonSchema({"type": "number"}), "x" * 5_000)

    assert len(message) < 320


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": float("nan")}, "$.a: NaN and infinities are not JSON."),
        ({"a": float("-inf")}, "$.a: NaN and infinities are not JSON."),
        ({"a": ["b\x00"]}, "$.a[0]: NUL characters cannot be stored."),
        ({"a\x00": 1}, "$: NUL characters cannot be stored."),
        ("\ud800", "$: lone surrogates are not text."),
        ({1: "a"}, "$: the keys of an object must be text."),
        ({"a": (1, 2)}, "$.a: tuple is not a JSON type."),
        ({"a": date(2026, 3, 2)}, "$.a: date is not a JSON type."),
        (10**400, "$: an integer of more than 1024 bits."),
    ],
)
def test_what_jsonb_cannot_store_is_refused(value: Any, message: str) -> None:
    assert _messages(check_plain_json, value) == [message]


def test_messages_can_be_sent_whatever_the_keys() -> None:
    (message,) = _messages(check_plain_json, {"\ud800": float("nan")})

    assert message.encode() == b"$.\\ud800: NaN and infinities are not JSON."


def test_deep_values_are_refused_without_recursion() -> None:
    value: Any = []
    for _level in range(100_000):
        value = [value]

    (message,) = _messages(JsonSchema({}), value)

    assert message.endswith("nested deeper than 16 levels.")


def test_size_is_counted_in_bytes() -> None:
    check = JsonSchema({}, max_bytes=6)

    check("žž")
    assert _messages(check, "žžž") == ["$: 8 bytes of JSON, more than the 6 allowed."]


@given(value=_JSON)
def test_plain_json_is_accepted(value: Any) -> None:
    check_plain_json(value, max_bytes=10**6, max_depth=100)


@given(
    value=st.recursive(
        st.floats() | st.text() | st.binary(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_other_value_is_accepted_or_refused_and_nothing_else(value: Any) -> None:
    messages = ["accepted"]
    try:
        JsonSchema(SCHEMA)(value)
    except ValidationError as refusal:
        messages = refusal.messages

    assert all(message.encode() for message in messages)


def test_references_out_of_the_schema_are_never_fetched() -> None:
    with pytest.raises(Exception, match="Unresolvable"):
        JsonSchema({"$ref": "https://tracker.example/schema.json"})({})


def test_broken_schema_is_refused_where_it_is_written() -> None:
    with pytest.raises(Exception, match="is not valid under any of the given schemas"):
        JsonSchema({"type": "nothing"})


def test_equal_schemas_are_equal_and_go_into_migrations() -> None:
    schema = JsonSchema(SCHEMA, max_depth=4)

    assert schema == JsonSchema(dict(reversed(SCHEMA.items())), max_depth=4)
    assert schema != JsonSchema(SCHEMA)
    assert schema != JsonSchema(SCHEMA, max_depth=4, secret=True)
    assert MigrationWriter.serialize(schema)[0].startswith("tenants.validators.JsonSchema({")


# --- the field ---


def _field(**options: Any) -> CheckedJSONField:
    field = CheckedJSONField(schema=SCHEMA, **options)
    field.set_attributes_from_name("target")
    return field


def test_field_is_cloned_with_its_schema() -> None:
    clone: Any = _field().clone()

    assert clone.schema == JsonSchema(SCHEMA)


def test_field_checks_every_value_on_its_way_to_the_database() -> None:
    with pytest.raises(ValidationError) as caught:
        _field().get_db_prep_save({"value": "x"}, connection)

    assert caught.value.message_dict == {"target": ["$.value: 'x' is not of type 'number'"]}


def test_field_lets_null_and_expressions_pass() -> None:
    assert _field(null=True).get_db_prep_save(None, connection) is None
    assert _field().clean({"value": 1}, None) == {"value": 1}
    assert _field().get_db_prep_save(Value({"not": "checked"}), connection) is not None


def test_field_checks_empty_values_too() -> None:
    assert _messages(lambda value: _field(blank=True).clean(value, None), {}) == ["$: 'value' is a required property"]


def test_field_reports_a_violation_once() -> None:
    assert len(_messages(lambda value: _field().clean(value, None), {"value": "x"})) == 1


# --- scalars ---


@pytest.mark.parametrize("name", ["UTC", "Europe/Riga", "America/Argentina/Buenos_Aires"])
def test_time_zone_is_accepted(name: str) -> None:
    validators.validate_time_zone(name)

    assert name in zoneinfo.available_timezones()


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (validators.validate_time_zone, "Mars/Olympus"),
        (validators.validate_time_zone, "../etc/passwd"),
        (validators.validate_currency, "eur"),
        (validators.validate_currency, "EURO"),
        (validators.validate_currency, "EUR\n"),
        (validators.validate_aware, datetime(2026, 3, 2, 9)),  # noqa: DTZ001 - naive on purpose
        (validators.validate_probability, -0.0001),
        (validators.validate_probability, 1.0001),
        (validators.validate_probability, float("nan")),
        (validators.validate_finite, float("inf")),
        (validators.validate_finite, float("nan")),
        (validators.validate_plain_text, "a\x00b"),
        (validators.validate_plain_text, "\udfff"),
    ],
)
def test_scalar_is_refused(check: Callable[[Any], None], value: Any) -> None:
    with pytest.raises(ValidationError):
        check(value)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (validators.validate_currency, "EUR"),
        (validators.validate_aware, datetime(2026, 3, 2, 9, tzinfo=UTC)),
        (validators.validate_probability, 0.0),
        (validators.validate_probability, 1.0),
        (validators.validate_finite, -1e300),
        (validators.validate_plain_text, "žeton\n"),
    ],
)
def test_scalar_is_accepted(check: Callable[[Any], None], value: Any) -> None:
    check(value)


def test_period_ends_on_or_after_its_start() -> None:
    start, end = date(2026, 3, 2), date(2026, 3, 1)

    for accepted in ((end, start), (start, start), (None, end), (start, None), (None, None)):
        check_period(*accepted, end_field="end_date")
    with pytest.raises(ValidationError) as caught:
        check_period(start, end, end_field="end_date")

    assert caught.value.message_dict == {"end_date": ["The end lies before the start."]}
