"""Digests of long random secrets, under peppers from the environment.

A secret of 256 random bits needs no slow password hash; the pepper keeps a copied database from being enough to test
guesses. API_KEY_PEPPER holds "version:base64" entries, comma-separated: the first makes new digests, all of them
verify, so that a pepper is replaced by putting a new one in front and removing the old one when what was made under it
has expired.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

PEPPER_MIN_BYTES = 16
_UNKNOWN_DIGEST = "0" * 64


def pepper_versions() -> frozenset[int]:
    """Return the versions that API_KEY_PEPPER holds. Raises ImproperlyConfigured where it cannot be read."""
    return frozenset(_peppers(settings.API_KEY_PEPPER))


def newest_pepper_version() -> int:
    """The version under which new digests are made. Raises ImproperlyConfigured."""
    return next(iter(_peppers(settings.API_KEY_PEPPER)))


def keyed_digest(secret: str, *, version: int) -> str:
    """HMAC-SHA256 of a secret in 64 hexadecimal digits. Raises KeyError for a pepper that is not there."""
    return hmac.digest(_peppers(settings.API_KEY_PEPPER)[version], secret.encode(), "sha256").hex()


def secret_fits(secret: str, kept: tuple[str, int] | None) -> bool:
    """Whether a secret belongs to what is kept: (digest, pepper version), None where there is no such row.

    No row takes as long as a wrong secret.
    """
    digest, version = kept or (_UNKNOWN_DIGEST, newest_pepper_version())
    if version not in _peppers(settings.API_KEY_PEPPER):
        return False
    return hmac.compare_digest(digest, keyed_digest(secret, version=version))


@lru_cache(maxsize=4)
def _peppers(text: str) -> Mapping[int, bytes]:
    """The peppers by version, the first being the one in use. Raises ImproperlyConfigured, never showing a value."""
    peppers: dict[int, bytes] = {}
    for place, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        version, _, encoded = entry.partition(":")
        try:
            pepper = base64.b64decode(encoded, validate=True)
            number = int(version)
        except (ValueError, binascii.Error):
            raise ImproperlyConfigured(f"API_KEY_PEPPER: entry {place} is not “version:base64”.") from None
        if len(pepper) < PEPPER_MIN_BYTES or number in peppers:
            raise ImproperlyConfigured(
                f"API_KEY_PEPPER: entry {place} is shorter than {PEPPER_MIN_BYTES} bytes or repeats a version."
            )
        peppers[number] = pepper
    if not peppers:
        raise ImproperlyConfigured("API_KEY_PEPPER is empty: expected “version:base64”, 32 random bytes.")
    return peppers
