"""A real server over the test database, and the system's chromium in front of it.

Every test commits, so each is marked ``transaction=True`` and finds the two look-alike tenants made anew. The server
runs in a thread of this process: what a test sets in ``settings`` holds for it too. Chromium is started once a module.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import make_password
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, ViewportSize, sync_playwright

from tenants.isolation.transaction import auth_context
from tenants.models import User

PASSWORD = "a password of our own"
WAIT_MS = 30_000
FIRST_REFUSAL = 400
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGE_CHECKS = (Path(__file__).parent / "page_checks.js").read_text()
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
LOOKS: tuple[tuple[ViewportSize, Literal["light", "dark"]], ...] = ((DESKTOP, "light"), (PHONE, "dark"))


class _QuietHandler(WSGIRequestHandler):
    """Leaves the test's output alone."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def server_address() -> Iterator[str]:
    """Serve the installation on a free port, in threads with connections of their own."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _QuietHandler, ipv6=False)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser(chromium: str, server_address: str) -> Iterator[Browser]:
    """Chromium with an empty profile.

    Playwright keeps an event loop in this thread as long as it runs, and Django refuses the ORM beside a running loop:
    nothing here is asynchronous, so that refusal is lifted for as long.
    """
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            running = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
            yield running
            running.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass
class Visitor:
    """One person's browser window on our server, and everything their pages complained of."""

    context: BrowserContext
    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> int:
        """Go to a page and return its status."""
        response = self.page.goto(self.address + path)
        assert response is not None
        return response.status

    def log_in(self, email: str, password: str = PASSWORD) -> None:
        """Fill in and send the login form."""
        self.open("/admin/login/")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def text(self) -> str:
        """Return what a person reads on the page, without the menu."""
        return self.page.locator("main, #content-start").first.inner_text()

    def problems(self) -> list[str]:
        """Return what is wrong with the page as it is, in light on a desk and in dark on a phone."""
        found = []
        for size, scheme in LOOKS:
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=scheme)
            where = f"{self.page.url.removeprefix(self.address)} {size['width']} {scheme}: "
            found += [where + problem for problem in self.page.evaluate(PAGE_CHECKS)]
        return found

    def note_message(self, message: ConsoleMessage) -> None:
        """Keep what the console says; a page that was refused is the test's own affair."""
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def note_response(self, response: Response) -> None:
        """Keep what a page needed and did not get, and every failure of the server."""
        is_part = response.request.resource_type not in ("document", "fetch", "xhr")
        if response.status >= FIRST_REFUSAL and (is_part or response.status in (500, 502)):
            self.complaints.append(f"{response.url}: {response.status}")


@pytest.fixture
def make_visitor(browser: Browser, server_address: str, settings: Any, world: Any) -> Iterator[Callable[..., Visitor]]:
    """Open windows; at the end each is closed, and none may have complained of anything.

    user: already logged in, None for a stranger;  options: of playwright's new_context
    """
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False  # the test server speaks plain HTTP
    opened: list[Visitor] = []

    def make(user: User | None = None, **options: Any) -> Visitor:
        context = browser.new_context(viewport=options.pop("viewport", DESKTOP), **options)
        context.set_default_timeout(WAIT_MS)
        visitor = Visitor(context, context.new_page(), server_address)
        opened.append(visitor)
        visitor.page.on("console", visitor.note_message)
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(f"{visitor.page.url}: {error}"))
        visitor.page.on("response", visitor.note_response)
        if user is not None:
            context.add_cookies([session_cookie(user, server_address)])
        return visitor

    yield make
    for visitor in opened:
        visitor.context.close()
    assert [complaint for visitor in opened for complaint in visitor.complaints] == []


def session_cookie(user: User, address: str) -> Any:
    """Return the cookie of a session in which somebody has logged in."""
    client = Client()
    with auth_context():
        client.force_login(user)
    name = django_settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": address}


def with_password(user: User) -> User:
    """Give somebody the password of these tests."""
    with auth_context():
        User.objects.filter(pk=user.pk).update(password=make_password(PASSWORD))
        return User.objects.get(pk=user.pk)
