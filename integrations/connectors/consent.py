"""A person lets the operator's app in, on a page of the tool (RFC 6749, section 4.1, with the proof of RFC 7636).

1. The person is sent to the tool's page with a state that only we know, and the digest of a secret that stays here.
2. The tool sends them back with the state and a code. The code is good for one use, within minutes.
3. The code and the secret behind the digest are exchanged for a pair of tokens: with the code alone nobody can.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Final
from urllib.parse import urlencode

from integrations.connectors.base import Network
from integrations.connectors.credentials import ACCESS_TOKEN, REFRESH_TOKEN, Credentials
from integrations.connectors.oauth import Login, renewed, send_form
from integrations.connectors.options import Account

SECRET_BYTES: Final = 48
"""64 characters: RFC 7636 wants 43 to 128."""


def new_secret() -> str:
    """For a state or a proof."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest_of(secret: str) -> str:
    """RFC 7636, section 4.2, method S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).rstrip(b"=").decode()


def consent_address(login: Login, account: Account, *, redirect_uri: str, state: str, proof: str) -> str:
    """The tool's page. Raises CredentialsMissing where there is no app of the operator for it."""
    consent = login.consent
    assert consent is not None  # noqa: S101 - asked only where it is offered
    params = {
        "response_type": "code",
        "client_id": login.app_of(account).client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        **consent.params,
    }
    if consent.scopes:
        params["scope"] = consent.parting.join(consent.scopes)
    if consent.has_proof:
        params |= {"code_challenge": digest_of(proof), "code_challenge_method": "S256"}
    return f"{login.base_of(account)}{consent.path}?{urlencode(params)}"


def exchanged(
    login: Login, account: Account, network: Network, *, code: str, redirect_uri: str, proof: str
) -> Credentials:
    """The credentials that a code is good for: a pair, or a token alone where the tool gives no other.

    Raises ToolError.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if login.consent and login.consent.has_proof:
        form["code_verifier"] = proof
    door = login.door(account, network)
    answer = send_form(door, login, login.app_of(account), form)
    made = renewed({}, answer, sent="", at=door.waiting.now())
    names = (ACCESS_TOKEN, REFRESH_TOKEN)
    return {name: value for name, value in made.items() if value or name not in names}
