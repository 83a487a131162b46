"""The envelope: one secret, encrypted and tied to its place.

Layout (big-endian; 36 bytes more than the secret):

    3  magic "SBE"
    1  format, 1
    4  version of the data key
    12 nonce, random for each sealing
    n  ciphertext
    16 tag

Cipher: AES-256-GCM (NIST SP 800-38D). Associated data: the first eight bytes, then model, field, tenant and row, each
preceded by its length, so that no two places encode alike. An envelope copied to another row, column or tenant, or
given another key version, does not open.

Limits. With random nonces one key may seal 2^32 values before the chance of a repeated nonce passes 2^-32 (SP 800-38D,
section 8.3): thirteen years of ten requests a second that each keep a sealed answer (`tenants.domain.idempotency`).
`rotate_keys` starts a new key. An envelope shows the length of its secret, and an old envelope put back into its own
row still opens: replay by someone who writes the database is not prevented.
"""

from __future__ import annotations

import hmac
import os
import struct
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenants.encryption.errors import EncryptionError, EnvelopeUnreadable
from tenants.encryption.secret import Secret

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
MAX_KEY_VERSION = 2**31 - 1
"""What PostgreSQL's integer column holds."""
MAX_SECRET_BYTES = 1_048_576

_MAGIC = b"SBE"
_FORMAT = 1
_HEADER = struct.Struct(">3sBI")
_LENGTH = struct.Struct(">I")


class DataKey:
    """A tenant's 256-bit key with its version. Neither shown nor pickled.

    material: 32 random bytes;  version: 1 to 2^31 - 1
    Raises ValueError otherwise.
    """

    __slots__ = ("_cipher", "_material", "version")

    def __init__(self, material: bytes, *, version: int) -> None:
        if len(material) != KEY_BYTES:
            material = b""
            raise ValueError(f"A data key has {KEY_BYTES} bytes.")
        check_key_version(version)
        self._material = material
        self._cipher = AESGCM(material)
        self.version = version

    @classmethod
    def generate(cls, *, version: int) -> DataKey:
        return cls(os.urandom(KEY_BYTES), version=version)

    def material(self) -> bytes:
        """The key itself: for wrapping only."""
        return self._material

    def encrypt(self, nonce: bytes, plain: Secret, associated: bytes) -> bytes:
        return self._cipher.encrypt(nonce, plain.reveal(), associated)

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated: bytes) -> Secret:
        """Raises cryptography.exceptions.InvalidTag."""
        return Secret(self._cipher.decrypt(nonce, ciphertext, associated))

    def __repr__(self) -> str:
        return f"<DataKey version {self.version}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DataKey):
            return NotImplemented
        return self.version == other.version and hmac.compare_digest(self._material, other._material)

    def __hash__(self) -> int:
        return hash(self.version)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A DataKey is not pickled.")


def check_key_version(version: int) -> None:
    """Raises ValueError unless 1 <= version <= 2^31 - 1."""
    if not 1 <= version <= MAX_KEY_VERSION:
        raise ValueError("Key versions count from 1 to 2147483647.")


@dataclass(frozen=True, slots=True)
class Binding:
    """The one place an envelope belongs to.

    model: label of the model, lower-case ("integrations.integration");  field: its column
    row_id: the primary key, known before the row is written (UUIDv7 made in Python)
    """

    model: str
    field: str
    tenant_id: UUID
    row_id: UUID | str

    def encode(self) -> bytes:
        parts = (self.model.encode(), self.field.encode(), self.tenant_id.bytes, str(self.row_id).encode())
        return b"".join(_LENGTH.pack(len(part)) + part for part in parts)

    def __str__(self) -> str:
        return f"{self.model}.{self.field} of row {self.row_id} of tenant {self.tenant_id}"


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """The stored bytes. They are looked at only when opened, so a damaged row can still be listed and mended."""

    raw: bytes

    @property
    def key_version(self) -> int | None:
        """The version of the data key that sealed it, or None when these bytes are no envelope."""
        if len(self.raw) < _HEADER.size + NONCE_BYTES + TAG_BYTES:
            return None
        magic, layout, version = _HEADER.unpack_from(self.raw)
        return version if magic == _MAGIC and layout == _FORMAT else None

    def __bytes__(self) -> bytes:
        return self.raw

    def __repr__(self) -> str:
        return f"<Envelope of {len(self.raw)} bytes, key version {self.key_version}>"


def envelope_prefix(key_version: int) -> bytes:
    """The first eight bytes of every envelope sealed with this version; queries find envelopes by it."""
    return _HEADER.pack(_MAGIC, _FORMAT, key_version)


def seal(plain: Secret, *, key: DataKey, binding: Binding) -> Envelope:
    """Encrypt for exactly one place; each call gives other bytes.

    Raises EncryptionError when the secret is longer than 1 MiB.
    """
    return _seal_with_nonce(plain, key=key, binding=binding, nonce=os.urandom(NONCE_BYTES))


def _seal_with_nonce(plain: Secret, *, key: DataKey, binding: Binding, nonce: bytes) -> Envelope:
    if len(plain) > MAX_SECRET_BYTES:
        raise EncryptionError(f"{binding}: a secret of {len(plain)} bytes is longer than {MAX_SECRET_BYTES}.")
    header = envelope_prefix(key.version)
    return Envelope(header + nonce + key.encrypt(nonce, plain, header + binding.encode()))


def open_envelope(envelope: Envelope, *, key: DataKey, binding: Binding) -> Secret:
    """Decrypt what `seal` made for the same place with the same key.

    Raises EnvelopeUnreadable in every other case, with one text for all of them.
    """
    plain = _try_open(envelope.raw, key, binding) if envelope.key_version == key.version else None
    if plain is None:
        raise unreadable(binding)
    return plain


def _try_open(raw: bytes, key: DataKey, binding: Binding) -> Secret | None:
    header, sealed = raw[: _HEADER.size], raw[_HEADER.size :]
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], header + binding.encode())
    except InvalidTag:
        return None


def unreadable(binding: Binding) -> EnvelopeUnreadable:
    return EnvelopeUnreadable(
        f"{binding} cannot be decrypted: its key, its place or its bytes are not those it was sealed with. "
        "Nothing was changed. Restore the row and the tenant's data keys from the same backup, "
        "check FIELD_KEYRING, or enter the secret again."
    )


def reseal(envelope: Envelope, *, old_key: DataKey, new_key: DataKey, binding: Binding) -> Envelope:
    """The same secret under another key. Raises EnvelopeUnreadable."""
    return seal(open_envelope(envelope, key=old_key, binding=binding), key=new_key, binding=binding)


def describe(value: Any) -> str:
    """What people see in place of a sealed or plain secret."""
    return "" if value is None else "(encrypted)"
