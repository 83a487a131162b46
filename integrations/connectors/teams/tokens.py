"""Access tokens for Microsoft Graph: entered by somebody, or given to an app for its secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import quote

from integrations.connectors.records import object_of
from integrations.http.answers import Answer
from integrations.http.door import Door
from integrations.http.errors import ToolError, Unauthorized, UnexpectedAnswer

SCOPE: Final = "https://graph.microsoft.com/.default"
BEFORE_THE_END: Final = timedelta(minutes=5)
REFUSALS: Final = frozenset({"invalid_client", "invalid_grant", "unauthorized_client", "access_denied"})


class Tokens(Protocol):
    @property
    def is_of_a_person(self) -> bool:
        """Whether somebody's rights are used, or those of an app."""

    def headers(self) -> dict[str, str]:
        """What a request carries. Raises ToolError where a token has to be asked for and is not given."""


@dataclass(frozen=True)
class EnteredToken:
    token: str = field(repr=False)
    is_of_a_person: bool = True

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@dataclass
class AppTokens:
    """Asked for when the first request needs one, and again shortly before it ends.

    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    door: Door
    directory_id: str
    client_id: str
    client_secret: str = field(repr=False)
    is_of_a_person: bool = False
    _token: str = field(default="", repr=False)
    _ends_at: datetime | None = None

    def headers(self) -> dict[str, str]:
        now = self.door.waiting.now()
        if self._ends_at is None or now >= self._ends_at - BEFORE_THE_END:
            sent = object_of(self._ask())
            self._token = str(sent.get("access_token") or "")
            if not self._token:
                raise UnexpectedAnswer("A token was expected.")
            self._ends_at = now + timedelta(seconds=_seconds(sent.get("expires_in")))
        return {"authorization": f"Bearer {self._token}"}

    def _ask(self) -> Answer:
        form = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "grant_type": "client_credentials",
            "scope": SCOPE,
        }
        return self.door.post_form(f"/{quote(self.directory_id, safe='')}/oauth2/v2.0/token", form)


def judge_login(answer: Answer) -> ToolError | None:
    """A wrong secret is a 400 or a 401, and its name tells it from a wrong request."""
    sent = answer.json_or_none()
    code = str(sent.get("error") or "") if isinstance(sent, dict) else ""
    return Unauthorized(vendor_code=code) if code in REFUSALS else None


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
