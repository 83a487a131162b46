"""A model field that keeps an envelope in a bytea column.

    class Integration(TimestampedTenantModel):
        credentials = EncryptedJSONField(null=True, blank=True)

    integration.credentials = Secret.of_json({"api_token": token})   # sealed when the row is saved
    integration.credentials.reveal_json()                            # opened on demand, for one use

The attribute holds ciphertext (`Encrypted`) and never decrypts by itself: loading, copying, pickling, dumping and
listing rows need no key, so a row whose key is lost can still be seen and mended.

Fixtures: `dumpdata` writes "envelope:<base64>", which loads into the same tenant and row; a hand-written fixture says
{"plain": …}, which is sealed with the tenant's key while it is loaded, because a fixture cannot know the key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import signals
from django.db.models.query_utils import DeferredAttribute

from tenants.encryption.envelope import Binding, Envelope, describe, open_envelope, seal, unreadable
from tenants.encryption.errors import EncryptionError, EnvelopeUnreadable
from tenants.encryption.forms import KEEP, SecretFormField, SecretJSONFormField
from tenants.encryption.key_source import key_source
from tenants.encryption.secret import Secret

DUMP_PREFIX = "envelope:"
PLAIN_MARKER = "plain"


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A sealed value on a model's attribute: shows nothing, opens by `reveal…()` in its tenant's context.

    Each `reveal…()` raises EnvelopeUnreadable or DataKeyUnavailable, and changes nothing.
    """

    envelope: Envelope
    binding: Binding

    def secret(self) -> Secret:
        version = self.envelope.key_version
        if version is None:
            raise unreadable(self.binding)
        key = key_source().opening_key(self.binding.tenant_id, version)
        return open_envelope(self.envelope, key=key, binding=self.binding)

    def reveal(self) -> bytes:
        return self.secret().reveal()

    def reveal_text(self) -> str:
        return self.secret().reveal_text()

    def reveal_json(self) -> Any:
        return self.secret().reveal_json()

    def __str__(self) -> str:
        return describe(self)


class EncryptedDescriptor(DeferredAttribute):
    """Gives an envelope its place when it is read, and refuses plain values when it is set."""

    field: EncryptedField

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is not None and isinstance(value, Envelope):
            return Encrypted(value, self.field.binding_of(instance))
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        if value is not None and not isinstance(value, Secret | Envelope | Encrypted) and not _is_expression(value):
            # The value is plain and must not reach the message.
            raise TypeError(f"{self.field} takes Secret(…) or None, not {type(value).__name__}.")
        instance.__dict__[self.field.attname] = value


def _is_expression(value: Any) -> bool:
    return hasattr(value, "resolve_expression")


class EncryptedField(models.BinaryField):  # type: ignore[type-arg]  # generic for the type checker only
    """A secret text, bound to (model, field, tenant, primary key).

    bound_as: "app.model.field" that seals are made for; give the old name when a model or field is renamed, because
        envelopes carry it. Default: the field's own.

    It can be asked for NULL and for nothing else: equal secrets have different envelopes.
    """

    # Read by the audit trail: that it changed is kept, no part of it is.
    audit_secret = True

    descriptor_class = EncryptedDescriptor
    form_field_class: type[SecretFormField] = SecretFormField

    def __init__(self, *args: Any, bound_as: str | None = None, **kwargs: Any) -> None:
        self.bound_as = bound_as
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if self.bound_as is not None:
            kwargs["bound_as"] = self.bound_as
        return name, path, args, kwargs

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only=private_only)
        # Loading a fixture skips Field.pre_save(), and that is where secrets are sealed.
        if not cls._meta.abstract:
            signals.pre_save.connect(_seal_loaded_row, sender=cls)

    # --- the place ---

    def binding_of(self, instance: models.Model) -> Binding:
        """The place of this field in a row. Raises EncryptionError while tenant or primary key are not known."""
        pk = instance._meta.pk.to_python(instance.pk)
        tenant_id = getattr(instance, "tenant_id", None)
        if pk is None or tenant_id is None:
            raise EncryptionError(f"{self}: tenant and primary key must be known before a secret is sealed or opened.")
        model, field = self._place()
        return Binding(model=model, field=field, tenant_id=_as_uuid(tenant_id), row_id=pk)

    def _place(self) -> tuple[str, str]:
        if self.bound_as is None:
            return self.model._meta.label_lower, self.name
        model, _, field = self.bound_as.rpartition(".")
        return model, field

    # A BinaryField without a default has b"", which would be a plain value.
    def get_default(self) -> Any:
        return super().get_default() if self.has_default() else None

    # --- on the way to the database ---

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        self.seal_on(model_instance, check_copies=add)
        return model_instance.__dict__.get(self.attname)

    def seal_on(self, instance: models.Model, *, check_copies: bool = False) -> None:
        """Replace a Secret on the instance by its envelope.

        check_copies: also open an envelope that is there already, as a copied row would carry one it cannot open
        Raises EncryptionError when the value was sealed for another row.
        """
        value = instance.__dict__.get(self.attname)
        if isinstance(value, Secret):
            binding = self.binding_of(instance)
            value = seal(value, key=key_source().sealing_key(binding.tenant_id), binding=binding)
            instance.__dict__[self.attname] = value
        elif isinstance(value, Encrypted):
            if value.binding != self.binding_of(instance):
                raise self._sealed_elsewhere()
            instance.__dict__[self.attname] = value.envelope
        elif isinstance(value, Envelope) and check_copies:
            try:
                Encrypted(value, self.binding_of(instance)).secret()
            except EnvelopeUnreadable:
                raise self._sealed_elsewhere() from None

    def _sealed_elsewhere(self) -> EncryptionError:
        return EncryptionError(f"{self} was sealed for another row. To copy it assign Secret(original.reveal()).")

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if isinstance(value, Encrypted):
            return value.envelope.raw
        if isinstance(value, Envelope):
            return value.raw
        if value is None or _is_expression(value):
            return value
        raise TypeError(f"{self}: set the Secret on a row and save it; queries and update() cannot seal.")

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = value if prepared else self.get_prep_value(value)
        return value if value is None else connection.Database.Binary(value)

    def from_db_value(self, value: Any, _expression: Any, _connection: Any) -> Envelope | None:
        return None if value is None else Envelope(bytes(value))

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> None:
        """No transform applies to an envelope."""

    # --- fixtures ---

    def to_python(self, value: Any) -> Secret | Envelope | Encrypted | None:
        """Accepts what the attribute holds, a dumped envelope, and the {"plain": …} of a fixture."""
        if value is None or isinstance(value, Secret | Envelope | Encrypted):
            return value
        if isinstance(value, str) and value.startswith(DUMP_PREFIX):
            return self._loaded(value.removeprefix(DUMP_PREFIX))
        if isinstance(value, Mapping) and set(value) == {PLAIN_MARKER}:
            return self._plain(value[PLAIN_MARKER])
        raise self._unknown_form()

    def _loaded(self, text: str) -> Envelope:
        try:
            return Envelope(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            raise self._unknown_form() from None

    def _plain(self, value: Any) -> Secret:
        if not isinstance(value, str):
            raise self._unknown_form()
        return Secret(value)

    def _unknown_form(self) -> ValidationError:
        return ValidationError("Expected a sealed value, or {“plain”: …} in a fixture.", code="invalid")

    def value_to_string(self, obj: models.Model) -> str:
        value = self.value_from_object(obj)
        if not isinstance(value, Encrypted):
            raise EncryptionError(f"{self}: only a saved row can be dumped.")
        return DUMP_PREFIX + base64.b64encode(value.envelope.raw).decode("ascii")

    # --- forms ---

    def formfield(self, **kwargs: Any) -> Any:
        kwargs.setdefault("form_class", self.form_field_class)
        return models.Field.formfield(self, **kwargs)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        if data is not KEEP:
            super().save_form_data(instance, data)


class EncryptedJSONField(EncryptedField):
    """A secret JSON value, sealed as canonical JSON."""

    form_field_class = SecretJSONFormField

    def _plain(self, value: Any) -> Secret:
        return Secret.of_json(value)


def _as_uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _seal_loaded_row(sender: type[models.Model], instance: models.Model, raw: bool, **_kwargs: Any) -> None:
    if raw:
        seal_fields(instance)


def seal_fields(instance: models.Model) -> None:
    """Seal every Secret on the instance now: for `bulk_update()`, which does not call `Field.pre_save()`."""
    for field in instance._meta.concrete_fields:
        if isinstance(field, EncryptedField):
            field.seal_on(instance)


def encrypted_fields() -> list[EncryptedField]:
    """Every encrypted field of the installed models, in a stable order."""
    fields = [
        field
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedField)
    ]
    return sorted(fields, key=str)
