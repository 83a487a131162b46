"""Time-ordered identifiers, made before the row exists."""

from __future__ import annotations

import os
import time
from uuid import UUID

_NS_PER_MS = 1_000_000


def uuid7() -> UUID:
    """Return a version 7 UUID: 48 bits of milliseconds, 12 bits of their fraction, 62 random bits.

    Ids made later sort later, down to a quarter of a microsecond, so a page by id is a page by age, and the primary
    key of a sealed value is known before the row is inserted.
    Source: RFC 9562, section 5.7 and method 3 of section 6.2.
    """
    milliseconds, rest_ns = divmod(time.time_ns(), _NS_PER_MS)
    fraction = rest_ns * 4096 // _NS_PER_MS
    random_bits = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | random_bits)
