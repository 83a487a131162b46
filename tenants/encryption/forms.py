"""Form fields for secrets: they take a value and never show one.

A blank entry keeps what is stored.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Final, Literal

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField

from tenants.encryption.errors import EncryptionError
from tenants.encryption.secret import Secret
from tenants.validators import JsonSchema

HELP_TEXT = "Stored encrypted and never shown. Leave blank to keep the stored value."


class Keep(Enum):
    """The answer of a blank entry."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


class SecretInput(forms.PasswordInput):
    """A password input that no password manager fills and that never comes back with a value."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"autocomplete": "new-password", **(attrs or {})}, render_value=False)


class SecretTextarea(forms.Textarea):
    """A text area that never comes back with a value."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"autocomplete": "off", "spellcheck": "false", "rows": 4, **(attrs or {})})

    def format_value(self, value: Any) -> None:
        """Nothing, whatever the value."""


class SecretFormField(forms.Field):
    """Cleans to a Secret, or to KEEP when left blank; blank is refused when it is required and nothing is stored."""

    widget: type[forms.Widget] = SecretInput

    def __init__(self, **kwargs: Any) -> None:
        kwargs["help_text"] = kwargs.get("help_text") or HELP_TEXT
        super().__init__(**kwargs)

    # Django hands the stored value to the cleaning of files only, and by this method.
    def _clean_bound_field(self, bound: BoundField) -> Secret | Literal[Keep.KEEP]:
        return self.clean(bound.data, stored=bound.initial is not None)

    def clean(self, value: Any, *, stored: bool = False) -> Secret | Literal[Keep.KEEP]:
        if self.disabled or (value in self.empty_values and (stored or not self.required)):
            return KEEP
        self.validate(value)
        return self.seal_up(value)

    def seal_up(self, value: Any) -> Secret:
        try:
            return Secret(str(value))
        except UnicodeEncodeError:
            pass
        raise ValidationError("Enter text.", code="invalid")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and data not in self.empty_values


class SecretJSONFormField(SecretFormField):
    """The same for a JSON value.

    schema: what the value must fit; its messages name members and never values
    """

    widget = SecretTextarea

    def __init__(self, *, schema: JsonSchema | None = None, **kwargs: Any) -> None:
        self.schema = schema or JsonSchema({}, secret=True)
        super().__init__(**kwargs)

    def seal_up(self, value: Any) -> Secret:
        try:
            plain = json.loads(value)
            self.schema(plain)
            return Secret.of_json(plain)
        except (ValueError, RecursionError, EncryptionError):
            pass
        raise ValidationError("Enter valid JSON.", code="invalid")
