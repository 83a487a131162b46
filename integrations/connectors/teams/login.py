"""How Microsoft gives and renews tokens for Graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from integrations.connectors.oauth import Login
from integrations.connectors.options import Account
from integrations.connectors.revocation import Revocation

LOGIN: Final = Login(address="https://login.microsoftonline.com", path="/{directory}/oauth2/v2.0/token")
"""Access tokens of about an hour; each refresh brings a new refresh token of 90 days, and the one before still works.

https://learn.microsoft.com/entra/identity-platform/refresh-tokens
"""


def login_of(account: Account) -> Login:
    directory = quote(account.setting("directory_id", "common"), safe="")
    return replace(LOGIN, path=LOGIN.path.format(directory=directory))


REVOCATION: Final = Revocation(
    where="Microsoft Entra, App registrations, the app, Certificates & secrets, or myapps.microsoft.com, the app"
)
"""Microsoft ends all sign-ins of a person at once or none; that is more than was asked for."""
