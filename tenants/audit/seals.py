"""What a seal says, and the code that makes saying anything else impossible without the key.

A seal covers entries of one organisation and one UTC day: retention and partitions remove whole days, so a seal is
either complete or given up, never half there. It holds a leaf for each entry (id and row hash), so that verification
names the entry that was edited, lost or added, and not merely that something is wrong. Seals of an organisation are
numbered from 1 and each names the one before: a lost seal is seen, and the last one's code vouches for all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from .enums import SealKind

FORMAT = 1
"""Version of ``message``. One that has made a seal is never edited."""
FIRST_PREVIOUS = bytes(32)
ID_BYTES = 16
HASH_BYTES = 32
LEAF_BYTES = ID_BYTES + HASH_BYTES


@dataclass(frozen=True, slots=True)
class Seal:
    """One row of the seals.

    day: of the entries (SEALED);  removed_before: entries of earlier days are given up, None: of all days (REMOVED)
    number: 1, 2, … within the organisation;  cluster: the database server whose transaction ids are meant
    from_transaction, below_transaction: every finished transaction in [from, below) is in this or an earlier seal
    leaves_digest: SHA-256 of the leaves, ordered by id;  previous_mac: of number - 1
    """

    tenant_id: UUID
    number: int
    kind: SealKind
    day: date | None
    removed_before: date | None
    cluster: str
    from_transaction: int
    below_transaction: int
    entry_count: int
    leaves_digest: bytes
    sealed_at: datetime
    previous_mac: bytes
    format: int = FORMAT

    def message(self) -> bytes:
        """Return what the code is computed over: a JSON array, which keeps neighbouring values apart."""
        parts = [
            self.format,
            str(self.tenant_id),
            self.number,
            self.kind.value,
            self.day.isoformat() if self.day else None,
            self.removed_before.isoformat() if self.removed_before else None,
            self.cluster,
            self.from_transaction,
            self.below_transaction,
            self.entry_count,
            self.leaves_digest.hex(),
            self.sealed_at.isoformat(),
            self.previous_mac.hex(),
        ]
        return json.dumps(parts, separators=(",", ":")).encode()


def leaves_digest(leaves: bytes) -> bytes:
    """SHA-256 of the leaves."""
    return hashlib.sha256(leaves).digest()


def split_leaves(leaves: bytes) -> Iterator[tuple[UUID, bytes]]:
    """Yield (entry's id, row hash) of each leaf."""
    for place in range(0, len(leaves) - LEAF_BYTES + 1, LEAF_BYTES):
        leaf = leaves[place : place + LEAF_BYTES]
        yield UUID(bytes=leaf[:ID_BYTES]), leaf[ID_BYTES:]
