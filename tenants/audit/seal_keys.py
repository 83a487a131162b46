"""The keys that seals are made with: outside of the database, so that its owner cannot make one.

AUDIT_SEAL_KEYS holds entries "version:base64", comma-separated, each of 32 random bytes. The first seals, all of them
verify. An old one is kept as long as seals made with it are to be verified.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re

from django.conf import settings

VARIABLE = "AUDIT_SEAL_KEYS"
KEY_BYTES = 32

_ENTRY = re.compile(r"([1-9][0-9]{0,8}):([A-Za-z0-9+/=]+)", re.ASCII)


class SealKeysMisconfigured(Exception):
    """AUDIT_SEAL_KEYS is missing, malformed, or lacks the version a seal was made with."""


class SealKeys:
    """The keys by version, the first being the one in use. Never shown."""

    __slots__ = ("_keys", "primary_version")

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = keys
        self.primary_version = next(iter(keys))

    @classmethod
    def from_text(cls, text: str) -> SealKeys:
        """Read the variable's value. Raises SealKeysMisconfigured, naming the entry by its place, never its value."""
        keys: dict[int, bytes] = {}
        for place, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
            found = _ENTRY.fullmatch(entry)
            material = _decoded(found[2]) if found else b""
            if found is None or len(material) != KEY_BYTES or int(found[1]) in keys:
                raise SealKeysMisconfigured(
                    f"Entry {place} of {VARIABLE} is not “version:base64” of {KEY_BYTES} bytes with a new version."
                )
            keys[int(found[1])] = material
        if not keys:
            raise SealKeysMisconfigured(f"Set {VARIABLE}=1:$(openssl rand -base64 {KEY_BYTES}) and keep it.")
        return cls(keys)

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(self._keys)

    def mac(self, message: bytes, *, version: int) -> bytes:
        """HMAC-SHA256 of the message. Raises SealKeysMisconfigured when the version is not here."""
        key = self._keys.get(version)
        if key is None:
            raise SealKeysMisconfigured(
                f"A seal was made with key {version}, which {VARIABLE} lacks. Add that entry again, behind the first."
            )
        return hmac.digest(key, message, "sha256")

    def __repr__(self) -> str:
        return f"<SealKeys versions {sorted(self._keys)}, sealing with {self.primary_version}>"


def seal_keys() -> SealKeys:
    """The keys of AUDIT_SEAL_KEYS. Raises SealKeysMisconfigured."""
    return SealKeys.from_text(settings.AUDIT_SEAL_KEYS)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
