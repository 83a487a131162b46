"""Data keys are found, remembered and refused; a wrong or missing key loses nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import OperationalError, connection, transaction

from integrations.models import Integration
from tenants.domain.keys import (
    CACHE_MAX_KEYS,
    KEY_CACHE,
    TENANT_KEYS,
    KeyCache,
    create_data_key,
    destroy_data_keys,
    insert_data_key,
)
from tenants.encryption.envelope import DataKey
from tenants.encryption.errors import DataKeyUnavailable, KeyRingMisconfigured
from tenants.encryption.keyring import generate_entry
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Tenant, TenantDataKey
from tests.factories.integrations import IntegrationFactory
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

CREDENTIALS = {"api_token": "token-3f9c"}
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TENANT_ID = uuid4()


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    KEY_CACHE.drop()
    yield
    KEY_CACHE.drop()


@pytest.fixture
def integration(tenant: Tenant) -> Integration:
    return IntegrationFactory.create(credentials=Secret.of_json(CREDENTIALS))


def _sealed(integration: Integration) -> Any:
    return Integration.objects.get(pk=integration.pk).credentials


def _versions() -> list[tuple[int, bool]]:
    return [(row.version, row.wrapped_key is not None) for row in TenantDataKey.objects.order_by("version")]


# --- making keys ---


def test_first_secret_makes_the_key_and_the_next_uses_it(tenant: Tenant) -> None:
    first = TENANT_KEYS.sealing_key(tenant.pk)
    second = TENANT_KEYS.sealing_key(tenant.pk)

    assert first == second
    assert len(_versions()) == 1


def test_create_data_key_twice_keeps_the_first(tenant: Tenant) -> None:
    create_data_key(tenant_id=tenant.pk)
    key = TENANT_KEYS.sealing_key(tenant.pk)

    create_data_key(tenant_id=tenant.pk)

    assert TENANT_KEYS.sealing_key(tenant.pk) == key


def test_newest_version_seals_and_every_version_opens(integration: Integration, tenant: Tenant) -> None:
    insert_data_key(tenant_id=tenant.pk, version=2)
    newer = IntegrationFactory.create(credentials=Secret.of_json({"api_token": "newer"}))

    assert [_sealed(row).envelope.key_version for row in (integration, newer)] == [1, 2]
    assert _sealed(integration).reveal_json() == CREDENTIALS
    assert _sealed(newer).reveal_json() == {"api_token": "newer"}


def test_tenants_have_different_keys(world: tuple[LookAlike, LookAlike]) -> None:
    keys = set()
    for each in world:
        with tenant_context(each.tenant.pk):
            keys.add(TENANT_KEYS.sealing_key(each.tenant.pk).material())

    assert len(keys) == 2


def test_stored_key_shows_no_material(integration: Integration, tenant: Tenant) -> None:
    row = TenantDataKey.objects.get()

    assert TENANT_KEYS.sealing_key(tenant.pk).material() not in bytes(row.wrapped_key)
    assert (str(row), row.key_ring_version) == ("data key 1", 1)


# --- remembering keys ---


def test_opening_asks_once_after_the_transaction(
    integration: Integration, django_assert_num_queries: Any, django_capture_on_commit_callbacks: Any
) -> None:
    sealed = _sealed(integration)

    with django_capture_on_commit_callbacks(execute=True), django_assert_num_queries(1):
        sealed.reveal()
    with django_assert_num_queries(0):
        sealed.reveal()


def test_key_of_a_rolled_back_transaction_is_forgotten(
    integration: Integration, tenant: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    @transaction.atomic
    def use_a_key_and_fail() -> None:
        insert_data_key(tenant_id=tenant.pk, version=2)
        TENANT_KEYS.opening_key(tenant.pk, 2)
        raise ZeroDivisionError

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(ZeroDivisionError):
        use_a_key_and_fail()

    assert len(KEY_CACHE) == 0


def test_sealing_always_asks(integration: Integration, tenant: Tenant, django_assert_num_queries: Any) -> None:
    KEY_CACHE.put(tenant.pk, DataKey(bytes(32), version=1))

    with django_assert_num_queries(1):
        key = TENANT_KEYS.sealing_key(tenant.pk)

    assert key != DataKey(bytes(32), version=1)


def test_cached_key_is_not_given_to_another_tenant(integration: Integration, other_tenant: Tenant) -> None:
    sealed = _sealed(integration)
    KEY_CACHE.put(sealed.binding.tenant_id, TENANT_KEYS.sealing_key(sealed.binding.tenant_id))

    with tenant_context(other_tenant.pk), pytest.raises(DataKeyUnavailable, match="tenant_context only"):
        sealed.reveal()
    with auth_context(), pytest.raises(DataKeyUnavailable, match="tenant_context only"):
        sealed.reveal()


def test_keys_need_a_context() -> None:
    with pytest.raises(DataKeyUnavailable, match="tenant_context only"):
        TENANT_KEYS.opening_key(TENANT_ID, 1)
    with pytest.raises(DataKeyUnavailable, match="tenant_context only"):
        TENANT_KEYS.sealing_key(TENANT_ID)


def test_cache_forgets_after_its_lifetime() -> None:
    now_s = [1000.0]
    cache = KeyCache(lifetime_s=300.0, clock=lambda: now_s[0])
    key = DataKey(bytes(32), version=1)
    cache.put(TENANT_ID, key)

    now_s[0] = 1299.9
    kept = cache.get(TENANT_ID, 1)
    now_s[0] = 1300.0

    assert (kept, cache.get(TENANT_ID, 1), len(cache)) == (key, None, 0)


def test_cache_drops_one_tenant_or_all() -> None:
    cache, other = KeyCache(), uuid4()
    for tenant_id in (TENANT_ID, other):
        cache.put(tenant_id, DataKey(bytes(32), version=1))

    cache.drop(TENANT_ID)
    left = [cache.get(tenant_id, 1) is not None for tenant_id in (TENANT_ID, other)]
    cache.drop()

    assert (left, len(cache)) == ([False, True], 0)


def test_cache_is_bounded() -> None:
    cache = KeyCache()
    key = DataKey(bytes(32), version=1)

    for _ in range(CACHE_MAX_KEYS + 10):
        cache.put(uuid4(), key)

    assert len(cache) == 10


# --- wrong and missing keys ---


def test_missing_key_is_named_and_loses_nothing(integration: Integration, tenant: Tenant) -> None:
    row = TenantDataKey.objects.get()
    TenantDataKey.objects.filter(pk=row.pk).update(version=9)

    with pytest.raises(DataKeyUnavailable, match=r"Data key 1 of tenant .* is missing") as caught:
        _sealed(integration).reveal()
    TenantDataKey.objects.filter(pk=row.pk).update(version=1)

    assert "token-3f9c" not in str(caught.value)
    assert _sealed(integration).reveal_json() == CREDENTIALS


def test_ring_without_the_key_is_named_and_loses_nothing(integration: Integration, settings: Any) -> None:
    original = settings.FIELD_KEYRING
    settings.FIELD_KEYRING = generate_entry(2)

    with pytest.raises(DataKeyUnavailable, match="wrapped by key 1, which FIELD_KEYRING lacks"):
        _sealed(integration).reveal()
    with pytest.raises(DataKeyUnavailable, match="FIELD_KEYRING lacks"), transaction.atomic():
        IntegrationFactory.create(credentials=Secret.of_json(CREDENTIALS))
    settings.FIELD_KEYRING = original

    assert _sealed(integration).reveal_json() == CREDENTIALS


def test_ring_with_another_key_is_refused_and_loses_nothing(integration: Integration, settings: Any) -> None:
    original = settings.FIELD_KEYRING
    settings.FIELD_KEYRING = generate_entry(1)

    with pytest.raises(DataKeyUnavailable, match="another key under that version") as caught:
        _sealed(integration).reveal()
    wrong = settings.FIELD_KEYRING
    settings.FIELD_KEYRING = original

    assert not any(entry.split(":")[1] in str(caught.value) for entry in (wrong, original))
    assert _sealed(integration).reveal_json() == CREDENTIALS


@pytest.mark.parametrize("ring", ["", "1:short"])
def test_without_a_ring_nothing_is_written(integration: Integration, settings: Any, ring: str) -> None:
    settings.FIELD_KEYRING = ring
    before = Integration.objects.count()

    with pytest.raises(KeyRingMisconfigured, match="FIELD_KEYRING"), transaction.atomic():
        IntegrationFactory.create(credentials=Secret.of_json(CREDENTIALS))

    assert Integration.objects.count() == before


# --- destroying keys ---


def test_destroyed_key_opens_and_seals_nothing_any_more(
    integration: Integration, tenant: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    KEY_CACHE.put(tenant.pk, TENANT_KEYS.sealing_key(tenant.pk))

    with django_capture_on_commit_callbacks(execute=True):
        destroyed = destroy_data_keys(tenant_id=tenant.pk, at=AT)

    assert (destroyed, _versions()) == (1, [(1, False)])
    with pytest.raises(DataKeyUnavailable, match="destroyed on 2026-03-02"):
        _sealed(integration).reveal()
    with pytest.raises(DataKeyUnavailable, match="no secret can be stored any more"), transaction.atomic():
        IntegrationFactory.create(credentials=Secret.of_json(CREDENTIALS))
    create_data_key(tenant_id=tenant.pk)
    assert _versions() == [(1, False)]


def test_destroying_below_a_version_keeps_the_rest(integration: Integration, tenant: Tenant) -> None:
    insert_data_key(tenant_id=tenant.pk, version=2)

    destroy_data_keys(tenant_id=tenant.pk, at=AT, below_version=2)

    assert _versions() == [(1, False), (2, True)]


@pytest.mark.django_db(transaction=True)
def test_loaddata_seals_plain_fixtures_for_each_tenant(world: tuple[LookAlike, LookAlike], tmp_path: Path) -> None:
    rows: list[Any] = []
    for each in world:
        with tenant_context(each.tenant.pk):
            rows += json.loads(serializers.serialize("json", Integration.objects.all()[:1]))
    for row in rows:
        row["fields"]["credentials"] = {"plain": {"api_token": row["fields"]["tenant"]}}
    fixture = tmp_path / "integrations.json"
    fixture.write_text(json.dumps(rows))

    try:
        for _twice in range(2):
            call_command("loaddata", str(fixture), verbosity=0)
    finally:
        connection.close()

    for each, row in zip(world, rows, strict=True):
        with tenant_context(each.tenant.pk):
            loaded = Integration.objects.get(pk=row["pk"]).credentials
            assert loaded.reveal_json() == {"api_token": str(each.tenant.pk)}


@pytest.mark.django_db(transaction=True)
def test_key_cannot_be_destroyed_while_somebody_seals(ours: LookAlike) -> None:
    tenant_id = ours.tenant.pk
    sealed, finished = threading.Event(), threading.Event()

    def seal_and_wait() -> None:
        with tenant_context(tenant_id):
            TENANT_KEYS.sealing_key(tenant_id)
            sealed.set()
            finished.wait(timeout=30)
        connection.close()

    with tenant_context(tenant_id):
        create_data_key(tenant_id=tenant_id)
    other = threading.Thread(target=seal_and_wait)
    other.start()
    try:
        assert sealed.wait(timeout=30)
        with tenant_context(tenant_id), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
                destroy_data_keys(tenant_id=tenant_id, at=AT)
    finally:
        finished.set()
        other.join()

    with tenant_context(tenant_id):
        assert destroy_data_keys(tenant_id=tenant_id, at=AT) == 1
