"""Credentials are replaced once the tool has accepted new ones, taken away by a person's word, and shown by no door."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.connectors.registry import known_types, options_of, revocation_of
from integrations.domain.credentials import EnteredForAnotherAddress, put_credentials
from integrations.domain.environment import Environment
from integrations.domain.token_vault import credentials_in
from integrations.enums import IntegrationStatus
from integrations.models import Integration
from tenants.audit.enums import AuditAction
from tenants.encryption.secret import Secret
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.conftest import ApiClient, machine_of
from tests.factories.integrations import SyncResultFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.github.fake import TOKEN
from tests.integrations.connectors.gitlab.fake import PATH, FakeGitLab
from tests.integrations.connectors.local_server import SERVER_ERROR, Request, Response, serving
from tests.integrations.doors.test_pages import act, browser_of, page_of
from tests.integrations.login import INVALID_GRANT, PlayedLogin

pytestmark = pytest.mark.django_db
NEW = "a-new-token-of-ours"


def path_of(integration_id: object) -> str:
    return f"/api/v1/integrations/{integration_id}/credentials"


def kept(tenant_id: Any, integration_id: object) -> dict[str, Any]:
    with tenant_context(tenant_id):
        return dict(credentials_in(Integration.objects.get(pk=integration_id)))


def stored(played: Played) -> dict[str, Any]:
    return kept(played.tenant_id, played.integration_id)


def entries(one: LookAlike) -> list[AuditEntry]:
    with tenant_context(one.tenant.pk):
        return list(AuditEntry.objects.filter(resource_type="integrations.integration").order_by("timestamp", "id"))


def replace(client: ApiClient, integration_id: object, credentials: Any, **more: Any) -> Any:
    return client.send("POST", path_of(integration_id), {"credentials": credentials, **more})


# --- in place of others ---


def test_new_credentials_are_kept_once_the_tool_has_accepted_them(
    played: Played, manager: ApiClient, ours: LookAlike, foreign: Integration, theirs: LookAlike
) -> None:
    played.fake.secret = NEW
    before = timezone.now()

    answer = replace(manager, played.integration_id, {"token": NEW})

    assert (answer.status_code, answer.json()["report"]["account"]) == (200, "robot")
    assert stored(played) == {"token": NEW}
    integration = played.integration
    assert integration.credentials_changed_at is not None
    assert integration.credentials_changed_at >= before
    assert integration.next_run_at is not None
    entry = entries(ours)[-1]
    assert (entry.action, entry.reason) == (AuditAction.CONFIGURE_INTEGRATION, "credentials replaced")
    assert entry.actor_id == ours.users[Role.PROJECT_MANAGER].pk
    assert NEW not in answer.content.decode() + repr([vars(each) for each in entries(ours)])
    assert kept(theirs.tenant.pk, foreign.pk) == {"token": TOKEN}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Response(401, {"message": NEW}), "unauthorized"),
        (SERVER_ERROR, "server_error"),
        (Response(200, {"login": "robot"}, {"X-OAuth-Scopes": "gist"}), "forbidden"),
    ],
    ids=["refused", "down", "lacks rights"],
)
def test_what_the_tool_does_not_accept_is_not_kept(
    said: Response, code: str, played: Played, manager: ApiClient, ours: LookAlike, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    played.fake.secret = NEW
    played.fake.broken["/user$"] = said

    answer = replace(manager, played.integration_id, {"token": NEW})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (424, code)
    assert stored(played) == {"token": TOKEN}
    entry = entries(ours)[-1]
    assert (entry.reason, entry.changes) == ("credentials replaced", {"outcome": code})
    assert NEW not in answer.content.decode() + caplog.text + repr([vars(each) for each in entries(ours)])


def test_untested_credentials_are_kept_where_a_person_says_so(played: Played, manager: ApiClient) -> None:
    answer = replace(manager, played.integration_id, {"token": NEW}, is_tested=False)

    assert (answer.status_code, answer.json()) == (200, {"report": None})
    assert (stored(played), played.fake.log) == ({"token": NEW}, [])


def test_set_is_whole_and_is_not_merged_with_the_one_before(played: Played, manager: ApiClient) -> None:
    replace(manager, played.integration_id, {"refresh_token": "r", "client_id": "c"}, is_tested=False)

    assert stored(played) == {"refresh_token": "r", "client_id": "c"}


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        None,
        "token",
        {"tokken": NEW},
        {"token": {"deep": NEW}},
        {"token": "x" * 5000},
        {"token": "\0"},
        {"token": ""},
        {"refresh_token": "r", "ended_at": "2026-01-01T00:00:00Z"},
        {"refresh_token": "r", "previous_refresh_token": "p"},
        {"refresh_token": "r", "expires_at": "soon"},
    ],
)
def test_what_is_no_set_of_the_tool_is_refused_without_a_value(
    credentials: Any, played: Played, manager: ApiClient
) -> None:
    answer = replace(manager, played.integration_id, credentials)

    assert answer.status_code == 400
    assert NEW not in answer.content.decode()
    assert (stored(played), played.fake.log) == ({"token": TOKEN}, [])


def test_unknown_member_is_refused(played: Played, manager: ApiClient) -> None:
    assert replace(manager, played.integration_id, {"token": NEW}, force=True).status_code == 400


def test_foreign_connection_is_a_missing_one(
    played: Played, foreign: Integration, theirs: LookAlike, manager: ApiClient
) -> None:
    for method, body in (("POST", {"credentials": {"token": NEW}}), ("DELETE", None)):
        found, nowhere = (manager.send(method, path_of(each), body) for each in (foreign.pk, uuid4()))

        assert found.status_code == nowhere.status_code == 404
        assert {**found.json(), "instance": ""} == {**nowhere.json(), "instance": ""}
    assert (kept(theirs.tenant.pk, foreign.pk), played.fake.log) == ({"token": TOKEN}, [])


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.ADMIN, 200),
        (Role.PROJECT_MANAGER, 200),
        (Role.TEAM_LEADER, 403),
        (Role.ANALYST, 403),
        (Role.STAKEHOLDER, 403),
    ],
)
def test_who_may_change_connections_may_replace_and_revoke(
    role: Role, status: int, played: Played, as_role: Callable[[Role], ApiClient]
) -> None:
    client = as_role(role)

    answers = [
        replace(client, played.integration_id, {"token": TOKEN}),
        client.send("DELETE", path_of(played.integration_id)),
    ]

    assert [answer.status_code for answer in answers] == [status, status]
    assert bool(played.fake.log) == (status == 200)


@pytest.mark.parametrize(("scopes", "status"), [([ApiScope.READ], 403), ([ApiScope.WRITE], 200)])
def test_key_does_what_its_scope_says(scopes: list[ApiScope], status: int, played: Played, ours: LookAlike) -> None:
    machine = machine_of(ours, Role.ADMIN, *scopes)

    assert replace(machine, played.integration_id, {"token": TOKEN}).status_code == status
    assert machine.send("DELETE", path_of(played.integration_id)).status_code == status


# --- not elsewhere ---


@pytest.mark.parametrize("address", ["https://elsewhere.example", "http://127.0.0.1:9"])
def test_stored_credentials_are_never_sent_to_another_address(
    address: str, played: Played, manager: ApiClient, settings: Any
) -> None:
    settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
    config = {**played.integration.config, "base_url": address}
    path = f"/api/v1/integrations/{played.integration_id}"

    refused = manager.send("PATCH", path, {"config": config}, etag="*")

    assert (refused.status_code, "base_url" in played.integration.config) == (409, False)
    assert "not sent to another address" in refused.json()["detail"] + repr(refused.json().get("errors"))
    changed = manager.send("PATCH", path, {"config": config, "credentials": {"token": NEW}}, etag="*")
    assert (changed.status_code, stored(played)) == (200, {"token": NEW})
    back = {"config": played.integration.config | {"base_url": f"{address}/"}}
    assert manager.send("PATCH", path, back, etag="*").status_code == 200
    manager.send("DELETE", path_of(played.integration_id))
    del config["base_url"]
    assert manager.send("PATCH", path, {"config": config}, etag="*").status_code == 200


def test_stored_credentials_do_not_leave_the_gateway_for_an_address_that_nobody_asked(
    manager: ApiClient, ours: LookAlike
) -> None:
    """While a cloud id stands there the address is never asked: who entered the token had no reason to look at it."""
    site = {"base_url": "https://elsewhere.example"}
    with tenant_context(ours.tenant.pk):
        integration = Integration(project=ProjectFactory.create(), name="Plan", type="JIRA", config=site)
        integration.credentials = Secret.of_json({"api_token": TOKEN})
        integration.save()
    path = f"/api/v1/integrations/{integration.pk}"

    assert manager.send("PATCH", path, {"config": {**site, "cloud_id": "cloud-1"}}, etag="*").status_code == 200
    assert manager.send("PATCH", path, {"config": site}, etag="*").status_code == 409
    assert manager.send("DELETE", path_of(integration.pk)).status_code == 200
    assert manager.send("PATCH", path, {"config": site}, etag="*").status_code == 200


def test_credentials_are_not_kept_for_an_address_that_came_while_they_were_tested(played: Played) -> None:
    """While there are none, anybody who may change the connection may change where they would go."""
    asked = played.integration
    with tenant_context(played.tenant_id):
        moved = {**asked.config, "base_url": "https://elsewhere.example"}
        Integration.objects.filter(pk=asked.pk).update(config=moved, credentials=None)
        with pytest.raises(EnteredForAnotherAddress):
            put_credentials(asked, Secret.of_json({"token": NEW}), at=timezone.now(), reason="replaced")

    assert stored(played) == {}


def test_page_does_not_send_stored_credentials_to_another_address(played: Played, browser: Client) -> None:
    url = reverse("admin:integrations_integration_change", args=[played.integration_id])
    config = {**played.integration.config, "base_url": "https://elsewhere.example"}
    rows = {f"field_mappings-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}

    values = {"name": "Code", "config": json.dumps(config), "sync_interval_minutes": "60", **rows}
    refused = browser.post(url, values)

    assert refused.status_code == 200
    assert "The stored credentials are not sent to another address" in refused.content.decode()
    assert "base_url" not in played.integration.config


# --- away ---


def test_credentials_that_the_tool_cannot_be_asked_to_end_are_deleted_here(
    played: Played, manager: ApiClient, ours: LookAlike
) -> None:
    answer = manager.send("DELETE", path_of(played.integration_id))

    told = answer.json()
    assert (answer.status_code, told["is_confirmed"], told["error_code"]) == (200, False, "")
    assert "end them there: Settings" in told["message"]
    integration = played.integration
    assert (integration.credentials, integration.status) == (None, IntegrationStatus.INACTIVE)
    assert integration.next_run_at is None
    assert played.fake.log == []
    assert {entry.reason for entry in entries(ours)} >= {"credentials revoked"}
    assert TOKEN not in answer.content.decode() + repr([vars(each) for each in entries(ours)])
    assert manager.send("DELETE", path_of(played.integration_id)).status_code == 409


def test_connection_without_credentials_says_so_on_its_page(played: Played, ours: LookAlike) -> None:
    browser = browser_of(ours, Role.ADMIN)

    unsure = act(browser, "revoke", played.integration_id).content.decode()
    done = act(browser, "revoke", played.integration_id, **{"revocation-is_sure": "on"}).content.decode()

    assert "Nothing was changed. Say that you are sure." in unsure
    assert "They are deleted here." in done
    told = page_of(browser, played)
    assert "Not connected It has no credentials, so it is not read." in told
    assert "Next run none: not connected" in told
    assert "Enter credentials" in told
    assert "Revoke the credentials" not in told


@pytest.mark.parametrize("tool", known_types())
def test_each_tool_says_where_credentials_are_ended(tool: str) -> None:
    revocation = revocation_of(tool)

    assert revocation is not None
    assert revocation.where
    assert (revocation.ask is None) == (tool in ("JIRA", "BITRIX24", "TEAMS", "MONDAY"))


# --- the page ---


@pytest.fixture
def browser(ours: LookAlike) -> Client:
    return browser_of(ours, Role.ADMIN)


def entered(browser: Client, played: Played, token: str, *, is_tested: bool = True) -> str:
    """What the page says of a token that was entered there."""
    values = {"credentials-token": token} | ({"credentials-is_tested": "on"} if is_tested else {})
    return str(act(browser, "credentials", played.integration_id, **values).content.decode())


def test_page_replaces_and_says_what_the_tool_said(played: Played, browser: Client) -> None:
    played.fake.secret = NEW

    refused = entered(browser, played, "wrong")
    done = entered(browser, played, NEW)

    assert "The credentials before stay in place. The tool does not accept the credentials (401)." in refused
    assert "The credentials are replaced. The tool answers as GitHub" in done
    assert stored(played) == {"token": NEW}
    page = browser.get(reverse("admin:integrations_integration_change", args=[played.integration_id]))
    assert [secret for secret in (NEW, TOKEN, "wrong") if secret in page.content.decode() + refused + done] == []


def test_page_asks_for_each_secret_of_the_tool_by_its_name(played: Played, browser: Client) -> None:
    page = browser.get(reverse("admin:integrations_integration_change", args=[played.integration_id]))

    text = page.content.decode()
    assert [each.name for each in options_of("GITHUB").secrets if f'name="credentials-{each.name}"' not in text] == []
    assert 'name="credentials"' not in text
    assert text.count('autocomplete="new-password"') == len(options_of("GITHUB").secrets) - 1  # a moment is typed seen


def test_page_keeps_nothing_of_an_empty_form(played: Played, browser: Client) -> None:
    told = entered(browser, played, "")

    assert "Nothing was changed. Enter at least one credential." in told
    assert stored(played) == {"token": TOKEN}


def test_page_of_a_connection_that_has_ended_says_what_to_do(played: Played, browser: Client) -> None:
    played.fake.broken["/"] = INVALID_GRANT
    with tenant_context(played.tenant_id):
        SyncResultFactory.create(
            integration=played.integration, status="FAILED", error_code="connect_again", error_message="It ended."
        )

    told = page_of(browser, played)

    assert "Connect again The tool has ended the credentials. What was read before is kept." in told
    assert "What to do: Have the tool give new credentials" in told
    assert "The credentials were replaced since" not in told
    entered(browser, played, NEW, is_tested=False)
    assert "The credentials were replaced since; the next run uses the new ones." in page_of(browser, played)


@pytest.mark.parametrize("what", ["credentials", "revoke"])
def test_page_does_nothing_for_others(
    what: str, played: Played, ours: LookAlike, browser: Client, foreign: Integration, theirs: LookAlike
) -> None:
    url = reverse(f"admin:integrations_integration_{what}", args=[played.integration_id])
    elsewhere = reverse(f"admin:integrations_integration_{what}", args=[foreign.pk])

    statuses = [
        browser_of(ours, Role.ANALYST).post(url, {"token": NEW}).status_code,
        browser_of(theirs, Role.ADMIN).post(url, {"token": NEW}).status_code,
        browser.post(elsewhere, {"token": NEW}).status_code,
        browser.get(url).status_code,
    ]

    assert statuses == [302, 404, 404, 405]
    assert (stored(played), kept(theirs.tenant.pk, foreign.pk)) == ({"token": TOKEN}, {"token": TOKEN})
    assert played.fake.log == []


# --- pairs that renew themselves ---


class RevokingGitLab(FakeGitLab):
    """Ends tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.revoked: list[Request] = []

    def answer(self, request: Request) -> Response:
        if request.path == "/oauth/revoke":
            self.revoked.append(request)
            return Response(200, {})
        return super().answer(request)


@pytest.fixture
def login() -> Iterator[PlayedLogin]:
    tool = PlayedLogin(RevokingGitLab())
    with serving(tool):
        yield tool


@pytest.fixture
def renewing(ours: LookAlike, login: PlayedLogin, monkeypatch: pytest.MonkeyPatch) -> Played:
    """Our connection to a GitLab whose access token has ended."""
    with tenant_context(ours.tenant.pk):
        integration = Integration(
            project=ProjectFactory.create(),
            name="Code",
            type="GITLAB",
            status=IntegrationStatus.ACTIVE,
            config={"project_paths": [PATH]},
            credentials=Secret.of_json(login.credentials),
        )
        integration.save()
    found = Played(login, ours.tenant.pk, integration.pk)
    monkeypatch.setattr(Environment, "configured", lambda **_: found.environment())
    return found


@pytest.mark.django_db(transaction=True)
def test_new_pair_outlives_a_request_that_is_refused(
    renewing: Played, login: PlayedLogin, as_role: Callable[[Role], ApiClient], ours: LookAlike
) -> None:
    login.broken["/api/v4/user"] = Response(403, {})

    answer = as_role(Role.PROJECT_MANAGER).send("POST", f"/api/v1/integrations/{renewing.integration_id}/test")

    assert (answer.status_code, login.renewals) == (424, 1)
    assert stored(renewing)["refresh_token"] == login.refresh_token
    [entry] = [each for each in entries(ours) if each.reason == "credentials refreshed"]
    assert entry.actor_id == ours.users[Role.PROJECT_MANAGER].pk
    shown = answer.content.decode() + repr([vars(each) for each in entries(ours)])
    assert [secret for secret in login.secrets if secret in shown] == []


@pytest.mark.django_db(transaction=True)
def test_pair_is_ended_by_its_newest_access_token_and_deleted(
    renewing: Played, login: PlayedLogin, as_role: Callable[[Role], ApiClient], ours: LookAlike
) -> None:
    answer = as_role(Role.ADMIN).send("DELETE", path_of(renewing.integration_id))

    assert answer.json() == {
        "is_confirmed": True,
        "message": "The tool has ended the credentials, and they are deleted here.",
        "error_code": "",
    }
    [sent] = login.tool.revoked  # type: ignore[attr-defined]  # a RevokingGitLab
    assert sent.body["token"] == login.access_token == "access-1-of-the-played-login"
    assert renewing.integration.credentials is None
    assert [secret for secret in login.secrets if secret in repr([vars(each) for each in entries(ours)])] == []


@pytest.mark.django_db(transaction=True)
def test_pair_is_deleted_although_the_tool_does_not_confirm(
    renewing: Played, login: PlayedLogin, as_role: Callable[[Role], ApiClient]
) -> None:
    login.broken["/oauth/"] = SERVER_ERROR

    told = as_role(Role.ADMIN).send("DELETE", path_of(renewing.integration_id)).json()

    assert (told["is_confirmed"], told["error_code"]) == (False, "server_error")
    assert "did not confirm" in told["message"]
    assert renewing.integration.credentials is None


@pytest.mark.django_db(transaction=True)
def test_pair_that_is_entered_is_renewed_by_the_test_and_kept_as_it_is_afterwards(
    renewing: Played, login: PlayedLogin, as_role: Callable[[Role], ApiClient]
) -> None:
    admin, entered = as_role(Role.ADMIN), login.credentials
    login.broken["/api/v4/version"] = Response(403, {})

    refused = replace(admin, renewing.integration_id, entered)
    login.broken.clear()
    spent = replace(admin, renewing.integration_id, entered)
    done = replace(admin, renewing.integration_id, login.credentials)

    assert (refused.status_code, spent.status_code, done.status_code) == (424, 424, 200)
    assert "is used up by this" in refused.json()["detail"]
    assert spent.json()["errors"][0]["code"] == "connect_again"
    assert stored(renewing)["refresh_token"] == login.refresh_token == "refresh-2-of-the-played-login"
    assert done.json()["report"]["notes"][-1] == (
        "The access token renews itself. The present one is good until 14:00 UTC on 1 June."
    )
    shown = json.dumps([refused.json(), spent.json(), done.json()])
    assert [secret for secret in login.secrets if secret in shown] == []
