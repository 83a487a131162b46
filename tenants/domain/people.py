"""Changing and deactivating the people of an organisation; they join by invitation (`tenants.domain.invitations`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tenants.enums import Role
from tenants.isolation.context import require_tenant_id
from tenants.models import Tenant, User

UNIQUE_VIOLATION = "23505"


class LastAdministrator(Exception):
    """Nobody would be left who may give rights in the organisation."""

    def __init__(self) -> None:
        super().__init__("This is the last active administrator. Name another one first.")


def change_user(*, user: User, changes: Mapping[str, Any]) -> User:
    """Change what an administrator may change: names, role, active.

    Raises LastAdministrator.
    """
    loses_rights = changes.get("role", user.role) != Role.ADMIN or not changes.get("is_active", user.is_active)
    if loses_rights:
        check_not_last_administrator(user)
    for name, value in changes.items():
        setattr(user, name, value)
    user.save(update_fields=[*changes, "updated_at"])
    return user


def deactivate_user(*, user: User) -> User:
    """Close the door to a person: their sessions and keys stop opening anything with their next request.

    Raises LastAdministrator.
    """
    return change_user(user=user, changes={"is_active": False})


def check_not_last_administrator(user: User) -> None:
    """Raises LastAdministrator. Holds the organisation's row, so that two administrators cannot remove each other."""
    if user.role != Role.ADMIN or not user.is_active:
        return
    Tenant.objects.select_for_update().get(pk=require_tenant_id())
    if not User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk).exists():
        raise LastAdministrator


def person_in_words(user_id: UUID | None) -> str:
    """The address of one of the organisation's people; an id that none of them has is an operator's. One query."""
    if user_id is None:
        return "—"
    return User.objects.filter(pk=user_id).values_list("email", flat=True).first() or "an operator"
