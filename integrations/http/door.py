"""The door: one tool's interface, through which every request of ours goes.

A request, in order:
1. Its address is put together below the tool's base address; an address that a tool sent (a next page) must have the
   same origin.
2. The budget of the run is asked, and the pace of the tool is kept.
3. The connection is made to an address that the guard has judged. No redirects, no proxies, no cookies.
4. The answer is read up to a size, then judged: by the tool's own rule first, then by its status and content type.
5. What may pass (429, 5xx, a broken connection, a broken body) is tried again, at most three times in all, after the
   wait that the tool asks for, else after a back-off with full jitter. A wait longer than the longest is not waited:
   the error carries it.
6. A 401 is the end, unless what the request carried can be renewed: then it is made once more, and only once.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx2

from integrations.http.addresses import AddressGuard, Deadline, GuardedTransport
from integrations.http.answers import Answer
from integrations.http.bearer import Bearer
from integrations.http.errors import (
    FIRST_ERROR_STATUS,
    AddressRefused,
    BudgetSpent,
    ForeignAddress,
    NotJson,
    RateLimited,
    TooLarge,
    ToolError,
    Unauthorized,
    Unreachable,
    WrongContentType,
    error_of_status,
)
from integrations.http.redaction import redact
from integrations.http.waiting import Waiting, quota_wait_s, retry_after_s

MOST_TRIES: Final = 3
NO_LIMIT: Final = 2**63
USER_AGENT: Final = "stratibreak (read-only)"
# These log whole addresses, in which some tools carry secrets, and headers.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

Params = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """timeouts in seconds;  longest_wait_s: waited for at most before a next try;  most_requests: in one run

    whole_request_s: the longest that one request may take, None where each single wait has its own limit only
    """

    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    most_bytes: int = 32 * 1024 * 1024
    longest_wait_s: float = 120.0
    most_requests: int = 100_000
    whole_request_s: float | None = None


@dataclass(slots=True)
class Meter:
    """What a run has cost the tool so far. waited_s: for the tool's sake;  answers: told of each body, for keeping"""

    requests: int = 0
    waited_s: float = 0.0
    on_body: Callable[[bytes], object] | None = None


def _no_verdict(_answer: Answer) -> ToolError | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a connector says of its tool's interface.

    base_url: everything asked lies below it;  headers: sent each time
    bearer: headers with the credentials, asked for before each request; None where `headers` has them, or none are sent
    secrets: never to be seen in an error
    judge: the tool's own reading of an answer: an error, or None where the status says enough. It is asked about
        every answer, so that an error inside of a 200 is seen; a RateLimited or ServerFailed of it is tried again
    pace_s: the least time between two requests
    most_requests: in one run, where the tool has a budget for the day; None: the operator's limit alone holds
    keeps_answers: False where answers carry access tokens, or what people say: then no raw copy of them is kept
    """

    base_url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    bearer: Bearer | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    judge: Callable[[Answer], ToolError | None] = _no_verdict
    pace_s: float = 0.0
    most_requests: int | None = None
    keeps_answers: bool = True


class Door:
    """See the module. One for each origin; not for use by two threads at once."""

    def __init__(
        self,
        service: Service,
        *,
        guard: AddressGuard,
        waiting: Waiting | None = None,
        limits: DoorLimits | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Raises AddressRefused for a base address that is no plain http(s) one."""
        self.meter = meter or Meter()
        self.waiting = waiting or Waiting()
        self._service = service
        self._limits = limits or DoorLimits()
        self._base = _checked_base(service.base_url)
        self._not_before: float | None = None
        self._deadline = Deadline()
        self._client = httpx2.Client(
            transport=GuardedTransport(guard, self._deadline, is_encrypted=self._base.scheme == "https", connections=2),
            timeout=httpx2.Timeout(self._limits.read_timeout_s, connect=self._limits.connect_timeout_s),
            headers={"user-agent": USER_AGENT, "accept": "application/json", **service.headers},
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, address: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """address: a path below the base address, or a whole address of the same origin that the tool sent.

        Raises a ToolError for everything but a JSON answer of status 200 to 299 (or 304 to a conditional request).
        """
        return self._ask("GET", address, params=params, headers=headers)

    def post(
        self, address: str, body: Any, params: Params | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask by POST, for tools that read that way. body: JSON. Raises as `get`."""
        return self._ask("POST", address, params=params, headers=headers, json=body)

    def post_form(self, address: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None) -> Answer:
        return self._ask("POST", address, headers=headers, data=form)

    def hand_over(self, address: str, content: bytes, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send something, once: whether it was taken is said by the status (and the service's own rule) alone.

        Of the answer no more is read than the limit, whatever its kind. Raises a ToolError for every status but 200 to
        299, with the wait that the answer asks for.
        """
        answer = self._once("POST", self._url(address), read=self._read_some, content=content, headers=headers)
        error = self._service.judge(answer) or _status_error(answer.status)
        if error is not None:
            error.retry_after_s, error.status = self._asked_wait_s(error, answer), answer.status
            raise error
        return answer

    def delete(self, address: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Have the tool end credentials that it gave, because a person asked for it. body: JSON. Raises as `get`.

        The one request that is no reading, and no sync makes it.
        """
        return self._ask("DELETE", address, headers=headers, **({} if body is None else {"json": body}))

    def get_json(self, address: str, params: Params | None = None) -> Any:
        return self.get(address, params).json()

    def post_json(self, address: str, body: Any, params: Params | None = None) -> Any:
        return self.post(address, body, params).json()

    def redacted(self, text: str) -> str:
        return redact(text, self._service.secrets)

    # --- one request ---

    def _ask(self, method: str, address: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Answer:
        url, bearer = self._url(address), self._service.bearer
        is_renewed = False
        tries = 0
        while True:
            carried = {**(headers or {}), **(bearer.headers() if bearer else {})}
            tries += 1
            try:
                answer = self._once(method, url, headers=carried, **options)
                error = self._verdict(answer)
            except ToolError as met:
                answer, error = None, met
            if error is None and answer is not None:
                self._heed_quota(answer)
                if bearer:
                    bearer.accepted()
                return answer
            assert error is not None  # noqa: S101 - either an answer or an error
            if bearer and isinstance(error, Unauthorized) and not is_renewed and bearer.renew():
                is_renewed = True
                continue
            wait_s = self._wait_before_next(error, answer, tries)
            if wait_s is None:
                raise error
            self._wait(wait_s)

    def _once(
        self, method: str, url: httpx2.URL, *, read: Callable[[httpx2.Response], bytes] | None = None, **options: Any
    ) -> Answer:
        if self.meter.requests >= min(self._limits.most_requests, self._service.most_requests or NO_LIMIT):
            raise BudgetSpent
        self._keep_pace()
        self.meter.requests += 1
        self._deadline.set(self._limits.whole_request_s)
        try:
            with self._client.stream(method, url, **options) as response:
                body = (read or self._read)(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, body)
        except ToolError:
            raise
        except (httpx2.TransportError, httpx2.DecodingError, ssl.SSLError, OSError) as failure:
            # The caught error names hosts and addresses, so it does not travel along.
            kind = type(failure).__name__
        raise Unreachable(f"({kind})")

    def _read(self, response: httpx2.Response) -> bytes:
        """The body, unpacked; a small one that unpacks into a huge one is stopped like a huge one."""
        size, parts = 0, []
        for part in response.iter_bytes(64 * 1024):
            size += len(part)
            if size > self._limits.most_bytes:
                raise TooLarge(f"More than {self._limits.most_bytes // (1024 * 1024)} MiB were sent.")
            parts.append(part)
        return b"".join(parts)

    def _read_some(self, response: httpx2.Response) -> bytes:
        """The beginning of a body, as it comes and packed as it is: nobody needs more of it."""
        size, parts = 0, []
        for part in response.iter_raw(4 * 1024):
            parts.append(part)
            size += len(part)
            if size >= self._limits.most_bytes:
                break
        return b"".join(parts)[: self._limits.most_bytes]

    def _verdict(self, answer: Answer) -> ToolError | None:
        error = self._service.judge(answer) or _error_of(answer)
        if error is None and answer.body and self.meter.on_body and self._service.keeps_answers:
            self.meter.on_body(answer.body)
        return error

    # --- waiting ---

    def _wait_before_next(self, error: ToolError, answer: Answer | None, tries: int) -> float | None:
        """How long to wait before trying again; None when it is not to be tried again."""
        if not error.is_transient or error.ends_run:
            return None
        asked_s = self._asked_wait_s(error, answer)
        if asked_s is not None:
            error.retry_after_s = asked_s
        if tries >= MOST_TRIES or (asked_s or 0.0) > self._limits.longest_wait_s:
            self._hold_off(asked_s)
            return None
        backoff_s = self.waiting.backoff_s(tries)
        return backoff_s if asked_s is None else asked_s + backoff_s / 10

    def _asked_wait_s(self, error: ToolError, answer: Answer | None) -> float | None:
        if error.retry_after_s is not None or answer is None:
            return error.retry_after_s
        asked_s = retry_after_s(answer.headers, self.waiting)
        is_limit = isinstance(error, RateLimited) or answer.status in (
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
        return quota_wait_s(answer.headers, self.waiting) if asked_s is None and is_limit else asked_s

    def _heed_quota(self, answer: Answer) -> None:
        """A quota that is used up after a good answer holds the next request, not this one."""
        self._hold_off(quota_wait_s(answer.headers, self.waiting))

    def _hold_off(self, wait_s: float | None) -> None:
        if wait_s:
            self._not_before = max(self._not_before or 0.0, self.waiting.monotonic() + wait_s)

    def _keep_pace(self) -> None:
        now_s = self.waiting.monotonic()
        if self._not_before is not None and self._not_before > now_s:
            wait_s = self._not_before - now_s
            if wait_s > self._limits.longest_wait_s:
                raise RateLimited("Its quota is used up for now.", retry_after_s=wait_s)
            self._wait(wait_s)
        self._not_before = self.waiting.monotonic() + self._service.pace_s if self._service.pace_s else None

    def _wait(self, wait_s: float) -> None:
        self.waiting.sleep(wait_s)
        self.meter.waited_s += wait_s

    # --- addresses ---

    def _url(self, address: str) -> httpx2.URL:
        """Below the base address, or of the same origin. Raises ForeignAddress."""
        if "://" not in address and not address.startswith("//"):
            # A path of ours is taken as it is, but must not climb: names of the tool are quoted by the connector.
            return httpx2.URL(f"{str(self._base).rstrip('/')}/{address.lstrip('/')}")
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL:
            raise ForeignAddress from None
        if _origin(url) != _origin(self._base) or url.userinfo:
            raise ForeignAddress
        return url


def _error_of(answer: Answer) -> ToolError | None:
    """What status, content type and body say by themselves."""
    if answer.status == HTTPStatus.NOT_MODIFIED:
        return None
    if (error := _status_error(answer.status)) is not None:
        return error
    if answer.body and not answer.is_json:
        return WrongContentType()
    is_broken = answer.body and answer.json_or_none() is None and answer.body.strip() != b"null"
    return NotJson() if is_broken else None


def _status_error(status: int) -> ToolError | None:
    if status >= FIRST_ERROR_STATUS:
        return error_of_status(status)
    return ForeignAddress("It redirects.") if status >= HTTPStatus.MULTIPLE_CHOICES else None


def _checked_base(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        raise AddressRefused from None
    if url.scheme not in ("https", "http") or not url.host or url.userinfo or url.query or url.fragment:
        raise AddressRefused
    return url


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    default = {"https": 443, "http": 80}.get(url.scheme)
    return url.scheme, url.host.rstrip("."), url.port or default
