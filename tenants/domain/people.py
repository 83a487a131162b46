"""Inviting, changing and deactivating the people of an organisation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tenants.enums import Role
from tenants.isolation.context import require_tenant_id
from tenants.models import Tenant, User

UNIQUE_VIOLATION = "23505"


class LastAdministrator(Exception):
    """Nobody would be left who may give rights in the organisation."""

    def __init__(self) -> None:
        super().__init__("This is the last active administrator. Name another one first.")


def invite_user(*, email: str, role: str, by: User, at: datetime, **fields: Any) -> User | None:
    """Make a person of the organisation who sets their own password.

    Returns None where the address is used in another organisation, which the caller must not tell apart from success:
    who else is a customer is not an administrator's to find out.
    Raises ValidationError when the address is used in this organisation already.
    """
    if User.objects.filter(email=email).exists():
        raise ValidationError({"email": "Somebody in your organisation has this address."})
    user = User(email=email, role=role, tenant_id=require_tenant_id(), **fields)
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
            raise
        return None
    return user


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
