"""Connections to tools: what they were told, and whether they work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from integrations.connectors.base import ConnectionReport, odd_answers_named
from integrations.connectors.credentials import EXPIRES_AT, REFRESH_TOKEN, App, Credentials, end_of, moment_of
from integrations.connectors.options import Account
from integrations.connectors.registry import connector_of, readable_types
from integrations.domain.environment import Environment, RunNetwork
from integrations.domain.token_vault import StoredTokens
from integrations.http.door import DoorLimits
from integrations.http.errors import CredentialsMissing, ToolError
from integrations.models import Integration
from tenants.audit.enums import AuditAction
from tenants.domain import auditing
from tenants.encryption.errors import EncryptionError
from tenants.isolation.context import current_context, require_tenant_id

IMPATIENT: Final = DoorLimits(connect_timeout_s=3.0, read_timeout_s=8.0, longest_wait_s=3.0)
"""Somebody is looking at the page meanwhile."""
NEAR_END: Final = timedelta(days=30)
TEST: Final = "connection test"


def account_of(
    integration: Integration,
    gateways: Mapping[str, str],
    *,
    purpose: str,
    apps: Mapping[str, App] | None = None,
) -> Account:
    """Settings and opened credentials, in the tenant's context; that they were opened is audited.

    purpose: why, for the audit trail;  apps: of the operator, by type of tool
    """
    credentials: object = {}
    if integration.credentials is not None:
        credentials = integration.credentials.reveal_json()
        auditing.record(action=AuditAction.CREDENTIAL_READ, resource=integration, reason=purpose)
    return Account(
        settings=integration.config,
        credentials=credentials if isinstance(credentials, dict) else {},
        gateway=gateways.get(integration.type, ""),
        mapped_fields=tuple(integration.field_mappings.values_list("external_field", flat=True)),
        app=(apps or {}).get(integration.type),
        vault=vault_of(integration),
    )


def vault_of(integration: Integration) -> StoredTokens:
    """Where the integration's renewed tokens are kept, in the name of whoever acts now."""
    context = current_context()
    return StoredTokens(require_tenant_id(), integration.pk, context.actor_id if context else None)


def check_connection(tool: str, account: Account, environment: Environment) -> ConnectionReport:
    """Ask the tool who we are. It never raises for what the tool says: the report has it. No transaction is needed."""
    if tool not in readable_types():
        return ConnectionReport(notes=("This kind of tool cannot be read yet.",), error=ToolError())
    connector = connector_of(tool)
    network = RunNetwork(replace(environment, limits=IMPATIENT))
    try:
        with odd_answers_named():
            report = connector.check(connector.open(account, network))
        kept = account.vault.current() if account.vault and account.has_secret(REFRESH_TOKEN) else account.credentials
        report = replace(report, expires_at=report.expires_at or end_of(kept))
        notes = (*_renewal_notes(kept), *_end_notes(report, environment.waiting.now()))
        return replace(report, notes=(*report.notes, *notes))
    except ToolError as error:
        return ConnectionReport(error=error)
    finally:
        network.close()


def described_report(report: ConnectionReport) -> dict[str, Any]:
    """What the tool said, without what went wrong."""
    return {
        "ok": report.is_ok,
        "account": report.account,
        "server": report.server,
        "scopes": list(report.scopes),
        "missing_scopes": list(report.missing_scopes),
        "expires_at": report.expires_at,
        "notes": list(report.notes),
    }


def _renewal_notes(kept: Credentials) -> tuple[str, ...]:
    if not kept.get(REFRESH_TOKEN):
        return ()
    ends_at = moment_of(kept, EXPIRES_AT)
    until = f" The present one is good until {ends_at:%H:%M} UTC on {ends_at:%-d %B}." if ends_at else ""
    return (f"The access token renews itself.{until}",)


def _end_notes(report: ConnectionReport, at: datetime) -> tuple[str, ...]:
    if report.expires_at is None or report.expires_at - at > NEAR_END:
        return ()
    if report.expires_at <= at:
        return (f"The credentials ended on {report.expires_at:%Y-%m-%d}.",)
    return (f"The credentials end on {report.expires_at:%Y-%m-%d}: replace them before.",)


def opened_account(integration: Integration, environment: Environment, *, purpose: str) -> Account:
    """`account_of` for somebody who waits. Raises CredentialsMissing where the stored ones cannot be opened."""
    try:
        return account_of(integration, environment.gateways, purpose=purpose, apps=environment.apps)
    except EncryptionError:
        raise CredentialsMissing("The stored ones cannot be opened; enter them again.") from None


def run_connection_test(integration: Integration, environment: Environment) -> ConnectionReport:
    """Ask the tool who we are, with the stored credentials. That it was tried is audited, however it ends."""
    report = begin_connection_test(integration, environment)()
    end_connection_test(integration, report)
    return report


def begin_connection_test(integration: Integration, environment: Environment) -> Callable[[], ConnectionReport]:
    """Open the credentials, which is audited. What is returned asks the tool, without context and transaction."""
    try:
        account = opened_account(integration, environment, purpose=TEST)
    except CredentialsMissing as error:
        return partial(ConnectionReport, error=error)
    return partial(check_connection, integration.type, account, environment)


def end_connection_test(integration: Integration, report: ConnectionReport) -> None:
    """Keep what came of it, in the tenant's context."""
    if report.error is not None:
        record_tool_failure(integration, report.error, purpose=TEST)


def record_tool_failure(integration: Integration, error: ToolError, *, purpose: str) -> None:
    """Keep that the tool was asked in vain, although the request is refused and rolled back."""
    auditing.record_refusal(
        action=AuditAction.CREDENTIAL_READ, resource=integration, reason=purpose, changes={"outcome": error.code}
    )
