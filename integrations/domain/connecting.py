"""Connections to tools: what they were told, and whether they work."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.connectors.base import ConnectionReport
from integrations.connectors.options import Account
from integrations.connectors.registry import connector_of, readable_types
from integrations.domain.environment import Environment, RunNetwork
from integrations.http.errors import ToolError
from integrations.models import Integration
from tenants.audit.enums import AuditAction
from tenants.domain import auditing


def account_of(integration: Integration, gateways: Mapping[str, str], *, purpose: str) -> Account:
    """Settings and opened credentials, in the tenant's context; that they were opened is audited.

    purpose: why, for the audit trail
    """
    credentials: object = {}
    if integration.credentials is not None:
        credentials = integration.credentials.reveal_json()
        auditing.record(action=AuditAction.CREDENTIAL_READ, resource=integration, reason=purpose)
    return Account(
        settings=integration.config,
        credentials=credentials if isinstance(credentials, dict) else {},
        gateway=gateways.get(integration.type, ""),
    )


def check_connection(tool: str, account: Account, environment: Environment) -> ConnectionReport:
    """Ask the tool who we are. It never raises for what the tool says: the report has it. No transaction is needed."""
    if tool not in readable_types():
        return ConnectionReport(notes=("This kind of tool cannot be read yet.",), error=ToolError())
    connector = connector_of(tool)
    network = RunNetwork(environment)
    try:
        return connector.check(connector.open(account, network))
    except ToolError as error:
        return ConnectionReport(error=error)
    finally:
        network.close()
