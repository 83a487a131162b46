"""A small server on the loopback interface that plays a tool: it answers from memory, fails on demand, keeps a log."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit


@dataclass(frozen=True)
class Request:
    """path: unescaped, without the query;  query: the last value of each name;  body: JSON, a form, or None

    raw: the body as it was sent
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    raw: bytes = b""


@dataclass(frozen=True)
class Response:
    """body: bytes as they are, anything else as JSON. is_reset: the connection breaks instead of an answer"""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    is_reset: bool = False


WORDS = "words that nobody needs"
"""What people say to each other, in every tool that is played."""
RESET = Response(is_reset=True)
SERVER_ERROR = Response(502, b"<html>bad gateway</html>", content_type="text/html")


class FakeTool(ABC):
    """Subclasses answer in `answer`; the rest is for tests.

    secret: the credential that the tool accepts;  is_visible: whether that one is shown anything
    next_answers: sent in place of the tool's own, one for each request
    broken: a pattern of paths -> what they are answered with, as long as it stands there
    log: every request, in order
    """

    # What a tool says when it is asked too often: subclasses have their own.
    too_many = Response(429, {"message": "slow down"}, {"Retry-After": "7"})
    # Small, so that lists have several pages.
    page_size = 2

    def __init__(self, secret: str = "") -> None:
        self.secret = secret
        self.is_visible = True
        self.log: list[Request] = []
        self.next_answers: deque[Response] = deque()
        self.broken: dict[str, Response] = {}
        self.base_url = ""

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """What the tool itself says."""

    def token_is_bad(self) -> None:
        self.secret = "another"

    def revoke(self) -> None:
        self.is_visible = False

    def linked_page(self, request: Request, records: Sequence[Any]) -> Response:
        """The page of a list that the query names, with a Link to the next one as GitHub and GitLab send it."""
        number, size = int(request.query.get("page", 1)), self.page_size
        headers = {}
        if number * size < len(records):
            query = urlencode({**request.query, "page": number + 1})
            headers["Link"] = f'<{self.base_url}{request.path}?{query}>; rel="next"'
        return Response(200, records[(number - 1) * size : number * size], headers)

    def respond(self, request: Request) -> Response:
        self.log.append(request)
        if self.next_answers:
            return self.next_answers.popleft()
        for pattern, response in self.broken.items():
            if re.search(pattern, request.path):
                return response
        return self.answer(request)


@contextmanager
def serving(tool: FakeTool) -> Iterator[FakeTool]:
    """The tool at `tool.base_url` for the time of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(tool))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    tool.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield tool
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(tool: FakeTool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65_536

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            response = tool.respond(self._request())
            if response.is_reset:
                self._reset()
                return
            body = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", response.content_type)
            if "Content-Length" not in response.headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if "Content-Length" in response.headers:
                self.close_connection = True

        def _request(self) -> Request:
            parts = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body: Any = None
            if sent:
                is_json = "json" in self.headers.get("Content-Type", "")
                body = json.loads(sent) if is_json else dict(parse_qsl(sent.decode()))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            return Request(self.command, unquote(parts.path), query, headers, body, sent)

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    return Handler
