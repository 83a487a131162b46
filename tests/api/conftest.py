"""People and machines at the door of the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone

from tenants.domain.api_keys import create_api_key
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import User
from tests.factories.look_alike import LookAlike


class ApiClient(Client):
    """A browser that speaks JSON."""

    def send(self, method: str, path: str, body: Any = None, *, etag: str | None = None, **extra: Any) -> Any:
        """One request; a body is sent as JSON, an etag as If-Match."""
        headers = ({"If-Match": etag} if etag is not None else {}) | extra.pop("headers", {})
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.generic(method, path, content, "application/json", headers=headers, **extra)

    def fetch(self, path: str, **query: Any) -> Any:
        """GET, with a query."""
        return self.get(path, query)


def signed_in(user: User) -> ApiClient:
    """A browser in which a person has signed in."""
    client = ApiClient()
    with auth_context():
        client.force_login(user)
    return client


def let_go(answer: Any) -> None:
    """Close an answer as a server does when its client hangs up; the test's own connection stays open."""
    request_finished.disconnect(close_old_connections)
    try:
        answer.close()
    finally:
        request_finished.connect(close_old_connections)


def machine_of(one: LookAlike, role: Role, *scopes: ApiScope) -> ApiClient:
    """A machine with a key that acts as the tenant's person of a role, within scopes."""
    user, now = one.users[role], timezone.now()
    with tenant_context(one.tenant.pk):
        made = create_api_key(
            name="Machine", user=user, scopes=scopes, expires_at=now + timedelta(days=1), by=user, at=now
        )
    return ApiClient(headers={"Authorization": f"Bearer {made.secret_text}"})


@pytest.fixture
def as_role(db: None, ours: LookAlike) -> Callable[[Role], ApiClient]:
    """Browsers of people of our tenant, by role."""
    return lambda role: signed_in(ours.users[role])


@pytest.fixture
def admin(as_role: Callable[[Role], ApiClient]) -> ApiClient:
    """The browser of our administrator."""
    return as_role(Role.ADMIN)


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


@pytest.fixture
def key_of(db: None, ours: LookAlike) -> Callable[..., ApiClient]:
    """Machines of our tenant: a key that acts as the person of a role, within scopes."""

    return lambda role, *scopes: machine_of(ours, role, *scopes)
