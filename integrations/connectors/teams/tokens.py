"""Access tokens for Microsoft Graph that an app is given for its secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from integrations.connectors.credentials import ACCESS_TOKEN, App
from integrations.connectors.oauth import BEFORE_THE_END, Login, lifetime_s, send_form, token_in
from integrations.connectors.records import object_of
from integrations.http.door import Door

SCOPE: Final = "https://graph.microsoft.com/.default"


@dataclass
class AppTokens:
    """Asked for when the first request needs one, and again shortly before it ends. None is kept: there is no pair.

    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    door: Door
    login: Login
    app: App
    _token: str = field(default="", repr=False)
    _ends_at: datetime | None = None

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token()}"}

    def token(self) -> str:
        now = self.door.waiting.now()
        if self._ends_at is None or now >= self._ends_at - BEFORE_THE_END:
            form = {"grant_type": "client_credentials", "scope": SCOPE}
            told = object_of(send_form(self.door, self.login, self.app, form))
            self._token = token_in(told, ACCESS_TOKEN)
            self._ends_at = now + timedelta(seconds=lifetime_s(told.get("expires_in")) or 0.0)
        return self._token

    def renew(self) -> bool:
        """One that is refused before its end is refused again."""
        return False

    def accepted(self) -> None:
        """Nothing waits for it."""
