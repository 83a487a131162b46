"""The page on which an invited person joins: without an account, without scripts, leading nowhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant, User
from tenants.strangers import DOORS
from tests.api.conftest import signed_in
from tests.factories.look_alike import LookAlike
from tests.tenants.invitations.conftest import PAGE, PASSWORD, Send

pytestmark = pytest.mark.django_db


def _join(client: Client, token: str, **values: str) -> Any:
    return client.post(PAGE, {"token": token, "password": PASSWORD, "password_again": PASSWORD} | values)


def test_a_person_joins_in_two_steps(ours: LookAlike, send: Send) -> None:
    _, token = send(ours, role=Role.ADMIN)
    browser = Client()
    first = browser.get(PAGE).content.decode()
    second = browser.post(PAGE, {"token": token}).content.decode()
    joined = _join(browser, token, first_name="Ada", last_name="L")

    assert 'id="invitation-code"' in first
    assert ours.tenant.name in second
    assert 'value="new@demo.example"' in second
    assert joined.status_code == 200
    assert reverse("admin:login") in joined.content.decode()
    with tenant_context(ours.tenant.pk):
        person = User.objects.get(email="new@demo.example")
    assert (person.first_name, person.last_name, person.role) == ("Ada", "L", Role.ADMIN)
    assert browser.login(username="new@demo.example", password=PASSWORD)


def test_looking_changes_nothing(ours: LookAlike, send: Send) -> None:
    """A mail scanner that opens every link, and sends every form it finds, uses nothing up."""
    _, token = send(ours)
    browser = Client()
    seen = [browser.post(PAGE, {"token": token}).status_code for _ in range(3)]

    assert seen == [200, 200, 200]
    assert _join(browser, token).status_code == 200


def test_the_page_calls_the_organisation_what_it_calls_itself_as_text(ours: LookAlike, send: Send) -> None:
    with tenant_context(ours.tenant.pk):
        Tenant.objects.filter(pk=ours.tenant.pk).update(display_name="<script>alert(1)</script>")
    _, token = send(ours)
    page = Client().post(PAGE, {"token": token}).content.decode()

    assert "Join &lt;script&gt;" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"password_again": "something else entirely"}, "The two passwords differ."),
        ({"password": "short", "password_again": "short"}, "too short"),
        ({"password": "", "password_again": ""}, "This field is required."),
        ({"first_name": "A\x07B"}, "without control characters"),
        ({"first_name": "A" * 151}, "at most 150 characters"),
        ({"password": "nul\x00 in a password", "password_again": "nul\x00 in a password"}, "Null characters"),
    ],
)
def test_a_mistake_is_shown_and_the_link_still_works(
    values: dict[str, str], said: str, ours: LookAlike, send: Send
) -> None:
    _, token = send(ours)
    browser = Client()
    wrong = _join(browser, token, **values)

    assert wrong.status_code == 400
    assert said in wrong.content.decode()
    assert PASSWORD not in wrong.content.decode()
    assert _join(browser, token).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "sbi_", "\0", "ä" * 200, "x" * 10_000, "<script>"])
def test_whatever_is_pasted_is_answered(token: str, db: None) -> None:
    answers = [Client().post(PAGE, {"token": token}), _join(Client(), token)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "<script>" not in answers[1].content.decode()


def test_nothing_is_sent_from_another_site(ours: LookAlike, send: Send) -> None:
    _, token = send(ours)

    assert _join(Client(enforce_csrf_checks=True), token).status_code == 403


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_page_leads_nowhere_a_request_names(target: str, ours: LookAlike, send: Send) -> None:
    _, token = send(ours)
    browser = Client()
    pages = [
        browser.get(PAGE, {"next": target}),
        browser.post(f"{PAGE}?next={target}", {"token": token, "next": target}),
        browser.post(
            f"{PAGE}?next={target}",
            {"token": token, "next": target, "password": PASSWORD, "password_again": PASSWORD},
        ),
    ]

    assert [page.status_code for page in pages] == [200, 200, 200]
    assert not [page for page in pages if target in page.content.decode()]


def test_every_state_of_the_page_keeps_the_policy_and_no_copy(ours: LookAlike, send: Send) -> None:
    _, token = send(ours)
    browser = Client()
    pages = [browser.get(PAGE), browser.post(PAGE, {"token": token}), _join(browser, token), _join(browser, token)]

    for page in pages:
        body = page.content.decode()
        assert "default-src 'self'" in page["Content-Security-Policy"]
        assert "no-store" in page["Cache-Control"]
        assert page["Referrer-Policy"] == "same-origin"  # with "no-referrer" browsers send no Origin, and forms fail
        assert page["X-Frame-Options"] == "DENY"
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", body)
        assert 'name="viewport"' in body
        for field in re.findall(r'<input[^>]*type="(?:text|password|email)"[^>]*id="([^"]+)"', body):
            assert f'for="{field}"' in body


def test_somebody_signed_in_sees_the_same_page(ours: LookAlike, theirs: LookAlike, send: Send) -> None:
    _, token = send(ours)
    browser = signed_in(theirs.users[Role.ADMIN])

    assert browser.get(PAGE).status_code == 200
    assert _join(browser, token).status_code == 200


def test_other_methods_are_refused(db: None) -> None:
    assert [Client().generic(method, PAGE).status_code for method in ("PUT", "DELETE", "PATCH")] == [405] * 3


def test_every_door_is_an_address() -> None:
    names = ("admin:login", "session", "invitation-acceptances", "invitation")

    assert {reverse(name) for name in names} == DOORS
