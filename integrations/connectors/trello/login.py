"""Trello has no refresh tokens: a token ends when it was said to at its making, or never, and can be ended.

https://developer.atlassian.com/cloud/trello/guides/rest-api/authorization/
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from integrations.connectors.base import Network
from integrations.connectors.options import Account
from integrations.connectors.revocation import Revocation
from integrations.http.door import Service

PUBLIC_ADDRESS: Final = "https://api.trello.com/1"


def authorization_of(account: Account) -> str:
    """Raises CredentialsMissing, naming the field."""
    return f'OAuth oauth_consumer_key="{account.secret("api_key")}", oauth_token="{account.secret("token")}"'


def revoke(account: Account, network: Network) -> bool:
    """https://developer.atlassian.com/cloud/trello/rest/api-group-tokens/#api-tokens-token-delete"""
    service = Service(
        base_url=account.address(PUBLIC_ADDRESS),
        headers={"authorization": authorization_of(account)},
        secrets=account.secret_texts,
        keeps_answers=False,
    )
    network.door(service).delete(f"/tokens/{quote(account.secret('token'), safe='')}")
    return True


REVOCATION: Final = Revocation(where="the account, Settings, Applications", ask=revoke)
