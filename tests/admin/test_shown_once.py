"""Keys and secrets made in the backoffice are shown by the answer that makes them, and stand nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Destination, Integration
from tenants.enums import Role
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

SHOWN = re.compile(r'<code class="shown-once">([^<]+)</code>')
HOOK = "https://receiver.example/hook"


def make_key(ours: LookAlike) -> tuple[str, dict[str, Any]]:
    user = ours.users[Role.ADMIN].pk
    until = {"expires_at_0": "2027-01-01", "expires_at_1": "00:00"}
    values = {"name": "Nightly", "user": user, "scopes": ["read"], **until}
    return reverse("admin:tenants_apikey_add"), values


def make_destination(ours: LookAlike) -> tuple[str, dict[str, Any]]:
    values = {"name": "Hook", "kind": "WEBHOOK", "address": HOOK, "digest": "OFF", "event_types": ["gap.opened"]}
    return reverse("admin:integrations_destination_add"), values


def renew_secret(ours: LookAlike) -> tuple[str, dict[str, Any]]:
    return reverse("admin:integrations_destination_secret", args=[ours.rows[Destination].pk]), {}


def make_webhook(ours: LookAlike) -> tuple[str, dict[str, Any]]:
    return reverse("admin:integrations_integration_webhook", args=[ours.rows[Integration].pk]), {}


MAKING: dict[str, tuple[Callable[[LookAlike], tuple[str, dict[str, Any]]], str]] = {
    "a key": (make_key, "sbk_"),
    "a signing secret": (make_destination, "whsec_"),
    "another signing secret": (renew_secret, "whsec_"),
    "the address of a webhook": (make_webhook, "https://stratibreak.example/hooks/sbh_"),
}


@pytest.mark.parametrize("made", MAKING)
def test_it_is_shown_once_and_is_in_no_cookie_and_no_log(
    made: str, ours: LookAlike, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.STATIC_ROOT, settings.PUBLIC_URL = None, "https://stratibreak.example"
    make, beginning = MAKING[made]
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    address, values = make(ours)

    answer: Any = client.post(address, values)

    text = answer.content.decode()
    [secret, *more] = SHOWN.findall(text)
    assert secret.startswith(beginning)
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    bodies = [each.rpartition("_")[2] for each in (secret, *more)]
    cookies = [morsel.output() for morsel in client.cookies.values()]
    assert not any(body in cookie for body in bodies for cookie in cookies)
    assert not any(body in value for body in bodies for value in map(str, answer.headers.values()))
    go_on = re.search(r'<a href="([^"]+)">I have copied it, go on</a>', text)
    assert go_on is not None
    after: Any = client.get(go_on[1])
    assert after.status_code == 200
    assert not any(body in after.content.decode() for body in bodies)
    assert not any(body in caplog.text for body in bodies)
