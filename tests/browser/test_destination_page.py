"""A destination made in chromium as its page explains: what is no address, a test message, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from integrations.domain.environment import Environment
from integrations.domain.outgoing.sending import send_waiting
from integrations.models import Destination, OutgoingMessage
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.browser.conftest import Visitor
from tests.factories.look_alike import LookAlike
from tests.notifying.conftest import made_of
from tests.notifying.mail_server import MailServer, serving_mail

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]


def said(visitor: Visitor, words: str) -> None:
    """Wait until the page that a click leads to says so."""
    visitor.page.locator(".messagelist li, .errorlist li", has_text=words).first.wait_for()
    visitor.page.wait_for_load_state()


def test_destination_is_made_tried_and_read(
    make_visitor: Callable[..., Visitor], ours: LookAlike, settings: Any
) -> None:
    made_of(ours)
    visitor = make_visitor(ours.users[Role.ADMIN])
    page = visitor.page
    visitor.open(reverse("admin:integrations_destination_add"))
    assert "https://hooks.slack.com/services/" in visitor.text()
    assert visitor.problems() == []

    page.get_by_label("Name:").fill("The team")
    page.get_by_label("Kind:").select_option("TEAMS")
    page.get_by_label("Address:").fill("https://ours.webhook.office.com/webhookb2/1?sig=1")
    page.get_by_role("button", name="Save and continue editing").click()
    said(visitor, "those are retired")
    page.get_by_label("Kind:").select_option("EMAIL")
    page.get_by_label("Address:").fill("administrators, team@ours.example")
    page.get_by_role("button", name="Save and continue editing").click()
    said(visitor, "was added successfully")
    assert "administrators, 1 address at ours.example" in visitor.text()
    assert "team@ours.example" not in page.content()

    page.get_by_role("button", name="Send a test message").click()
    said(visitor, "A test message is on its way.")
    with serving_mail(MailServer()) as mails:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mails.port
        mails.refusals["team@ours.example"] = "550 no such person"
        with tenant_context(ours.tenant.pk):
            destination, message = Destination.objects.get(), OutgoingMessage.objects.get()
        send_waiting(tenant_id=ours.tenant.pk, destination_id=destination.pk, environment=Environment.configured())
    visitor.open(reverse("admin:integrations_destination_change", args=[destination.pk]))
    assert "What was sent last has arrived." in visitor.text()
    assert "1 of the addresses does not accept mail; the others have it." in visitor.text()
    assert visitor.problems() == []

    visitor.open(reverse("admin:integrations_outgoingmessage_change", args=[message.pk]))
    assert "A test: messages arrive here" in visitor.text()
    assert "Sent to: The team" in visitor.text()
    assert visitor.problems() == []
