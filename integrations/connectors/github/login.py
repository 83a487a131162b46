"""How GitHub renews and ends user access tokens of a GitHub App."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from integrations.connectors.base import Network
from integrations.connectors.credentials import ACCESS_TOKEN, REFRESH_TOKEN
from integrations.connectors.oauth import Consent, Login, basic_header
from integrations.connectors.options import Account
from integrations.connectors.revocation import Revocation
from integrations.http.door import Service

PUBLIC_ADDRESS: Final = "https://api.github.com"
LOGIN: Final = Login(
    address="https://github.com",
    path="/login/oauth/access_token",
    is_own=True,
    beyond="/api/v3",
    consent=Consent(path="/login/oauth/authorize", has_proof=True),
)
"""Access tokens of eight hours; a refresh token is good for one use and half a year. Errors come with 200.
What the app may is settled at its making, so no scopes are asked for.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens
"""


def revoke(account: Account, network: Network) -> bool:
    """This one token, not the whole grant: the same person may have connected other projects through the same app.

    https://docs.github.com/rest/apps/oauth-applications#delete-an-app-token; for personal access tokens there is none.
    """
    if not account.has_secret(REFRESH_TOKEN):
        return False
    app = LOGIN.app_of(account)
    headers = {"accept": "application/vnd.github+json", "authorization": basic_header(app)}
    service = Service(base_url=account.address(PUBLIC_ADDRESS), headers=headers, secrets=account.secret_texts)
    body = {ACCESS_TOKEN: account.secret(ACCESS_TOKEN)}
    network.door(service).delete(f"/applications/{quote(app.client_id, safe='')}/token", body)
    return True


REVOCATION: Final = Revocation(
    where="Settings, Applications, Authorized GitHub Apps, or Developer settings, Personal access tokens",
    ask=revoke,
    login=LOGIN,
)
