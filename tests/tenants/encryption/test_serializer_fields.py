"""Secrets enter through the API and never leave by it."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from tenants.encryption.errors import EncryptionError
from tenants.encryption.secret import Secret
from tenants.encryption.serializer_fields import SecretField, SecretJSONField
from tenants.validators import JsonSchema

SCHEMA = JsonSchema({"type": "object", "properties": {"api_token": {"type": "string"}}}, secret=True)


class DoorSerializer(serializers.Serializer[Any]):
    token = SecretField(required=False, allow_null=True)
    credentials = SecretJSONField(schema=SCHEMA)


def _errors(data: dict[str, Any], instance: object = None) -> Any:
    serializer = DoorSerializer(instance, data=data)
    serializer.is_valid()
    return serializer.errors


def test_secrets_go_in_as_secrets() -> None:
    serializer = DoorSerializer(data={"token": "token-3f9c", "credentials": {"api_token": "b"}})

    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data == {
        "token": Secret("token-3f9c"),
        "credentials": Secret.of_json({"api_token": "b"}),
    }
    assert "token-3f9c" not in repr(serializer.validated_data)


def test_secrets_never_come_out() -> None:
    shown = DoorSerializer({"token": Secret("token-3f9c"), "credentials": Secret("{}")}).data

    assert shown == {}
    with pytest.raises(EncryptionError, match="never shown"):
        SecretField().to_representation(Secret("token-3f9c"))


def test_write_only_cannot_be_switched_off() -> None:
    assert SecretField(write_only=False).write_only


@pytest.mark.parametrize("data", [{}, {"credentials": ""}])
def test_a_required_secret_is_asked_for_when_nothing_is_stored(data: dict[str, Any]) -> None:
    assert list(_errors(data)) == ["credentials"]
    assert _errors(data)["credentials"][0].code == "required"


def test_blank_keeps_and_null_removes() -> None:
    serializer = DoorSerializer(object(), data={"token": None, "credentials": ""})

    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data == {"token": None}


@pytest.mark.parametrize("value", [7, ["token-3f9c"], {"a": "token-3f9c"}, "\ud800"])
def test_text_secret_refuses_other_values_without_showing_them(value: Any) -> None:
    errors = _errors({"token": value, "credentials": {}})

    assert {name: [str(error) for error in found] for name, found in errors.items()} == {"token": ["Enter text."]}


@pytest.mark.parametrize("value", [{"api_token": 39}, "token-3f9c", float("nan")])
def test_json_secret_refuses_what_does_not_fit_without_showing_it(value: Any) -> None:
    errors = _errors({"credentials": value})

    assert list(errors) == ["credentials"]
    assert "token-3f9c" not in str(errors)
    assert "39" not in str(errors)
