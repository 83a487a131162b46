"""Addresses on the web that messages are sent to."""

from __future__ import annotations

from typing import Final

import httpx2

from integrations.destinations.base import AddressUnfit
from integrations.http.addresses import HTTPS_PORT, AddressGuard
from integrations.http.errors import AddressRefused

LONGEST: Final = 2_000
_NOT_AN_ADDRESS: Final = "Enter one address that begins with https://."


def web_host(address: str, guard: AddressGuard) -> str:
    """The host of an address that may be sent to, as far as that can be told without looking it up.

    Plain http, other ports and private addresses only where the operator allows some. Raises AddressUnfit.
    """
    url = _parsed(address)
    if url.userinfo:
        raise AddressUnfit("Leave out the user name and password: the address itself is the secret.")
    if url.fragment:
        raise AddressUnfit("Leave out what follows the #: it would not be sent.")
    is_ordinary = url.scheme == "https" and (url.port or HTTPS_PORT) == HTTPS_PORT
    if not is_ordinary and not guard.allowed:
        raise AddressUnfit("Only https on port 443 is sent to.")
    try:
        guard.check_spelled(url.host)
    except AddressRefused:
        raise AddressUnfit("The address is not public, and nothing is sent into private networks.") from None
    return url.host


def origin_of(address: str) -> str:
    """Scheme, host and port. Raises AddressUnfit."""
    url = _parsed(address)
    return str(url.copy_with(path="/", query=None, fragment=None))


def _parsed(address: str) -> httpx2.URL:
    if len(address) > LONGEST or not address.isprintable() or address != address.strip():
        raise AddressUnfit(_NOT_AN_ADDRESS)
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        raise AddressUnfit(_NOT_AN_ADDRESS) from None
    if url.scheme not in ("https", "http") or not url.host:
        raise AddressUnfit(_NOT_AN_ADDRESS)
    return url
