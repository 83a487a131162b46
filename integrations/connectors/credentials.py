"""Credentials that a tool renews: what is kept of them, and where.

Beside what people enter, a connection keeps in the same envelope, as flat texts, what renewing needs. All of it is
secret and none of it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

Credentials = Mapping[str, Any]

ACCESS_TOKEN: Final = "access_token"  # noqa: S105 - names of members, here and below
REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105
EXPIRES_AT: Final = "expires_at"
CLIENT_ID: Final = "client_id"
CLIENT_SECRET: Final = "client_secret"  # noqa: S105
RENEWED_AT: Final = "renewed_at"
REFRESH_EXPIRES_AT: Final = "refresh_expires_at"
PREVIOUS: Final = "previous_refresh_token"
"""The refresh token before this one, until the access token that came with this one has been accepted."""
ENDED_AT: Final = "ended_at"
"""Since when the tool renews no longer: nothing is asked of it until a person connects again."""


@dataclass(frozen=True, slots=True)
class App:
    """An application that is registered with a tool. client_secret: "" for a public one, which has none"""

    client_id: str
    client_secret: str = field(default="", repr=False)


class Vault(Protocol):
    """Where the credentials of one connection are kept, for everybody who uses them at the same time."""

    def renew(self, held: str, ask: Callable[[Credentials], Credentials]) -> Credentials:
        """What is kept now, if its access token is no longer `held`; else what `ask` makes of it, kept for good
        before this returns. Of several that come at once one asks, and the others get what it was given.

        held: the access token that the caller has, "" for none
        ask: makes one request to the tool; what it raises goes on, and nothing is changed
        Raises ToolError.
        """

    def current(self) -> Credentials:
        """What is kept now. Raises CredentialsMissing where the connection is gone."""

    def confirm(self, token: str) -> None:
        """The tool has accepted this access token: the refresh token before it is forgotten."""


def moment_of(credentials: Credentials, name: str) -> datetime | None:
    """An instant among the credentials, None where there is none that can be read."""
    try:
        moment = datetime.fromisoformat(str(credentials.get(name) or ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def end_of(credentials: Credentials) -> datetime | None:
    """When a person has to connect again: of a pair that renews itself the end of the refresh token, where the tool
    says it; of an access token alone its own.
    """
    return moment_of(credentials, REFRESH_EXPIRES_AT if credentials.get(REFRESH_TOKEN) else EXPIRES_AT)
