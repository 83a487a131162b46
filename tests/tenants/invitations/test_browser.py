"""The link of a mail in a real browser: the token reaches the form, and the policy lets the page work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Page, sync_playwright

from tenants.domain.invitations import invite
from tenants.enums import Role
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import User
from tests.factories.look_alike import LookAlike
from tests.tenants.invitations.conftest import LINK, PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

PHONE = {"width": 360, "height": 740}
LONGEST_WAIT_MS = 15_000


@contextmanager
def _phone(program: str, *, scripts: bool) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(viewport=PHONE, java_script_enabled=scripts).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(LONGEST_WAIT_MS)
        yield page
        browser.close()


def _join(program: str, link: str, *, scripts: bool) -> dict[str, Any]:
    address, _, token = link.partition("#")
    with _phone(program, scripts=scripts) as page:
        page.goto(link)
        if not scripts:
            page.fill("#id_token", token)
            page.click("[type=submit]")
        page.wait_for_selector("#id_password")
        width = page.evaluate("document.documentElement.scrollWidth") if scripts else PHONE["width"]
        seen = {"address": page.url == address, "width": width}
        page.fill("#id_password", PASSWORD)
        page.fill("#id_password_again", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_selector("[role=status]")
        return seen


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without"])
def test_a_person_joins_on_a_phone(
    scripts: bool, ours: LookAlike, live_server: Any, settings: Any, chromium: str
) -> None:
    settings.PUBLIC_URL = live_server.url
    settings.CSRF_COOKIE_SECURE = settings.SESSION_COOKIE_SECURE = False  # the test server speaks plain HTTP
    with tenant_context(ours.tenant.pk):
        invite(email="new@demo.example", role=Role.ANALYST, by=ours.users[Role.ADMIN], at=timezone.now())
    found = LINK.search(str(mail.outbox[-1].body))
    assert found is not None

    # Playwright brings an event loop, beside which Django's connections refuse to work: it gets a thread of its own.
    with ThreadPoolExecutor(1) as thread:
        seen = thread.submit(_join, chromium, found[0], scripts=scripts).result()

    assert seen == {"address": True, "width": PHONE["width"]}
    with auth_context():
        assert User.objects.get(email="new@demo.example").tenant_id == ours.tenant.pk
