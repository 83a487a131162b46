"""A tool with a login before it: access tokens end, and a refresh token is good for one use."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.integrations.connectors.local_server import FakeTool, Request, Response

CLIENT, CLIENT_SECRET = "client-of-ours", "client-secret-of-ours"
INVALID_GRANT = Response(400, {"error": "invalid_grant", "error_description": "The refresh token is invalid."})


class PlayedLogin(FakeTool):
    """tool: answers what is no login, to the newest access token only

    lifetime_s: of access tokens, as the answer has it;  has_pairs: whether an answer has a new refresh token
    also_good: refresh tokens that are taken beside the newest
    codes: that a person was sent back with -> "digest way-back" that each is good with, for one use
    next_logins: sent in place of tokens, one for each request;  on_tool: told of each request to the tool
    renewals: requests to the login that were given tokens
    """

    def __init__(self, tool: FakeTool, path: str = "/oauth/token") -> None:
        super().__init__()
        self.tool = tool
        self.path = path
        self.lifetime_s: Any = 7200
        self.has_pairs = True
        self.also_good: set[str] = set()
        self.codes: dict[str, str] = {}
        self.next_logins: deque[Response] = deque()
        self.on_tool: Callable[[Request], object] = lambda _: None
        self.renewals = 0
        self.revoked: list[Request] = []
        self._one_at_a_time = threading.Lock()

    @property
    def access_token(self) -> str:
        return f"access-{self.renewals}-of-the-played-login"

    @property
    def refresh_token(self) -> str:
        return f"refresh-{self.renewals if self.has_pairs else 0}-of-the-played-login"

    @property
    def credentials(self) -> dict[str, str]:
        """As a person enters them, with an access token that has ended long ago."""
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_at": "2026-01-01T00:00:00+00:00",
            "client_id": CLIENT,
            "client_secret": CLIENT_SECRET,
        }

    @property
    def secrets(self) -> list[str]:
        """Everything that nobody may see."""
        tokens = [f"{kind}-{number}-of-the-played-login" for kind in ("access", "refresh") for number in range(20)]
        return [*tokens, CLIENT_SECRET]

    @property
    def logins(self) -> list[Request]:
        return [request for request in self.log if request.path == self.path]

    def answer(self, request: Request) -> Response:
        if request.path == self.path:
            with self._one_at_a_time:
                return self._renewed(request)
        self.on_tool(request)
        self.tool.base_url, self.tool.secret = self.base_url, self.access_token
        return self.tool.answer(request)

    def _renewed(self, request: Request) -> Response:
        if self.next_logins:
            return self.next_logins.popleft()
        if not self._names_the_app(request):
            return Response(401, {"error": "invalid_client"})
        if request.body.get("grant_type") == "authorization_code":
            return self._let_in(request)
        if request.body.get("grant_type") != "refresh_token":
            return Response(400, {"error": "unsupported_grant_type"})
        if request.body.get("refresh_token") not in {self.refresh_token, *self.also_good}:
            return INVALID_GRANT
        return self._given()

    def _let_in(self, request: Request) -> Response:
        """A code is good for one use, with the proof behind the digest that came with it, and the same way back."""
        proof = hashlib.sha256(request.body.get("code_verifier", "").encode()).digest()
        digest = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        is_good = self.codes.pop(request.body.get("code", ""), None) == f"{digest} {request.body.get('redirect_uri')}"
        return self._given() if is_good else INVALID_GRANT

    def _given(self) -> Response:
        self.renewals += 1
        told = {"access_token": self.access_token, "token_type": "bearer", "expires_in": self.lifetime_s}
        return Response(200, told | ({"refresh_token": self.refresh_token} if self.has_pairs else {}))

    def _names_the_app(self, request: Request) -> bool:
        by_header = request.headers.get("authorization", "").startswith("Basic ")
        return by_header or (request.body.get("client_id"), request.body.get("client_secret")) == (
            CLIENT,
            CLIENT_SECRET,
        )
