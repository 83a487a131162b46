"""A tool is connected by letting the operator's app in: asked for by one person, answered once, kept before its use."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from integrations.connectors.credentials import App
from integrations.connectors.registry import known_types, login_of
from integrations.domain import consenting
from integrations.domain.environment import Environment
from integrations.domain.token_vault import credentials_in
from integrations.enums import IntegrationStatus
from integrations.models import Integration
from tenants.encryption.secret import Secret
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.factories.tenants import UserFactory
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.gitlab.fake import PATH, FakeGitLab
from tests.integrations.connectors.local_server import serving
from tests.integrations.doors.test_pages import act, browser_of
from tests.integrations.login import CLIENT, CLIENT_SECRET, INVALID_GRANT, PlayedLogin

pytestmark = pytest.mark.django_db
OLD = {"token": "the-old-token"}
BACK = "https://stratibreak.example/admin/integrations/integration/consented/"


@pytest.fixture
def login() -> Iterator[PlayedLogin]:
    tool = PlayedLogin(FakeGitLab())
    with serving(tool):
        yield tool


@pytest.fixture
def played(ours: LookAlike, login: PlayedLogin, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Played:
    """Our connection to a GitLab for which the operator has an app."""
    settings.PUBLIC_URL = "https://stratibreak.example"
    settings.INTEGRATION_APPS = {"GITLAB": [CLIENT, CLIENT_SECRET]}
    with tenant_context(ours.tenant.pk):
        integration = Integration(
            project=ProjectFactory.create(),
            name="Code",
            type="GITLAB",
            status=IntegrationStatus.ACTIVE,
            config={"project_paths": [PATH]},
            credentials=Secret.of_json(OLD),
        )
        integration.save()
    found = Played(login, ours.tenant.pk, integration.pk)
    environment = replace(found.environment(), apps={"GITLAB": App(CLIENT, CLIENT_SECRET)})
    monkeypatch.setattr(Environment, "configured", lambda **_: environment)
    return found


@pytest.fixture
def browser(ours: LookAlike) -> Client:
    return browser_of(ours, Role.ADMIN)


def stored(played: Played) -> dict[str, Any]:
    with tenant_context(played.tenant_id):
        return dict(credentials_in(played.integration))


def ask(browser: Client, played: Played) -> dict[str, str]:
    """What the tool's page is told, by the link on ours."""
    page = act(browser, "consent", played.integration_id).content.decode()
    address = unescape(page.split('class="button" href="')[1].split('"')[0])
    assert address.startswith(f"{played.fake.base_url}/oauth/authorize?")
    return {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}


def let_in(login: PlayedLogin, asked: dict[str, str], code: str = "code-1") -> dict[str, str]:
    """The person agrees; what the tool sends them back with."""
    login.codes[code] = f"{asked['code_challenge']} {asked['redirect_uri']}"
    return {"code": code, "state": asked["state"]}


def come_back(browser: Client, answer: dict[str, str]) -> str:
    return str(browser.get(reverse("admin:integrations_integration_consented"), answer, follow=True).content.decode())


# --- whole ---


@pytest.mark.django_db(transaction=True)
def test_tool_is_connected_without_anything_being_entered(
    played: Played, login: PlayedLogin, browser: Client, ours: LookAlike, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = ask(browser, played)
    answer = let_in(login, asked)

    page = come_back(browser, answer)

    assert (asked["client_id"], asked["redirect_uri"], asked["scope"]) == (CLIENT, BACK, "read_api")
    assert "The tool is connected." in page
    assert "the credentials are those of robot" in page
    told = stored(played)
    assert told.keys() == {"access_token", "refresh_token", "expires_at", "renewed_at"}
    assert told["access_token"] == login.access_token
    with tenant_context(ours.tenant.pk):
        entries = list(AuditEntry.objects.filter(resource_id=str(played.integration_id)).order_by("timestamp"))
    [entry] = [each for each in entries if each.reason == "connected by consent"]
    assert entry.actor_id == ours.users[Role.ADMIN].pk
    shown = page + repr([vars(each) for each in entries])
    assert [secret for secret in (*login.secrets, answer["state"]) if secret in shown] == []
    assert [secret for secret in login.secrets if secret in caplog.text] == []

    again = come_back(browser, let_in(login, asked, "code-2"))

    assert "not asked for here" in again
    assert (login.renewals, stored(played)) == (1, told)


@pytest.mark.django_db(transaction=True)
def test_pair_is_kept_although_the_test_after_it_fails(played: Played, login: PlayedLogin, browser: Client) -> None:
    answer = let_in(login, ask(browser, played))
    login.broken["/api/v4/user"] = replace(INVALID_GRANT, status=403)

    page = come_back(browser, answer)

    assert "not allowed to read this (403)" in page
    assert stored(played)["refresh_token"] == login.refresh_token


# --- not ---


def test_person_who_says_no_changes_nothing(played: Played, login: PlayedLogin, browser: Client) -> None:
    asked = ask(browser, played)

    page = come_back(browser, {"error": "access_denied", "error_description": "Evil words", "state": asked["state"]})

    assert "The tool says that the app was not let in." in page
    assert "Evil words" not in page
    assert (stored(played), login.log) == (OLD, [])


def test_code_that_the_tool_refuses_changes_nothing(played: Played, login: PlayedLogin, browser: Client) -> None:
    asked = ask(browser, played)

    page = come_back(browser, {"code": "of somebody else", "state": asked["state"]})

    assert "Nothing was changed. The tool has ended the connection" in page
    assert (stored(played), len(login.log)) == (OLD, 1)


@pytest.mark.parametrize("state", ["", "made-up", "x" * 5000])
def test_state_that_is_nobodys_is_refused(state: str, played: Played, login: PlayedLogin, browser: Client) -> None:
    ask(browser, played)

    assert "not asked for here" in come_back(browser, {"code": "code-1", "state": state})
    assert (stored(played), login.log) == (OLD, [])


def test_answer_is_good_in_the_session_that_asked_only(
    played: Played, login: PlayedLogin, browser: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    answer = let_in(login, ask(browser, played))

    for other in (browser_of(ours, Role.ADMIN), browser_of(theirs, Role.ADMIN)):
        assert "not asked for here" in come_back(other, answer)
    assert Client().get(reverse("admin:integrations_integration_consented"), answer).status_code == 302
    assert (stored(played), login.log) == (OLD, [])


def test_answer_of_another_person_in_the_same_session_is_refused(
    played: Played, login: PlayedLogin, browser: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    answer = let_in(login, ask(browser, played))
    kept = browser.session["consents"]
    with tenant_context(ours.tenant.pk):
        colleague = UserFactory.create(role=Role.ADMIN)

    for person in (colleague, theirs.users[Role.ADMIN]):
        other = Client()
        other.force_login(person)
        session = other.session
        session["consents"] = kept
        session.save()
        assert "not asked for here" in come_back(other, answer)

    assert (stored(played), login.log) == (OLD, [])


def test_answer_is_good_for_ten_minutes(
    played: Played, login: PlayedLogin, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consenting, "LIFETIME", -timedelta(seconds=1))
    answer = let_in(login, ask(browser, played))

    assert "too long ago" in come_back(browser, answer)
    assert login.log == []


def test_session_keeps_the_five_newest(played: Played, browser: Client) -> None:
    states = [ask(browser, played)["state"] for _ in range(7)]

    assert len(browser.session["consents"]) == 5
    assert not any(state in repr(dict(browser.session.items())) for state in states)


@pytest.mark.parametrize("what", ["no app", "own server", "no address of ours", "another tool"])
def test_button_is_there_only_where_the_operator_has_an_app(
    what: str, played: Played, browser: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = reverse("admin:integrations_integration_change", args=[played.integration_id])
    assert "Connect with GitLab" in browser.get(url).content.decode()
    environment = Environment.configured()
    if what == "no app":
        settings.INTEGRATION_APPS = {}
        monkeypatch.setattr(Environment, "configured", lambda **_: replace(environment, apps={}))
    elif what == "own server":
        played.configure(base_url="https://gitlab.example", project_paths=[PATH])
        monkeypatch.setattr(Environment, "configured", lambda **_: replace(environment, gateways={}))
    elif what == "no address of ours":
        settings.PUBLIC_URL = ""
    else:
        with tenant_context(played.tenant_id):
            Integration.objects.filter(pk=played.integration_id).update(type="TRELLO", config={})

    assert "Connect with" not in browser.get(url).content.decode()
    assert "Nothing was changed." in act(browser, "consent", played.integration_id).content.decode()


def test_who_may_not_change_connections_asks_for_nothing(
    played: Played, login: PlayedLogin, ours: LookAlike, theirs: LookAlike
) -> None:
    url = reverse("admin:integrations_integration_consent", args=[played.integration_id])

    assert browser_of(ours, Role.ANALYST).post(url).status_code == 302
    assert browser_of(theirs, Role.ADMIN).post(url).status_code == 404
    assert browser_of(ours, Role.ADMIN).get(url).status_code == 405


@pytest.mark.parametrize("tool", known_types())
def test_tools_are_asked_to_let_us_read_and_no_more(tool: str) -> None:
    login = login_of(tool)

    asked = login.consent if login else None
    assert (asked is not None) == (tool in ("GITLAB", "GITHUB", "ASANA", "JIRA", "SLACK"))
    scopes = asked.scopes if asked else ()
    assert [each for each in scopes if "write" in each or "manage" in each or "admin" in each] == []
