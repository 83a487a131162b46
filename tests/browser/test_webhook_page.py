"""A webhook made and looked after in chromium: its secret shown once, a test sent, what is wrong said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import reverse

from integrations.domain.environment import Environment
from integrations.domain.outgoing.sending import send_waiting
from integrations.models import Destination
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.browser.conftest import Visitor
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.local_server import Response, serving
from tests.integrations.outgoing.conftest import HIDDEN_WORD, Receiver
from tests.integrations.outgoing.test_sending import is_genuine

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
    found = Receiver()
    with serving(found):
        yield found


def send(one: LookAlike) -> None:
    """As a worker does it."""
    with tenant_context(one.tenant.pk):
        pk = Destination.objects.get(name="Data lake").pk
    send_waiting(tenant_id=one.tenant.pk, destination_id=pk, environment=Environment.configured())


def test_webhook_is_made_tested_and_says_what_is_wrong(
    make_visitor: Callable[..., Visitor], receiver: Receiver, ours: LookAlike
) -> None:
    visitor = make_visitor(ours.users[Role.ADMIN])
    page = visitor.page
    visitor.open(reverse("admin:integrations_destination_add"))
    page.get_by_label("Name").fill("Data lake")
    page.get_by_label("Kind").select_option("WEBHOOK")
    page.get_by_label("A gap was found").check()
    page.get_by_label("Address").fill(receiver.address)
    page.get_by_role("button", name="Save and continue editing").click()
    page.locator(".shown-once").wait_for()
    assert "Copy the signing secret now" in visitor.text()
    assert visitor.problems() == []
    secret = re.search(r"whsec_\S+", visitor.text())
    page.get_by_role("link", name="I have copied it, go on").click()
    assert secret is not None
    assert "Nothing has been sent to it yet." in visitor.text()
    assert visitor.problems() == []

    page.get_by_role("button", name="Send a test message").click()
    page.locator(".messagelist li", has_text="A test message is on its way.").wait_for()
    assert secret[0] not in page.content()
    send(ours)
    page.reload()
    assert "What was sent last has arrived." in visitor.text()
    assert is_genuine(receiver.log[0], secret[0])

    receiver.broken["."] = Response(410, {})
    page.get_by_role("button", name="Send a test message").click()
    page.locator(".messagelist li", has_text="A test message is on its way.").wait_for()
    send(ours)
    page.reload()
    assert "It said that it is gone for good" in visitor.text()
    assert "Enter a new address below" in visitor.text()
    assert HIDDEN_WORD not in page.content()
    assert visitor.problems() == []
