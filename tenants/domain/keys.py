"""A tenant's data keys: made, found, remembered for a while, destroyed.

Opening a secret uses a key from the process's cache where it can. Sealing one always asks the database and holds the
row FOR SHARE until its transaction ends, so that `rotate_keys` cannot destroy a key which somebody is sealing with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from tenants.encryption.envelope import DataKey
from tenants.encryption.errors import DataKeyUnavailable
from tenants.encryption.keyring import KeyRing
from tenants.isolation.context import Purpose, current_context
from tenants.isolation.identifiers import uuid7
from tenants.isolation.transaction import same_actor_in
from tenants.models.data_key import TenantDataKey

CACHE_LIFETIME_S = 300.0
"""How long a process may go on opening secrets after a key was destroyed elsewhere, and how often it asks again."""
CACHE_MAX_KEYS = 4_096
_SEALING_ATTEMPTS = 3

_TABLE = TenantDataKey._meta.db_table


def key_ring() -> KeyRing:
    """The ring of FIELD_KEYRING. Raises KeyRingMisconfigured."""
    return _ring_of(settings.FIELD_KEYRING)


@lru_cache(maxsize=4)
def _ring_of(text: str) -> KeyRing:
    return KeyRing.from_text(text)


# --- the cache ---


class KeyCache:
    """Unwrapped keys of this process, each for `lifetime_s` seconds; safe among threads.

    clock: seconds that only grow
    """

    def __init__(self, *, lifetime_s: float = CACHE_LIFETIME_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[tuple[UUID, int], tuple[DataKey, float]] = {}

    def get(self, tenant_id: UUID, version: int) -> DataKey | None:
        with self._lock:
            key, expires_at_s = self._keys.get((tenant_id, version), (None, 0.0))
            if key is not None and self._clock() >= expires_at_s:
                del self._keys[tenant_id, version]
                return None
            return key

    def put(self, tenant_id: UUID, key: DataKey) -> None:
        with self._lock:
            if len(self._keys) >= CACHE_MAX_KEYS:
                self._keys.clear()
            self._keys[tenant_id, key.version] = (key, self._clock() + self._lifetime_s)

    def drop(self, tenant_id: UUID | None = None) -> None:
        """Forget the keys of one tenant, or all of them."""
        with self._lock:
            self._keys = {place: kept for place, kept in self._keys.items() if tenant_id not in (None, place[0])}

    def __len__(self) -> int:
        return len(self._keys)


KEY_CACHE = KeyCache()


# --- finding keys ---


class TenantKeys:
    """The key source of encrypted fields."""

    def sealing_key(self, tenant_id: UUID) -> DataKey:
        """The newest key, locked against destruction until the transaction ends; made when the tenant never had one."""
        with _access_to(tenant_id):
            for _attempt in range(_SEALING_ATTEMPTS):
                found = _newest_locked(tenant_id)
                if found is None:
                    create_data_key(tenant_id=tenant_id)
                    continue
                version, wrapped = found
                if wrapped is not None:
                    return key_ring().unwrap(wrapped, tenant_id=tenant_id, version=version)
        # A row that was destroyed while we waited for it is looked up again: the rotation has made a newer one.
        raise DataKeyUnavailable(f"The data key of tenant {tenant_id} was destroyed; no secret can be stored any more.")

    def opening_key(self, tenant_id: UUID, version: int) -> DataKey:
        with _access_to(tenant_id):
            cached = KEY_CACHE.get(tenant_id, version)
            if cached is not None:
                return cached
            key = unwrapped(_stored(tenant_id, version))
            # A key of a transaction that is rolled back must not stay behind.
            transaction.on_commit(lambda: KEY_CACHE.put(tenant_id, key))
            return key


TENANT_KEYS = TenantKeys()


def unwrapped(row: TenantDataKey) -> DataKey:
    """The key of a row. Raises DataKeyUnavailable."""
    if row.wrapped_key is None:
        raise DataKeyUnavailable(
            f"Data key {row.version} of tenant {row.tenant_id} was destroyed on {row.destroyed_at:%Y-%m-%d}; "
            "what it sealed cannot be read again."
        )
    return key_ring().unwrap(bytes(row.wrapped_key), tenant_id=cast("UUID", row.tenant_id), version=row.version)


def _stored(tenant_id: UUID, version: int) -> TenantDataKey:
    row: TenantDataKey | None = TenantDataKey.objects.filter(tenant_id=tenant_id, version=version).first()
    if row is None:
        raise DataKeyUnavailable(
            f"Data key {version} of tenant {tenant_id} is missing. Nothing was changed; "
            f"restore the tenant's rows of {_TABLE} from the backup that the secrets are from."
        )
    return row


def _newest_locked(tenant_id: UUID) -> tuple[int, bytes | None] | None:
    """Version and wrapped key of the newest row, locked FOR SHARE, which the ORM cannot say."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT version, wrapped_key FROM {_TABLE} WHERE tenant_id = %s "  # noqa: S608 - a constant
            "ORDER BY version DESC LIMIT 1 FOR SHARE",
            [tenant_id],
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], None if row[1] is None else bytes(row[1]))


@contextmanager
def _access_to(tenant_id: UUID) -> Iterator[None]:
    """Go on in the tenant's context; as owner (fixtures, maintenance) enter it.

    Raises DataKeyUnavailable in any other context: the cache must not hand one tenant's key to another.
    """
    context = current_context()
    if context is not None and context.tenant_id == tenant_id:
        yield
    elif context is not None and context.purpose is Purpose.OWNER:
        with same_actor_in(tenant_id):
            yield
    else:
        raise DataKeyUnavailable(f"Secrets of tenant {tenant_id} are sealed and opened inside its tenant_context only.")


# --- making and destroying keys ---


def create_data_key(*, tenant_id: UUID) -> None:
    """Give a tenant its first data key; a tenant that has, or had, one is left as it is.

    Runs in the tenant's context. Raises KeyRingMisconfigured.
    """
    insert_data_key(tenant_id=tenant_id, version=1)


def insert_data_key(*, tenant_id: UUID, version: int) -> None:
    """Store a new random key under this version, unless the version exists already."""
    wrapped = key_ring().wrap(DataKey.generate(version=version), tenant_id=tenant_id)
    row = TenantDataKey(
        id=uuid7(),
        tenant_id=tenant_id,
        version=version,
        wrapped_key=wrapped.raw,
        key_ring_version=wrapped.ring_version,
    )
    TenantDataKey.objects.bulk_create([row], ignore_conflicts=True)


def destroy_data_keys(*, tenant_id: UUID, at: datetime, below_version: int | None = None) -> int:
    """Overwrite the tenant's wrapped keys (those below a version) with nothing; returns how many there were.

    Runs in the tenant's context. Final once committed, as far as this database goes: a backup holds the wrapped key
    until it expires, and can be read only by who also holds the ring's key of that time.
    """
    rows: Any = TenantDataKey.objects.filter(tenant_id=tenant_id, wrapped_key__isnull=False)
    if below_version is not None:
        rows = rows.filter(version__lt=below_version)
    destroyed: int = rows.update(wrapped_key=None, destroyed_at=at)
    transaction.on_commit(lambda: KEY_CACHE.drop(tenant_id))
    return destroyed
