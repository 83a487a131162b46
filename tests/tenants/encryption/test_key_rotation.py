"""Keys are replaced without losing a secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from integrations.models import Integration
from projects.models import PseudonymKey
from tenants.domain import key_rotation
from tenants.domain.key_rotation import rewrap_data_keys, rotate_data_key
from tenants.domain.keys import KEY_CACHE, insert_data_key
from tenants.encryption.envelope import Envelope
from tenants.encryption.errors import DataKeyUnavailable
from tenants.encryption.keyring import KeyRing, generate_entry
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, Tenant, TenantDataKey
from tests.factories.integrations import IntegrationFactory
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    KEY_CACHE.drop()
    yield
    KEY_CACHE.drop()


@pytest.fixture
def secrets(ours: LookAlike, theirs: LookAlike) -> dict[Any, str]:
    """Five secrets in each of two tenants; returns those of ours by row."""
    kept: dict[Any, str] = {}
    for each in (theirs, ours):
        with tenant_context(each.tenant.pk):
            kept = {
                IntegrationFactory.create(credentials=Secret.of_json(secret)).pk: secret
                for secret in ("one", "two", "three", "four", "five")
            }
    return kept


def _revealed(tenant: Tenant, pks: Any) -> dict[Any, str]:
    with tenant_context(tenant.pk):
        return {row.pk: row.credentials.reveal_json() for row in Integration.objects.filter(pk__in=list(pks))}


def _envelope_versions(tenant: Tenant) -> set[int]:
    with tenant_context(tenant.pk):
        rows = Integration.objects.filter(credentials__isnull=False)
        return {row.credentials.envelope.key_version for row in rows}


def _keys(tenant: Tenant) -> list[tuple[int, bool, int]]:
    with tenant_context(tenant.pk):
        rows = TenantDataKey.objects.order_by("version")
        return [(row.version, row.wrapped_key is not None, row.key_ring_version) for row in rows]


def _audited(tenant: Tenant) -> list[dict[str, Any]]:
    with tenant_context(tenant.pk):
        return [entry.changes for entry in AuditEntry.objects.filter(action="KEY_ROTATED").order_by("timestamp")]


# --- the key ring ---


def test_rewrapping_makes_the_old_ring_key_superfluous(ours: LookAlike, secrets: dict[Any, str], settings: Any) -> None:
    new_entry = generate_entry(2)
    settings.FIELD_KEYRING = f"{new_entry},{settings.FIELD_KEYRING}"

    with tenant_context(ours.tenant.pk):
        counts = [rewrap_data_keys(tenant_id=ours.tenant.pk) for _twice in range(2)]
    settings.FIELD_KEYRING = new_entry

    assert counts == [1, 0]
    assert _keys(ours.tenant) == [(1, True, 2)]
    assert _revealed(ours.tenant, secrets) == secrets
    assert _audited(ours.tenant) == [{"ring_version": 2, "renewed": 1}]


def test_rewrapping_without_the_old_ring_key_changes_nothing(
    ours: LookAlike, secrets: dict[Any, str], settings: Any
) -> None:
    original = settings.FIELD_KEYRING
    settings.FIELD_KEYRING = generate_entry(2)

    with tenant_context(ours.tenant.pk), pytest.raises(DataKeyUnavailable, match="FIELD_KEYRING lacks"):
        rewrap_data_keys(tenant_id=ours.tenant.pk)
    settings.FIELD_KEYRING = original

    assert _keys(ours.tenant) == [(1, True, 1)]
    assert _revealed(ours.tenant, secrets) == secrets


# --- the data key ---


def test_rotation_moves_every_secret_and_destroys_the_old_key(
    ours: LookAlike, theirs: LookAlike, secrets: dict[Any, str]
) -> None:
    theirs_before = _keys(theirs.tenant)

    rotation = rotate_data_key(tenant_id=ours.tenant.pk, at=AT, batch_rows=2)

    assert (rotation.version, rotation.destroyed_keys, rotation.unreadable) == (2, 1, [])
    assert _envelope_versions(ours.tenant) == {2}
    assert _revealed(ours.tenant, secrets) == secrets
    assert _keys(ours.tenant) == [(1, False, 1), (2, True, 1)]
    assert (_envelope_versions(theirs.tenant), _keys(theirs.tenant)) == ({1}, theirs_before)
    assert _audited(ours.tenant) == [
        {"version": 2, "resealed": rotation.resealed, "unreadable": 0, "destroyed": 1},
    ]


def test_rotation_reports_each_batch(ours: LookAlike, secrets: dict[Any, str]) -> None:
    reports: list[tuple[str, int]] = []

    rotation = rotate_data_key(
        tenant_id=ours.tenant.pk, at=AT, batch_rows=2, progress=lambda place, done: reports.append((place, done))
    )

    mine = [done for place, done in reports if place == "integrations.Integration.credentials"]
    assert mine == [2, 4, 5]
    assert rotation.resealed >= 5


def test_interrupted_rotation_reads_both_versions_and_goes_on(ours: LookAlike, secrets: dict[Any, str]) -> None:
    class Killed(BaseException):
        pass

    def die_after_first_batch(place: str, done: int) -> None:
        if place == "integrations.Integration.credentials":
            raise Killed

    with pytest.raises(Killed):
        rotate_data_key(tenant_id=ours.tenant.pk, at=AT, batch_rows=2, progress=die_after_first_batch)
    halfway = (_envelope_versions(ours.tenant), _revealed(ours.tenant, secrets))
    rotation = rotate_data_key(tenant_id=ours.tenant.pk, at=AT)

    assert halfway == ({1, 2}, secrets)
    assert (rotation.version, rotation.destroyed_keys) == (2, 1)
    assert (_envelope_versions(ours.tenant), _revealed(ours.tenant, secrets)) == ({2}, secrets)


def test_secret_sealed_late_with_the_old_key_is_not_lost(
    ours: LookAlike, secrets: dict[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "_batches", lambda *_arguments: iter(()))

    rotation = rotate_data_key(tenant_id=ours.tenant.pk, at=AT)

    assert (rotation.resealed >= 5, rotation.destroyed_keys) == (True, 1)
    assert _revealed(ours.tenant, secrets) == secrets


def test_unreadable_secret_keeps_its_key_and_is_reported(ours: LookAlike, secrets: dict[Any, str]) -> None:
    damaged, *_ = secrets
    with tenant_context(ours.tenant.pk):
        row = Integration.objects.get(pk=damaged)
        broken = bytearray(row.credentials.envelope.raw)
        broken[-1] ^= 1
        Integration.objects.filter(pk=damaged).update(credentials=Envelope(bytes(broken)))

    first = rotate_data_key(tenant_id=ours.tenant.pk, at=AT)
    keys_kept = _keys(ours.tenant)
    with tenant_context(ours.tenant.pk):
        row = Integration.objects.get(pk=damaged)
        still_there = row.credentials.envelope.raw == bytes(broken)
        row.credentials = Secret.of_json("entered again")
        row.save()
    second = rotate_data_key(tenant_id=ours.tenant.pk, at=AT)

    assert len(first.unreadable) == 1
    assert str(damaged) in first.unreadable[0]
    assert (first.destroyed_keys, keys_kept, still_there) == (0, [(1, True, 1), (2, True, 1)], True)
    assert (second.version, second.unreadable, second.destroyed_keys) == (2, [], 1)
    assert _revealed(ours.tenant, secrets) == {**secrets, damaged: "entered again"}


def test_rotation_with_the_wrong_ring_changes_nothing(ours: LookAlike, secrets: dict[Any, str], settings: Any) -> None:
    original = settings.FIELD_KEYRING
    settings.FIELD_KEYRING = generate_entry(2)

    with pytest.raises(DataKeyUnavailable):
        rotate_data_key(tenant_id=ours.tenant.pk, at=AT)
    settings.FIELD_KEYRING = original

    assert _keys(ours.tenant) == [(1, True, 1)]
    assert _revealed(ours.tenant, secrets) == secrets


def test_rotation_never_uses_a_version_again(ours: LookAlike, secrets: dict[Any, str]) -> None:
    versions = [rotate_data_key(tenant_id=ours.tenant.pk, at=AT).version for _ in range(3)]

    assert versions == [2, 3, 4]
    assert _revealed(ours.tenant, secrets) == secrets


def test_every_encrypted_model_is_rotated(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        insert_data_key(tenant_id=ours.tenant.pk, version=1)
        pseudonym_key = PseudonymKey.objects.first() or PseudonymKey()
        pseudonym_key.key = Secret(b"pseudonym")
        pseudonym_key.save()

    rotate_data_key(tenant_id=ours.tenant.pk, at=AT)

    with tenant_context(ours.tenant.pk):
        kept = PseudonymKey.objects.get().key
        assert (kept.envelope.key_version, kept.reveal()) == (2, b"pseudonym")


# --- the command ---


def _run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("rotate_keys", *arguments, stdout=out, stderr=err)
    finally:
        connection.close()
    return out.getvalue(), err.getvalue()


@pytest.mark.django_db(transaction=True)
def test_command_rotates_ring_and_data_keys(world: tuple[LookAlike, LookAlike], settings: Any) -> None:
    ours, theirs = world
    for each in world:
        with tenant_context(each.tenant.pk):
            IntegrationFactory.create(credentials=Secret.of_json("kept"))

    entry, _ = _run("--generate")
    settings.FIELD_KEYRING = f"{entry.strip()},{settings.FIELD_KEYRING}"
    ring_out, _ = _run("--ring")
    tenant_out, _ = _run("--tenant", ours.tenant.name)
    all_out, _ = _run("--all")

    assert KeyRing.from_text(settings.FIELD_KEYRING).versions == {1, 2}
    assert "All data keys are wrapped with key 2." in ring_out
    assert f"{ours.tenant.name}: data key 2," in tenant_out
    assert f"{ours.tenant.name}: data key 3," in all_out
    assert f"{theirs.tenant.name}: data key 2," in all_out
    assert _envelope_versions(ours.tenant) == {3}


@pytest.mark.django_db(transaction=True)
def test_command_says_which_tenants_failed(world: tuple[LookAlike, LookAlike], settings: Any) -> None:
    with tenant_context(world[0].tenant.pk):
        IntegrationFactory.create(credentials=Secret.of_json("kept"))
    settings.FIELD_KEYRING = generate_entry(2)

    with pytest.raises(CommandError, match="organisations need attention"):
        _run("--ring")
    with pytest.raises(CommandError, match="There is no organisation"):
        _run("--tenant", "Nobody")
    settings.FIELD_KEYRING = ""
    with pytest.raises(CommandError, match="FIELD_KEYRING is empty"):
        _run("--all")
