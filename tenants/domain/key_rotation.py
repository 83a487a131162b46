"""Replacing keys without losing a secret and without a pause.

Key ring: each wrapped data key is unwrapped and wrapped again with the ring's first key; envelopes stay as they are.

Data key of a tenant:

1. A new version is stored. From that commit on, whatever is sealed is sealed with it.
2. Envelopes of older versions are sealed again, a batch a transaction. Both versions open meanwhile. Killed and started
   again, it goes on with the envelopes that are left.
3. The older keys are locked, which waits for whoever is still sealing with them; stragglers are sealed again; the keys
   are destroyed. An envelope that does not open keeps its key, and is reported instead of being lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import F, Func, Value

from tenants.domain.auditing import AuditAction, record
from tenants.domain.keys import KEY_CACHE, destroy_data_keys, insert_data_key, key_ring, unwrapped
from tenants.encryption.envelope import DataKey, envelope_prefix, reseal
from tenants.encryption.errors import EnvelopeUnreadable
from tenants.encryption.fields import Encrypted, EncryptedField, encrypted_fields
from tenants.isolation.transaction import tenant_context
from tenants.models.data_key import TenantDataKey

BATCH_ROWS = 500
_PREFIX_BYTES = len(envelope_prefix(1))

Progress = Callable[[str, int], None]
"""Called after each batch with "model.field" and the number of envelopes done there so far."""


@dataclass(slots=True)
class Rotation:
    """What became of one tenant's data key.

    resealed: envelopes moved to the new version;  unreadable: places whose envelope did not open, left as they were
    destroyed_keys: 0 when unreadable envelopes still need the old keys
    """

    tenant_id: UUID
    version: int
    resealed: int = 0
    destroyed_keys: int = 0
    unreadable: list[str] = field(default_factory=list)


# --- the key ring ---


def rewrap_data_keys(*, tenant_id: UUID) -> int:
    """Wrap the tenant's data keys with the ring's first key; returns how many were not yet.

    Runs in the tenant's context. Raises DataKeyUnavailable when FIELD_KEYRING lacks the key that wrapped one of them;
    the others of that tenant are then rolled back with the caller's transaction.
    """
    ring = key_ring()
    behind = (
        TenantDataKey.objects.select_for_update()
        .filter(tenant_id=tenant_id, wrapped_key__isnull=False)
        .exclude(key_ring_version=ring.primary_version)
    )
    rewrapped = 0
    for row in behind:
        wrapped = ring.wrap(unwrapped(row), tenant_id=tenant_id)
        TenantDataKey.objects.filter(pk=row.pk).update(wrapped_key=wrapped.raw, key_ring_version=wrapped.ring_version)
        rewrapped += 1
    if rewrapped:
        record(
            action=AuditAction.KEY_ROTATED,
            resource=TenantDataKey,
            changes={"ring_version": ring.primary_version, "renewed": rewrapped},
        )
    return rewrapped


# --- the data key of a tenant ---


def rotate_data_key(
    *,
    tenant_id: UUID,
    at: datetime,
    actor_id: UUID | None = None,
    batch_rows: int = BATCH_ROWS,
    progress: Progress = lambda place, done: None,
) -> Rotation:
    """Give the tenant a new data key and move all its secrets to it; resumes a rotation that was interrupted.

    Opens a transaction for each batch, so it is called outside of any.
    Raises DataKeyUnavailable or KeyRingMisconfigured before anything is changed.
    """
    with tenant_context(tenant_id, actor_id=actor_id, reason="rotate_keys"):
        keys = _start(tenant_id)
    newest = max(keys)
    rotation = Rotation(tenant_id=tenant_id, version=newest)
    for encrypted_field in encrypted_fields():
        done_here = 0
        for resealed, unreadable in _batches(encrypted_field, keys, tenant_id, actor_id, batch_rows):
            rotation.unreadable += unreadable
            rotation.resealed += resealed
            done_here += resealed
            progress(str(encrypted_field), done_here)
    _finish(rotation, keys, at=at, actor_id=actor_id)
    return rotation


def _start(tenant_id: UUID) -> dict[int, DataKey]:
    """The usable keys by version; a new one is added unless a rotation is under way."""
    rows = _usable_keys(tenant_id)
    # Unwrapping them first: a wrong ring must fail before a new version exists.
    keys = {row.version: unwrapped(row) for row in rows}
    if len(keys) > 1:
        return keys
    newest: int = TenantDataKey.objects.filter(tenant_id=tenant_id).aggregate(last=models.Max("version"))["last"] or 0
    insert_data_key(tenant_id=tenant_id, version=newest + 1)
    return {row.version: unwrapped(row) for row in _usable_keys(tenant_id)}


def _usable_keys(tenant_id: UUID) -> list[TenantDataKey]:
    return list(TenantDataKey.objects.filter(tenant_id=tenant_id, wrapped_key__isnull=False))


def _batches(
    encrypted_field: EncryptedField,
    keys: dict[int, DataKey],
    tenant_id: UUID,
    actor_id: UUID | None,
    batch_rows: int,
) -> Iterator[tuple[int, list[str]]]:
    """Reseal the field's outdated envelopes batch by batch; yields each batch's count and unreadable places."""
    last_pk: Any = None
    while True:
        with tenant_context(tenant_id, actor_id=actor_id, reason="rotate_keys"):
            rows = _outdated(encrypted_field, max(keys), after_pk=last_pk)[:batch_rows]
            batch = list(rows)
            unreadable = _reseal_rows(encrypted_field, batch, keys)
        if not batch:
            return
        yield len(batch) - len(unreadable), unreadable
        last_pk = batch[-1].pk


def _outdated(encrypted_field: EncryptedField, version: int, *, after_pk: Any = None) -> models.QuerySet[Any]:
    """Rows whose envelope does not begin as envelopes of this version do, locked, in the order of their keys."""
    prefix = Func(
        F(encrypted_field.name),
        Value(1),
        Value(_PREFIX_BYTES),
        function="substring",
        output_field=models.BinaryField(),
    )
    model: Any = encrypted_field.model
    rows: models.QuerySet[Any] = (
        model._base_manager.select_for_update(of=("self",))
        .filter(**{f"{encrypted_field.name}__isnull": False})
        .alias(envelope_start=prefix)
        .exclude(envelope_start=envelope_prefix(version))
        .only("pk", "tenant_id", encrypted_field.name)
        .order_by("pk")
    )
    return rows if after_pk is None else rows.filter(pk__gt=after_pk)


def _reseal_rows(encrypted_field: EncryptedField, rows: list[Any], keys: dict[int, DataKey]) -> list[str]:
    """Store each row's secret under the newest key; returns the places whose envelope did not open."""
    unreadable: list[str] = []
    new_key = keys[max(keys)]
    for row in rows:
        sealed: Encrypted = getattr(row, encrypted_field.attname)
        old_key = keys.get(sealed.envelope.key_version or 0)
        try:
            # A version without a key opens with no key: the newest one is as wrong as any.
            moved = reseal(sealed.envelope, old_key=old_key or new_key, new_key=new_key, binding=sealed.binding)
        except EnvelopeUnreadable:
            unreadable.append(str(sealed.binding))
            continue
        type(row)._base_manager.filter(pk=row.pk).update(**{encrypted_field.name: moved})
    return unreadable


def _finish(rotation: Rotation, keys: dict[int, DataKey], *, at: datetime, actor_id: UUID | None) -> None:
    """Move the stragglers and destroy the older keys, unless an unreadable envelope may need one of them."""
    with tenant_context(rotation.tenant_id, actor_id=actor_id, reason="rotate_keys"):
        list(
            TenantDataKey.objects.select_for_update().filter(
                tenant_id=rotation.tenant_id, version__lt=rotation.version, wrapped_key__isnull=False
            )
        )
        unreadable: list[str] = []
        for encrypted_field in encrypted_fields():
            rows = list(_outdated(encrypted_field, rotation.version))
            missed = _reseal_rows(encrypted_field, rows, keys)
            rotation.resealed += len(rows) - len(missed)
            unreadable += missed
        rotation.unreadable = unreadable
        if not unreadable:
            rotation.destroyed_keys = destroy_data_keys(
                tenant_id=rotation.tenant_id, at=at, below_version=rotation.version
            )
        record(
            action=AuditAction.KEY_ROTATED,
            resource=TenantDataKey,
            changes={
                "version": rotation.version,
                "resealed": rotation.resealed,
                "unreadable": len(unreadable),
                "destroyed": rotation.destroyed_keys,
            },
        )
    KEY_CACHE.drop(rotation.tenant_id)
