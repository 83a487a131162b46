"""Serializer fields for secrets: write-only. Blank or missing keeps what is stored, null clears it."""

from __future__ import annotations

from typing import Any, NoReturn

from rest_framework import serializers
from rest_framework.fields import SkipField

from tenants.encryption.errors import EncryptionError
from tenants.encryption.secret import Secret
from tenants.validators import JsonSchema


class SecretField(serializers.Field[Any, Any, Any, Any]):
    """A secret text on its way in."""

    default_error_messages = {
        "invalid": "Enter text.",
        "invalid_json": "Enter a JSON value.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "write_only": True})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data == "":
            parent = self.parent
            if self.required and getattr(parent, "instance", None) is None:
                self.fail("required")
            raise SkipField
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Secret:
        if isinstance(data, str):
            try:
                return Secret(data)
            except UnicodeEncodeError:
                pass
        self.fail("invalid")

    def to_representation(self, value: Any) -> NoReturn:
        raise EncryptionError("A secret is never shown.")


class SecretJSONField(SecretField):
    """A secret JSON value on its way in.

    schema: what the value must fit; its messages name members and never values
    """

    def __init__(self, *, schema: JsonSchema | None = None, **kwargs: Any) -> None:
        self.schema = schema or JsonSchema({}, secret=True)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Secret:
        self.schema(data)
        try:
            return Secret.of_json(data)
        except EncryptionError:
            pass
        self.fail("invalid_json")
