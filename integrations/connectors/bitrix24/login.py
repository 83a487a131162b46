"""How Bitrix24 renews tokens of an application."""

from __future__ import annotations

from typing import Final

from integrations.connectors.oauth import Login
from integrations.connectors.revocation import Revocation

LOGIN: Final = Login(address="https://oauth.bitrix.info", path="/oauth/token/")
"""Access tokens of an hour; a refresh token is good for one use and 180 days. The page shows a GET; the parameters go
into a form here, because addresses are written into logs.

https://apidocs.bitrix24.com/settings/oauth/auto-renewal.html
"""

REVOCATION: Final = Revocation(where="Developer resources, Integrations, or Applications, the app, Uninstall")
"""Bitrix24 offers applications no way to end a token."""
