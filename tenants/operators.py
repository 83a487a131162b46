"""What a platform operator chose in the backoffice: one tenant to work in, or reading across all of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest

BACKOFFICE_PATH = "/admin/"
STEP_PATH = "/admin/operator/"
_SESSION_KEY = "operator_choice"


@dataclass(frozen=True, slots=True)
class OperatorChoice:
    """An operator's deliberate step.

    tenant_id: the tenant entered, None for reading across all;  reason: why, kept in the audit log
    """

    tenant_id: UUID | None
    reason: str


def operator_choice(request: HttpRequest) -> OperatorChoice | None:
    """Return the choice kept in the session, None when nothing was chosen yet."""
    kept = request.session.get(_SESSION_KEY)
    if not isinstance(kept, dict) or not kept.get("reason"):
        return None
    tenant_id = UUID(kept["tenant_id"]) if kept.get("tenant_id") else None
    return OperatorChoice(tenant_id, str(kept["reason"]))


def keep_operator_choice(request: HttpRequest, choice: OperatorChoice | None) -> None:
    """Remember a choice in the session, or forget it."""
    if choice is None:
        request.session.pop(_SESSION_KEY, None)
    else:
        tenant = str(choice.tenant_id) if choice.tenant_id else ""
        request.session[_SESSION_KEY] = {"tenant_id": tenant, "reason": choice.reason}
