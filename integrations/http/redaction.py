"""Taking secrets out of words."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "…"
SHORTEST_SECRET = 4
"""Anything shorter would blank ordinary words."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets, also where they are escaped for an address or in base64."""
    forms: set[str] = set()
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            forms |= {secret, quote(secret, safe=""), quote(secret), base64.b64encode(secret.encode()).decode()}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text
