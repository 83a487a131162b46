"""How Asana renews and ends tokens of an app."""

from __future__ import annotations

from typing import Final

from integrations.connectors.base import Network
from integrations.connectors.credentials import REFRESH_TOKEN
from integrations.connectors.oauth import Consent, Login, send_form
from integrations.connectors.options import Account
from integrations.connectors.revocation import Revocation

LOGIN: Final = Login(
    address="https://app.asana.com",
    path="/-/oauth_token",
    consent=Consent(
        path="/-/oauth_authorize",
        scopes=("projects:read", "stories:read", "tasks:read", "users:read", "workspaces:read"),
        has_proof=True,
    ),
)
"""Access tokens of an hour. A refresh token stays; where an answer has a new one all the same, that one is kept.

https://developers.asana.com/docs/oauth
"""


def revoke(account: Account, network: Network) -> bool:
    """https://developers.asana.com/docs/oauth: the refresh token ends, and its access tokens with it."""
    if not account.has_secret(REFRESH_TOKEN):
        return False
    form = {"token": account.secret(REFRESH_TOKEN)}
    send_form(LOGIN.door(account, network), LOGIN, LOGIN.app_of(account), form, path="/-/oauth_revoke")
    return True


REVOCATION: Final = Revocation(where="Settings, Apps, Manage developer apps", ask=revoke)
