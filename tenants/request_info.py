"""Who a request came from and where: the part of an audit entry that the network tells, as far as it can be believed.

Headers are written by the client. ``X-Forwarded-For`` and ``X-Request-ID`` count only when the peer of the connection
lies in ``TRUSTED_PROXIES``; anything else in them, and anything malformed, is ignored and never an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

USER_AGENT_MAX_CHARS = 300
REQUEST_ID_FORM = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_FORWARDED_MAX_CHARS = 2_000
_FORWARDED_MAX_HOPS = 20
_ADDRESS_MAX_CHARS = 64
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?")
_IPV4_WITH_PORT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """Where a request came from.

    ip: IPv4 or IPv6 in its canonical form, None where it is not known (a command, a Unix socket)
    user_agent: printable, at most 300 characters;  request_id: 8 to 64 of [A-Za-z0-9._:-], "" outside requests
    """

    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""


NOWHERE = RequestInfo()
_info: ContextVar[RequestInfo] = ContextVar("stratibreak_request_info", default=NOWHERE)


def current_request_info() -> RequestInfo:
    """Return what is known of the request being answered, ``NOWHERE`` outside one."""
    return _info.get()


@contextmanager
def use_request_info(info: RequestInfo) -> Iterator[RequestInfo]:
    """Make ``info`` the current one and restore the outer one, whatever happens."""
    token = _info.set(info)
    try:
        yield info
    finally:
        _info.reset(token)


def request_info_of(request: HttpRequest) -> RequestInfo:
    """Read a request's origin under the installation's ``TRUSTED_PROXIES``. Never raises for what a client sent."""
    return parse_request_info(request.META, trusted_networks(tuple(settings.TRUSTED_PROXIES)))


def announced_bytes(request: HttpRequest) -> int:
    """How long a request's body is said to be, 0 where it is not said; nobody reads more of it than that."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def process_request_info(name: str) -> RequestInfo:
    """Return the origin that entries of a command or job carry: its name, and one id for the whole run."""
    return RequestInfo(user_agent=printable(name, USER_AGENT_MAX_CHARS), request_id=uuid4().hex)


@cache
def trusted_networks(declared: tuple[str, ...]) -> tuple[Network, ...]:
    """Parse ``TRUSTED_PROXIES``. Raises ValueError naming the entry that is no network: start-up must not guess."""
    return tuple(ip_network(text.strip()) for text in declared)


def parse_request_info(meta: Mapping[str, object], trusted: Sequence[Network]) -> RequestInfo:
    """Read origin, user agent and request id from WSGI-style ``META``.

    1. The peer of the connection is the client unless it is a trusted proxy.
    2. Behind trusted proxies X-Forwarded-For is read from the right; the first address that is not itself a trusted
       proxy is the client. What stands left of it was written by the client and is not looked at.
    3. At the first malformed hop reading stops: the last believable address stands.
    """
    peer = parse_address(str(meta.get("REMOTE_ADDR") or ""))
    from_proxy = peer is not None and is_trusted(peer, trusted)
    client = peer
    if peer is not None and from_proxy:
        client = forwarded_client(peer, str(meta.get("HTTP_X_FORWARDED_FOR") or ""), trusted)
    claimed_id = str(meta.get("HTTP_X_REQUEST_ID") or "") if from_proxy else ""
    return RequestInfo(
        ip=str(client) if client is not None else None,
        user_agent=printable(str(meta.get("HTTP_USER_AGENT") or ""), USER_AGENT_MAX_CHARS),
        request_id=claimed_id if REQUEST_ID_FORM.fullmatch(claimed_id) else uuid4().hex,
    )


def forwarded_client(peer: Address, header: str, trusted: Sequence[Network]) -> Address:
    """Return the nearest address that is not a trusted proxy, reading ``header`` from the right.

    peer: the trusted proxy at the other end of the connection, returned when the header says nothing believable
    """
    client = peer
    hops = header[-_FORWARDED_MAX_CHARS:].rsplit(",", _FORWARDED_MAX_HOPS)
    for hop in reversed(hops[-_FORWARDED_MAX_HOPS:]):
        address = parse_address(hop)
        if address is None:
            return client
        client = address
        if not is_trusted(address, trusted):
            return client
    return client


def parse_address(text: str) -> Address | None:
    """Return the address in ``text`` (with or without port, brackets, scope), None where there is none.

    IPv4 written inside IPv6 becomes IPv4, and a scope id is dropped: PostgreSQL's inet has neither notion.
    """
    text = text.strip()[: _ADDRESS_MAX_CHARS + 1]
    if found := _BRACKETED.fullmatch(text) or _IPV4_WITH_PORT.fullmatch(text):
        text = found[1]
    text = text.partition("%")[0]
    if len(text) > _ADDRESS_MAX_CHARS or not text.isascii():
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    """Whether ``address`` lies in one of the networks."""
    return any(address.version == network.version and address in network for network in trusted)


def printable(text: str, max_chars: int) -> str:
    """Return ``text`` as one printable line that any PostgreSQL text column takes: no control characters, no lone
    surrogates, at most ``max_chars`` characters."""
    kept = (c if c.isprintable() else " " for c in text[: max_chars * 4])
    return " ".join("".join(kept).split())[:max_chars]
