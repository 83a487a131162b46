"""The door of webhooks as tools and attackers meet it, beside a tenant whose connections look the same."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from integrations.domain.receiving import receive
from integrations.domain.webhook_addresses import (
    HANDSHAKE_WINDOW,
    enter_proof,
    find_address,
    make_address,
    proofs_of,
    revoke_address,
)
from integrations.enums import IntegrationStatus
from integrations.hooks import MOST_BYTES
from integrations.models import Integration
from projects.models import Project
from tenants.domain.auditing import AuditAction
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry, Tenant
from tenants.models.login_attempt import LoginAttempt
from tests.factories.look_alike import LookAlike
from tests.integrations.webhooks.conftest import Hooked, connect, hook, send
from tests.integrations.webhooks.signing import BODY_PROVED, SIGNERS, TIMED, Signed, secret_for

pytestmark = pytest.mark.django_db
each_scheme = pytest.mark.parametrize("name", sorted(SIGNERS))
Hook = Callable[..., Hooked]
SHARED = "a-secret-that-both-of-them-entered"


def entries_of(one: Hooked) -> list[AuditEntry]:
    with tenant_context(one.tenant_id):
        return list(AuditEntry.objects.filter(resource_type="integrations.incomingwebhook").order_by("timestamp", "id"))


# --- good ---


@each_scheme
def test_good_message_defers_one_job(name: str, tool: Client, hooked: Hook) -> None:
    one = hooked(name)

    answered = send(tool, one.path, one.sign())

    assert (answered.status_code, answered.content, answered.cookies) == (200, b"", {})
    assert one.jobs() == ["todo"]
    assert one.counts() == {"received": 1}
    assert one.deliveries() == 1


@each_scheme
def test_repeated_message_is_answered_like_the_first_and_does_nothing(name: str, tool: Client, hooked: Hook) -> None:
    one = hooked(name)
    signed = one.sign()
    send(tool, one.path, signed)
    hinted_at = one.webhook().hinted_at

    again = send(tool, one.path, signed)

    assert (again.status_code, again.content) == (200, b"")
    assert one.counts() == {"received": 1, "duplicate": 1}
    assert one.webhook().hinted_at == hinted_at
    assert (one.jobs(), one.deliveries()) == (["todo"], 1)


@pytest.mark.parametrize("name", ["GITHUB", "TRELLO", "MONDAY"])
def test_address_without_its_last_slash_is_the_same(name: str, tool: Client, hooked: Hook, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    one = hooked(name)
    cut = Hooked(name, one.tenant_id, one.integration_id, one.url.rstrip("/"), one.secret)
    signed = cut.sign()

    answered = tool.post(
        cut.path,
        data=signed.body,
        content_type="application/json",
        headers=signed.headers,
        HTTP_HOST="stratibreak.example",
        secure=True,
    )

    assert (answered.status_code, one.jobs()) == (200, ["todo"])


def test_storm_of_messages_waits_as_one_job(tool: Client, hooked: Hook) -> None:
    one = hooked()
    now = int(timezone.now().timestamp())

    statuses = {send(tool, one.path, one.sign(now + number)).status_code for number in range(50)}

    assert statuses == {200}
    assert (one.jobs(), one.counts()) == (["todo"], {"received": 50})


# --- refused ---


@pytest.mark.parametrize("name", BODY_PROVED)
def test_changed_message_is_refused_and_counted(name: str, tool: Client, hooked: Hook) -> None:
    one = hooked(name)

    answered = send(tool, one.path, one.sign().tampered())

    assert (answered.status_code, answered.content) == (401, b"bad_signature")
    assert (one.jobs(), one.deliveries(), one.counts()) == ([], 0, {"refused": 1})
    assert one.webhook().last_refusal == "bad_signature"


@pytest.mark.parametrize("name", TIMED)
def test_old_message_is_refused(name: str, tool: Client, hooked: Hook) -> None:
    one = hooked(name)

    answered = send(tool, one.path, one.sign(int(timezone.now().timestamp()) - 400))

    assert (answered.status_code, answered.content) == (401, b"too_old")
    assert one.jobs() == []


@each_scheme
def test_message_of_the_other_tenant_is_refused_here(
    name: str, tool: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    """Their secret at our address, and a message made for their address at ours."""
    one, other = hook(ours, name), hook(theirs, name, secret=secret_for(name, "theirs"))

    crossed = send(tool, one.path, one.sign(secret=other.secret))
    made_for_them = send(tool, one.path, other.sign())

    assert [crossed.status_code, made_for_them.status_code] == [401, 401]
    assert (one.jobs(), other.jobs()) == ([], [])
    assert (one.counts(), other.counts()) == ({"refused": 2}, {})


@pytest.mark.parametrize("name", ["TRELLO", "MONDAY"])
def test_message_for_another_address_with_the_same_secret_is_refused(
    name: str, tool: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    one, other = hook(ours, name, secret=SHARED), hook(theirs, name, secret=SHARED)

    answered = send(tool, one.path, other.sign())

    assert (answered.status_code, one.jobs()) == (401, [])


def test_message_is_taken_by_the_tenant_of_the_address_alone(tool: Client, ours: LookAlike, theirs: LookAlike) -> None:
    one, other = hook(ours, "GITHUB", secret=SHARED), hook(theirs, "GITHUB", secret=SHARED)

    send(tool, other.path, one.sign())

    assert (one.jobs(), one.counts()) == ([], {})
    assert (other.jobs(), other.counts()) == (["todo"], {"received": 1})


@pytest.mark.parametrize("name", ["GITHUB", "SLACK", "MONDAY", "BITRIX24"])
def test_message_without_proof_is_refused(name: str, tool: Client, hooked: Hook) -> None:
    one = hooked(name)

    answered = send(tool, one.path, Signed(b"{}", {}, one.url))

    assert (answered.status_code, answered.content) == (401, b"unsigned")


def test_refusals_are_audited_once_an_hour_and_without_secrets(tool: Client, hooked: Hook) -> None:
    one = hooked()
    before = len(entries_of(one))
    for signed in (one.sign().tampered(), Signed(b"{}", {}, one.url), one.sign().tampered()):
        send(tool, one.path, signed)
    one.change_webhook(refusal_audited_at=timezone.now() - timedelta(hours=1))
    send(tool, one.path, Signed(b"{}", {}, one.url))

    found = entries_of(one)[before:]

    assert [(entry.action, entry.changes) for entry in found] == [
        (AuditAction.REFUSED, {"refusal": "bad_signature", "refused_before": 0}),
        (AuditAction.REFUSED, {"refusal": "unsigned", "refused_before": 3}),
    ]
    assert one.webhook().refused_in_a_row == 4


def test_good_message_ends_a_row_of_refusals(tool: Client, hooked: Hook) -> None:
    one = hooked()
    send(tool, one.path, one.sign().tampered())
    send(tool, one.path, one.sign())

    assert (one.webhook().refused_in_a_row, one.webhook().refused_count) == (0, 1)


def test_message_of_more_than_a_mebibyte_is_refused_and_one_of_a_mebibyte_read(tool: Client, hooked: Hook) -> None:
    one = hooked()
    padding = MOST_BYTES - len(one.sign(payload={"pad": ""}).body)

    large = send(tool, one.path, one.sign(payload={"pad": "x" * padding}))
    larger = send(tool, one.path, one.sign(payload={"pad": "x" * (padding + 1)}))

    assert (large.status_code, larger.status_code) == (200, 413)
    assert (one.counts(), one.webhook().last_refusal) == ({"received": 1, "refused": 1}, "too_large")


@pytest.mark.parametrize("length", ["-1", "many", "", "1e3", "٣", "9" * 30])
def test_length_that_is_no_number_breaks_nothing(length: str, tool: Client, hooked: Hook) -> None:
    one = hooked()

    answered = tool.generic("POST", one.path, b"{}", content_type="application/json", CONTENT_LENGTH=length)

    assert answered.status_code in (401, 413)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff\xfe", b"[" * 50_000, b'{"event": "\\ud800\\u0000"}'])
@each_scheme
def test_nothing_that_is_sent_breaks_the_door(name: str, body: bytes, tool: Client, hooked: Hook) -> None:
    one = hooked(name)
    odd = {"Content-Type": "text/x; charset=utf-7", "X-Hub-Signature-256": "sha256=é\x80", "Authorization": "é.é.é"}

    answered = tool.generic("POST", one.path + "?validationToken=%00", body, content_type="", headers=odd)
    signed = send(tool, one.path, one.sign().with_body(body, one.secret, int(timezone.now().timestamp())))

    assert answered.status_code in (400, 401)
    assert signed.status_code in (200, 400, 401)


# --- addresses that open nothing ---


def _token(path: str) -> str:
    return path.split("/")[2]


def test_unknown_revoked_and_malformed_addresses_answer_alike(tool: Client, hooked: Hook, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 100
    one, revoked = hooked(), hooked("JIRA")
    with tenant_context(revoked.tenant_id):
        revoke_address(integration=Integration.objects.get(pk=revoked.integration_id))
    token = _token(one.path)
    paths = [
        revoked.path,
        f"/hooks/{token[:-1]}{'A' if token[-1] != 'A' else 'Q'}/",
        f"/hooks/{token[:4]}{token[4:].swapcase()}/",
        f"/hooks/{token}A/",
        f"/hooks/{uuid4()}/",
        "/hooks/%00/",
    ]

    answers = [send(tool, path, one.sign()) for path in paths]
    asked = [tool.head(path) for path in paths] + [tool.get(path) for path in paths]

    assert {(each.status_code, each.content) for each in answers} == {(404, b"")}
    assert {each.status_code for each in asked} == {404}
    assert one.counts() == {}


def test_address_of_one_row_with_the_secret_of_another_opens_nothing(
    tool: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    one, other = hook(ours, "GITHUB"), hook(theirs, "GITHUB")
    raw, foreign = (base64.urlsafe_b64decode(_token(each.path)[4:] + "==") for each in (one, other))
    mixtures = [
        raw[:32] + foreign[32:],
        raw[:16] + foreign[16:],
        foreign[:16] + raw[16:],
        raw[:16] + foreign[16:32] + raw[32:],
    ]

    found = [find_address("sbh_" + base64.urlsafe_b64encode(each).rstrip(b"=").decode()) for each in mixtures]

    assert found == [None] * 4
    assert [find_address(_token(each.path)).tenant_id for each in (one, other)] == [ours.tenant.pk, theirs.tenant.pk]  # type: ignore[union-attr]


def test_token_has_256_random_bits_and_is_kept_as_a_digest(hooked: Hook) -> None:
    one, other = hooked(), hooked("JIRA")
    held = one.webhook()

    assert re.fullmatch(r"sbh_[A-Za-z0-9_-]{86}", _token(one.path))
    assert _token(one.path)[47:] != _token(other.path)[47:]
    assert len(held.secret_digest) == 64
    assert _token(one.path) not in str(held.__dict__)


def test_guesses_from_one_address_are_told_to_wait_and_good_messages_are_not(tool: Client, hooked: Hook) -> None:
    one = hooked()
    statuses = [tool.post(f"/hooks/guess-{number}/").status_code for number in range(7)]
    waiting = tool.post("/hooks/guess/")

    answered = send(tool, one.path, one.sign())

    assert statuses == [404] * 5 + [429] * 2
    assert int(waiting["Retry-After"]) > 0
    assert answered.status_code == 200
    with auth_context():
        assert LoginAttempt.objects.exclude(ip_address=None).count() == 0  # nobody's login is hindered by it


def test_address_of_a_closed_organisation_opens_nothing(tool: Client, ours: LookAlike, hooked: Hook) -> None:
    one = hooked()
    with tenant_context(ours.tenant.pk):
        Tenant.objects.filter(pk=ours.tenant.pk).update(is_active=False)

    assert send(tool, one.path, one.sign()).status_code == 404


@pytest.mark.parametrize("what", ["integration", "project"])
def test_address_of_what_was_deleted_opens_nothing(what: str, tool: Client, hooked: Hook) -> None:
    one = hooked()
    with tenant_context(one.tenant_id):
        integration = Integration.objects.get(pk=one.integration_id)
        (integration if what == "integration" else Project.objects.get(pk=integration.project_id)).delete()

    assert send(tool, one.path, one.sign()).status_code == 404


def test_address_revoked_while_a_message_comes_in_takes_it_no_more(hooked: Hook) -> None:
    one = hooked()
    address = find_address(_token(one.path))
    assert address is not None
    with tenant_context(one.tenant_id):
        make_address(integration=Integration.objects.get(pk=one.integration_id), at=timezone.now(), secret=SHARED)

    assert receive(address, one.sign().sent(), at=timezone.now()).outcome == "UNKNOWN"


def test_renewed_address_takes_what_the_old_one_does_not(tool: Client, hooked: Hook) -> None:
    one = hooked()
    with tenant_context(one.tenant_id):
        made = make_address(
            integration=Integration.objects.get(pk=one.integration_id), at=timezone.now(), secret=one.secret
        )
    new = Hooked(one.name, one.tenant_id, one.integration_id, made.url, one.secret)

    assert send(tool, one.path, one.sign()).status_code == 404
    assert send(tool, new.path, new.sign()).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_other_methods_are_not_offered(method: str, tool: Client, hooked: Hook) -> None:
    answered = getattr(tool, method)(hooked().path)

    assert (answered.status_code, answered["Allow"]) == (405, "GET, HEAD, POST")


def test_browser_that_is_signed_in_counts_for_nothing(ours: LookAlike, hooked: Hook) -> None:
    one = hooked()
    browser = Client()
    browser.force_login(next(iter(ours.users.values())))

    answered = send(browser, one.path, Signed(b"{}", {}, one.url))

    assert (answered.status_code, answered.cookies) == (401, {})
    assert [entry.actor_id for entry in entries_of(one) if entry.action == AuditAction.REFUSED] == [None]


# --- greetings ---


def test_trello_finds_the_address_good(tool: Client, hooked: Hook) -> None:
    one = hooked("TRELLO")

    assert (tool.head(one.path).status_code, tool.head(one.path).content) == (200, b"")


def test_asana_brings_a_secret_for_each_of_its_webhooks(tool: Client, ours: LookAlike) -> None:
    integration = connect(ours, "ASANA")
    with tenant_context(ours.tenant.pk):
        made = make_address(integration=integration, at=timezone.now())
    sent = [f"{number:032x}" for number in range(2)]
    hooks = [Hooked("ASANA", ours.tenant.pk, integration.pk, made.url, secret) for secret in sent]

    greeted = [tool.post(each.path, headers={"X-Hook-Secret": each.secret}) for each in hooks]
    answered = [send(tool, each.path, each.sign(number)) for number, each in enumerate(hooks)]

    assert made.secret == ""
    assert [(each.status_code, each["X-Hook-Secret"]) for each in greeted] == [(200, secret) for secret in sent]
    assert [each.status_code for each in answered] == [200, 200]
    with tenant_context(ours.tenant.pk):
        assert proofs_of(hooks[0].webhook()) == tuple(sent)
    assert [entry.operation for entry in entries_of(hooks[0])[-2:]] == ["update", "update"]


def test_handshake_after_its_time_changes_nothing(tool: Client, hooked: Hook) -> None:
    one = hooked("ASANA")
    one.change_webhook(handshake_until=timezone.now() - timedelta(seconds=1))

    answered = tool.post(one.path, headers={"X-Hook-Secret": "f" * 32})

    assert (answered.status_code, answered.content, answered.has_header("X-Hook-Secret")) == (
        401,
        b"handshake_closed",
        False,
    )
    with tenant_context(one.tenant_id):
        assert proofs_of(one.webhook()) == (one.secret,)
    assert timedelta(hours=24) == HANDSHAKE_WINDOW


def test_token_of_graph_is_echoed_as_plain_text(tool: Client, hooked: Hook) -> None:
    one = hooked("TEAMS")

    answered = tool.post(one.path + "?validationToken=a%20%3Cscript%3E", content_type="text/plain; charset=utf-8")

    assert (answered.status_code, answered.content) == (200, b"a <script>")
    assert answered["Content-Type"] == "text/plain; charset=utf-8"
    assert answered["X-Content-Type-Options"] == "nosniff"


def test_challenges_are_answered(tool: Client, ours: LookAlike, hooked: Hook) -> None:
    monday, slack = hooked("MONDAY"), hooked("SLACK")

    of_monday = tool.post(monday.path, {"challenge": "abc"}, content_type="application/json")
    of_slack = send(tool, slack.path, slack.sign(payload={"type": "url_verification", "challenge": "abc"}))

    assert (of_monday.json(), of_slack.content) == ({"challenge": "abc"}, b"abc")
    assert (monday.jobs(), slack.jobs()) == ([], [])


def test_ping_is_taken_without_a_job(tool: Client, hooked: Hook) -> None:
    one = hooked()

    answered = send(tool, one.path, one.sign(payload={"zen": "Speak like a human.", "hook_id": 1}))

    assert (answered.status_code, one.counts(), one.jobs(), one.deliveries()) == (200, {"received": 1}, [], 0)


# --- what is switched off, and secrets ---


@pytest.mark.parametrize("what", ["switched off", "archived"])
def test_message_to_what_is_off_is_answered_and_ignored(what: str, tool: Client, hooked: Hook) -> None:
    one = hooked()
    if what == "switched off":
        one.change(status=IntegrationStatus.INACTIVE)
    else:
        with tenant_context(one.tenant_id):
            Project.objects.filter(integrations__pk=one.integration_id).update(status="ARCHIVED")

    answered = send(tool, one.path, one.sign())

    assert (answered.status_code, one.counts(), one.jobs()) == (200, {"ignored": 1}, [])
    assert one.webhook().hinted_at is None


def test_nothing_is_taken_until_the_secret_is_entered(tool: Client, ours: LookAlike) -> None:
    integration = connect(ours, "BITRIX24")
    with tenant_context(ours.tenant.pk):
        made = make_address(integration=integration, at=timezone.now())
    one = Hooked("BITRIX24", ours.tenant.pk, integration.pk, made.url, "application-token")

    before = send(tool, one.path, one.sign())
    with tenant_context(ours.tenant.pk):
        enter_proof(integration=integration, secret="application-token")
    after = send(tool, one.path, one.sign())

    assert (made.secret, before.content, after.status_code) == ("", b"nothing_entered", 200)


@pytest.mark.parametrize("name", ["JIRA", "MONDAY"])
def test_tool_that_cannot_sign_is_taken_by_its_address(name: str, tool: Client, ours: LookAlike) -> None:
    integration = connect(ours, name)
    with tenant_context(ours.tenant.pk):
        made = make_address(integration=integration, at=timezone.now(), takes_unsigned=True)
    one = Hooked(name, ours.tenant.pk, integration.pk, made.url, "")

    answered = send(tool, one.path, Signed(one.sign(secret="x").body, {}, one.url))

    assert (answered.status_code, one.jobs()) == (200, ["todo"])


def test_secrets_that_cannot_be_opened_prove_nothing(tool: Client, hooked: Hook, settings: Any) -> None:
    one = hooked()
    settings.FIELD_KEYRING = f"1:{base64.b64encode(b'another installation has this one').decode()[:43]}="

    answered = send(tool, one.path, one.sign())

    assert (answered.status_code, answered.content) == (401, b"nothing_entered")


# --- what is left behind ---


def test_tokens_stay_out_of_the_log(hooked: Hook, tool: Client, caplog: pytest.LogCaptureFixture) -> None:
    one = hooked()
    with caplog.at_level(logging.DEBUG):
        send(tool, one.path, one.sign().tampered())
        tool.post("/hooks/sbh_guess/")

    assert "/hooks/…/" in caplog.text
    assert _token(one.path) not in caplog.text
    assert "sbh_guess" not in caplog.text


def test_answer_takes_few_statements(tool: Client, hooked: Hook, django_assert_num_queries: Any) -> None:
    one = hooked()
    send(tool, one.path, one.sign(1))
    one.webhook()

    with django_assert_num_queries(16):  # the half of them open and close transactions, which are savepoints here
        send(tool, one.path, one.sign(2))
