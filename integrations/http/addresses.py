"""Which addresses may be connected to, decided inside connect: resolved once, judged, and that very address is used.

A name, whatever its spelling (decimal, octal, hexadecimal, short, full-width, in brackets, with a dot at the end),
becomes an address by the same resolver that would connect, and only addresses are judged. Nothing is looked up again
between judging and connecting, so a name that changes its answer gains nothing.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import httpcore2
import httpx2

from integrations.http.errors import AddressRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
HTTPS_PORT: Final = 443

# What the standard library calls global and still leads inside, or nowhere.
_NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        *("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"),
        *("64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10"),
    )
)
_INNER_NAMES: Final = ("localhost",)
_INNER_ENDINGS: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_NAT64: Final = ip_network("64:ff9b::/96")
_STANDS_FOR_IPV4: Final = (_NAT64, ip_network("2002::/16"))
"""NAT64 and 6to4. Whether these are global depends on the release of Python; they are what is inside."""
_IPV4_COMPATIBLE: Final = ip_network("::/96")
_ISATAP_MARKS: Final = (0x00005EFE, 0x02005EFE)


def is_public(address: Address) -> bool:
    """Whether an address lies on the open internet, and so does every IPv4 address that is hidden inside of it."""
    if any(address in network for network in _STANDS_FOR_IPV4 if network.version == address.version):
        return all(is_public(inner) for inner in _embedded(address))
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return all(is_public(inner) for inner in _embedded(address))


def _embedded(address: Address) -> list[IPv4Address]:
    """IPv4 addresses that an IPv6 address stands for: mapped, compatible, 6to4, Teredo, NAT64, ISATAP."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    is_isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP_MARKS
    if address in _NAT64 or address in _IPV4_COMPATIBLE or is_isatap:
        found.append(last)
    return [inner for inner in found if inner is not None]


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system resolves it. Raises OSError where it has none."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Admits public addresses over https on port 443, and beside them what the operator allows.

    allowed: networks of self-hosted tools, in which plain http and other ports are admitted too
    resolver: name, port -> addresses
    """

    allowed: Sequence[Network] = ()
    resolver: Callable[[str, int], list[str]] = field(default=resolve)

    @classmethod
    def allowing(cls, networks: Iterable[str]) -> AddressGuard:
        """networks: CIDR. Raises ValueError for anything else."""
        return cls(allowed=tuple(ip_network(text) for text in networks))

    def check_spelled(self, host: str) -> None:
        """Refuse a host that is itself an address that is not admitted, in whatever spelling, or a name that never
        leaves a network. Nothing is looked up: what a name answers is judged when it is connected to.

        Raises AddressRefused.
        """
        name = host.rstrip(".").casefold()
        try:
            infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            if name in _INNER_NAMES or name.endswith(_INNER_ENDINGS) or "." not in name:
                raise AddressRefused from None
            return
        for info in infos:
            address = ip_address(str(info[4][0]).partition("%")[0])
            if not is_public(address) and not self._is_allowed(address):
                raise AddressRefused

    def address_of(self, host: str, port: int, *, is_encrypted: bool) -> str:
        """The address to connect to. Raises AddressRefused, or OSError when the name has none.

        One address that is not admitted refuses the name: an attacker's name may have a good one beside it.
        """
        found = self.resolver(host, port)
        if not found:
            raise OSError("the name has no address")
        for text in found:
            address = ip_address(text.partition("%")[0])
            is_ordinary = is_encrypted and port == HTTPS_PORT and is_public(address)
            if not is_ordinary and not self._is_allowed(address):
                raise AddressRefused
        return found[0]

    def _is_allowed(self, address: Address) -> bool:
        plain = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
        return any(plain in network for network in self.allowed if network.version == plain.version)


@cache
def _ssl_context() -> ssl.SSLContext:
    """Which certificates are believed. Reading them takes 50 ms, so it is done once for all doors."""
    return httpx2.create_ssl_context(trust_env=False)


class Deadline:
    """The moment by which a request has to be over, whoever draws it out and however: each single wait has a limit of
    its own, which a server that sends a byte now and then never reaches.
    """

    def __init__(self) -> None:
        self._not_after_s: float | None = None

    def set(self, seconds: float | None) -> None:
        """seconds: from now; None: no deadline"""
        self._not_after_s = None if seconds is None else time.monotonic() + seconds

    def cut(self, timeout_s: float | None, late: type[Exception]) -> float | None:
        """A wait that ends by then. Raises `late` when it is past."""
        if self._not_after_s is None:
            return timeout_s
        left_s = self._not_after_s - time.monotonic()
        if left_s <= 0:
            raise late("the time for the whole request is over")
        return left_s if timeout_s is None else min(timeout_s, left_s)


class _TimedStream(httpcore2.NetworkStream):
    """A connection whose waits end by a deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.cut(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.cut(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        cut = self._deadline.cut(timeout, httpcore2.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, cut), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _GuardedBackend(httpcore2.SyncBackend):
    """Connects to judged addresses only. TLS still asks for the certificate of the name."""

    def __init__(self, guard: AddressGuard, deadline: Deadline, *, is_encrypted: bool) -> None:
        super().__init__()
        self._guard = guard
        self._deadline = deadline
        self._is_encrypted = is_encrypted

    def connect_tcp(self, host: str, port: int, *args: object, **kwargs: object) -> httpcore2.NetworkStream:
        try:
            address = self._guard.address_of(host, port, is_encrypted=self._is_encrypted)
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError("the name could not be resolved") from None
        stream = super().connect_tcp(address, port, *args, **kwargs)  # type: ignore[arg-type]
        return _TimedStream(stream, self._deadline)

    def connect_unix_socket(self, *args: object, **kwargs: object) -> httpcore2.NetworkStream:
        raise AddressRefused


class GuardedTransport(httpx2.HTTPTransport):
    """httpx2's transport on a pool that connects through the guard. It knows no proxy, also none of the environment."""

    def __init__(self, guard: AddressGuard, deadline: Deadline, *, is_encrypted: bool, connections: int) -> None:
        # Not super().__init__(): it offers no place for a network backend, which its pool does.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=connections,
            keepalive_expiry=30,
            network_backend=_GuardedBackend(guard, deadline, is_encrypted=is_encrypted),
        )
