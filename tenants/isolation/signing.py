"""The signed context: what a transaction may claim about itself.

A token is ``purpose|tenant|expiry|key version|mac``; the database verifies it with a key that the app role cannot read
(``sql.py``), so a statement injected into a tenant's request can neither forge another tenant nor another purpose.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field

from .context import AccessContext

TOKEN_LIFETIME_S = 300  # compared with the transaction's start, so it only has to outlast the way to the server
_RENEW_AFTER_S = 120
_BLOCK_BYTES = 64  # SHA-256, RFC 2104
_KEY_MIN_BYTES = 32
_KEPT_TOKENS = 10_000


@dataclass(slots=True)
class ContextSigner:
    """Mints tokens with one key, and keeps each for a while: minting costs more than looking up.

    key: at least 32 random bytes;  version: which row of the database's key table verifies it
    """

    key: bytes = field(repr=False)
    version: int = 1
    _minted: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < _KEY_MIN_BYTES:
            raise ValueError("CONTEXT_SIGNING_KEY must hold at least 32 bytes (base64).")

    def token(self, context: AccessContext) -> str:
        """Return a token for the context's purpose and tenant that is valid for at least three minutes."""
        claim = unsigned_claim(context)
        now_s = time.time()
        known = self._minted.get(claim)
        if known and now_s - known[0] < _RENEW_AFTER_S:
            return known[1]
        if len(self._minted) > _KEPT_TOKENS:
            self._minted.clear()
        token = self.sign(claim, expires_at_s=int(now_s) + TOKEN_LIFETIME_S)
        self._minted[claim] = (now_s, token)
        return token

    def sign(self, claim: str, *, expires_at_s: int) -> str:
        """Return ``claim`` with expiry, key version and HMAC-SHA256 (hex)."""
        message = f"{claim}|{expires_at_s}|{self.version}"
        return f"{message}|{hmac.new(self.key, message.encode(), hashlib.sha256).hexdigest()}"

    def pads(self) -> tuple[bytes, bytes]:
        """Return HMAC's inner and outer padded keys, with which core ``sha256`` verifies without an extension."""
        key = self.key if len(self.key) <= _BLOCK_BYTES else hashlib.sha256(self.key).digest()
        block = key.ljust(_BLOCK_BYTES, b"\0")
        return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


def unsigned_claim(context: AccessContext) -> str:
    """Return ``purpose|tenant`` with an empty tenant where there is none: only [a-z0-9|-], safe inside a literal."""
    return f"{context.purpose.value}|{context.tenant_id or ''}"
