"""Renewing tokens: what is sent to the logins of the tools, what is made of their answers, and how often."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from integrations.connectors.base import Connector, Network
from integrations.connectors.credentials import App, Credentials, end_of
from integrations.connectors.oauth import Login, bearer_of, renewed
from integrations.connectors.options import Account
from integrations.connectors.registry import connector_of, options_of, revocation_of
from integrations.domain.connecting import check_connection
from integrations.domain.environment import Environment, RunNetwork
from integrations.http.addresses import AddressGuard
from integrations.http.answers import Answer
from integrations.http.bearer import EnteredToken
from integrations.http.door import Door, Service
from integrations.http.errors import ConnectionEnded, CredentialsMissing, ToolError, Unauthorized, UnexpectedAnswer
from tests.integrations.connectors.asana.fake import FakeAsana
from tests.integrations.connectors.github.fake import FakeGitHub
from tests.integrations.connectors.gitlab.fake import FakeGitLab
from tests.integrations.connectors.local_server import RESET, SERVER_ERROR, FakeTool, Request, Response, serving
from tests.integrations.connectors.slack.fake import FakeSlack
from tests.integrations.login import CLIENT, CLIENT_SECRET, INVALID_GRANT, PlayedLogin
from tests.integrations.waiting import START, FakeClock

LOGIN = Login(address="https://tool.example", path="/oauth/token")


@dataclass
class MemoryVault:
    """Keeps nothing beyond the test. kept: every state, the newest last"""

    kept: list[Credentials]
    confirmed: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def renew(self, held: str, ask: Callable[[Credentials], Credentials]) -> Credentials:
        with self._lock:
            if self.kept[-1].get("access_token", "") == held:
                self.kept.append(ask(self.kept[-1]))
            return self.kept[-1]

    def current(self) -> Credentials:
        return self.kept[-1]

    def confirm(self, token: str) -> None:
        self.confirmed.append(token)


class Echo(FakeTool):
    """A tool that answers whoever has the right token with what was sent."""

    def answer(self, request: Request) -> Response:
        is_good = request.headers.get("authorization") == f"Bearer {self.secret}"
        return Response(200, {"path": request.path}) if is_good else Response(401, {"message": "no"})


@pytest.fixture
def login() -> Iterator[PlayedLogin]:
    tool = PlayedLogin(Echo())
    with serving(tool):
        yield tool


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def network(clock: FakeClock) -> Iterator[RunNetwork]:
    guard = AddressGuard.allowing(["127.0.0.0/8"])
    made = RunNetwork(Environment(waiting=clock.waiting(), guard=guard))
    yield made
    made.close()


@dataclass
class Opened:
    """A door with a bearer, and what stands behind them."""

    door: Door
    vault: MemoryVault

    def ask(self) -> int:
        return self.door.get("/thing").status


def opened(login: PlayedLogin, network: RunNetwork, **credentials: str) -> Opened:
    vault = MemoryVault([{**login.credentials, **credentials}])
    account = Account(settings={}, credentials=vault.kept[-1], gateway=login.base_url, vault=vault)
    bearer = bearer_of(account, network, LOGIN, entered="token")
    return Opened(network.door(Service(base_url=login.base_url, bearer=bearer)), vault)


# --- when ---


def test_token_is_renewed_shortly_before_its_end_and_the_door_follows(
    login: PlayedLogin, network: RunNetwork, clock: FakeClock
) -> None:
    tool = opened(login, network)
    tool.ask()
    assert login.renewals == 1

    clock.pass_time(7200 - 301)
    tool.ask()
    assert login.renewals == 1
    clock.pass_time(2)
    tool.ask()

    assert login.renewals == 2
    assert [request.path for request in login.log].count("/thing") == 3
    assert tool.vault.confirmed == ["access-1-of-the-played-login", "access-2-of-the-played-login"]


def test_token_of_a_minute_is_not_renewed_all_the_time(
    login: PlayedLogin, network: RunNetwork, clock: FakeClock
) -> None:
    login.lifetime_s = 60
    tool = opened(login, network)

    for _ in range(5):
        tool.ask()
    clock.pass_time(55)
    tool.ask()

    assert login.renewals == 2


def test_token_whose_end_nobody_knows_is_renewed_when_it_is_refused(login: PlayedLogin, network: RunNetwork) -> None:
    tool = opened(login, network, expires_at="", access_token="an old one")

    assert tool.ask() == 200

    assert [request.path for request in login.log] == ["/thing", "/oauth/token", "/thing"]


def test_new_token_that_is_refused_is_not_renewed_again(login: PlayedLogin, network: RunNetwork) -> None:
    login.broken["/thing"] = Response(401, {})
    tool = opened(login, network)

    for _ in range(3):
        with pytest.raises(Unauthorized):
            tool.ask()

    assert len(login.logins) == 1
    assert len(login.log) == 4


def test_pair_is_not_renewed_where_nobody_would_keep_it(login: PlayedLogin, network: RunNetwork) -> None:
    account = Account(settings={}, credentials=login.credentials, gateway=login.base_url)

    bearer = bearer_of(account, network, LOGIN, entered="token")

    assert isinstance(bearer, EnteredToken)
    assert (bearer.renew(), login.log) == (False, [])


def test_token_that_was_entered_stays(network: RunNetwork) -> None:
    account = Account(settings={}, credentials={"token": "entered"}, vault=MemoryVault([]))

    assert bearer_of(account, network, LOGIN, entered="token").headers() == {"authorization": "Bearer entered"}


# --- what the login says ---


@pytest.mark.parametrize(
    "said",
    [
        INVALID_GRANT,
        Response(403, {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}),
        Response(401, {"error": "invalid_grant"}),
        Response(200, {"error": "bad_refresh_token", "error_description": "Passed is incorrect or expired."}),
        Response(200, {"ok": False, "error": "invalid_refresh_token"}),
        Response(200, {"ok": False, "error": "token_revoked"}),
        Response(400, {"error": {"code": "invalid_grant"}}),
    ],
)
def test_refusal_is_an_end_whatever_its_status(said: Response, login: PlayedLogin, network: RunNetwork) -> None:
    login.next_logins.append(said)

    with pytest.raises(ConnectionEnded):
        opened(login, network).ask()

    assert len(login.log) == 1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Response(401, {"error": "invalid_client"}), "unauthorized"),
        (Response(200, {"ok": False, "error": "bad_client_secret"}), "unauthorized"),
        (Response(200, {"error": "incorrect_client_credentials"}), "unauthorized"),
        (Response(400, {"error": "invalid_request"}), "bad_request"),
        (Response(400, {"error": "refresh-7-of-the-played-login is not ours"}), "bad_request"),
        (Response(200, {"error": "something_new"}), "refused"),
        (Response(403, {"error": "something_new"}), "forbidden"),
        (Response(200, {}), "unexpected_answer"),
        (Response(200, []), "unexpected_answer"),
        (Response(200, {"access_token": None, "refresh_token": "r"}), "unexpected_answer"),
        (Response(200, {"access_token": "", "refresh_token": "r"}), "unexpected_answer"),
        (Response(200, {"access_token": 5, "refresh_token": "r"}), "unexpected_answer"),
        (Response(200, {"access_token": "a\r\nx-evil: 1", "refresh_token": "r"}), "unexpected_answer"),
        (Response(200, {"access_token": "a" * 20_000, "refresh_token": "r"}), "unexpected_answer"),
        (Response(200, {"access_token": "a", "refresh_token": ["r"]}), "unexpected_answer"),
        (Response(200, b"access_token=a&refresh_token=r", content_type="text/plain"), "wrong_content_type"),
        (Response(302, b"", {"Location": "https://elsewhere.example/"}), "foreign_address"),
        (Response(404, {}), "not_found"),
    ],
)
def test_what_is_no_pair_changes_nothing_and_is_named(
    said: Response, code: str, login: PlayedLogin, network: RunNetwork
) -> None:
    login.next_logins.append(said)
    tool = opened(login, network)

    with pytest.raises(ToolError) as caught:
        tool.ask()

    assert caught.value.code == code
    assert len(tool.vault.kept) == 1
    assert [secret for secret in login.secrets if secret in f"{caught.value!r} {caught.value.message}"] == []
    assert len(login.log) == 1


@pytest.mark.parametrize("said", [SERVER_ERROR, RESET, Response(200, {"ok": False, "error": "internal_error"})])
def test_bad_moment_of_the_login_is_waited_for(said: Response, login: PlayedLogin, network: RunNetwork) -> None:
    login.next_logins.append(said)

    assert opened(login, network).ask() == 200


def test_login_that_is_down_is_asked_three_times_and_not_nine(login: PlayedLogin, network: RunNetwork) -> None:
    login.broken["/oauth/token"] = SERVER_ERROR

    with pytest.raises(ToolError) as caught:
        opened(login, network).ask()

    assert (caught.value.is_transient, len(login.log)) == (True, 3)


@pytest.mark.parametrize(
    ("told", "ends_in_s"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3600.5, 3600.5),
        (None, None),
        (-5, None),
        (0, None),
        (True, None),
        ("soon", None),
        ("-5", None),
        (10**15, None),
        ("9" * 12, None),
        ([3600], None),
    ],
)
def test_lifetime_that_is_none_is_unknown(told: Any, ends_in_s: float | None) -> None:
    body = {"access_token": "a", "refresh_token": "r", "expires_in": told}

    made = renewed({"expires_at": "2020-01-01T00:00:00Z"}, _answer(body), sent="before", at=START)

    expected = None if ends_in_s is None else (START + timedelta(seconds=ends_in_s)).isoformat()
    assert made.get("expires_at") == expected


def test_refresh_token_stays_where_the_answer_has_none() -> None:
    made = renewed(
        {"client_id": "c", "previous_refresh_token": "p"}, _answer({"access_token": "a"}), sent="r", at=START
    )

    assert made == {"client_id": "c", "access_token": "a", "refresh_token": "r", "renewed_at": START.isoformat()}


def test_end_of_a_pair_is_that_of_its_refresh_token() -> None:
    body = {"access_token": "a", "refresh_token": "r", "expires_in": 60, "refresh_token_expires_in": 86_400}

    made = renewed({}, _answer(body), sent="before", at=START)

    assert end_of(made) == START + timedelta(days=1)
    assert end_of({"access_token": "a", "expires_at": "2026-01-01T00:00:00"}) is not None
    assert end_of({"refresh_token": "r", "expires_at": "2026-01-01T00:00:00"}) is None
    assert end_of({"access_token": "a", "expires_at": "never"}) is None


def _answer(body: Mapping[str, Any]) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())


# --- the app ---


@pytest.mark.parametrize(
    ("login", "config", "base", "app"),
    [
        (Login(address="https://tool.example", path="/t"), {}, "https://tool.example", "operator"),
        (Login(address="https://tool.example", path="/t", is_own=True), {}, "https://tool.example", "operator"),
        (
            Login(address="https://t.example", path="/t"),
            {"base_url": "https://x.example"},
            "https://t.example",
            "operator",
        ),
        (
            Login(address="https://t.example", path="/t", is_own=True, beyond="/api/v3"),
            {"base_url": "https://x.example/api/v3/"},
            "https://x.example",
            None,
        ),
    ],
)
def test_secret_of_the_operator_goes_to_no_address_that_was_entered(
    login: Login, config: dict[str, str], base: str, app: str | None
) -> None:
    account = Account(settings=config, credentials={}, app=App("operator", "secret of the operator"))

    assert login.base_of(account) == base
    if app is None:
        with pytest.raises(CredentialsMissing) as caught:
            login.app_of(account)
        assert "client_id" in caught.value.message
    else:
        assert login.app_of(account).client_id == app


def test_app_that_was_entered_is_never_mixed_with_that_of_the_operator() -> None:
    account = Account(settings={}, credentials={"client_id": "entered"}, app=App("operator", "secret of the operator"))

    assert LOGIN.app_of(account) == App("entered", "")


def test_no_secret_is_in_a_representation(login: PlayedLogin, network: RunNetwork) -> None:
    vault = MemoryVault([login.credentials])
    account = Account(settings={}, credentials=login.credentials, gateway=login.base_url, vault=vault)

    shown = repr(
        [bearer_of(account, network, LOGIN, entered="token"), account, App("id", CLIENT_SECRET), EnteredToken("t-1")]
    )

    assert [secret for secret in (*login.secrets, "t-1") if secret in shown] == []


# --- each tool ---

TOOLS: dict[str, tuple[Callable[[], FakeTool], str, dict[str, Any]]] = {
    "GITLAB": (FakeGitLab, "/oauth/token", {}),
    "GITHUB": (FakeGitHub, "/login/oauth/access_token", {}),
    "ASANA": (FakeAsana, "/-/oauth_token", {}),
    "SLACK": (FakeSlack, "/api/oauth.v2.access", {}),
    "JIRA": (Echo, "/oauth/token", {"base_url": "https://x.atlassian.net", "cloud_id": "cloud-1"}),
    "BITRIX24": (Echo, "/oauth/token/", {"base_url": "https://x.bitrix24.com"}),
    "TEAMS": (Echo, "/common/oauth2/v2.0/token", {"client_id": CLIENT}),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_renews_at_its_login_before_it_reads(tool: str, network: RunNetwork) -> None:
    make, path, settings = TOOLS[tool]
    played = PlayedLogin(make(), path)
    with serving(played):
        vault = MemoryVault([played.credentials])
        account = Account(settings=settings, credentials=played.credentials, gateway=played.base_url, vault=vault)
        connector: Connector[Any] = connector_of(tool)
        with suppress(ToolError) if make is Echo else nullcontext():
            connector.check(connector.open(account, network))

    assert played.log[0].path == path
    assert played.renewals == 1
    assert played.log[0].body.get("refresh_token") == "refresh-0-of-the-played-login"
    assert vault.kept[-1]["access_token"] == "access-1-of-the-played-login"
    sent = played.log[1]
    carried = sent.body["auth"] if tool == "BITRIX24" else sent.headers["authorization"].removeprefix("Bearer ")
    assert carried == "access-1-of-the-played-login"
    assert {request.method for request in played.log} <= {"GET", "POST"}


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_asks_for_what_renewing_needs(tool: str) -> None:
    names = {option.name for option in options_of(tool).secrets}

    assert {"refresh_token", "access_token", "expires_at", "client_secret"} <= names


def test_jira_renews_through_the_gateway_only(network: RunNetwork) -> None:
    account = Account(
        settings={"base_url": "https://x.atlassian.net"}, credentials={"refresh_token": "r", "client_id": "c"}
    )

    with pytest.raises(CredentialsMissing) as caught:
        connector_of("JIRA").open(account, network)

    assert "cloud_id" in caught.value.message


def test_bitrix24_renews_a_token_that_it_calls_expired(network: RunNetwork) -> None:
    class Portal(Echo):
        def answer(self, request: Request) -> Response:
            is_good = (request.body or {}).get("auth") == self.secret
            return Response(200, {"result": []}) if is_good else Response(401, {"error": "expired_token"})

    played = PlayedLogin(Portal(), "/oauth/token/")
    with serving(played):
        credentials = {**played.credentials, "expires_at": "", "access_token": "an old one"}
        vault = MemoryVault([credentials])
        account = Account(
            settings={"base_url": "https://x.bitrix24.com"},
            credentials=credentials,
            gateway=played.base_url,
            vault=vault,
        )

        connector_of("BITRIX24").open(account, network).ask("profile")

    assert [request.path for request in played.log] == ["/rest/profile", "/oauth/token/", "/rest/profile"]


def test_answer_without_a_token_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswer):
        renewed({}, _answer({"refresh_token": "r"}), sent="r", at=START)


# --- what the connection test says of it ---


@pytest.mark.parametrize(
    ("ends_at", "note"),
    [
        ("2026-05-31T00:00:00Z", "The credentials ended on 2026-05-31."),
        ("2026-06-02T00:00:00Z", "The credentials end on 2026-06-02: replace them before."),
        ("2027-06-02T00:00:00Z", None),
    ],
)
def test_end_of_a_token_that_nothing_renews_is_told_and_warned_of(
    ends_at: str, note: str | None, clock: FakeClock
) -> None:
    tool = FakeGitLab()
    tool.broken["/personal_access_tokens/self"] = Response(404, {})
    environment = Environment(waiting=clock.waiting(), guard=AddressGuard.allowing(["127.0.0.0/8"]))
    with serving(tool):
        credentials = {"access_token": tool.secret, "expires_at": ends_at}
        account = Account(settings={}, credentials=credentials, gateway=tool.base_url)

        report = check_connection("GITLAB", account, environment)

    assert (report.is_ok, report.expires_at) == (True, datetime.fromisoformat(ends_at))
    assert report.notes == ((note,) if note else ())


# --- ending tokens ---


class Ending(FakeTool):
    """Ends whatever it is asked to."""

    def answer(self, request: Request) -> Response:
        return Response(204, b"") if request.method == "DELETE" else Response(200, {"ok": True, "revoked": True})


PAIR = {"access_token": "a-1", "refresh_token": "r-1", "client_id": "c-1", "client_secret": "s-1"}
BASIC = f"Basic {base64.b64encode(b'c-1:s-1').decode()}"
ENDINGS: dict[str, tuple[dict[str, str], str, str, Any, str]] = {
    "GITLAB": (PAIR, "POST", "/oauth/revoke", {"token": "a-1", "client_id": "c-1", "client_secret": "s-1"}, ""),
    "ASANA": (PAIR, "POST", "/-/oauth_revoke", {"token": "r-1", "client_id": "c-1", "client_secret": "s-1"}, ""),
    "GITHUB": (PAIR, "DELETE", "/applications/c-1/token", {"access_token": "a-1"}, BASIC),
    "SLACK": ({"token": "xoxb-1"}, "POST", "/api/auth.revoke", None, "Bearer xoxb-1"),
    "TRELLO": (
        {"api_key": "k-1", "token": "t-1"},
        "DELETE",
        "/tokens/t-1",
        None,
        'OAuth oauth_consumer_key="k-1", oauth_token="t-1"',
    ),
}


def asking(tool: str) -> Callable[[Account, Network], bool]:
    """How the tool is asked to end what it gave."""
    revocation = revocation_of(tool)
    assert revocation is not None
    assert revocation.ask is not None
    return revocation.ask


@pytest.mark.parametrize("tool", ENDINGS)
def test_tool_is_asked_once_to_end_what_it_gave(tool: str, network: RunNetwork) -> None:
    credentials, method, path, body, authorization = ENDINGS[tool]
    ask = asking(tool)
    with serving(Ending()) as played:
        account = Account(settings={}, credentials=credentials, gateway=played.base_url)

        assert ask(account, network)

    [sent] = played.log
    assert (sent.method, sent.path, sent.body) == (method, path, body)
    assert (sent.headers.get("authorization", ""), dict(sent.query)) == (authorization, {})


@pytest.mark.parametrize("tool", ["GITLAB", "GITHUB", "ASANA"])
def test_token_of_a_person_is_not_ended(tool: str, network: RunNetwork) -> None:
    ask = asking(tool)

    assert not ask(Account(settings={}, credentials={"token": "personal"}), network)


def test_token_that_slack_does_not_end_is_not_confirmed(network: RunNetwork) -> None:
    ask = asking("SLACK")
    played = Ending()
    played.broken["auth.revoke"] = Response(200, {"ok": True, "revoked": False})
    with serving(played):
        assert not ask(Account(settings={}, credentials={"token": "x"}, gateway=played.base_url), network)
