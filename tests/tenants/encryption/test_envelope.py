"""The envelope opens in its own place with its own key, and nowhere else."""

import copy
import json
import pickle
import struct
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants.encryption import envelope as module
from tenants.encryption.envelope import Binding, DataKey, Envelope, envelope_prefix, open_envelope, reseal, seal
from tenants.encryption.errors import EncryptionError, EnvelopeUnreadable
from tenants.encryption.secret import Secret

TENANT = UUID("01900000-0000-7000-8000-00000000000a")
OTHER_TENANT = UUID("01900000-0000-7000-8000-00000000000b")
ROW = UUID("01900000-0000-7000-8000-000000000001")
OTHER_ROW = UUID("01900000-0000-7000-8000-000000000002")
BINDING = Binding(model="integrations.integration", field="credentials", tenant_id=TENANT, row_id=ROW)
KEY = DataKey(bytes(range(32)), version=7)
NONCE = bytes(range(100, 112))
PLAIN = "api-token-3f9c"
# Worked out with a GCM written from the standard on top of AES in ECB mode, not with the library under test.
KNOWN_ANSWER = "53424501000000076465666768696a6b6c6d6e6f296bb74b0d863dfb504f6c8ee30674a553917a18e1a65153fab0767f9e0f"


def _tampered(raw: bytes, bit: int) -> Envelope:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << (bit % 8)
    return Envelope(bytes(changed))


def test_seal_known_answer() -> None:
    sealed = module._seal_with_nonce(Secret(PLAIN), key=KEY, binding=BINDING, nonce=NONCE)

    assert sealed.raw.hex() == KNOWN_ANSWER


def test_envelope_layout_opens_with_a_plain_gcm_implementation() -> None:
    sealed = seal(Secret(PLAIN), key=KEY, binding=BINDING).raw
    header, nonce, ciphertext, tag = sealed[:8], sealed[8:20], sealed[20:-16], sealed[-16:]
    parts = [b"integrations.integration", b"credentials", TENANT.bytes, str(ROW).encode()]
    associated = header + b"".join(struct.pack(">I", len(part)) + part for part in parts)
    decryptor = Cipher(algorithms.AES(bytes(range(32))), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(associated)

    opened = decryptor.update(ciphertext) + decryptor.finalize()

    assert (header, opened) == (b"SBE\x01\x00\x00\x00\x07", PLAIN.encode())
    assert len(sealed) == len(PLAIN) + 36


@given(plain=st.binary(max_size=300), material=st.binary(min_size=32, max_size=32), version=st.integers(1, 2**31 - 1))
def test_round_trip(plain: bytes, material: bytes, version: int) -> None:
    key = DataKey(material, version=version)

    sealed = seal(Secret(plain), key=key, binding=BINDING)

    assert open_envelope(sealed, key=key, binding=BINDING).reveal() == plain
    assert sealed.key_version == version
    assert sealed.raw.startswith(envelope_prefix(version))


@settings(max_examples=30)
@given(plain=st.binary(min_size=8, max_size=40))
def test_every_flipped_bit_is_refused(plain: bytes) -> None:
    sealed = seal(Secret(plain), key=KEY, binding=BINDING).raw

    for bit in range(len(sealed) * 8):
        with pytest.raises(EnvelopeUnreadable):
            open_envelope(_tampered(sealed, bit), key=KEY, binding=BINDING)


@given(data=st.data(), plain=st.binary(max_size=40))
def test_every_cut_or_extended_envelope_is_refused(data: st.DataObject, plain: bytes) -> None:
    sealed = seal(Secret(plain), key=KEY, binding=BINDING).raw
    cut = data.draw(st.integers(0, len(sealed) - 1))
    extra = data.draw(st.binary(min_size=1, max_size=20))

    for raw in (sealed[:cut], sealed[cut + 1 :], sealed + extra, extra + sealed):
        with pytest.raises(EnvelopeUnreadable):
            open_envelope(Envelope(raw), key=KEY, binding=BINDING)


@given(garbage=st.binary(max_size=120))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(EnvelopeUnreadable):
        open_envelope(Envelope(garbage), key=KEY, binding=BINDING)


@pytest.mark.parametrize(
    "elsewhere",
    [
        Binding(model="integrations.integrations", field="credentials", tenant_id=TENANT, row_id=ROW),
        Binding(model="integrations.integration", field="credential", tenant_id=TENANT, row_id=ROW),
        Binding(model="integrations.integration", field="credentials", tenant_id=OTHER_TENANT, row_id=ROW),
        Binding(model="integrations.integration", field="credentials", tenant_id=TENANT, row_id=OTHER_ROW),
        Binding(model="integrations.integrationc", field="redentials", tenant_id=TENANT, row_id=ROW),
    ],
    ids=["model", "field", "tenant", "row", "shifted"],
)
def test_envelope_of_another_place_is_refused(elsewhere: Binding) -> None:
    sealed = seal(Secret(PLAIN), key=KEY, binding=BINDING)

    with pytest.raises(EnvelopeUnreadable):
        open_envelope(sealed, key=KEY, binding=elsewhere)


@given(
    st.lists(
        st.tuples(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6)), min_size=2, max_size=2, unique=True
    )
)
def test_no_two_places_encode_alike(places: list[tuple[str, str, str]]) -> None:
    first, second = (
        Binding(model=model, field=field, tenant_id=TENANT, row_id=row).encode() for model, field, row in places
    )

    assert first != second


@pytest.mark.parametrize(
    "key",
    [DataKey(bytes(range(1, 33)), version=7), DataKey(bytes(range(32)), version=8)],
    ids=["other key, same version", "same key, other version"],
)
def test_wrong_key_is_refused(key: DataKey) -> None:
    sealed = seal(Secret(PLAIN), key=KEY, binding=BINDING)

    with pytest.raises(EnvelopeUnreadable):
        open_envelope(sealed, key=key, binding=BINDING)


def test_key_version_in_the_header_is_authenticated() -> None:
    sealed = seal(Secret(PLAIN), key=KEY, binding=BINDING).raw
    relabelled = Envelope(envelope_prefix(8) + sealed[8:])

    with pytest.raises(EnvelopeUnreadable):
        open_envelope(relabelled, key=DataKey(bytes(range(32)), version=8), binding=BINDING)


def test_all_refusals_read_alike() -> None:
    sealed = seal(Secret(PLAIN), key=KEY, binding=BINDING)
    wrong_key = DataKey(bytes(32), version=7)
    attempts = [
        (sealed, wrong_key),
        (_tampered(sealed.raw, 170), KEY),
        (_tampered(sealed.raw, 0), KEY),
        (Envelope(b""), KEY),
        (Envelope(envelope_prefix(9) + sealed.raw[8:]), KEY),
    ]

    texts = set()
    for attempt, key in attempts:
        with pytest.raises(EnvelopeUnreadable) as caught:
            open_envelope(attempt, key=key, binding=BINDING)
        texts.add(str(caught.value))

    assert len(texts) == 1
    assert "integrations.integration.credentials" in texts.pop()


def test_equal_secrets_never_seal_alike() -> None:
    sealed = {seal(Secret(PLAIN), key=KEY, binding=BINDING).raw for _ in range(200)}
    nonces = {raw[8:20] for raw in sealed}

    assert (len(sealed), len(nonces)) == (200, 200)
    assert not any(PLAIN.encode() in raw for raw in sealed)


def test_reseal_moves_a_secret_to_another_key() -> None:
    new_key = DataKey(bytes(range(50, 82)), version=8)
    sealed = seal(Secret(PLAIN), key=KEY, binding=BINDING)

    moved = reseal(sealed, old_key=KEY, new_key=new_key, binding=BINDING)

    assert moved.key_version == 8
    assert open_envelope(moved, key=new_key, binding=BINDING) == Secret(PLAIN)


def test_seal_refuses_a_secret_over_one_mebibyte() -> None:
    assert seal(Secret(bytes(2**20)), key=KEY, binding=BINDING).key_version == 7
    with pytest.raises(EncryptionError, match="1048577 bytes"):
        seal(Secret(bytes(2**20 + 1)), key=KEY, binding=BINDING)


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33, 64])
def test_data_key_refuses_other_lengths(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        DataKey(bytes(length), version=1)


@pytest.mark.parametrize("version", [0, -1, 2**31])
def test_data_key_refuses_versions_out_of_range(version: int) -> None:
    with pytest.raises(ValueError, match="2147483647"):
        DataKey(bytes(32), version=version)


def test_generated_keys_differ() -> None:
    keys = {DataKey.generate(version=1).material() for _ in range(50)}

    assert len(keys) == 50
    assert all(len(material) == 32 for material in keys)


def test_keys_compare_by_version_and_material() -> None:
    assert DataKey(bytes(range(32)), version=7) == KEY
    assert DataKey(bytes(range(32)), version=8) != KEY
    assert DataKey(bytes(32), version=7) != KEY
    assert KEY != "key"


@pytest.mark.parametrize(
    "raw", [b"", b"SBE\x01", b"SBE\x01" + bytes(31), b"XBE\x01" + bytes(40), b"SBE\x02" + bytes(40)]
)
def test_bytes_that_are_no_envelope_have_no_key_version(raw: bytes) -> None:
    assert Envelope(raw).key_version is None


def test_smallest_envelope_has_a_key_version() -> None:
    assert Envelope(envelope_prefix(3) + bytes(28)).key_version == 3


def test_nothing_shows_a_secret_or_a_key() -> None:
    material = b"material-material-material-12345"
    key = DataKey(material, version=1)
    secret = Secret(PLAIN)
    shown = [
        f"{thing!r} {thing} {[thing]} { ({'a': thing}) }"
        for thing in (key, secret, seal(secret, key=key, binding=BINDING))
    ]

    assert not any(PLAIN in text or "material-" in text for text in shown)


def test_refusal_holds_no_plain_text_in_its_frames() -> None:
    material = b"material-material-material-12345"
    sealed = seal(Secret(PLAIN), key=DataKey(material, version=1), binding=BINDING)
    wrong = Binding(model="a.b", field="c", tenant_id=TENANT, row_id=ROW)

    with pytest.raises(EnvelopeUnreadable) as caught:
        open_envelope(sealed, key=DataKey(material, version=1), binding=wrong)

    frames = [entry.frame.f_locals for entry in caught.traceback if "encryption" in str(entry.path)][1:]
    assert frames
    assert not any(PLAIN in repr(values) or "material-" in repr(values) for values in frames)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("holder", [Secret(PLAIN), KEY])
def test_secrets_and_keys_are_not_pickled(holder: Secret | DataKey) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(holder)


def test_secret_copies_to_itself() -> None:
    secret = Secret(PLAIN)

    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_secret_compares_by_content() -> None:
    assert Secret(PLAIN) == Secret(PLAIN.encode())
    assert Secret(PLAIN) != Secret(PLAIN + "x")
    assert Secret(PLAIN) != PLAIN
    assert hash(Secret(PLAIN)) == hash(Secret(PLAIN))
    assert bool(Secret(""))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


@given(value=_JSON)
def test_secret_json_round_trip(value: object) -> None:
    assert Secret.of_json(value).reveal_json() == value


def test_secret_json_is_canonical() -> None:
    assert Secret.of_json({"b": [1, 2], "a": "ž"}).reveal() == '{"a":"ž","b":[1,2]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), "\ud800"])
def test_secret_refuses_what_is_not_json(value: object) -> None:
    with pytest.raises(EncryptionError, match="not JSON") as caught:
        Secret.of_json(value)

    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("plain", "reader"), [(b"\xff", "reveal_text"), (b"\xff", "reveal_json"), (b"{x", "reveal_json")]
)
def test_revealing_as_the_wrong_kind_tells_nothing(plain: bytes, reader: str) -> None:
    with pytest.raises(EncryptionError, match="opened but is not") as caught:
        getattr(Secret(plain), reader)()

    assert caught.value.__context__ is None


def test_secret_reveals_text() -> None:
    assert Secret("žeton").reveal_text() == "žeton"
    assert json.loads(Secret('{"a": 1}').reveal()) == {"a": 1}
