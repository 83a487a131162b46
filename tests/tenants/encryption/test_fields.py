"""Encrypted fields keep ciphertext on the attribute, sealed for one row, opened on demand."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any
from uuid import uuid4

import pytest
from django.core import serializers
from django.core.exceptions import FieldError, ValidationError
from django.db import connection, transaction
from django.db.models import F
from django.forms import modelform_factory

from integrations.models import Integration
from tenants.encryption.envelope import Envelope
from tenants.encryption.errors import DataKeyUnavailable, EncryptionError, EnvelopeUnreadable
from tenants.encryption.fields import (
    Encrypted,
    EncryptedField,
    EncryptedJSONField,
    encrypted_fields,
    seal_fields,
)
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant, TenantDataKey
from tests.factories.integrations import IntegrationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

CREDENTIALS = {"api_token": "token-3f9c", "email": "robot@tracker.example"}
FIELD: Any = Integration._meta.get_field("credentials")


@pytest.fixture
def integration() -> Integration:
    return IntegrationFactory.create(credentials=Secret.of_json(CREDENTIALS))


def _stored_bytes(integration: Integration) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM integrations_integration WHERE id = %s", [integration.pk])
        return bytes(cursor.fetchone()[0])


def _reload(integration: Integration) -> Integration:
    reloaded: Integration = Integration.objects.get(pk=integration.pk)
    return reloaded


def test_secret_is_stored_sealed_and_opened_on_demand(integration: Integration) -> None:
    stored = _reload(integration)

    assert b"token-3f9c" not in _stored_bytes(integration)
    assert isinstance(stored.credentials, Encrypted)
    assert stored.credentials.reveal_json() == CREDENTIALS
    assert integration.credentials == stored.credentials


def test_saving_again_keeps_the_envelope(integration: Integration) -> None:
    stored = _reload(integration)
    before = _stored_bytes(integration)

    stored.name = "Renamed"
    stored.save()

    assert _stored_bytes(integration) == before


def test_no_secret_is_stored_as_null() -> None:
    integration = IntegrationFactory.create()

    assert _reload(integration).credentials is None
    assert Integration.objects.filter(credentials__isnull=True, pk=integration.pk).exists()


def test_secret_can_be_replaced_and_removed(integration: Integration) -> None:
    integration.credentials = Secret.of_json({"api_token": "new"})
    integration.save()
    replaced = _reload(integration).credentials.reveal_json()
    integration.credentials = None
    integration.save()

    assert (replaced, _reload(integration).credentials) == ({"api_token": "new"}, None)


def test_listing_rows_opens_nothing(integration: Integration, django_assert_num_queries: Any) -> None:
    TenantDataKey.objects.all().update(wrapped_key=b"damaged")

    with django_assert_num_queries(1):
        shown = [f"{row.credentials} {row.credentials!r}" for row in Integration.objects.filter(pk=integration.pk)]

    assert shown == [f"(encrypted) {integration.credentials!r}"]
    assert "token-3f9c" not in shown[0]


def test_deferred_field_is_fetched_when_asked_for(integration: Integration) -> None:
    deferred = Integration.objects.defer("credentials").get(pk=integration.pk)

    assert deferred.get_deferred_fields() == {"credentials"}
    assert deferred.credentials.reveal_json() == CREDENTIALS


def test_values_give_the_envelope_and_no_secret(integration: Integration) -> None:
    (value,) = Integration.objects.filter(pk=integration.pk).values_list("credentials", flat=True)

    assert value == Envelope(_stored_bytes(integration))
    assert str(value) == f"<Envelope of {len(value.raw)} bytes, key version 1>"


def test_row_survives_copy_and_pickle(integration: Integration) -> None:
    stored = _reload(integration)

    twins = [copy.copy(stored), copy.deepcopy(stored), pickle.loads(pickle.dumps(stored))]  # noqa: S301 - our own bytes

    assert [twin.credentials.reveal_json() for twin in twins] == [CREDENTIALS] * 3


def test_unsaved_secret_is_copied_but_not_pickled() -> None:
    unsaved = IntegrationFactory.build(credentials=Secret.of_json(CREDENTIALS))

    assert copy.deepcopy(unsaved).credentials.reveal_json() == CREDENTIALS
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(unsaved)


@pytest.mark.parametrize("plain", ["token-3f9c", b"token-3f9c", {"api_token": "token-3f9c"}, 7])
def test_plain_values_are_refused_without_being_shown(integration: Integration, plain: Any) -> None:
    with pytest.raises(TypeError, match=r"takes Secret\(…\) or None") as caught:
        integration.credentials = plain
    with pytest.raises(TypeError):
        Integration(credentials=plain)

    assert "token-3f9c" not in str(caught.value)
    assert integration.credentials.reveal_json() == CREDENTIALS


def test_update_and_lookups_refuse_secrets(integration: Integration) -> None:
    with pytest.raises(TypeError, match="set the Secret on a row"):
        Integration.objects.update(credentials=Secret("token-3f9c"))
    with pytest.raises(FieldError):
        Integration.objects.filter(credentials=integration.credentials).exists()
    with pytest.raises(FieldError):
        Integration.objects.filter(credentials__startswith="SBE").exists()


def test_bulk_create_seals(integration: Integration) -> None:
    rows = IntegrationFactory.build_batch(2, project=None, credentials=Secret.of_json(CREDENTIALS))
    for row, kind in zip(rows, ("ASANA", "TRELLO"), strict=True):
        row.project, row.type, row.config = integration.project, kind, {}

    Integration.objects.bulk_create(rows)

    stored = Integration.objects.filter(pk__in=[row.pk for row in rows])
    assert [row.credentials.reveal_json() for row in stored] == [CREDENTIALS] * 2
    assert len({_stored_bytes(row) for row in rows}) == 2


def test_bulk_update_takes_fields_sealed_before(integration: Integration) -> None:
    integration.credentials = Secret.of_json({"api_token": "new"})

    with pytest.raises(TypeError, match="set the Secret on a row"), transaction.atomic():
        Integration.objects.bulk_update([integration], ["credentials"])
    seal_fields(integration)
    Integration.objects.bulk_update([integration], ["credentials"])

    assert _reload(integration).credentials.reveal_json() == {"api_token": "new"}


def test_expressions_pass(integration: Integration) -> None:
    Integration.objects.filter(pk=integration.pk).update(credentials=F("credentials"))

    assert _reload(integration).credentials.reveal_json() == CREDENTIALS


# --- the place ---


def test_envelope_copied_to_another_row_does_not_open(integration: Integration) -> None:
    thief = IntegrationFactory.create()
    Integration.objects.filter(pk=thief.pk).update(credentials=integration.credentials)

    with pytest.raises(EnvelopeUnreadable, match=str(thief.pk)):
        _reload(thief).credentials.reveal()


def test_saving_another_rows_envelope_is_refused(integration: Integration) -> None:
    thief = IntegrationFactory.create()
    thief.credentials = _reload(integration).credentials

    with pytest.raises(EncryptionError, match="sealed for another row"), transaction.atomic():
        thief.save()

    assert _reload(thief).credentials is None


def test_saving_a_copied_row_is_refused(integration: Integration) -> None:
    twin = _reload(integration)
    twin.pk, twin.type, twin.config = uuid4(), "ASANA", {}
    twin._state.adding = True

    with pytest.raises(EncryptionError, match="sealed for another row"), transaction.atomic():
        twin.save()
    twin.credentials = Secret(integration.credentials.reveal())
    twin.save()

    assert _reload(twin).credentials.reveal_json() == CREDENTIALS


def test_other_tenants_secret_does_not_open(integration: Integration, other_tenant: Tenant) -> None:
    sealed = _reload(integration).credentials
    sealed.reveal()

    with tenant_context(other_tenant.pk), pytest.raises(DataKeyUnavailable, match="inside its tenant_context only"):
        sealed.reveal()


def test_damaged_envelope_is_listed_and_not_opened(integration: Integration) -> None:
    Integration.objects.filter(pk=integration.pk).update(credentials=Envelope(b"damaged"))
    stored = _reload(integration)

    assert str(stored.credentials) == "(encrypted)"
    with pytest.raises(EnvelopeUnreadable):
        stored.credentials.reveal()
    stored.name = "Still a row"
    stored.save()
    assert _stored_bytes(integration) == b"damaged"


def test_secret_is_not_sealed_before_its_place_is_known() -> None:
    unsaved = IntegrationFactory.build(credentials=Secret.of_json(CREDENTIALS))
    unsaved.tenant_id = None

    with pytest.raises(EncryptionError, match="must be known"):
        seal_fields(unsaved)


def test_bound_as_keeps_envelopes_readable_after_a_rename(integration: Integration) -> None:
    renamed = EncryptedJSONField(bound_as="integrations.integration.credentials", null=True)
    renamed.set_attributes_from_name("secrets")
    renamed.model = Integration

    assert renamed.binding_of(integration) == FIELD.binding_of(integration)
    assert renamed.deconstruct()[3]["bound_as"] == "integrations.integration.credentials"


def test_field_is_cloned_whole() -> None:
    _, path, args, kwargs = FIELD.deconstruct()

    assert (path, list(args)) == ("tenants.encryption.fields.EncryptedJSONField", [])
    assert kwargs == {"null": True, "blank": True, "editable": True}
    assert isinstance(FIELD.clone(), EncryptedJSONField)


def test_registry_finds_the_field() -> None:
    assert FIELD in encrypted_fields()


# --- fixtures ---


def test_dump_holds_ciphertext_and_loads_into_the_same_row(integration: Integration) -> None:
    dump = serializers.serialize("json", [_reload(integration)])
    Integration.objects.filter(pk=integration.pk).delete()

    for loaded in serializers.deserialize("json", dump):
        loaded.save()

    assert "token-3f9c" not in dump
    assert json.loads(dump)[0]["fields"]["credentials"].startswith("envelope:U0JF")
    assert _reload(integration).credentials.reveal_json() == CREDENTIALS


def test_plain_fixture_is_sealed_while_it_is_loaded(integration: Integration) -> None:
    fixture = json.loads(serializers.serialize("json", [_reload(integration)]))
    fixture[0]["fields"]["credentials"] = {"plain": {"api_token": "from fixture"}}

    for _twice in range(2):
        for loaded in serializers.deserialize("json", json.dumps(fixture)):
            loaded.save()

    assert b"from fixture" not in _stored_bytes(integration)
    assert _reload(integration).credentials.reveal_json() == {"api_token": "from fixture"}


def test_dump_of_no_secret_is_null() -> None:
    integration = IntegrationFactory.create()

    dump = json.loads(serializers.serialize("json", [_reload(integration)]))

    assert dump[0]["fields"]["credentials"] is None


@pytest.mark.parametrize("value", ["token-3f9c", "envelope:%%%", {"plain": "a", "b": 1}, {"b": 1}, 7, []])
def test_fixture_in_another_form_is_refused_without_being_shown(value: Any) -> None:
    with pytest.raises(ValidationError, match="Expected a sealed value") as caught:
        FIELD.to_python(value)

    assert "token-3f9c" not in str(caught.value)


def test_text_field_takes_plain_text_only() -> None:
    field = EncryptedField()

    assert field.to_python({"plain": "token"}) == Secret("token")
    with pytest.raises(ValidationError):
        field.to_python({"plain": {"a": 1}})


def test_unsaved_secret_is_not_dumped() -> None:
    unsaved = IntegrationFactory.build(credentials=Secret.of_json(CREDENTIALS))

    with pytest.raises(EncryptionError, match="only a saved row"):
        FIELD.value_to_string(unsaved)


# --- forms ---


Form: Any = modelform_factory(Integration, fields=["name", "credentials"])


def test_form_shows_no_secret(integration: Integration) -> None:
    html = Form(instance=_reload(integration)).as_p()

    assert "token-3f9c" not in html
    assert "envelope" not in html
    assert "Leave blank to keep the stored value." in html


def test_blank_entry_keeps_the_secret(integration: Integration) -> None:
    form = Form({"name": "Renamed", "credentials": ""}, instance=_reload(integration))

    assert form.is_valid(), form.errors
    assert form.changed_data == ["name"]
    form.save()
    assert _reload(integration).credentials.reveal_json() == CREDENTIALS


def test_entry_replaces_the_secret(integration: Integration) -> None:
    form = Form({"name": "Same", "credentials": '{"api_token": "typed"}'}, instance=_reload(integration))

    assert form.is_valid(), form.errors
    form.save()

    assert form.changed_data == ["name", "credentials"]
    assert _reload(integration).credentials.reveal_json() == {"api_token": "typed"}


def test_malformed_entry_is_refused_and_not_shown_again(integration: Integration) -> None:
    form = Form({"name": "Same", "credentials": "token-3f9c"}, instance=_reload(integration))

    assert form.errors == {"credentials": ["Enter valid JSON."]}
    assert "token-3f9c" not in form.as_p()
