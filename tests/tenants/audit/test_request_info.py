"""Where a request came from: believed from the network, not from its headers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from tenants.request_info import (
    NOWHERE,
    REQUEST_ID_FORM,
    USER_AGENT_MAX_CHARS,
    RequestInfo,
    current_request_info,
    parse_request_info,
    process_request_info,
    request_info_of,
    trusted_networks,
    use_request_info,
)

PROXIES = trusted_networks(("10.0.0.0/8", "fd00::/8"))


def ip_seen(peer: str, forwarded: str = "") -> str | None:
    return parse_request_info({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}, PROXIES).ip


def test_the_peer_is_the_client_without_a_proxy() -> None:
    assert ip_seen("198.51.100.9") == "198.51.100.9"


def test_forged_header_of_a_stranger_is_ignored() -> None:
    assert ip_seen("198.51.100.9", "203.0.113.7") == "198.51.100.9"


def test_header_of_a_trusted_proxy_names_the_client() -> None:
    assert ip_seen("10.0.0.1", "203.0.113.7") == "203.0.113.7"


def test_what_the_client_wrote_left_of_its_own_address_is_not_read() -> None:
    assert ip_seen("10.0.0.1", "192.0.2.66, 203.0.113.7, 10.0.0.2") == "203.0.113.7"


def test_garbage_nearest_to_the_proxy_leaves_the_proxy() -> None:
    assert ip_seen("10.0.0.1", "203.0.113.7, <script>") == "10.0.0.1"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("  203.0.113.7  ", "203.0.113.7"),
    ],
)
def test_addresses_are_read_in_every_spelling(written: str, read: str) -> None:
    assert ip_seen("10.0.0.1", written) == read


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        ",",
        ",,,,",
        "unknown",
        "1.2.3",
        "1.2.3.4:99999999",
        "[::1",
        "٣.٣.٣.٣",
        "\0",
        "-",
        "1.2.3.4, \0",
        "a" * 100_000,
    ],
)
def test_malformed_headers_leave_the_proxy(garbage: str) -> None:
    assert ip_seen("10.0.0.1", garbage) == "10.0.0.1"


@pytest.mark.parametrize("peer", ["", "unix:", "/run/app.sock", "localhost"])
def test_a_peer_without_an_address_is_unknown_and_never_a_trusted_proxy(peer: str) -> None:
    assert ip_seen(peer, "203.0.113.7") is None


def test_ten_thousand_hops_are_cut() -> None:
    assert ip_seen("10.0.0.1", ", ".join(["10.0.0.2"] * 10_000)) == "10.0.0.2"


def test_request_id_is_taken_from_a_trusted_proxy_only() -> None:
    claimed = {"HTTP_X_REQUEST_ID": "trace-0123456789"}

    from_proxy = parse_request_info({"REMOTE_ADDR": "10.0.0.1", **claimed}, PROXIES)
    from_stranger = parse_request_info({"REMOTE_ADDR": "198.51.100.9", **claimed}, PROXIES)

    assert from_proxy.request_id == "trace-0123456789"
    assert from_stranger.request_id != "trace-0123456789"
    assert REQUEST_ID_FORM.fullmatch(from_stranger.request_id)


@pytest.mark.parametrize("claimed", ["short", "x" * 65, "with space 123", "new\nline-12345", "'; DROP TABLE x; --"])
def test_malformed_request_id_is_replaced(claimed: str) -> None:
    info = parse_request_info({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_REQUEST_ID": claimed}, PROXIES)

    assert info.request_id != claimed
    assert REQUEST_ID_FORM.fullmatch(info.request_id)


@given(
    peer=st.text(max_size=80),
    forwarded=st.text(max_size=300),
    agent=st.text(max_size=1_000),
    request_id=st.text(max_size=100),
)
def test_no_header_raises_and_every_part_fits_its_column(
    peer: str, forwarded: str, agent: str, request_id: str
) -> None:
    for believed_peer in (peer, "10.0.0.1"):
        info = parse_request_info(
            {
                "REMOTE_ADDR": believed_peer,
                "HTTP_X_FORWARDED_FOR": forwarded,
                "HTTP_USER_AGENT": agent,
                "HTTP_X_REQUEST_ID": request_id,
            },
            PROXIES,
        )

        assert len(info.user_agent) <= USER_AGENT_MAX_CHARS
        assert info.user_agent.isprintable()
        info.user_agent.encode()
        assert REQUEST_ID_FORM.fullmatch(info.request_id)
        assert info.ip is None or "%" not in info.ip


def test_request_is_read_under_the_installations_proxies(settings: object, rf: RequestFactory) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]  # type: ignore[attr-defined]  # pytest-django's settings are untyped

    info = request_info_of(rf.get("/", headers={"X-Forwarded-For": "203.0.113.7", "User-Agent": "Demo"}))

    assert (info.ip, info.user_agent) == ("203.0.113.7", "Demo")


def test_a_misspelt_proxy_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        trusted_networks(("10.0.0.0/99",))


def test_origin_is_restored_after_an_error() -> None:
    inner = RequestInfo(ip="203.0.113.7")

    with suppress(KeyError), use_request_info(inner):
        assert current_request_info() == inner
        raise KeyError

    assert current_request_info() == NOWHERE


def test_a_command_has_a_name_and_one_id_for_its_run() -> None:
    info = process_request_info("manage.py audit_partitions")

    assert (info.ip, info.user_agent) == (None, "manage.py audit_partitions")
    assert REQUEST_ID_FORM.fullmatch(info.request_id)
