"""Connecting a tool by letting the operator's app in, on a page of the tool.

What was asked for is kept in the session of whoever asked, under a digest of the state: it is theirs, of one
connection, good for ten minutes and for one answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from integrations.connectors.consent import consent_address, digest_of, exchanged, new_secret
from integrations.connectors.oauth import Login
from integrations.connectors.options import Account
from integrations.connectors.registry import login_of
from integrations.domain.connecting import IMPATIENT
from integrations.domain.credentials import put_credentials
from integrations.domain.environment import Environment, RunNetwork
from integrations.domain.token_vault import for_good
from integrations.http.errors import CredentialsMissing
from integrations.models import Integration
from tenants.domain.refusals import Refusal
from tenants.encryption.secret import Secret
from tenants.isolation.context import current_context, require_tenant_id

LIFETIME: Final = timedelta(minutes=10)
MOST_OPEN: Final = 5
"""Tabs of one session that are asking at a time; older ones have to begin again."""
CONNECTED: Final = "connected by consent"

Kept = dict[str, dict[str, str]]
"""What a session keeps, by digest of the state: JSON."""


class NotOffered(Refusal):
    """The operator has no app for the tool, or not for this address."""


class NotAskedFor(Refusal):
    """The state is nobody's, another one's, too old, or has been answered."""


@dataclass(frozen=True, slots=True)
class Asked:
    """integration_id: of the connection;  proof: what stands behind the digest that the tool was sent"""

    integration_id: UUID
    proof: str


def is_offered(integration: Integration, environment: Environment) -> bool:
    """Whether the tool can be connected by consent."""
    try:
        _login_of(integration, environment)
    except NotOffered:
        return False
    return True


def ask_for_consent(
    kept: Kept, *, integration: Integration, environment: Environment, redirect_uri: str, at: datetime
) -> tuple[str, Kept]:
    """The tool's page to send the person to, and what their session is to keep. Raises NotOffered."""
    login, account = _login_of(integration, environment)
    state, proof = new_secret(), new_secret()
    asked = {
        "integration": str(integration.pk),
        "tenant": str(require_tenant_id()),
        "actor": _actor(),
        "proof": proof,
        "until": (at + LIFETIME).isoformat(),
    }
    newest = dict(sorted(kept.items(), key=lambda each: each[1]["until"])[-(MOST_OPEN - 1) :])
    address = consent_address(login, account, redirect_uri=redirect_uri, state=state, proof=proof)
    return address, {**newest, digest_of(state): asked}


def answered(kept: Kept, state: str, *, at: datetime) -> tuple[Asked, Kept]:
    """What was asked for with a state, and what the session keeps without it. Raises NotAskedFor."""
    asked = kept.get(digest_of(state))
    left = {digest: each for digest, each in kept.items() if each is not asked}
    is_ours = asked is not None and (asked["tenant"], asked["actor"]) == (str(require_tenant_id()), _actor())
    if asked is None or not is_ours or datetime.fromisoformat(asked["until"]) < at:
        raise NotAskedFor("This was not asked for here, or too long ago. Begin again.")
    return Asked(UUID(asked["integration"]), asked["proof"]), left


def keep_consented(
    *, integration: Integration, asked: Asked, code: str, environment: Environment, redirect_uri: str, at: datetime
) -> None:
    """Exchange the code and keep what it is good for, for good: nobody can exchange it again.

    Raises NotOffered, or ToolError and keeps the credentials before.
    """
    login, account = _login_of(integration, environment)
    network = RunNetwork(replace(environment, limits=IMPATIENT))
    try:
        made = exchanged(login, account, network, code=code, redirect_uri=redirect_uri, proof=asked.proof)
    finally:
        network.close()
    secret = Secret.of_json(dict(made))
    for_good(lambda: put_credentials(integration, secret, at=at, reason=CONNECTED))


def _login_of(integration: Integration, environment: Environment) -> tuple[Login, Account]:
    login = login_of(integration.type)
    account = Account(
        settings=integration.config,
        credentials={},
        gateway=environment.gateways.get(integration.type, ""),
        app=environment.apps.get(integration.type),
    )
    if login is None or login.consent is None:
        raise NotOffered("The tool is not connected in this way.")
    try:
        login.app_of(account)
    except CredentialsMissing:
        raise NotOffered("Whoever runs the installation has no app for the tool at this address.") from None
    return login, account


def _actor() -> str:
    context = current_context()
    return str(context.actor_id) if context else ""
