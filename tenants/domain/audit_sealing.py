"""Sealing the audit trail in the background: writers are never held up, and none is passed over.

1. A transaction id below the snapshot's xmin belongs to a finished transaction: everything it wrote is visible now, and
   nothing with its id can come later. Only such entries are sealed; whoever still writes is sealed the next time.
2. The entries since the organisation's last seal are gathered by UTC day in one statement, a leaf each.
3. One seal a day is written, numbered on, over the code of the one before.

A database restored into another server counts transactions anew. The first run there seals every entry that is in no
seal yet, whatever its transaction; until the day of that run entries are compared with the leaves, not with the range.

Runs with the owner's credentials; transactions of one organisation after another, one sealer at a time in each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from tenants.audit.entries import INSTALLATION, TABLE
from tenants.audit.enums import SealKind
from tenants.audit.seal_keys import SealKeys, seal_keys
from tenants.audit.seals import FIRST_PREVIOUS, Seal, leaves_digest, split_leaves
from tenants.isolation.identifiers import uuid7
from tenants.isolation.postgresql.rows import rows
from tenants.isolation.roles import database_roles
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models.audit_seal import AuditSeal
from tenants.models.tenant import Tenant

SEALS = AuditSeal._meta.db_table
LEAF_SQL = "uuid_send(e.id) || e.row_hash"
DAY_SQL = """(e."timestamp" AT TIME ZONE 'UTC')::date"""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('stratibreak audit seal ' || %s::text, 0))"
# Asked after the lock is held: each statement sees what was committed before it.
_NOW = """
  SELECT (SELECT system_identifier::text FROM pg_control_system()), clock_timestamp(),
         pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"""
_LAST = f"""
  SELECT number, mac, cluster, below_transaction, sealed_at FROM {SEALS}
  WHERE tenant_id = %s ORDER BY number DESC LIMIT 1"""  # noqa: S608 - constants
_LEAVES_BY_DAY = f"""
  SELECT {DAY_SQL} AS day, count(*), string_agg({LEAF_SQL}, ''::bytea ORDER BY e.id) FROM {TABLE} e
  WHERE e.tenant_id = %s AND e.transaction_id >= %s AND e.transaction_id < %s GROUP BY 1 ORDER BY 1"""  # noqa: S608
_MOVED_ON = f"SELECT max(sealed_at) FROM {SEALS} WHERE tenant_id = %s AND cluster <> %s"  # noqa: S608 - constants
_FIRST_HERE = f"SELECT min(sealed_at) FROM {SEALS} WHERE tenant_id = %s AND cluster = %s"  # noqa: S608 - constants
_LEAVES_OF_DAY = f"SELECT leaves FROM {SEALS} WHERE tenant_id = %s AND day = %s"  # noqa: S608 - constants
_INSERT = f"""
  INSERT INTO {SEALS} (id, tenant_id, number, kind, day, removed_before, cluster, from_transaction, below_transaction,
    entry_count, leaves, leaves_digest, sealed_at, format, key_version, previous_mac, mac)
  VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""  # noqa: S608 - constants
_WAITING = f"SELECT count(*) FROM {TABLE} e WHERE e.tenant_id = %s AND e.transaction_id >= %s"  # noqa: S608 - constants
_COVERED = f"""
  SELECT coalesce(sum(s.entry_count), 0)::bigint FROM {SEALS} s
  WHERE s.tenant_id = %s AND s.kind = 'SEALED' AND (%s::date IS NULL OR s.day < %s::date) AND NOT EXISTS (
    SELECT FROM {SEALS} r WHERE r.tenant_id = s.tenant_id AND r.kind = 'REMOVED' AND r.number > s.number
      AND (r.removed_before IS NULL OR s.day < r.removed_before))"""  # noqa: S608 - constants
# Reads one index entry per organisation, also of those that were erased.
_WITH_ENTRIES = f"""
  WITH RECURSIVE found AS (
    (SELECT tenant_id FROM {{table}} ORDER BY tenant_id LIMIT 1)
    UNION ALL SELECT (SELECT e.tenant_id FROM {{table}} e WHERE e.tenant_id > found.tenant_id ORDER BY 1 LIMIT 1)
    FROM found WHERE found.tenant_id IS NOT NULL)
  SELECT tenant_id FROM found WHERE tenant_id IS NOT NULL"""  # noqa: F541 - filled with constants
_ALL_TRANSACTIONS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one run sealed of one organisation.  waiting: entries left for the next run, for they may not be alone."""

    tenant_id: UUID
    entries: int
    seals: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal of an organisation: kept elsewhere, it shows that no seal up to it was taken back."""

    tenant_id: UUID
    number: int
    mac: str


@dataclass(frozen=True, slots=True)
class ServerMoment:
    """Which server, its clock, and its snapshot: below xmin all is finished, from xmax on nothing has begun."""

    cluster: str
    at: datetime
    xmin: int
    xmax: int


def seals_are_kept() -> bool:
    """Whether this installation seals its trail."""
    return bool(settings.AUDIT_SEAL_KEYS)


def trail_tenants() -> list[UUID]:
    """Return the organisations that have entries or seals, the installation among them.

    A single database user sees those that exist; what an erased one left is sealed while it is erased.
    """
    if database_roles() is None:
        with auth_context():
            return [INSTALLATION, *Tenant.objects.order_by("id").values_list("id", flat=True)]
    found = {row[0] for table in (TABLE, SEALS) for row in rows(connection, _WITH_ENTRIES.format(table=table))}
    return sorted(found)


def seal_trail(keys: SealKeys) -> Iterator[Sealed]:
    """Seal what is finished of every organisation; yields those that gained a seal or have entries waiting."""
    for tenant_id in trail_tenants():
        sealed = seal_tenant(tenant_id, keys)
        if sealed.seals or sealed.waiting:
            yield sealed


def seal_tenant(tenant_id: UUID, keys: SealKeys) -> Sealed:
    """Seal the finished entries of one organisation, in a transaction of its own."""
    with tenant_context(tenant_id):
        rows(connection, _LOCK, [tenant_id])
        now, last = server_moment(), _last_seal(tenant_id)
        found = _unsealed_by_day(tenant_id, now, last)
        start = _from_transaction(now, last)
        for day, count, leaves in found:
            seal = Seal(
                tenant_id=tenant_id,
                number=last.number + 1,
                kind=SealKind.SEALED,
                day=day,
                removed_before=None,
                cluster=now.cluster,
                from_transaction=start,
                below_transaction=now.xmin,
                entry_count=count,
                leaves_digest=leaves_digest(leaves),
                sealed_at=now.at,
                previous_mac=last.mac,
            )
            last = replace(last, number=seal.number, mac=_write(seal, leaves, keys))
        [(waiting,)] = rows(connection, _WAITING, [tenant_id, now.xmin])
        return Sealed(tenant_id, sum(count for _, count, _ in found), len(found), waiting)


def record_removal(tenant_id: UUID, *, before: date | None) -> None:
    """Put in the seals that the entries of days before then (None: of all days) are given up, before they go.

    Nothing is written where no seal names such entries. Seals first what is finished, so that what goes was sealed.
    Raises SealKeysMisconfigured when seals exist and the key to go on with does not.
    """
    if not seals_are_kept() and not _last_number(tenant_id):
        return
    keys = seal_keys()
    seal_tenant(tenant_id, keys)
    with tenant_context(tenant_id):
        rows(connection, _LOCK, [tenant_id])
        now, last = server_moment(), _last_seal(tenant_id)
        [(covered,)] = rows(connection, _COVERED, [tenant_id, before, before])
        if covered:
            seal = Seal(
                tenant_id=tenant_id,
                number=last.number + 1,
                kind=SealKind.REMOVED,
                day=None,
                removed_before=before,
                cluster=last.cluster,
                from_transaction=last.below,
                below_transaction=last.below,
                entry_count=covered,
                leaves_digest=leaves_digest(b""),
                sealed_at=now.at,
                previous_mac=last.mac,
            )
            _write(seal, b"", keys)


def heads(tenant_ids: list[UUID]) -> Iterator[Head]:
    """Yield the last seal of each organisation that has one."""
    for tenant_id in tenant_ids:
        with tenant_context(tenant_id):
            last = _last_seal(tenant_id)
        if last.number:
            yield Head(tenant_id, last.number, last.mac.hex())


def server_moment() -> ServerMoment:
    """Ask the server where and when it is."""
    [(cluster, at, xmin, xmax)] = rows(connection, _NOW)
    return ServerMoment(cluster, at.astimezone(UTC), xmin, xmax)


@dataclass(frozen=True, slots=True)
class _Last:
    """The end of an organisation's seals; number 0 where there is none."""

    number: int = 0
    mac: bytes = FIRST_PREVIOUS
    cluster: str = ""
    below: int = 0


def _last_seal(tenant_id: UUID) -> _Last:
    found = rows(connection, _LAST, [tenant_id])
    if not found:
        return _Last()
    number, mac, cluster, below, _ = found[0]
    return _Last(number, bytes(mac), cluster, below)


def _last_number(tenant_id: UUID) -> int:
    with tenant_context(tenant_id):
        return _last_seal(tenant_id).number


def _from_transaction(now: ServerMoment, last: _Last) -> int:
    return last.below if last.cluster == now.cluster else 0


def _unsealed_by_day(tenant_id: UUID, now: ServerMoment, last: _Last) -> list[tuple[date, int, bytes]]:
    """Return (day, entries, leaves) of what the next seals cover, oldest first."""
    has_moved = last.number > 0 and last.cluster != now.cluster
    below = _ALL_TRANSACTIONS if has_moved else now.xmin
    found = rows(connection, _LEAVES_BY_DAY, [tenant_id, _from_transaction(now, last), below])
    by_day = [(day, count, bytes(leaves)) for day, count, leaves in found]
    until = _compared_until(tenant_id, now)
    if until is None:
        return by_day
    fresh = [(day, _without_sealed(tenant_id, day, leaves) if day <= until else leaves) for day, _, leaves in by_day]
    return [(day, sum(1 for _ in split_leaves(leaves)), leaves) for day, leaves in fresh if leaves]


def _compared_until(tenant_id: UUID, now: ServerMoment) -> date | None:
    """Return the last day whose entries may be in a seal made under other transaction ids; None: there are none."""
    [(moved_on,)] = rows(connection, _MOVED_ON, [tenant_id, now.cluster])
    if moved_on is None:
        return None
    [(first_here,)] = rows(connection, _FIRST_HERE, [tenant_id, now.cluster])
    latest: datetime = first_here or now.at
    return latest.date() + timedelta(days=1)  # clocks of two servers differ


def _without_sealed(tenant_id: UUID, day: date, leaves: bytes) -> bytes:
    sealed = {
        entry_id for (held,) in rows(connection, _LEAVES_OF_DAY, [tenant_id, day]) for entry_id, _ in split_leaves(held)
    }
    return b"".join(entry_id.bytes + row_hash for entry_id, row_hash in split_leaves(leaves) if entry_id not in sealed)


def _write(seal: Seal, leaves: bytes, keys: SealKeys) -> bytes:
    version = keys.primary_version
    mac = keys.mac(seal.message(), version=version)
    values: list[Any] = [
        uuid7(),
        seal.tenant_id,
        seal.number,
        seal.kind.value,
        seal.day,
        seal.removed_before,
        seal.cluster,
        seal.from_transaction,
        seal.below_transaction,
        seal.entry_count,
        leaves,
        seal.leaves_digest,
        seal.sealed_at,
        seal.format,
        version,
        seal.previous_mac,
        mac,
    ]
    rows(connection, _INSERT, values)
    return mac
