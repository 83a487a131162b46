"""Whole requests as a server makes them: through the WSGI application, signals included, network excluded."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client
from django.utils import timezone

from gaps.models import Gap
from tenants.domain.api_keys import create_api_key
from tenants.enums import ApiScope, Role
from tenants.isolation.identifiers import uuid7
from tenants.isolation.transaction import tenant_context
from tests.factories.tenants import UserFactory

Ask = Callable[[], bytes]


def get(path: str, *, query: str = "", headers: Mapping[str, str]) -> Ask:
    """Return what asks for an address and answers the body. Raises AssertionError for any status but 200."""
    application = WSGIHandler()
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_USER_AGENT": "benchmark",
        "wsgi.url_scheme": "http",
        **headers,
    }

    def ask() -> bytes:
        statuses: list[str] = []

        def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
            statuses.append(status)
            return lambda _: None

        response: Any = application({**environ, "wsgi.input": io.BytesIO()}, start_response)
        body = b"".join(response)
        response.close()
        assert statuses == ["200 OK"], (statuses, body[:300])
        return body

    return ask


def requests_of(tenant_id: UUID) -> dict[str, Ask]:
    """The requests that are compared, by name, as an administrator of the tenant and with a key of theirs."""
    now = timezone.now()
    with tenant_context(tenant_id):
        admin = UserFactory.create(role=Role.ADMIN, username=f"benchmark{uuid7()}")
        key = create_api_key(
            name="Benchmark", user=admin, scopes=[ApiScope.READ], expires_at=now + timedelta(days=1), by=admin, at=now
        )
        gap_id = Gap.objects.order_by("-id").values_list("pk", flat=True)[0]
    client = Client()
    client.force_login(admin)
    machine = {"HTTP_AUTHORIZATION": f"Bearer {key.secret_text}"}
    person = {"HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}
    return {
        "list": get("/api/v1/gaps", query="page_size=50", headers=machine),
        "list by session": get("/api/v1/gaps", query="page_size=50", headers=person),
        "detail": get(f"/api/v1/gaps/{gap_id}", headers=machine),
        "backoffice list, with its count": get("/admin/gaps/gap/", headers=person),
    }
