"""The key ring: the keys outside of the database that wrap every tenant's data key.

FIELD_KEYRING holds entries "version:base64", comma-separated, each key 32 random bytes:

    FIELD_KEYRING=2:…,1:…

The first entry wraps; all of them unwrap. To replace a key put a new one in front, run `manage.py rotate_keys --ring`,
then remove the old one. A database, or a backup of it, is unreadable without the ring.

A wrapped key is laid out like an envelope: magic "SBK", format 1, version of the ring's key, nonce, ciphertext, tag;
its associated data are those first eight bytes, the tenant and the version of the data key.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import struct
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag

from tenants.encryption.envelope import (
    KEY_BYTES,
    MAX_KEY_VERSION,
    NONCE_BYTES,
    TAG_BYTES,
    DataKey,
    check_key_version,
)
from tenants.encryption.errors import DataKeyUnavailable, KeyRingMisconfigured
from tenants.encryption.secret import Secret

VARIABLE = "FIELD_KEYRING"

_MAGIC = b"SBK"
_FORMAT = 1
_HEADER = struct.Struct(">3sBI")
_VERSION = struct.Struct(">I")
_WRAPPED_BYTES = _HEADER.size + NONCE_BYTES + KEY_BYTES + TAG_BYTES
_ENTRY = re.compile(r"([1-9][0-9]{0,9}):([A-Za-z0-9+/_=-]+)", re.ASCII)
_HOW_TO = "Expected “version:base64” entries separated by commas, each key 32 random bytes."


@dataclass(frozen=True, slots=True, repr=False)
class WrappedKey:
    """A data key as it is stored, and the version of the ring's key that wrapped it."""

    raw: bytes
    ring_version: int

    def __repr__(self) -> str:
        return f"<WrappedKey, key ring version {self.ring_version}>"


class KeyRing:
    """The wrapping keys by version, the first being the one in use. Neither shown nor pickled.

    Raises KeyRingMisconfigured when it is empty, or holds a version or a key twice.
    """

    __slots__ = ("_keys", "primary_version")

    def __init__(self, keys: list[DataKey]) -> None:
        self._keys = {key.version: key for key in keys}
        self.primary_version = keys[0].version if keys else 0
        if not keys:
            raise KeyRingMisconfigured(f"{VARIABLE} is empty. {_HOW_TO}")
        if len(self._keys) != len(keys):
            raise KeyRingMisconfigured(f"{VARIABLE} holds a version twice: which key is meant cannot be told.")
        if len({key.material() for key in keys}) != len(keys):
            raise KeyRingMisconfigured(f"{VARIABLE} holds one key under two versions: it would replace nothing.")

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """Read the variable's value. Raises KeyRingMisconfigured, naming the entry by its place and never its value."""
        keys, problem = _parse(text)
        # This frame may end up on an error page.
        del text
        if problem:
            raise KeyRingMisconfigured(f"{VARIABLE}: {problem} {_HOW_TO}")
        return cls(keys)

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(self._keys)

    def wrap(self, key: DataKey, *, tenant_id: UUID) -> WrappedKey:
        """Encrypt a data key for its tenant with the ring's first key."""
        header = _HEADER.pack(_MAGIC, _FORMAT, self.primary_version)
        nonce = os.urandom(NONCE_BYTES)
        associated = _associated(header, tenant_id, key.version)
        sealed = self._keys[self.primary_version].encrypt(nonce, Secret(key.material()), associated)
        return WrappedKey(raw=header + nonce + sealed, ring_version=self.primary_version)

    def unwrap(self, raw: bytes, *, tenant_id: UUID, version: int) -> DataKey:
        """Raises DataKeyUnavailable: the ring lacks the key, or bytes, tenant or version are not those wrapped."""
        ring_version = _ring_version(raw)
        if ring_version is not None and ring_version not in self._keys:
            raise DataKeyUnavailable(
                f"Data key {version} of tenant {tenant_id} was wrapped by key {ring_version}, which {VARIABLE} lacks. "
                f"Add that entry again; nothing was changed."
            )
        material = self._try_unwrap(raw, ring_version, tenant_id, version)
        if material is None:
            raise DataKeyUnavailable(
                f"Data key {version} of tenant {tenant_id} cannot be unwrapped with key {ring_version} of {VARIABLE}: "
                "the variable holds another key under that version, or the stored key was changed. Nothing was changed."
            )
        return DataKey(material.reveal(), version=version)

    def _try_unwrap(self, raw: bytes, ring_version: int | None, tenant_id: UUID, version: int) -> Secret | None:
        if ring_version is None:
            return None
        header, sealed = raw[: _HEADER.size], raw[_HEADER.size :]
        associated = _associated(header, tenant_id, version)
        try:
            return self._keys[ring_version].decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
        except InvalidTag:
            return None

    def __repr__(self) -> str:
        return f"<KeyRing versions {sorted(self._keys)}, wrapping with {self.primary_version}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A KeyRing is not pickled.")


def generate_entry(version: int) -> str:
    """A new random entry for FIELD_KEYRING. The caller shows it once and keeps no copy."""
    check_key_version(version)
    return f"{version}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def _associated(header: bytes, tenant_id: UUID, version: int) -> bytes:
    """Fixed lengths, hence unambiguous."""
    return header + tenant_id.bytes + _VERSION.pack(version)


def _ring_version(raw: bytes) -> int | None:
    if len(raw) != _WRAPPED_BYTES:
        return None
    magic, layout, version = _HEADER.unpack_from(raw)
    return version if magic == _MAGIC and layout == _FORMAT else None


def _parse(text: str) -> tuple[list[DataKey], str | None]:
    """The keys in order, or the first problem; never raises, so that no traceback holds the text."""
    keys: list[DataKey] = []
    for place, entry in enumerate(text.split(","), start=1):
        if not text.strip():
            break
        match = _ENTRY.fullmatch(entry.strip())
        if match is None or int(match[1]) > MAX_KEY_VERSION:
            return [], f"entry {place} does not read “version:base64” with a version of at least 1."
        material = _decode(match[2])
        if material is None:
            return [], f"entry {place} is not base64."
        if len(material) != KEY_BYTES:
            return [], f"entry {place} holds {len(material)} bytes, not {KEY_BYTES}."
        keys.append(DataKey(material, version=int(match[1])))
    return keys, None


def _decode(text: str) -> bytes | None:
    """Standard or URL-safe base64, padded."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return None
