"""Under which digest and which name an account of a source is known."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import Final

from projects.models import PseudonymKey
from tenants.encryption.secret import Secret

KEY_BYTES: Final = 32
PSEUDONYM_DIGITS: Final = 12
"""48 bits: among 10,000 accounts of one tenant two share a pseudonym with a probability of 2 in ten million."""

LONGEST_ADDRESS: Final = 254
"""RFC 5321, with erratum 1690."""
NO_MAILBOX: Final = (".noreply.github.com", "@noreply.github.com", ".invalid")
"""Addresses that a tool makes up for an account: nobody else has them, and no other tool knows them."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Turns accounts into digests and pseudonyms. Alike for every project of the tenant, unlike in every other tenant.

    key: of the tenant; without it an account cannot be found again from its digest, not even by trying all names
    """

    key: bytes = field(repr=False)
    _digests: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def digest(self, *, source: str, account_id: str) -> str:
        """64 hexadecimal digits: HMAC-SHA256 over source and account (RFC 2104)."""
        known = self._digests.get((source, account_id))
        if known is None:
            message = f"{source}\x00{account_id}".encode()
            known = self._digests[source, account_id] = hmac.new(self.key, message, hashlib.sha256).hexdigest()
        return known

    def email_digest(self, address: str) -> str:
        """The same for one address in every source: HMAC-SHA256 over a message that no account has. "" for no address.

        address: upper and lower case are one
        """
        name = address.strip().lower()
        if "@" not in name or len(name) > LONGEST_ADDRESS or name.endswith(NO_MAILBOX):
            return ""
        return hmac.new(self.key, f"\x00e-mail\x00{name}".encode(), hashlib.sha256).hexdigest()


def pseudonym_of(digest: str) -> str:
    """What people see: "person-" and some digits of the digest."""
    return f"person-{digest[:PSEUDONYM_DIGITS]}"


def load_pseudonyms() -> Pseudonyms:
    """The pseudonyms of the current tenant. The first call of a tenant makes its key."""
    row = PseudonymKey.objects.first()
    if row is None:
        made = PseudonymKey(key=Secret(os.urandom(KEY_BYTES)))
        # Two first imports at once: the second waits here for the first, and then uses its key.
        PseudonymKey.objects.bulk_create([made], ignore_conflicts=True)
        row = PseudonymKey.objects.get()
    return Pseudonyms(row.key.reveal())
