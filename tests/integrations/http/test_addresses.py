"""Where the door does not go, however the address is spelled and whatever a name answers."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from integrations.http.addresses import AddressGuard, is_public, resolve
from integrations.http.door import Door, DoorLimits, Service
from integrations.http.errors import AddressRefused, ToolError
from tests.integrations.connectors.local_server import FakeTool, Request, Response, serving
from tests.integrations.waiting import FakeClock

PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
    *("192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2001:0:a00:1::1", "2001:0:1:2:3:4:f5ff:fffe", "2a00::5efe:7f00:1"),
]
PUBLIC = ["8.8.8.8", "140.82.121.6", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]
LOOPBACK_SPELLINGS = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001"),
    *("localhost", "localhost.", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0", "0.0.0.0"),  # noqa: S104
    "\uff11\uff12\uff17.0.0.1",  # full-width digits
]


@pytest.mark.parametrize("text", PRIVATE)
def test_private_address_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_address_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_loopback_is_refused_in_every_spelling(host: str, scheme: str) -> None:
    clock = FakeClock()

    with pytest.raises(ToolError) as refusal, _door(f"{scheme}://{host}:443", clock) as door:
        door.get("/")

    # A spelling that the system's resolver does not know leads nowhere either.
    assert refusal.value.code in ("address_refused", "unreachable")
    assert clock.slept == [] or refusal.value.code == "unreachable"


def test_known_spellings_are_judged_and_not_only_unknown() -> None:
    known = [host for host in LOOPBACK_SPELLINGS if not host.startswith("[") and _resolves(host)]

    assert len(known) >= 8
    for host in known:
        with pytest.raises(AddressRefused):
            AddressGuard().address_of(host, 443, is_encrypted=True)


@pytest.mark.parametrize(
    ("port", "is_encrypted", "is_admitted"), [(443, True, True), (8443, True, False), (443, False, False)]
)
def test_public_address_is_reached_by_https_on_its_port_only(port: int, is_encrypted: bool, is_admitted: bool) -> None:
    guard = AddressGuard(resolver=lambda *_: ["8.8.8.8"])

    if is_admitted:
        assert guard.address_of("tool.example", port, is_encrypted=is_encrypted) == "8.8.8.8"
    else:
        with pytest.raises(AddressRefused):
            guard.address_of("tool.example", port, is_encrypted=is_encrypted)


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    guard = AddressGuard(resolver=lambda *_: ["8.8.8.8", "127.0.0.1"])

    with pytest.raises(AddressRefused):
        guard.address_of("tool.example", 443, is_encrypted=True)


def test_operator_may_allow_a_network_of_his_own() -> None:
    guard = AddressGuard.allowing(["10.20.0.0/16"])

    assert guard.address_of("10.20.3.4", 8080, is_encrypted=False) == "10.20.3.4"
    assert guard.address_of("::ffff:10.20.3.4", 8080, is_encrypted=False)
    with pytest.raises(AddressRefused):
        guard.address_of("10.21.3.4", 443, is_encrypted=True)


class _Open(FakeTool):
    def answer(self, request: Request) -> Response:
        return Response(200, {"host": request.headers["host"]})


def test_name_is_resolved_once_and_the_judged_address_is_used() -> None:
    """A name that answers with a public address first and with ours then: rebinding."""
    with serving(_Open()) as tool:
        port = int(tool.base_url.rpartition(":")[2])
        answers = iter([["127.0.0.1"], ["169.254.169.254"]])
        guard = AddressGuard.allowing(["127.0.0.0/8"])
        guard = AddressGuard(allowed=guard.allowed, resolver=lambda *_: next(answers))
        with _door(f"http://tool.example:{port}", FakeClock(), guard=guard) as door:
            first = door.get_json("/")
        with _door(f"http://tool.example:{port}", FakeClock(), guard=guard) as door, pytest.raises(AddressRefused):
            door.get("/")

    # Reached by the judged address, asked for by its name, and looked up once for the one connection.
    assert first == {"host": f"tool.example:{port}"}
    assert len(tool.log) == 1


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(_Open()) as tool:
        guard = AddressGuard.allowing(["127.0.0.0/8"])
        with _door(tool.base_url, FakeClock(), guard=guard) as door:
            assert door.get("/").status == 200


@pytest.mark.parametrize(
    "base_url",
    [
        *("ftp://tool.example", "file:///etc/passwd", "https://user:word@tool.example", "https://tool.example?x=1"),
        *("https://", "tool.example", "https://tool.example/#x", "unix:///run/x"),
    ],
)
def test_base_address_is_a_plain_web_address(base_url: str) -> None:
    with pytest.raises(AddressRefused):
        _door(base_url, FakeClock())


def _door(base_url: str, clock: FakeClock, *, guard: AddressGuard | None = None) -> Door:
    return Door(Service(base_url=base_url), guard=guard or AddressGuard(), waiting=clock.waiting(), limits=DoorLimits())


def _resolves(host: str) -> bool:
    try:
        return bool(resolve(host, 443))
    except (OSError, UnicodeError):
        return False
