"""Inviting: the same for every address, by mail, with a link that nobody else gets to see."""

from __future__ import annotations

import json
import logging
import re
import smtplib
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tenants.domain.api_keys import create_api_key
from tenants.domain.invitations import MAX_SENDS
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, Invitation, Tenant, User
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike
from tests.tenants.invitations.conftest import INVITATIONS, LINK, Send, accept, newest_token, stored

pytestmark = pytest.mark.django_db

USERS = "/api/v1/users"
ADD_PAGE = "/admin/tenants/invitation/add/"


def _invite(client: ApiClient, email: str, path: str = INVITATIONS, **values: Any) -> Any:
    return client.send("POST", path, {"email": email, "role": "ANALYST", **values})


def _without_own_values(row: dict[str, Any]) -> dict[str, Any]:
    """What must be alike in two invitations: everything but what they are made of."""
    own = {"id", "email", "sent_at", "expires_at", "created_at", "updated_at", "secret_digest"}
    return {name: value for name, value in row.items() if name not in own}


def _work_of(captured: Any) -> list[str]:
    """The statements that read or write rows, without their values."""
    data = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return [re.sub(r"'[^']*'|\d+", "?", each["sql"]) for each in captured if each["sql"].startswith(data)]


@pytest.mark.parametrize("path", [INVITATIONS, USERS])
def test_an_address_used_elsewhere_is_answered_listed_and_mailed_like_a_free_one(
    path: str, admin: ApiClient, theirs: LookAlike, django_capture_on_commit_callbacks: Any
) -> None:
    _invite(admin, "first@demo.example", path)  # what the first request of a process does once
    answers, statements = [], []
    for email in ("free@demo.example", theirs.users[Role.ANALYST].email):
        with django_capture_on_commit_callbacks(execute=True), CaptureQueriesContext(connection) as captured:
            answers.append(_invite(admin, email, path))
        statements.append(_work_of(captured))
    listed = admin.fetch(INVITATIONS).json()["results"][:2]

    assert answers[0].status_code == answers[1].status_code == (201 if path == INVITATIONS else 202)
    assert _without_own_values(answers[0].json()) == _without_own_values(answers[1].json())
    assert _without_own_values(listed[0]) == _without_own_values(listed[1])
    assert {row["status"] for row in listed} == {"PENDING"}
    assert statements[0] == statements[1]  # the same work, so the same time
    assert [message.to for message in mail.outbox] == [["free@demo.example"], [theirs.users[Role.ANALYST].email]]


def test_inviting_through_the_backoffice_tells_as_little(
    admin: ApiClient, ours: LookAlike, theirs: LookAlike, django_capture_on_commit_callbacks: Any
) -> None:
    pages = []
    for email in ("free@demo.example", theirs.users[Role.ANALYST].email):
        with django_capture_on_commit_callbacks(execute=True):
            answer = admin.post(ADD_PAGE, {"email": email, "role": "ANALYST"}, follow=True)
        shown = [str(message) for message in answer.context["messages"]]
        pages.append((answer.status_code, [text.replace(email, "…") for text in shown]))
    with tenant_context(ours.tenant.pk):
        rows = list(Invitation.objects.order_by("-id").values()[:2])

    assert pages[0] == pages[1] == (200, ["The invitation to … is on its way."])
    assert _without_own_values(rows[0]) == _without_own_values(rows[1])
    assert len(mail.outbox) == 2


def test_nobody_is_a_person_here_before_they_answer(admin: ApiClient, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        before = User.objects.count()
    made = _invite(admin, "New@Demo.example", USERS)
    with tenant_context(ours.tenant.pk):
        after = User.objects.count()

    assert (made.json()["email"], after) == ("new@demo.example", before)
    assert admin.fetch(made["Location"]).json()["id"] == made.json()["id"]


def test_adding_a_user_in_the_backoffice_is_inviting(admin: ApiClient) -> None:
    answer = admin.get("/admin/tenants/user/add/")

    assert (answer.status_code, answer["Location"]) == (302, ADD_PAGE)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"email": "no address"}, "#/email"),
        ({"email": "a@demo.example\r\nBcc: b@demo.example"}, "#/email"),
        ({"email": '"a\\\u0001"@demo.example'}, "#/email"),
        ({"email": "a@demo.example\u0000"}, "#/email"),
        ({"email": "a" * 250 + "@demo.example"}, "#/email"),
        ({"role": "OWNER"}, "#/role"),
        ({"role": ""}, "#/role"),
        ({"first_name": "A\nB"}, "#/first_name"),
        ({"expires_at": "2100-01-01T00:00:00Z"}, None),
        ({"tenant": "x"}, "#/tenant"),
        ({"secret_digest": "x"}, "#/secret_digest"),
    ],
)
def test_an_invitation_names_what_is_wrong(values: dict[str, Any], place: str | None, admin: ApiClient) -> None:
    answer = admin.send("POST", INVITATIONS, {"email": "a@demo.example", "role": "ANALYST"} | values)

    if place is None:  # what the system keeps is not the sender's to choose
        assert answer.json()["expires_at"] < "2099"
        return
    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {place}
    assert mail.outbox == []


def test_an_address_used_here_or_invited_already_is_refused(admin: ApiClient, ours: LookAlike) -> None:
    here = _invite(admin, ours.users[Role.ANALYST].email.upper())
    once, twice = _invite(admin, "new@demo.example"), _invite(admin, "NEW@demo.example")
    by_page = admin.post(ADD_PAGE, {"email": "new@demo.example", "role": "ANALYST"})

    assert (here.status_code, once.status_code, twice.status_code, by_page.status_code) == (400, 201, 400, 200)
    assert "open invitation" in by_page.content.decode()


def test_only_administrators_meet_invitations(ours: LookAlike, key_of_admin: ApiClient) -> None:
    assert key_of_admin.fetch(INVITATIONS).status_code == 200
    assert _invite(key_of_admin, "new@demo.example").status_code == 403


@pytest.fixture
def key_of_admin(ours: LookAlike) -> ApiClient:
    """A machine with every scope, acting as our administrator."""
    user, now = ours.users[Role.ADMIN], timezone.now()
    with tenant_context(ours.tenant.pk):
        made = create_api_key(
            name="Machine", user=user, scopes=list(ApiScope), expires_at=now + timedelta(days=1), by=user, at=now
        )
    return ApiClient(headers={"Authorization": f"Bearer {made.secret_text}"})


def test_an_invitation_that_was_sent_is_not_edited(admin: ApiClient, ours: LookAlike, send: Send) -> None:
    invitation, _ = send(ours)
    page = reverse("admin:tenants_invitation_change", args=[invitation.pk])
    before = stored(ours, invitation)
    answers = [
        admin.post(page, {"email": "other@demo.example", "role": "ADMIN"}).status_code,
        admin.send("PATCH", f"{INVITATIONS}/{invitation.pk}", {"role": "ADMIN"}, etag="*").status_code,
    ]

    assert answers == [403, 405]
    assert stored(ours, invitation) == before


# The mail


def test_the_mail_goes_out_after_the_commit_and_not_before(ours: LookAlike, admin: ApiClient) -> None:
    _invite(admin, "new@demo.example")  # the test's own transaction never commits

    assert mail.outbox == []


def test_the_link_is_built_from_the_setting_whatever_the_request_claims(
    admin: ApiClient, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.ALLOWED_HOSTS, settings.PUBLIC_URL = ["*"], "https://stratibreak.example/"
    with django_capture_on_commit_callbacks(execute=True):
        admin.send(
            "POST",
            INVITATIONS,
            {"email": "new@demo.example", "role": "ANALYST"},
            headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
        )
    found = LINK.search(str(mail.outbox[0].body))

    assert found is not None
    assert found[1] == "https://stratibreak.example/invitation/"
    assert "evil.example" not in str(mail.outbox[0].message())


@pytest.mark.parametrize("url", ["", "stratibreak.example", "ftp://x", "https://user:pass@x", "https://x/?a=b"])
def test_without_an_address_for_links_nobody_is_invited(url: str, admin: ApiClient, settings: Any) -> None:
    settings.PUBLIC_URL = url
    admin.raise_request_exception = False  # logged as our failure, which it is
    answer = _invite(admin, "new@demo.example")

    assert answer.status_code == 503
    assert "PUBLIC_URL" in answer.json()["detail"]
    assert admin.fetch(INVITATIONS, email="new@demo.example").json()["results"] == []


def test_what_an_organisation_calls_itself_breaks_no_header(admin: ApiClient, ours: LookAlike, send: Send) -> None:
    with tenant_context(ours.tenant.pk):  # past the validators
        Tenant.objects.filter(pk=ours.tenant.pk).update(
            display_name="A\r\nBcc: evil@example.org\r\n\r\n<b>\u202eHi</b>"
        )
    send(ours)
    message = mail.outbox[0].message()

    assert message["Bcc"] is None
    assert message["Subject"] == "You are invited to A Bcc: evil@example.org <b> Hi</b>"
    assert mail.outbox[0].recipients() == ["new@demo.example"]
    assert "&lt;" not in str(mail.outbox[0].body)


def test_a_mail_server_that_is_down_takes_nothing_back(
    admin: ApiClient, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any, caplog: Any
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> int:
        raise smtplib.SMTPServerDisconnected("secret detail of new@demo.example")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        answer = _invite(admin, "new@demo.example")

    assert answer.status_code == 201
    assert answer.json()["id"] in caplog.text
    assert "new@demo.example" not in caplog.text


def test_the_token_is_in_the_mail_and_nowhere_else(
    admin: ApiClient, ours: LookAlike, django_capture_on_commit_callbacks: Any, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    with django_capture_on_commit_callbacks(execute=True):
        made = _invite(admin, "new@demo.example")
    token = newest_token()
    secret = token.partition(".")[2]
    page = admin.get(reverse("admin:tenants_invitation_change", args=[made.json()["id"]]))
    accept(token)
    accept(token)
    with tenant_context(ours.tenant.pk):
        row = Invitation.objects.filter(pk=made.json()["id"]).values().get()
        entries = [json.dumps(entry.changes) + entry.reason for entry in AuditEntry.objects.all()]

    shown = [made.content.decode(), page.content.decode(), admin.fetch(INVITATIONS).content.decode(), caplog.text]
    shown += [str(row), *entries]
    assert not [text for text in shown if secret in text]
    assert not [text for text in shown[:3] + entries if row["secret_digest"] in text]


# Sending again, revoking


def test_sending_again_ends_the_link_before(
    admin: ApiClient, ours: LookAlike, send: Send, django_capture_on_commit_callbacks: Any
) -> None:
    invitation, first = send(ours)
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin.send("POST", f"{INVITATIONS}/{invitation.pk}/resend")
    second = newest_token()

    assert (answer.status_code, answer.json()["sent_count"]) == (200, 2)
    assert first != second
    assert (accept(first).status_code, accept(second).status_code) == (400, 201)


def test_an_expired_invitation_can_be_sent_again(
    admin: ApiClient, ours: LookAlike, send: Send, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    invitation, token = send(ours)
    with time_machine.travel(invitation.expires_at, tick=False):
        browser = ApiClient()
        late = accept(token, client=browser)
        with django_capture_on_commit_callbacks(execute=True):
            again = signed_in(ours.users[Role.ADMIN]).send("POST", f"{INVITATIONS}/{invitation.pk}/resend")
        joined = accept(newest_token())

    assert (late.status_code, again.status_code, joined.status_code) == (400, 200, 201)


def test_an_invitation_is_sent_a_few_times_only(admin: ApiClient, ours: LookAlike, send: Send) -> None:
    invitation, _ = send(ours)
    answers = [admin.send("POST", f"{INVITATIONS}/{invitation.pk}/resend").status_code for _ in range(MAX_SENDS)]

    assert answers == [200] * (MAX_SENDS - 1) + [409]


def test_an_organisation_sends_so_many_a_day(admin: ApiClient, ours: LookAlike, settings: Any) -> None:
    with tenant_context(ours.tenant.pk):
        settings.INVITATIONS_PER_DAY = Invitation.objects.count() + 1
    answers = [_invite(admin, f"new{number}@demo.example").status_code for number in range(2)]

    assert answers == [201, 409]


def test_a_revoked_invitation_opens_nothing_and_leaves_the_address_free(
    admin: ApiClient, ours: LookAlike, send: Send
) -> None:
    invitation, token = send(ours)
    path = f"{INVITATIONS}/{invitation.pk}"
    stale = admin.send("DELETE", path, etag='"something else"')
    revoked = admin.send("DELETE", path, etag=admin.fetch(path)["ETag"])
    again = admin.send("POST", f"{path}/resend")

    assert stale.status_code == 412
    assert (revoked.status_code, again.status_code, accept(token).status_code) == (204, 409, 400)
    assert admin.fetch(path).json()["status"] == "REVOKED"
    assert _invite(admin, invitation.email).status_code == 201


def test_an_answered_invitation_is_neither_revoked_nor_sent_again(
    admin: ApiClient, ours: LookAlike, send: Send
) -> None:
    invitation, token = send(ours)
    accept(token)
    path = f"{INVITATIONS}/{invitation.pk}"

    assert admin.send("DELETE", path, etag="*").status_code == 409
    assert admin.send("POST", f"{path}/resend").status_code == 409
    assert admin.fetch(path).json()["status"] == "ACCEPTED"


@pytest.mark.parametrize("action", ["resend", "revoke"])
def test_the_backoffice_sends_again_and_revokes(action: str, admin: ApiClient, ours: LookAlike, send: Send) -> None:
    invitation, token = send(ours)
    answer = admin.post(
        "/admin/tenants/invitation/", {"action": action, "_selected_action": [str(invitation.pk)]}, follow=True
    )
    row = stored(ours, invitation)

    assert answer.status_code == 200
    assert accept(token).status_code == 400
    assert (row["sent_count"], row["revoked_at"] is None) == ((2, True) if action == "resend" else (1, False))


def test_each_step_is_in_the_audit_log_with_who_took_it(admin: ApiClient, ours: LookAlike) -> None:
    made = _invite(admin, "new@demo.example").json()
    admin.send("POST", f"{INVITATIONS}/{made['id']}/resend")
    admin.send("DELETE", f"{INVITATIONS}/{made['id']}", etag="*")
    asked = {"resource_type": "tenants.invitation", "resource_id": made["id"]}
    entries = list(reversed(admin.fetch("/api/v1/audit-entries", **asked).json()["results"]))

    assert [entry["operation"] for entry in entries] == ["create", "update", "update"]
    assert "sent_count" in entries[1]["changes"]
    assert "revoked_at" in entries[2]["changes"]
    assert {entry["actor_id"] for entry in entries} == {str(ours.users[Role.ADMIN].pk)}


def test_a_strangers_browser_meets_none_of_it(ours: LookAlike, send: Send) -> None:
    send(ours)

    assert Client().get("/admin/tenants/invitation/").status_code == 302
    assert ApiClient().fetch(INVITATIONS).status_code == 401
