"""A connection looked after in chromium: tested, read, its statuses mapped, and what it says when the tool refuses."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import reverse

from integrations.domain.environment import Environment
from integrations.domain.syncing import sync_integration
from integrations.models import Integration, StreamState, SyncProgress
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.browser.conftest import Visitor
from tests.factories.integrations import StreamStateFactory, SyncProgressFactory
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.github.fake import REPOSITORY, FakeGitHub
from tests.integrations.connectors.local_server import Response, serving
from tests.integrations.doors.conftest import connect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]


@pytest.fixture
def fake(settings: Any) -> Iterator[FakeGitHub]:
    """A GitHub of ours, which the server of these tests is told to ask."""
    tool = FakeGitHub()
    with serving(tool):
        settings.INTEGRATION_GATEWAYS = {"GITHUB": tool.base_url}
        settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
        yield tool


def read(one: LookAlike, integration: Integration) -> None:
    """As a worker does it."""
    sync_integration(tenant_id=one.tenant.pk, integration_id=integration.pk, environment=Environment.configured())


def said(visitor: Visitor, words: str) -> None:
    """Wait until the page that a click leads to says so."""
    visitor.page.locator(".messagelist li", has_text=words).wait_for()
    visitor.page.wait_for_load_state()


def test_connection_is_tested_read_and_mapped_and_says_what_is_wrong(
    make_visitor: Callable[..., Visitor], fake: FakeGitHub, ours: LookAlike
) -> None:
    integration = connect(ours)
    visitor = make_visitor(ours.users[Role.ADMIN])
    page = visitor.page
    visitor.open(reverse("admin:integrations_integration_change", args=[integration.pk]))
    assert "Nothing has been read from the tool yet." in visitor.text()
    assert visitor.problems() == []

    page.get_by_role("button", name="Test the connection").click()
    said(visitor, "the credentials are those of robot.")

    page.get_by_role("button", name="Synchronise now").click()
    said(visitor, "first in line")
    read(ours, integration)
    page.get_by_role("button", name="Synchronise now").click()
    said(visitor, "The tool was read just now")
    assert "The record is what the tool showed when it was last read." in visitor.text()
    page.get_by_text("What the tool's statuses count as").click()
    assert visitor.problems() == []

    page.get_by_label("Open", exact=True).select_option("IN_PROGRESS")
    page.get_by_role("button", name="Save the categories").click()
    said(visitor, "The categories are kept.")

    fake.broken["/issues$"] = Response(403, {})
    page.get_by_role("button", name="Synchronise now").click()
    said(visitor, "The tool was read just now")
    assert "not allowed to read this (403)" in visitor.text()
    assert "What to do:" in visitor.text()
    fake.token_is_bad()
    page.get_by_role("button", name="Test the connection").click()
    said(visitor, "does not accept the credentials (401)")
    assert visitor.problems() == []


def test_webhook_is_made_tried_and_revoked(
    make_visitor: Callable[..., Visitor], ours: LookAlike, settings: Any
) -> None:
    integration = connect(ours)
    visitor = make_visitor(ours.users[Role.ADMIN])
    page = visitor.page
    settings.PUBLIC_URL = visitor.address
    visitor.open(reverse("admin:integrations_integration_change", args=[integration.pk]))
    page.locator("summary", has_text="Make the webhook").click()
    page.locator("summary", has_text="How to set it up").click()
    assert visitor.problems() == []

    page.get_by_role("button", name="Make it now").click()
    told = visitor.text()
    assert visitor.problems() == []
    url, secret = (re.search(words + r": (\S+)", told) for words in ("shown again", "shown again either"))
    assert url is not None
    assert secret is not None
    body = b'{"action": "edited", "issue": {}, "repository": {"full_name": "a/b"}}'
    mac = hmac.new(secret[1].encode(), body, hashlib.sha256).hexdigest()
    answers = [
        page.request.post(url[1], data=body, headers={"X-Hub-Signature-256": f"sha256={proof}"}).status
        for proof in (mac, "0" * 64)
    ]
    page.get_by_role("link", name="I have copied it, go on").click()

    assert answers == [200, 401]
    assert "The last message was refused, last 1 min ago" in visitor.text()
    for summary in ("Renew the address", "Enter the secret", "Revoke the address"):
        page.locator("summary", has_text=summary).click()
    assert visitor.problems() == []
    page.get_by_role("button", name="Revoke it now").click()
    said(visitor, "The address opens nothing any more.")
    assert page.request.head(url[1]).status == 404


def test_credentials_are_replaced_when_the_tool_accepts_them_and_revoked(
    make_visitor: Callable[..., Visitor], fake: FakeGitHub, ours: LookAlike
) -> None:
    integration = connect(ours)
    visitor = make_visitor(ours.users[Role.ADMIN])
    page = visitor.page
    visitor.open(reverse("admin:integrations_integration_change", args=[integration.pk]))
    page.get_by_text("Replace or revoke the credentials").click()
    assert page.get_by_label("Token", exact=True).input_value() == ""
    assert visitor.problems() == []

    page.get_by_label("Token", exact=True).fill("not-the-right-one")
    page.get_by_role("button", name="Replace the credentials").click()
    said(visitor, "The credentials before stay in place.")
    fake.secret = "another-token"
    page.get_by_text("Replace or revoke the credentials").click()
    page.get_by_label("Token", exact=True).fill("another-token")
    page.get_by_role("button", name="Replace the credentials").click()
    said(visitor, "The credentials are replaced.")
    assert "another-token" not in page.content()

    page.get_by_text("Replace or revoke the credentials").click()
    assert "Credentials are stored since" in visitor.text()
    page.get_by_label("Have the tool end them, and delete them here").check()
    page.get_by_role("button", name="Revoke the credentials").click()
    said(visitor, "They are deleted here.")
    assert "Not connected" in visitor.text()
    assert page.get_by_role("button", name="Revoke the credentials").count() == 0
    assert visitor.problems() == []


def test_way_to_the_page_of_the_tool_is_a_link_that_says_where_it_leads(
    make_visitor: Callable[..., Visitor], fake: FakeGitHub, ours: LookAlike, settings: Any
) -> None:
    settings.INTEGRATION_APPS = {"GITHUB": ["client-of-ours", "client-secret-of-ours"]}
    settings.PUBLIC_URL = "https://stratibreak.example"
    integration = connect(ours)
    visitor = make_visitor(ours.users[Role.ADMIN])
    page = visitor.page
    visitor.open(reverse("admin:integrations_integration_change", args=[integration.pk]))
    page.get_by_text("Replace or revoke the credentials").click()

    page.get_by_role("button", name="Connect with GitHub").click()

    link = page.get_by_role("link", name="Go on to GitHub")
    link.wait_for()
    address = link.get_attribute("href") or ""
    assert address.startswith(f"{fake.base_url}/login/oauth/authorize?response_type=code&client_id=client-of-ours")
    assert "client-secret-of-ours" not in page.content()
    assert visitor.problems() == []
    link.click()
    page.wait_for_url(f"{fake.base_url}/**")
    [asked] = [request for request in fake.log if request.path == "/login/oauth/authorize"]
    assert asked.query["code_challenge_method"] == "S256"
    assert "referer" not in asked.headers


def test_run_that_was_interrupted_is_shown_stream_by_stream(
    make_visitor: Callable[..., Visitor], ours: LookAlike
) -> None:
    integration = connect(ours)
    with tenant_context(ours.tenant.pk):
        partition = {"id": REPOSITORY, "name": REPOSITORY, "facts": None, "error": None}
        progress: SyncProgress = SyncProgressFactory.create(integration=integration, partitions=[partition])
        done: StreamState = StreamStateFactory.create(integration=integration, stream="milestones")
        StreamState.objects.filter(pk=done.pk).update(done_in_run=progress.run_id)
    visitor = make_visitor(ours.users[Role.ADMIN])

    visitor.open(reverse("admin:integrations_integration_change", args=[integration.pk]))

    rows = visitor.page.get_by_role("region", name="Progress by stream").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[:3] for row in rows[:2]] == [["Milestones", "1 of 1", "0"], ["Issues", "0 of 1", "3"]]
    assert visitor.problems() == []
