"""Whether the audit trail is the one that was sealed, and if not, which entry is the first that is not.

1. The seals: none missing in the count, each over the code of the one before, each with the right code.
2. The entries, day by day: each against its leaf, recomputed from its columns; each leaf against an entry, unless a
   later seal says that the day was removed; no entry without a leaf that should have one.
3. The heads that were kept elsewhere, if given: an end that was cut off leaves no other trace.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from tenants.audit.entries import HASHED_COLUMNS, TABLE, row_hash_sql
from tenants.audit.enums import SealKind
from tenants.audit.seal_keys import SealKeys, SealKeysMisconfigured
from tenants.audit.seals import FIRST_PREVIOUS, Seal, leaves_digest, split_leaves
from tenants.domain.audit_sealing import DAY_SQL, SEALS, Head, ServerMoment, server_moment
from tenants.isolation.postgresql.rows import rows
from tenants.isolation.transaction import tenant_context

_SEALS = f"""
  SELECT tenant_id, number, kind, day, removed_before, cluster, from_transaction, below_transaction, entry_count,
    leaves_digest, sealed_at, previous_mac, format, key_version, mac
  FROM {SEALS} WHERE tenant_id = %s ORDER BY number"""  # noqa: S608 - constants
_LEAVES = f"SELECT number, leaves FROM {SEALS} WHERE tenant_id = %s AND day = %s ORDER BY number"  # noqa: S608
_HASH = " ".join(f"WHEN {version} THEN {row_hash_sql(version)}" for version in HASHED_COLUMNS)
_DAYS = f"SELECT DISTINCT {DAY_SQL} FROM {TABLE} e WHERE e.tenant_id = %s"  # noqa: S608 - constants
_ENTRIES = f"""
  SELECT e.id, CASE e.hash_version {_HASH} END, e.transaction_id FROM {TABLE} e
  WHERE e.tenant_id = %s AND e."timestamp" >= %s AND e."timestamp" < %s"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that is not as it was sealed.

    what: "edited", "missing" or "inserted" for an entry, "seal" for the seals themselves, "head" for the kept heads
    """

    what: str
    tenant_id: UUID
    detail: str
    day: date | None = None
    entry_id: UUID | None = None

    def __str__(self) -> str:
        entry = f"entry {self.entry_id} of {self.day} " if self.entry_id else ""
        return f"{entry}{self.detail}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one organisation.

    sealed: entries that are as they were sealed;  unsealed: entries since the last seal
    removed: sealed entries given up to retention or erasure, as the seals say
    discrepancies: of the seals first, then of entries by their time
    """

    tenant_id: UUID
    seals: int
    sealed: int
    unsealed: int
    removed: int
    discrepancies: tuple[Discrepancy, ...]


@dataclass(slots=True)
class _Comparison:
    """One organisation's seals, the moment of comparing, and what was counted so far.

    seals: by number;  removed: numbers of the seals whose entries a later one says were given up
    """

    tenant_id: UUID
    seals: dict[int, Seal]
    removed: frozenset[int]
    now: ServerMoment
    sealed_entries: int = 0
    unsealed_entries: int = 0
    removed_entries: int = 0


def verify_tenant(tenant_id: UUID, keys: SealKeys, kept_heads: Sequence[Head] = ()) -> Verdict:
    """Compare one organisation's entries with its seals, in one snapshot. Reads all of them: 150,000 a second.

    kept_heads: of this organisation, from ``heads`` at any earlier time
    """
    with tenant_context(tenant_id):
        # Sealing and retention go on meanwhile; what is compared must be of one moment.
        rows(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        now = server_moment()
        coded = [
            (Seal(*_typed(row[:13])), int(row[13]), bytes(row[14])) for row in rows(connection, _SEALS, [tenant_id])
        ]
        seals = {seal.number: seal for seal, _, _ in coded}
        done = _Comparison(tenant_id, seals, _removed_numbers(seals), now)
        found = [*_of_seals(tenant_id, coded, keys), *_of_heads(tenant_id, coded, kept_heads)]
        for day in _days(done):
            found += _of_day(done, day)
    return Verdict(
        tenant_id, len(seals), done.sealed_entries, done.unsealed_entries, done.removed_entries, tuple(found)
    )


def _typed(row: tuple[Any, ...]) -> list[Any]:
    values = list(row)
    values[2] = SealKind(values[2])
    values[10] = values[10].astimezone(UTC)
    return [bytes(value) if isinstance(value, memoryview) else value for value in values]


def _of_seals(tenant_id: UUID, seals: list[tuple[Seal, int, bytes]], keys: SealKeys) -> Iterator[Discrepancy]:
    previous, number = FIRST_PREVIOUS, 0
    for seal, key_version, mac in seals:
        if seal.number != number + 1:
            yield Discrepancy("seal", tenant_id, f"seal {number + 1} is missing: {seal.number} follows {number}")
        elif seal.previous_mac != previous:
            yield Discrepancy("seal", tenant_id, f"seal {seal.number} does not follow the seal {number} that is here")
        try:
            is_genuine = hmac.compare_digest(keys.mac(seal.message(), version=key_version), mac)
            doubt = "was edited, or made without the key"
        except SealKeysMisconfigured as error:
            is_genuine, doubt = False, f"cannot be verified: {error}"
        if not is_genuine:
            yield Discrepancy("seal", tenant_id, f"seal {seal.number} {doubt}", day=seal.day)
        previous, number = mac, seal.number


def _of_heads(
    tenant_id: UUID, seals: list[tuple[Seal, int, bytes]], kept_heads: Sequence[Head]
) -> Iterator[Discrepancy]:
    macs = {seal.number: mac.hex() for seal, _, mac in seals}
    for head in kept_heads:
        if macs.get(head.number) is None:
            yield Discrepancy("head", tenant_id, f"seal {head.number}, kept as a head, is gone: the end was cut off")
        elif macs[head.number] != head.mac:
            yield Discrepancy("head", tenant_id, f"seal {head.number} is another than the one kept as a head")


def _removed_numbers(seals: dict[int, Seal]) -> frozenset[int]:
    removals = [seal for seal in seals.values() if seal.kind is SealKind.REMOVED]
    return frozenset(
        seal.number
        for seal in seals.values()
        for later in removals
        if later.number > seal.number
        and (later.removed_before is None or (seal.day is not None and seal.day < later.removed_before))
    )


def _days(done: _Comparison) -> list[date]:
    written = {day for (day,) in rows(connection, _DAYS, [done.tenant_id])}
    return sorted(written | {seal.day for seal in done.seals.values() if seal.day})


def _of_day(done: _Comparison, day: date) -> Iterator[Discrepancy]:
    """Compare one day's entries with its leaves, in the order of the ids, which is that of time."""
    leaves: dict[UUID, tuple[bytes, int]] = {}
    for number, held in rows(connection, _LEAVES, [done.tenant_id, day]):
        if leaves_digest(bytes(held)) != done.seals[number].leaves_digest:
            yield Discrepancy("seal", done.tenant_id, f"the leaves of seal {number} were edited", day=day)
        leaves |= {entry_id: (row_hash, number) for entry_id, row_hash in split_leaves(bytes(held))}
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found = rows(connection, _ENTRIES, [done.tenant_id, start, start + timedelta(days=1)])
    here = {entry_id: (bytes(row_hash or b""), transaction_id) for entry_id, row_hash, transaction_id in found}
    for entry_id in sorted(leaves.keys() | here.keys()):
        leaf, row = leaves.get(entry_id), here.get(entry_id)
        problem = _of_unsealed(done, row[1]) if leaf is None and row else _of_sealed(done, leaf, row)
        if problem:
            what, detail = problem
            yield Discrepancy(what, done.tenant_id, detail, day=day, entry_id=entry_id)


def _of_sealed(
    done: _Comparison, leaf: tuple[bytes, int] | None, row: tuple[bytes, int] | None
) -> tuple[str, str] | None:
    if leaf is None:
        return None
    row_hash, number = leaf
    if row is None and number in done.removed:
        done.removed_entries += 1
        return None
    if row is None:
        return "missing", "was sealed and is gone"
    if row[0] != row_hash:
        return "edited", "is not what was sealed"
    done.sealed_entries += 1
    return None


def _of_unsealed(done: _Comparison, transaction_id: int) -> tuple[str, str] | None:
    """Refuse an entry without a leaf that claims a transaction that was sealed already, or that never was.

    After a move to another server the claims of the last one mean nothing until the next run of the sealer.
    """
    last = done.seals[max(done.seals)] if done.seals else None
    if last is None or last.cluster != done.now.cluster:
        done.unsealed_entries += 1
        return None
    if not last.below_transaction <= transaction_id < done.now.xmax:
        return "inserted", "is in no seal, and was not written when it says"
    done.unsealed_entries += 1
    return None
