"""Keeping what tools sent, for a while."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from integrations.models import Integration, RawPayload
from tenants.encryption.secret import Secret

COMPRESSION_LEVEL = 1
"""Twice as fast as the usual level, and JSON shrinks to an eighth already."""


def keep_payloads(integration: Integration, bodies: list[bytes], *, stream: str, partition: str, at: datetime) -> None:
    """Keep answers of one step together; a line break parts them, which JSON in one line does not contain."""
    if not bodies:
        return
    joined = b"\n".join(body.replace(b"\n", b" ") for body in bodies)
    RawPayload(
        integration=integration,
        stream=stream,
        partition=partition,
        body=Secret(zlib.compress(joined, COMPRESSION_LEVEL)),
        size_bytes=len(joined),
        received_at=at,
    ).save(force_insert=True)


def read_payloads(payload: RawPayload) -> Iterator[bytes]:
    """The answers, each as the tool sent it but for line breaks."""
    yield from zlib.decompress(payload.body.reveal()).split(b"\n")


def drop_old_payloads(integration: Integration, *, retention_days: int, at: datetime) -> int:
    """Remove what is older than the retention. Returns how many."""
    old = RawPayload.objects.filter(integration=integration, received_at__lt=at - timedelta(days=retention_days))
    return int(old._raw_delete(old.db))
