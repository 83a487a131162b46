"""Administrators who invite, and the mail that people get."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from tenants.domain.invitations import invite
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import Invitation
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike

INVITATIONS = "/api/v1/invitations"
ACCEPTANCES = "/api/v1/invitation-acceptances"
PAGE = "/invitation/"
PASSWORD = "correct horse battery"
LINK = re.compile(r"^(https?://\S+)#(sbi_[0-9a-f]{32}\.[A-Za-z0-9_-]{43})$", re.MULTILINE)

Send = Callable[..., tuple[Invitation, str]]


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


@pytest.fixture
def admin(ours: LookAlike) -> ApiClient:
    """The browser of our administrator."""
    return signed_in(ours.users[Role.ADMIN])


@pytest.fixture
def send(django_capture_on_commit_callbacks: Any) -> Send:
    """Invite somebody into a tenant; returns the invitation and the token of the mail."""

    def invited(
        one: LookAlike, email: str = "new@demo.example", *, role: Role = Role.ANALYST, at: datetime | None = None
    ) -> tuple[Invitation, str]:
        with (
            django_capture_on_commit_callbacks(execute=True),
            tenant_context(one.tenant.pk, actor_id=one.users[Role.ADMIN].pk),
        ):
            made = invite(email=email, role=role, by=one.users[Role.ADMIN], at=at or timezone.now())
        return made, newest_token()

    return invited


def newest_token() -> str:
    """The token in the mail sent last."""
    found = LINK.search(str(mail.outbox[-1].body))
    assert found is not None
    return found[2]


def accept(token: str, *, password: str = PASSWORD, client: ApiClient | None = None, **extra: Any) -> Any:
    """Answer an invitation through the API."""
    return (client or ApiClient()).send("POST", ACCEPTANCES, {"token": token, "password": password}, **extra)


def stored(one: LookAlike, invitation: Invitation) -> dict[str, Any]:
    """Every column of an invitation as its tenant's administrators could see it."""
    with tenant_context(one.tenant.pk):
        row: dict[str, Any] = Invitation.objects.filter(pk=invitation.pk).values().get()
        return row
