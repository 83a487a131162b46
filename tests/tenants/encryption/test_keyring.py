"""The key ring wraps data keys for one tenant and version, and complains without showing a key."""

import base64
import pickle
import struct
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from tenants.encryption.envelope import DataKey
from tenants.encryption.errors import DataKeyUnavailable, KeyRingMisconfigured
from tenants.encryption.keyring import KeyRing, generate_entry

TENANT = UUID("01900000-0000-7000-8000-00000000000a")
OTHER_TENANT = UUID("01900000-0000-7000-8000-00000000000b")
FIRST = base64.b64encode(b"first-ring-key-first-ring-key-01").decode()
SECOND = base64.b64encode(b"secondringkey-secondringkey-0002").decode()
SHORT = base64.b64encode(b"short-ring-key").decode()
RING = KeyRing.from_text(f"1:{FIRST}")
KEY = DataKey(bytes(range(32)), version=4)


def _shown_locals(caught: pytest.ExceptionInfo[Exception]) -> str:
    """What an error page would print of the module's own frames."""
    return repr([entry.frame.f_locals for entry in caught.traceback if Path(entry.path).name == "keyring.py"])


def test_ring_reads_entries_in_order() -> None:
    ring = KeyRing.from_text(f" 2:{SECOND} , 1:{FIRST} ")

    assert (ring.primary_version, ring.versions) == (2, frozenset({1, 2}))
    assert repr(ring) == "<KeyRing versions [1, 2], wrapping with 2>"


def test_ring_reads_url_safe_base64() -> None:
    material = bytes([251, 255]) * 16
    ring = KeyRing.from_text(f"1:{base64.urlsafe_b64encode(material).decode()}")
    same = KeyRing.from_text(f"1:{base64.b64encode(material).decode()}")

    wrapped = ring.wrap(KEY, tenant_id=TENANT)

    assert same.unwrap(wrapped.raw, tenant_id=TENANT, version=4) == KEY


def test_generated_entries_are_read_and_differ() -> None:
    text = ",".join(generate_entry(version) for version in (3, 2, 1))

    assert KeyRing.from_text(text).primary_version == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "FIELD_KEYRING is empty"),
        ("   ", "FIELD_KEYRING is empty"),
        (FIRST, "entry 1 does not read"),
        (f"0:{FIRST}", "entry 1 does not read"),
        (f"-1:{FIRST}", "entry 1 does not read"),
        (f"2147483648:{FIRST}", "entry 1 does not read"),
        (f"x:{FIRST}", "entry 1 does not read"),
        (f"\u0661:{FIRST}", "entry 1 does not read"),
        (f"1:{FIRST},", "entry 2 does not read"),
        (f"1:{FIRST};2:{SECOND}", "entry 1 does not read"),
        (f"2:{SECOND},1:{FIRST[:-1]}", "entry 2 is not base64"),
        (f"1:{SHORT}", "entry 1 holds 14 bytes, not 32"),
        (f"1:{base64.b64encode(bytes(33)).decode()}", "entry 1 holds 33 bytes, not 32"),
        (f"1:{FIRST},1:{SECOND}", "holds a version twice"),
        (f"1:{FIRST},2:{FIRST}", "holds one key under two versions"),
    ],
)
def test_malformed_ring_is_refused_without_its_values(text: str, complaint: str) -> None:
    with pytest.raises(KeyRingMisconfigured, match=complaint) as caught:
        KeyRing.from_text(text)

    shown = f"{caught.value} {_shown_locals(caught)}"
    assert "FIELD_KEYRING" in shown
    assert not any(key in shown for key in (FIRST[:-1], SECOND, SHORT))
    assert caught.value.__context__ is None


def test_largest_version_is_accepted() -> None:
    assert KeyRing.from_text(f"2147483647:{FIRST}").primary_version == 2147483647


def test_wrapped_layout_opens_with_a_plain_cipher() -> None:
    wrapped = RING.wrap(KEY, tenant_id=TENANT)
    associated = wrapped.raw[:8] + TENANT.bytes + struct.pack(">I", 4)

    material = AESGCM(b"first-ring-key-first-ring-key-01").decrypt(wrapped.raw[8:20], wrapped.raw[20:], associated)

    assert (wrapped.raw[:8], wrapped.ring_version, len(wrapped.raw)) == (b"SBK\x01\x00\x00\x00\x01", 1, 68)
    assert material == bytes(range(32))


@given(material=st.binary(min_size=32, max_size=32), version=st.integers(1, 2**31 - 1), tenant_id=st.uuids())
def test_wrap_round_trip(material: bytes, version: int, tenant_id: UUID) -> None:
    key = DataKey(material, version=version)

    wrapped = RING.wrap(key, tenant_id=tenant_id)

    assert RING.unwrap(wrapped.raw, tenant_id=tenant_id, version=version) == key


def test_equal_keys_never_wrap_alike() -> None:
    assert len({RING.wrap(KEY, tenant_id=TENANT).raw for _ in range(100)}) == 100


def test_every_flipped_bit_is_refused() -> None:
    wrapped = RING.wrap(KEY, tenant_id=TENANT).raw

    for bit in range(len(wrapped) * 8):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(DataKeyUnavailable):
            RING.unwrap(bytes(changed), tenant_id=TENANT, version=4)


@pytest.mark.parametrize("raw", [b"", b"SBK\x01", bytes(68), bytes(67), b"SBK\x01\x00\x00\x00\x01" + bytes(61)])
def test_bytes_that_are_no_wrapped_key_are_refused(raw: bytes) -> None:
    with pytest.raises(DataKeyUnavailable):
        RING.unwrap(raw, tenant_id=TENANT, version=4)


def test_key_of_another_tenant_is_refused() -> None:
    wrapped = RING.wrap(KEY, tenant_id=TENANT)

    with pytest.raises(DataKeyUnavailable, match="cannot be unwrapped"):
        RING.unwrap(wrapped.raw, tenant_id=OTHER_TENANT, version=4)


def test_key_under_another_version_is_refused() -> None:
    wrapped = RING.wrap(KEY, tenant_id=TENANT)

    with pytest.raises(DataKeyUnavailable, match="cannot be unwrapped"):
        RING.unwrap(wrapped.raw, tenant_id=TENANT, version=5)


def test_every_key_of_the_ring_unwraps_and_the_first_wraps() -> None:
    wrapped = RING.wrap(KEY, tenant_id=TENANT)
    grown = KeyRing.from_text(f"2:{SECOND},1:{FIRST}")

    rewrapped = grown.wrap(grown.unwrap(wrapped.raw, tenant_id=TENANT, version=4), tenant_id=TENANT)

    assert rewrapped.ring_version == 2
    assert KeyRing.from_text(f"2:{SECOND}").unwrap(rewrapped.raw, tenant_id=TENANT, version=4) == KEY


def test_missing_ring_key_is_named_by_its_version() -> None:
    wrapped = RING.wrap(KEY, tenant_id=TENANT)

    with pytest.raises(DataKeyUnavailable, match="wrapped by key 1, which FIELD_KEYRING lacks") as caught:
        KeyRing.from_text(f"2:{SECOND}").unwrap(wrapped.raw, tenant_id=TENANT, version=4)

    assert SECOND not in str(caught.value)


def test_other_key_under_the_same_version_is_refused_without_showing_it() -> None:
    wrapped = RING.wrap(KEY, tenant_id=TENANT)

    with pytest.raises(DataKeyUnavailable, match="another key under that version") as caught:
        KeyRing.from_text(f"1:{SECOND}").unwrap(wrapped.raw, tenant_id=TENANT, version=4)

    assert "secondringkey" not in f"{caught.value} {_shown_locals(caught)}"
    assert caught.value.__context__ is None


def test_nothing_shows_a_ring_key() -> None:
    wrapped = RING.wrap(KEY, tenant_id=TENANT)

    assert "first-ring" not in f"{RING!r}{RING}{wrapped!r}{wrapped}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(RING)
