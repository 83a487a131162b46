"""Access tokens that end within hours, and the refresh tokens that bring new ones (RFC 6749, section 6).

At most tools a refresh token is good for one use: the answer has the next one, and whoever loses that answer has to be
connected again by a person. So:

1. Shortly before the access token ends, or when the tool says 401 to it, the vault is asked to renew it. The vault lets
   one at a time ask the tool; who comes second finds the new pair and asks nothing.
2. The refresh token is sent to the tool's login, and the answer is judged by its code first: tools say `invalid_grant`
   with 400, 401, 403 and 200.
3. The new pair is kept for good, and only then is the new access token used.
4. The refresh token before is kept until the new access token has been accepted: some tools take it again for a while
   when the pair after it never arrived. Where the newer one is refused, it is tried once.
5. A refresh token that is refused ends the connection. That is kept too, so that nobody asks again until a person has
   connected again.

What cannot be excluded: the process ends between the tool's answer and step 3. Then a single-use token is lost.

Example: a token of two hours that was renewed at 10:00 is renewed again with the first request after 11:55.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from integrations.connectors.base import Network
from integrations.connectors.credentials import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    ENDED_AT,
    EXPIRES_AT,
    PREVIOUS,
    REFRESH_EXPIRES_AT,
    REFRESH_TOKEN,
    RENEWED_AT,
    App,
    Credentials,
    Vault,
    moment_of,
)
from integrations.connectors.options import Account
from integrations.http.answers import Answer
from integrations.http.bearer import Bearer, EnteredToken
from integrations.http.door import Door, Service
from integrations.http.errors import (
    FIRST_ERROR_STATUS,
    BadRequest,
    ConnectionEnded,
    CredentialsMissing,
    RateLimited,
    Refused,
    ServerFailed,
    ToolError,
    Unauthorized,
    UnexpectedAnswer,
)

BEFORE_THE_END: Final = timedelta(minutes=5)
SHARE_BEFORE_THE_END: Final = 0.1
"""A token of ten minutes is renewed a minute before its end: five would have it renewed all the time."""
LONGEST_LIFE_S: Final = 10 * 365 * 86_400
TOKEN: Final = re.compile(r"[\x20-\x7e]{1,16384}")
"""RFC 6749, A.12; the longest in use, of Microsoft and Atlassian, have some 4,000 characters."""
_DIGITS: Final = re.compile(r"\d{1,12}")

ENDED_CODES: Final = frozenset(
    {
        "invalid_grant",  # RFC 6749
        "bad_refresh_token",  # GitHub
        "invalid_refresh_token",  # Slack, and the next five
        "token_expired",
        "token_revoked",
        "account_inactive",
        "authorization_not_found",
        "token_already_exchanged",
        "interaction_required",  # Microsoft
    }
)
APP_CODES: Final = frozenset(
    {
        "invalid_client",  # RFC 6749, and the next
        "unauthorized_client",
        "access_denied",
        "incorrect_client_credentials",  # GitHub
        "bad_client_secret",  # Slack, and the next
        "invalid_client_id",
        "wrong_client",  # Bitrix24, and the next two
        "PAYMENT_REQUIRED",
        "APPLICATION_NOT_FOUND",
    }
)
PASSING_CODES: Final[Mapping[str, type[ToolError]]] = {
    "ratelimited": RateLimited,  # Slack, and the next two
    "internal_error": ServerFailed,
    "fatal_error": ServerFailed,
    "temporarily_unavailable": ServerFailed,  # RFC 6749, and the next
    "server_error": ServerFailed,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Where and for what a person lets an app in.

    path: of the tool's page, below the address of its login;  scopes: to read, no more;  parting: between scopes
    params: what the page wants beside them;  has_proof: it takes the proof of RFC 7636
    """

    path: str
    scopes: tuple[str, ...] = ()
    parting: str = " "
    params: Mapping[str, str] = field(default_factory=dict)
    has_proof: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where and how a tool renews tokens.

    address: of its login;  path: of the tokens, below it
    is_own: the login lies at the tool's own address, so that it moves with the setting `base_url`
    beyond: what that setting has behind the address of the login
    is_json: the request is JSON instead of a form;  by_header: the app names itself in a header instead of the body
    consent: None where people are not asked by us
    """

    address: str
    path: str
    is_own: bool = False
    beyond: str = ""
    is_json: bool = False
    by_header: bool = False
    consent: Consent | None = None

    def base_of(self, account: Account) -> str:
        if account.gateway:
            return account.gateway.rstrip("/")
        own = account.setting("base_url").rstrip("/") if self.is_own else ""
        return own.removesuffix(self.beyond) or self.address

    def app_of(self, account: Account) -> App:
        """The app that was entered, else the operator's. Raises CredentialsMissing.

        The operator's secret is sent to the tool's own login and to gateways of the operator, never to an address that
        was entered with the connection: whoever enters one would be sent it.
        """
        client_id = str(account.credentials.get(CLIENT_ID) or account.setting(CLIENT_ID))
        if client_id:
            return App(client_id, str(account.credentials.get(CLIENT_SECRET) or ""))
        is_elsewhere = self.is_own and account.setting("base_url") and not account.gateway
        if account.app is None or is_elsewhere:
            raise CredentialsMissing(f"Enter “{CLIENT_ID}” and “{CLIENT_SECRET}”.")
        return account.app

    def door(self, account: Account, network: Network) -> Door:
        service = Service(
            base_url=self.base_of(account), secrets=account.secret_texts, judge=judge_login, keeps_answers=False
        )
        return network.door(service)


def bearer_of(account: Account, network: Network, login: Login, *, entered: str) -> Bearer:
    """A token that renews itself where a refresh token is kept, else the one that was entered.

    entered: name of the credential that does not renew itself
    Raises CredentialsMissing, naming what is to be entered.
    """
    if account.has_secret(REFRESH_TOKEN):
        if account.vault is None:  # a new pair would be lost, and the connection with it
            return EnteredToken(account.secret(ACCESS_TOKEN))
        app = login.app_of(account)
        return RenewedToken(login.door(account, network), login, account.vault, app, account.credentials)
    if not account.has_secret(entered) and account.has_secret(ACCESS_TOKEN):
        return EnteredToken(account.secret(ACCESS_TOKEN))
    return EnteredToken(account.secret(entered))


@dataclass
class RenewedToken:
    """A bearer whose token is renewed before it ends, and once when the tool does not accept it. See the module.

    credentials: as they were when the client was opened
    """

    door: Door
    login: Login
    vault: Vault = field(repr=False)
    app: App
    credentials: Credentials = field(repr=False)
    _is_untried: bool = False

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token()}"}

    def token(self) -> str:
        """An access token that is good for a while. Raises ToolError."""
        if not self._access_token or self._is_near_its_end():
            self._renew()
        return self._access_token

    def renew(self) -> bool:
        """A token that has just been renewed and is refused all the same is not renewed again."""
        if self._is_untried:
            return False
        self._renew()
        return True

    def accepted(self) -> None:
        self._is_untried = False
        if self.credentials.get(PREVIOUS):
            self.vault.confirm(self._access_token)
            self.credentials = {name: value for name, value in self.credentials.items() if name != PREVIOUS}

    @property
    def _access_token(self) -> str:
        return str(self.credentials.get(ACCESS_TOKEN) or "")

    def _is_near_its_end(self) -> bool:
        ends_at, began_at = moment_of(self.credentials, EXPIRES_AT), moment_of(self.credentials, RENEWED_AT)
        if ends_at is None:
            return False
        margin = (
            BEFORE_THE_END if began_at is None else min(BEFORE_THE_END, (ends_at - began_at) * SHARE_BEFORE_THE_END)
        )
        return self.door.waiting.now() >= ends_at - margin

    def _renew(self) -> None:
        self.credentials = self.vault.renew(self._access_token, self._ask)
        self._is_untried = True
        if not self._access_token:
            raise CredentialsMissing("They were removed or replaced meanwhile.")

    def _ask(self, kept: Credentials) -> Credentials:
        """One new pair for what is kept. Raises ToolError."""
        if kept.get(ENDED_AT):
            raise ConnectionEnded
        newest, before = str(kept.get(REFRESH_TOKEN) or ""), str(kept.get(PREVIOUS) or "")
        if not newest:
            raise CredentialsMissing(f"Enter “{REFRESH_TOKEN}”.")
        try:
            return self._exchanged(kept, newest)
        except ConnectionEnded:
            if not before:
                raise
        return self._exchanged(kept, before)

    def _exchanged(self, kept: Credentials, refresh_token: str) -> Credentials:
        answer = send_form(
            self.door, self.login, self.app, {"grant_type": "refresh_token", REFRESH_TOKEN: refresh_token}
        )
        return renewed(kept, answer, sent=refresh_token, at=self.door.waiting.now())


def send_form(door: Door, login: Login, app: App, form: Mapping[str, str], *, path: str = "") -> Answer:
    """Ask a login for something in the name of an app. path: other than that of the tokens.  Raises ToolError."""
    body, headers = dict(form), {}
    if login.by_header and app.client_secret:
        headers = {"authorization": basic_header(app)}
    else:
        body |= {CLIENT_ID: app.client_id} | ({CLIENT_SECRET: app.client_secret} if app.client_secret else {})
    ask = door.post if login.is_json else door.post_form
    return ask(path or login.path, body, headers=headers)


def basic_header(app: App) -> str:
    return f"Basic {base64.b64encode(f'{app.client_id}:{app.client_secret}'.encode()).decode()}"


def renewed(kept: Credentials, answer: Answer, *, sent: str, at: datetime) -> Credentials:
    """The credentials with what the login gave. sent: the refresh token that it was given for, "" for none

    A lifetime that is none (missing, negative, of a thousand years, no number) is unknown: then the tool's 401 tells.
    Raises UnexpectedAnswer where a token is missing that is needed, or cannot be one.
    """
    told = answer.json()
    if not isinstance(told, dict):
        raise UnexpectedAnswer("A token was expected.")
    access_token = token_in(told, ACCESS_TOKEN)
    refresh_token = token_in(told, REFRESH_TOKEN) if told.get(REFRESH_TOKEN) else sent
    before = {PREVIOUS: sent} if sent and refresh_token != sent else {}
    ends = {
        EXPIRES_AT: lifetime_s(told.get("expires_in")),
        REFRESH_EXPIRES_AT: lifetime_s(told.get("refresh_token_expires_in")),
    }
    stays = {name: value for name, value in kept.items() if name not in (PREVIOUS, *ends)}
    return {
        **stays,
        **before,
        **{name: (at + timedelta(seconds=seconds)).isoformat() for name, seconds in ends.items() if seconds},
        ACCESS_TOKEN: access_token,
        REFRESH_TOKEN: refresh_token,
        RENEWED_AT: at.isoformat(),
    }


def judge_login(answer: Answer) -> ToolError | None:
    """Errors have a code in the body, whatever the status; of a code that is not known the status tells."""
    told = answer.json_or_none()
    code = told.get("error") if isinstance(told, dict) else None
    if isinstance(code, dict):
        code = code.get("code")
    if not code:
        return None
    code = str(code)
    if code in ENDED_CODES:
        return ConnectionEnded(vendor_code=code)
    if code in APP_CODES:
        return Unauthorized("The app that renews the token is not accepted.", vendor_code=code)
    if code in PASSING_CODES:
        return PASSING_CODES[code](vendor_code=code)
    if answer.status < FIRST_ERROR_STATUS:
        return Refused("The answer holds an error.", vendor_code=code)
    return BadRequest(vendor_code=code) if answer.status == HTTPStatus.BAD_REQUEST else None


def token_in(told: Mapping[str, Any], name: str) -> str:
    """Raises UnexpectedAnswer for what is missing, or cannot stand in a header."""
    value = told.get(name)
    if not isinstance(value, str) or not TOKEN.fullmatch(value):
        raise UnexpectedAnswer("A token was expected.")
    return value


def lifetime_s(seconds: Any) -> float | None:
    """A lifetime in seconds, as a number or as digits; None where it is none."""
    if isinstance(seconds, str) and _DIGITS.fullmatch(seconds):
        seconds = int(seconds)
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return float(seconds) if is_number and 0 < seconds <= LONGEST_LIFE_S else None
