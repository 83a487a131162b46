"""How Slack renews and ends tokens of an app."""

from __future__ import annotations

from typing import Final

from integrations.connectors.base import Network
from integrations.connectors.oauth import Consent, Login, bearer_of, judge_login
from integrations.connectors.options import Account
from integrations.connectors.revocation import Revocation
from integrations.http.door import Service

PUBLIC_ADDRESS: Final = "https://slack.com"
LOGIN: Final = Login(
    address=PUBLIC_ADDRESS,
    path="/api/oauth.v2.access",
    by_header=True,
    consent=Consent(
        path="/oauth/v2/authorize", scopes=("channels:read", "channels:history", "users:read"), parting=","
    ),
)
"""With token rotation: access tokens of twelve hours, and a refresh token is good for one use.

https://docs.slack.dev/authentication/using-token-rotation, /reference/methods/oauth.v2.access
"""


def revoke(account: Account, network: Network) -> bool:
    """https://docs.slack.dev/reference/methods/auth.revoke, for tokens of every kind."""
    bearer = bearer_of(account, network, LOGIN, entered="token")
    service = Service(
        base_url=account.address(PUBLIC_ADDRESS),
        bearer=bearer,
        secrets=account.secret_texts,
        judge=judge_login,
        keeps_answers=False,
    )
    told = network.door(service).post_form("/api/auth.revoke", {}).json()
    return isinstance(told, dict) and told.get("revoked") is True


REVOCATION: Final = Revocation(where="the workspace, Manage apps, the app, Remove", ask=revoke, login=LOGIN)
