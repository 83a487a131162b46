"""Setting a webhook up through the API and on the page: shown once, audited, and for whom it is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.connectors.registry import hinting_types, scheme_of
from integrations.connectors.webhooks import RefusalReason, SecretOrigin, ToolNotice
from integrations.domain.webhook_addresses import find_address
from integrations.models import IncomingWebhook, Integration
from integrations.webhook_words import NOTICES, REFUSED
from tenants.audit.enums import AuditAction
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.conftest import ApiClient, machine_of, signed_in
from tests.factories.look_alike import LookAlike
from tests.integrations.webhooks.conftest import Hooked, connect, send

pytestmark = pytest.mark.django_db
Hook = Callable[..., Hooked]
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


@pytest.fixture
def manager(ours: LookAlike) -> ApiClient:
    return signed_in(ours.users[Role.PROJECT_MANAGER])


@pytest.fixture
def browser(ours: LookAlike) -> Client:
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    return client


def path_of(integration_id: object, what: str = "webhook") -> str:
    return f"/api/v1/integrations/{integration_id}/{what}"


def made_by(manager: ApiClient, integration: Integration, **wanted: Any) -> Any:
    return manager.send("POST", path_of(integration.pk), wanted)


# --- the API ---


@pytest.mark.parametrize("tool", hinting_types())
def test_address_and_secret_are_shown_once(tool: str, manager: ApiClient, ours: LookAlike) -> None:
    integration = connect(ours, tool)
    before = manager.get(path_of(integration.pk)).json()

    made = made_by(manager, integration)
    after = manager.get(path_of(integration.pk))

    told = made.json()
    assert before["state"] == "NONE"
    assert (made.status_code, made["Cache-Control"], made.has_header("ETag")) == (201, "no-store", False)
    assert re.fullmatch(r"https://stratibreak\.example/hooks/sbh_[A-Za-z0-9_-]{86}/", told["url"])
    assert bool(told["secret"]) is (scheme_of(tool).secret_origin is SecretOrigin.OURS)
    assert told["state"] == ("SILENT" if told["secret"] else "WAITING")
    assert "url" not in after.json()
    assert "secret" not in after.json()
    assert told["url"][-40:] not in after.content.decode()
    assert not told["secret"] or told["secret"] not in after.content.decode()


def test_made_webhook_works_and_its_state_tells(manager: ApiClient, ours: LookAlike, tool: Client) -> None:
    integration = connect(ours, "GITHUB")
    told = made_by(manager, integration).json()
    one = Hooked("GITHUB", ours.tenant.pk, integration.pk, told["url"], told["secret"])
    send(tool, one.path, one.sign().tampered())
    refusing = manager.get(path_of(integration.pk)).json()
    send(tool, one.path, one.sign())

    receiving = manager.get(path_of(integration.pk)).json()

    assert (refusing["state"], refusing["last_refusal"], refusing["refused_in_a_row"]) == (
        "REFUSING",
        "bad_signature",
        1,
    )
    assert "the signature does not match" in refusing["headline"]
    assert (receiving["state"], receiving["received_count"], receiving["refused_in_a_row"]) == ("RECEIVING", 1, 0)


def test_renewing_ends_address_and_secret(manager: ApiClient, ours: LookAlike) -> None:
    integration = connect(ours, "GITHUB")
    first = made_by(manager, integration).json()

    second = made_by(manager, integration).json()

    assert find_address(first["url"].split("/")[-2]) is None
    assert find_address(second["url"].split("/")[-2]) is not None
    assert first["secret"] != second["secret"]
    assert (first["renewed_at"], bool(second["renewed_at"])) == (None, True)


def test_renewing_leaves_the_secret_of_the_tool_until_another_is_entered(
    manager: ApiClient, ours: LookAlike, tool: Client
) -> None:
    integration = connect(ours, "SLACK")
    made_by(manager, integration, secret=SLACK_SECRET)

    told = made_by(manager, integration).json()

    one = Hooked("SLACK", ours.tenant.pk, integration.pk, told["url"], SLACK_SECRET)
    assert (told["has_secret"], told["secret"]) == (True, "")
    assert send(tool, one.path, one.sign()).status_code == 200


def test_revoking_ends_it(manager: ApiClient, ours: LookAlike) -> None:
    integration = connect(ours, "GITHUB")
    told = made_by(manager, integration).json()

    statuses = [manager.delete(path_of(integration.pk)).status_code for _ in range(2)]

    assert statuses == [204, 404]
    assert find_address(told["url"].split("/")[-2]) is None
    assert manager.get(path_of(integration.pk)).json()["state"] == "NONE"


def test_secret_of_the_tool_is_entered_later(manager: ApiClient, ours: LookAlike) -> None:
    integration = connect(ours, "SLACK")
    early = manager.send("POST", path_of(integration.pk, "webhook/secret"), {"secret": SLACK_SECRET})
    made_by(manager, integration)

    entered = manager.send("POST", path_of(integration.pk, "webhook/secret"), {"secret": SLACK_SECRET})

    assert early.status_code == 409
    assert (entered.status_code, entered.json()["state"], entered.json()["has_secret"]) == (200, "SILENT", True)
    assert "8f742231" not in entered.content.decode()


@pytest.mark.parametrize(
    ("tool", "wanted", "status"),
    [
        ("GITHUB", {"takes_unsigned": True}, 409),
        ("JIRA", {"takes_unsigned": True}, 201),
        ("JIRA", {"takes_unsigned": True, "secret": "x"}, 409),
        ("JIRA", {"secret": "with blanks in it"}, 409),
        ("JIRA", {"secret": "x" * 513}, 400),
        ("JIRA", {"secret": "ö"}, 409),
        ("JIRA", {"secret": "\u0000"}, 400),
        ("JIRA", {"secret": 5, "url": "https://x"}, 400),
        ("JIRA", [], 400),
    ],
)
def test_what_cannot_be_is_refused(tool: str, wanted: Any, status: int, manager: ApiClient, ours: LookAlike) -> None:
    answered = manager.send("POST", path_of(connect(ours, tool).pk), wanted)

    assert answered.status_code == status


def test_tool_that_sends_its_secret_takes_none_from_people(manager: ApiClient, ours: LookAlike) -> None:
    integration = connect(ours, "ASANA")
    made_by(manager, integration)

    assert manager.send("POST", path_of(integration.pk, "webhook/secret"), {"secret": "f" * 32}).status_code == 409


def test_nothing_is_made_without_an_address_to_give(manager: ApiClient, ours: LookAlike, settings: Any) -> None:
    settings.PUBLIC_URL = ""

    answered = made_by(manager, connect(ours, "GITHUB"))

    assert answered.status_code == 409
    assert "PUBLIC_URL" in answered.json()["detail"]


@pytest.mark.parametrize(
    ("method", "what"), [("GET", "webhook"), ("POST", "webhook"), ("DELETE", "webhook"), ("POST", "webhook/secret")]
)
def test_webhook_of_another_tenant_is_not_there(
    method: str, what: str, manager: ApiClient, ours: LookAlike, theirs: LookAlike
) -> None:
    foreign = connect(theirs, "GITHUB")
    made_by(signed_in(theirs.users[Role.ADMIN]), foreign)

    answers = [
        manager.generic(method, path_of(pk, what), b'{"secret": "abc"}', "application/json")
        for pk in (foreign.pk, uuid4())
    ]

    assert [each.status_code for each in answers] == [404, 404]
    with tenant_context(theirs.tenant.pk):
        assert IncomingWebhook.objects.filter(integration=foreign).count() == 1


def test_key_that_only_reads_makes_no_address(ours: LookAlike) -> None:
    integration = connect(ours, "GITHUB")
    machine = machine_of(ours, Role.ADMIN, ApiScope.READ)

    assert machine.get(path_of(integration.pk)).status_code == 200
    assert machine.send("POST", path_of(integration.pk), {}).status_code == 403


def test_what_people_do_is_audited_without_secrets(manager: ApiClient, ours: LookAlike) -> None:
    integration = connect(ours, "SLACK")
    told = made_by(manager, integration, secret="a-signing-secret").json()
    made_by(manager, integration)
    manager.send("POST", path_of(integration.pk, "webhook/secret"), {"secret": "another-signing-secret"})
    manager.delete(path_of(integration.pk))

    with tenant_context(ours.tenant.pk):
        entries = list(
            AuditEntry.objects.filter(resource_type="integrations.incomingwebhook").order_by("timestamp", "id")
        )

    mine = [entry for entry in entries if entry.actor_id == ours.users[Role.PROJECT_MANAGER].pk]
    assert [entry.operation for entry in mine] == ["create", "update", "update", "delete"]
    assert {entry.action for entry in mine} == {AuditAction.CONFIGURE_INTEGRATION}
    kept = str([(entry.changes, entry.reason) for entry in mine])
    assert not [text for text in ("signing-secret", told["url"][-60:], "secret_digest") if text in kept]


# --- the page ---


def page_of(browser: Client, integration_id: object) -> str:
    """What the page says, without tags."""
    response = browser.get(reverse("admin:integrations_integration_change", args=[integration_id]))
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def act(browser: Client, what: str, integration_id: object, **data: str) -> Any:
    return browser.post(reverse(f"admin:integrations_integration_{what}", args=[integration_id]), data, follow=True)


@pytest.mark.parametrize("tool", hinting_types())
def test_page_says_how_to_set_it_up(tool: str, browser: Client, ours: LookAlike) -> None:
    told = page_of(browser, connect(ours, tool).pk)

    assert "Webhook None Changes are found at the interval." in told
    assert "How to set it up in the tool" in told
    assert "Make it now" in told
    assert "Revoke" not in told


def test_page_shows_the_address_once(browser: Client, ours: LookAlike) -> None:
    integration = connect(ours, "GITHUB")

    once = act(browser, "webhook", integration.pk).content.decode()
    again = page_of(browser, integration.pk)

    assert re.search(
        r"Copy the address now, it is not shown again: <code class=\"shown-once\">https://stratibreak\.example/hooks/sbh_",
        once,
    )
    assert "And the secret, which is not shown again either" in once
    assert "hooks/sbh_" not in again
    assert "Nothing yet The address is made, and the tool has sent nothing to it yet." in again


def test_secret_is_entered_while_the_address_is_made(browser: Client, ours: LookAlike) -> None:
    integration, other = connect(ours, "SLACK"), connect(ours, "JIRA")

    act(browser, "webhook", integration.pk, **{"made-secret": SLACK_SECRET})
    act(browser, "webhook", other.pk, **{"made-takes_unsigned": "on"})

    assert "Nothing yet" in page_of(browser, integration.pk)
    assert "The tool does not sign: whoever knows the address" in page_of(browser, other.pk)


def test_page_tells_what_came_in(browser: Client, hooked: Hook) -> None:
    one = hooked()
    one.change_webhook(last_received_at=timezone.now() - timedelta(minutes=3), received_count=1234, duplicate_count=2)

    told = page_of(browser, one.integration_id)

    assert "Receiving The last message came 3 min ago" in told
    assert "Messages so far: 1,234 taken, 2 sent more than once." in told
    assert "such runs begin at least a minute apart" in told


def test_page_tells_when_a_message_will_be_heeded(browser: Client, hooked: Hook) -> None:
    one = hooked()
    now = timezone.now()
    one.change_webhook(hinted_at=now, last_received_at=now)
    waiting = page_of(browser, one.integration_id)
    one.change_webhook(held_until=now + timedelta(minutes=30, seconds=20))
    held = page_of(browser, one.integration_id)
    one.change_webhook(run_begun_at=now + timedelta(seconds=6))

    assert "The tool is read again in a moment, because of a message." in waiting
    assert "The tool is read in 30 min" in held
    heeded = page_of(browser, one.integration_id)
    assert ("because of a message" in heeded, "asked for a pause" in heeded) == (False, False)


@pytest.mark.parametrize("reason", list(RefusalReason))
def test_page_tells_why_messages_are_refused_and_what_to_do(
    reason: RefusalReason, browser: Client, hooked: Hook
) -> None:
    one = hooked()
    one.change_webhook(last_refused_at=timezone.now(), last_refusal=reason.value, refused_in_a_row=5, refused_count=5)

    told = page_of(browser, one.integration_id)

    assert "The last 5 messages were refused, last 1 min ago" in told
    assert REFUSED[reason][0] in told
    assert "What to do:" in told


@pytest.mark.parametrize("notice", list(ToolNotice))
def test_page_tells_what_the_tool_says_of_the_webhook(notice: ToolNotice, browser: Client, hooked: Hook) -> None:
    one = hooked("TEAMS")
    one.change_webhook(notice=notice.value)

    assert NOTICES[notice] in page_of(browser, one.integration_id)


def test_secret_is_entered_and_address_revoked_on_the_page(browser: Client, ours: LookAlike, tool: Client) -> None:
    integration = connect(ours, "BITRIX24")
    url = re.search(
        r"https://stratibreak\.example(/hooks/[^/]+/)", act(browser, "webhook", integration.pk).content.decode()
    )
    assert url is not None
    one = Hooked("BITRIX24", ours.tenant.pk, integration.pk, url[0], "application-token")
    waiting = page_of(browser, integration.pk)

    entered = act(browser, "webhook_secret", integration.pk, **{"entered-secret": "application-token"}).content.decode()
    taken = send(tool, one.path, one.sign())
    revoked = act(browser, "webhook_revoke", integration.pk).content.decode()

    assert "Enter the secret of the tool (Application token)." in waiting
    assert "The secret is kept." in entered
    assert "application-token" not in entered
    assert taken.status_code == 200
    assert "opens nothing any more" in revoked
    assert send(tool, one.path, one.sign()).status_code == 404


@pytest.mark.parametrize("what", ["webhook", "webhook_secret", "webhook_revoke"])
def test_acts_are_for_those_who_may_change_connections(what: str, ours: LookAlike, theirs: LookAlike) -> None:
    integration, foreign = connect(ours, "GITHUB"), connect(theirs, "GITHUB")
    analyst, admin = Client(), Client()
    analyst.force_login(ours.users[Role.ANALYST])
    admin.force_login(ours.users[Role.ADMIN])

    assert act(analyst, what, integration.pk).redirect_chain[0][0].startswith("/admin/login/")
    assert act(admin, what, foreign.pk).status_code == 404
    assert admin.get(reverse(f"admin:integrations_integration_{what}", args=[integration.pk])).status_code == 405


def test_mistakes_on_the_page_change_nothing(browser: Client, ours: LookAlike, hooked: Hook) -> None:
    one, unmade = hooked("SLACK"), connect(ours, "JIRA")
    before = one.webhook().proofs.envelope

    blank = act(browser, "webhook_secret", one.integration_id, **{"entered-secret": ""}).content.decode()
    spaced = act(browser, "webhook_secret", one.integration_id, **{"entered-secret": "a b"}).content.decode()
    early = act(browser, "webhook_secret", unmade.pk, **{"entered-secret": "abc"}).content.decode()

    assert [("Nothing was changed." in each) for each in (blank, spaced, early)] == [True] * 3
    assert one.webhook().proofs.envelope == before


def test_lists_of_the_backoffice_show_no_secret(browser: Client, hooked: Hook, tool: Client) -> None:
    one = hooked()
    send(tool, one.path, one.sign())
    held = one.webhook()

    pages = [
        browser.get(reverse(f"admin:integrations_{name}_changelist")).content.decode()
        for name in ("incomingwebhook", "incomingdelivery")
    ]
    page = browser.get(reverse("admin:integrations_incomingwebhook_change", args=[held.pk])).content.decode()

    assert [held.secret_digest in each for each in (*pages, page)] == [False] * 3
    assert "Proofs" not in page
