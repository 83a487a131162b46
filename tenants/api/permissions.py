"""Whether a request may do what it asks: the role matrix, asked before anything is read."""

from __future__ import annotations

from typing import Any, Protocol, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.api.access import may
from tenants.permissions import Action


class GuardedView(Protocol):
    """A view that says which model it speaks of and what the request wants to do to it."""

    def permission_label(self) -> str:
        """The model's label, such as "gaps.Gap"."""

    def required_action(self) -> Action | None:
        """The action asked for, None when the method is not offered and the answer is a 405 anyway."""


class MatrixPermission(BasePermission):
    """Let through what the role matrix allows; it asks nothing of the database."""

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        if getattr(request.user, "tenant_id", None) is None:
            # Operators read across tenants in the admin, by a step that is logged; the API belongs to tenants.
            self.message = "The API answers members of a tenant only."
            return False
        guarded = cast("GuardedView", view)
        action = guarded.required_action()
        return action is None or may(request, action, guarded.permission_label())
