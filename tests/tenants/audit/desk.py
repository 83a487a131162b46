"""Somebody at work in an organisation, from a known address."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tenants.request_info import RequestInfo

ORIGIN = RequestInfo(ip="203.0.113.7", user_agent="Demo Browser 1.0", request_id="request-00000001")


@dataclass(frozen=True, slots=True)
class Desk:
    """One organisation and somebody who acts in it."""

    tenant_id: UUID
    actor_id: UUID

    def entries(self) -> list[AuditEntry]:
        """Return the entries of what was done from this desk, oldest first."""
        with tenant_context(self.tenant_id):
            return list(AuditEntry.objects.filter(actor_id=self.actor_id).order_by("timestamp", "id"))
