"""Putting credentials in place of others, and taking them away: what people do to what a connection is let in by.

A set of credentials is whole. What is entered takes the place of everything before it, and nothing is mixed: an access
token of one account beside the refresh token of another would be read as either of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.db import connection

from integrations.connectors.base import ConnectionReport
from integrations.connectors.credentials import REFRESH_TOKEN, Credentials
from integrations.connectors.oauth import bearer_of
from integrations.connectors.options import Account
from integrations.connectors.registry import revocation_of
from integrations.connectors.revocation import Revocation
from integrations.domain.connecting import IMPATIENT, account_of, check_connection, record_tool_failure
from integrations.domain.environment import Environment, RunNetwork
from integrations.domain.locks import lock_key
from integrations.enums import IntegrationStatus
from integrations.http.errors import Forbidden, ToolError
from integrations.models import Integration
from integrations.schemas import credentials_schema
from tenants.audit.enums import AuditAction
from tenants.domain import auditing
from tenants.domain.refusals import Refusal
from tenants.encryption.errors import EncryptionError
from tenants.encryption.secret import Secret
from tenants.isolation.context import current_context, require_tenant_id
from tenants.isolation.transaction import tenant_context

REPLACED: Final = "credentials replaced"
REVOKED: Final = "credentials revoked"
BY_GATEWAY: Final = "cloud_id"
"""With this setting a tool is reached at its vendor's gateway; without it at an address that nobody looked at."""
SPENT: Final = "The refresh token that was entered is used up by this: have the tool give a new one."


class NoCredentials(Refusal):
    """There is nothing to take away."""


class BeingRenewed(Refusal):
    """A worker renews the tokens at this moment."""


class EnteredForAnotherAddress(Refusal):
    """The stored credentials would be sent to an address that they were not entered for."""


def check_address_stays(before: Mapping[str, Any], after: Mapping[str, Any], *, are_stored: bool) -> None:
    """Whoever may change the settings may not see the credentials, and so may not have them sent elsewhere.

    before, after: settings of the connection;  are_stored: credentials that stay as they are
    Raises EnteredForAnotherAddress.
    """
    was, becomes = (str(config.get("base_url") or "").rstrip("/") for config in (before, after))
    is_past_the_gateway = bool(before.get(BY_GATEWAY)) and not after.get(BY_GATEWAY)
    if are_stored and (was != becomes or is_past_the_gateway):
        raise EnteredForAnotherAddress(
            "The stored credentials are not sent to another address: revoke them, or enter new ones with it.",
            field="config",
        )


# --- in place of others ---


@dataclass(frozen=True, slots=True)
class Replacement:
    """report: what the tool said, None where it was not asked;  error: why they are not kept, None where they are"""

    report: ConnectionReport | None
    error: ToolError | None = None


def replace_credentials(
    *,
    integration: Integration,
    credentials: Mapping[str, Any],
    environment: Environment,
    at: datetime,
    is_tested: bool = True,
) -> Replacement:
    """Put credentials in place of those that are stored, once the tool has accepted them; until then those stay.

    is_tested: False keeps them unseen, where the tool cannot be reached for the time being
    Raises ValidationError for what the tool does not take.
    """
    credentials_schema(str(integration.type))(dict(credentials))
    kept: Credentials = dict(credentials)
    report: ConnectionReport | None = None
    if is_tested:
        vault = _Candidate(kept)
        report = check_connection(integration.type, _account_with(integration, vault, environment), environment)
        if error := _why_not(report):
            record_tool_failure(integration, error, purpose=REPLACED)
            notes = (*report.notes, SPENT) if vault.is_spent else report.notes
            return Replacement(replace(report, notes=notes), error)
        kept = vault.kept
    put_credentials(integration, Secret.of_json(dict(kept)), at=at, reason=REPLACED)
    return Replacement(report)


@dataclass(slots=True)
class _Candidate:
    """Holds what is being tried, and what becomes of it, until it is kept or forgotten."""

    kept: Credentials = field(repr=False)
    is_spent: bool = False

    def renew(self, held: str, ask: Callable[[Credentials], Credentials]) -> Credentials:
        before = self.kept.get(REFRESH_TOKEN)
        self.kept = ask(self.kept)
        self.is_spent = self.kept.get(REFRESH_TOKEN) != before
        return self.kept

    def current(self) -> Credentials:
        return self.kept

    def confirm(self, token: str) -> None:
        """They are kept as they are when the tool has accepted them."""


def _account_with(integration: Integration, vault: _Candidate, environment: Environment) -> Account:
    return Account(
        settings=integration.config,
        credentials=vault.kept,
        gateway=environment.gateways.get(integration.type, ""),
        mapped_fields=tuple(integration.field_mappings.values_list("external_field", flat=True)),
        app=environment.apps.get(integration.type),
        vault=vault,
    )


def _why_not(report: ConnectionReport) -> ToolError | None:
    if report.error is None and report.missing_scopes:
        return Forbidden(f"They lack the right to: {', '.join(report.missing_scopes)}.")
    return report.error


# --- away ---


@dataclass(frozen=True, slots=True)
class Revoked:
    """is_confirmed: the tool says that it has ended them;  error: what it said instead, None where it was not asked

    where: in the tool's pages a person can end them
    """

    is_confirmed: bool
    error: ToolError | None
    where: str

    @property
    def sentence(self) -> str:
        if self.is_confirmed:
            return "The tool has ended the credentials, and they are deleted here."
        if self.error is None:
            return f"They are deleted here. The tool cannot be asked to end them; end them there: {self.where}."
        return f"They are deleted here. The tool did not confirm that they ended; see to it there: {self.where}."


def revoke_credentials(*, integration: Integration, environment: Environment, at: datetime) -> Revoked:
    """Have the tool end the credentials, delete them here whatever it says, and read the connection no more.

    A run that is under way ends with its next step, or at its next request where the tool has ended them.
    Raises NoCredentials, or BeingRenewed while somebody else is given a new pair.
    """
    if integration.credentials is None:
        raise NoCredentials("The connection has no credentials.")
    revocation = revocation_of(integration.type) or Revocation(where="the pages of the tool")
    network = RunNetwork(replace(environment, limits=IMPATIENT))
    try:
        _renew_before(integration, revocation, environment, network)
        _hold_renewals(integration)
        integration.refresh_from_db(fields=["credentials"])
        is_confirmed, error = _end(integration, revocation, environment, network)
    finally:
        network.close()
    put_credentials(integration, None, at=at, reason=REVOKED)
    auditing.record(
        action=AuditAction.CONFIGURE_INTEGRATION,
        resource=integration,
        reason=REVOKED,
        changes={"is_confirmed": is_confirmed, "outcome": error.code if error else ""},
    )
    return Revoked(is_confirmed, error, revocation.where)


def _renew_before(
    integration: Integration, revocation: Revocation, environment: Environment, network: RunNetwork
) -> None:
    """Some tools end a pair by its access token only, and only while that is good."""
    if revocation.login is None:
        return
    with suppress(ToolError, EncryptionError):
        account = account_of(integration, environment.gateways, purpose=REVOKED, apps=environment.apps)
        if account.has_secret(REFRESH_TOKEN):
            bearer_of(account, network, revocation.login, entered=REFRESH_TOKEN).token()


def _hold_renewals(integration: Integration) -> None:
    """Nobody renews the tokens until this transaction ends: a pair that came after would live on unseen."""
    with connection.cursor() as cursor:
        key = lock_key(require_tenant_id(), integration.pk, what="tokens")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise BeingRenewed("Its tokens are being renewed right now. Try again in a moment.")


def _end(
    integration: Integration, revocation: Revocation, environment: Environment, network: RunNetwork
) -> tuple[bool, ToolError | None]:
    if revocation.ask is None:
        return False, None
    try:
        account = account_of(integration, environment.gateways, purpose=REVOKED, apps=environment.apps)
        return revocation.ask(replace(account, vault=None), network), None
    except ToolError as error:
        return False, error
    except EncryptionError:
        return False, None


def put_credentials(integration: Integration, secret: Secret | None, *, at: datetime, reason: str) -> None:
    """Keep credentials, or that there are none any more, audited without a value.

    Raises EnteredForAnotherAddress where somebody has changed the address while they were entered.
    """
    context = current_context()
    with tenant_context(require_tenant_id(), actor_id=context.actor_id if context else None, reason=reason):
        row = Integration.objects.select_for_update().get(pk=integration.pk)
        check_address_stays(integration.config, row.config, are_stored=secret is not None)
        row.credentials, row.credentials_changed_at = secret, at
        if secret is None:
            row.status, row.next_run_at = IntegrationStatus.INACTIVE, None
        elif row.status != IntegrationStatus.INACTIVE:
            row.next_run_at = at
        row.save()
