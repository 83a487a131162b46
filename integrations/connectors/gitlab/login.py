"""How GitLab renews and ends tokens of an application."""

from __future__ import annotations

from typing import Final

from integrations.connectors.base import Network
from integrations.connectors.credentials import ACCESS_TOKEN, REFRESH_TOKEN
from integrations.connectors.oauth import Consent, Login, send_form
from integrations.connectors.options import Account
from integrations.connectors.revocation import Revocation

PUBLIC_ADDRESS: Final = "https://gitlab.com"
LOGIN: Final = Login(
    address=PUBLIC_ADDRESS,
    path="/oauth/token",
    is_own=True,
    consent=Consent(path="/oauth/authorize", scopes=("read_api",), has_proof=True),
)
"""Access tokens of two hours; a refresh ends both tokens before it, and a refresh token is good for one use.

https://docs.gitlab.com/api/oauth2/#authorization-code-flow
"""


def revoke(account: Account, network: Network) -> bool:
    """https://docs.gitlab.com/api/oauth2/#revoke-a-token; a personal access token may be in use elsewhere and stays."""
    if not account.has_secret(REFRESH_TOKEN):
        return False
    form = {"token": account.secret(ACCESS_TOKEN)}
    send_form(LOGIN.door(account, network), LOGIN, LOGIN.app_of(account), form, path="/oauth/revoke")
    return True


REVOCATION: Final = Revocation(where="Edit profile, Applications or Personal access tokens", ask=revoke, login=LOGIN)
