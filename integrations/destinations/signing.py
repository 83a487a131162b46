"""Signatures by which a receiver knows that a message is ours and fresh.

1. What is signed is `<id>.<timestamp>.<body>`: the id of the message, the whole seconds since 1970 of this try, and the
   body byte for byte.
2. The signature is `v1,` and the base64 of its HMAC with SHA-256. The key is what follows `whsec_` in the secret,
   decoded from base64.
3. While a secret is replaced, there are two signatures with a space between them; either is enough.

Source: Standard Webhooks 1.0, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
"""The standard asks for 24 to 64; as many as the digest has are enough."""


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(message_id: str, body: bytes, *, at: datetime, signing_secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of a try.  at: of the try;  signing_secrets: at least one"""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in signing_secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
