"""What a connection to a tool needs to be told: settings that may be seen, and secrets that may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from integrations.connectors.credentials import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    EXPIRES_AT,
    REFRESH_TOKEN,
    App,
    Vault,
)
from integrations.http.errors import CredentialsMissing

JsonSchema = dict[str, Any]

WEB_ADDRESS: Final[JsonSchema] = {
    "type": "string",
    "maxLength": 500,
    "pattern": r"^https?://[^\s/?#@\\]+(/[^\s?#@\\]*)?$",
}
"""The address of a tool that customers run themselves. Whether plain http will do is the operator's word."""
NAME: Final[JsonSchema] = {"type": "string", "minLength": 1, "maxLength": 200}
SECRET_TEXT: Final[JsonSchema] = {"type": "string", "minLength": 1, "maxLength": 4096}
LONG_SECRET_TEXT: Final[JsonSchema] = {"type": "string", "minLength": 1, "maxLength": 16384}
"""Of tokens that hold claims."""
MOMENT: Final[JsonSchema] = {"type": "string", "format": "date-time", "maxLength": 40}


def list_of(schema: JsonSchema) -> JsonSchema:
    """Several of what the schema describes, each once."""
    return {"type": "array", "items": schema, "maxItems": 500, "uniqueItems": True}


NAMES: Final[JsonSchema] = list_of(NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing to enter. is_secret: kept in the credentials, written and never shown;  help: one plain sentence"""

    name: str
    label: str
    schema: JsonSchema = field(default_factory=lambda: NAME)
    is_secret: bool = False
    is_required: bool = False
    help: str = ""


REFRESH_TOKEN_OPTION: Final = Option(
    name=REFRESH_TOKEN,
    label="Refresh token",
    schema=LONG_SECRET_TEXT,
    is_secret=True,
    help="In place of a token that stays: access tokens are renewed with it by themselves.",
)
ACCESS_TOKEN_OPTION: Final = Option(
    name=ACCESS_TOKEN,
    label="Access token",
    schema=LONG_SECRET_TEXT,
    is_secret=True,
    help="That came with the refresh token; left out: one is asked for at once.",
)
EXPIRES_AT_OPTION: Final = Option(
    name=EXPIRES_AT,
    label="Access token ends at",
    schema=MOMENT,
    is_secret=True,
    help="Such as 2026-03-01T12:00:00Z; left out: it is renewed when the tool no longer accepts it.",
)
RENEWABLE: Final = (
    REFRESH_TOKEN_OPTION,
    ACCESS_TOKEN_OPTION,
    EXPIRES_AT_OPTION,
    Option(
        name=CLIENT_ID,
        label="Application",
        schema=SECRET_TEXT,
        is_secret=True,
        help="Of the app that the refresh token was given to; left out: the app of whoever runs the installation.",
    ),
    Option(name=CLIENT_SECRET, label="Client secret", schema=SECRET_TEXT, is_secret=True, help="Of the same app."),
)
"""What is entered for a token that the tool renews."""


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """All options of one tool, in the order in which people are asked for them."""

    options: tuple[Option, ...]

    @property
    def settings(self) -> tuple[Option, ...]:
        return tuple(option for option in self.options if not option.is_secret)

    @property
    def secrets(self) -> tuple[Option, ...]:
        return tuple(option for option in self.options if option.is_secret)


@dataclass(frozen=True, slots=True)
class Account:
    """What one connection was told.

    settings: checked by the schema;  credentials: secret, never in a message
    gateway: where the operator says that the tool is reached instead, "" where it is reached directly
    mapped_fields: names of the tool's fields that people have mapped, for tools that send only what is asked for
    app: of the operator, None where there is none for the tool
    vault: where renewed credentials are kept; None where they are not kept, and so must not be renewed
    """

    settings: Mapping[str, Any]
    credentials: Mapping[str, Any] = field(repr=False)
    gateway: str = ""
    mapped_fields: tuple[str, ...] = ()
    app: App | None = None
    vault: Vault | None = field(default=None, repr=False)

    def address(self, default: str = "") -> str:
        """Where the tool's interface is: the operator's word, then that of the settings, then the tool's own."""
        return (self.gateway or self.setting("base_url", default)).rstrip("/")

    def setting(self, name: str, default: str = "") -> str:
        return str(self.settings.get(name) or default)

    def names(self, name: str) -> list[str]:
        return [str(value) for value in self.settings.get(name) or []]

    def secret(self, name: str) -> str:
        """Raises CredentialsMissing, naming the field."""
        value = self.credentials.get(name)
        if not isinstance(value, str) or not value.strip():
            raise CredentialsMissing(f"Enter “{name}”.")
        return value.strip()

    def has_secret(self, name: str) -> bool:
        return bool(self.credentials.get(name))

    @property
    def secret_texts(self) -> tuple[str, ...]:
        """Every secret, to be taken out of whatever is shown."""
        return tuple(value for value in self.credentials.values() if isinstance(value, str) and value)
