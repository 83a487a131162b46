"""The base of every serializer: what is read is a list of columns, what is written is checked strictly."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import models
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from tenants.api.fields import AwareDateTimeField, FiniteFloatField, StrictIntegerField, VisibleReference
from tenants.isolation.models import TenantModel, fixed_fields

M = TypeVar("M", bound=models.Model)


class TenantModelSerializer(serializers.ModelSerializer[M]):
    """Writes one row and names the columns that a reader gets.

    Reading never passes through here: lists and details are `QuerySet.values()` of `columns()`, which is several
    times quicker than building fifty instances and asking each field of each. So every readable field has to be a
    column or an annotation of the same name (`TenantViewSet.annotations`); a test asserts it.

    Fields named in `fixed_after_creation` may be sent on creation only: a row stays in the parent it was made in.
    """

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: AwareDateTimeField,
        models.FloatField: FiniteFloatField,
        models.IntegerField: StrictIntegerField,
        models.PositiveIntegerField: StrictIntegerField,
        models.PositiveSmallIntegerField: StrictIntegerField,
        models.SmallIntegerField: StrictIntegerField,
        models.BigIntegerField: StrictIntegerField,
        models.PositiveBigIntegerField: StrictIntegerField,
    }
    serializer_related_field = VisibleReference
    fixed_after_creation: tuple[str, ...] = ()

    @classmethod
    def described_model(cls) -> type[M]:
        """The model of the rows."""
        meta: Any = cls.Meta
        return cast("type[M]", meta.model)

    @classmethod
    @cache
    def columns(cls) -> tuple[str, ...]:
        """What a reader gets, in order."""
        return tuple(name for name, field in cls().fields.items() if not field.write_only)

    @classmethod
    @cache
    def attributes(cls) -> tuple[tuple[str, str], ...]:
        """(name, attribute of an instance) for each column: a reference is read as its id."""
        columns = {field.name: field.attname for field in cls.described_model()._meta.concrete_fields}
        return tuple((name, columns.get(name, name)) for name in cls.columns())

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := [name for name in data if name not in self.fields]):
            raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Apply the rules the model states in `clean()`, on a copy that is never saved."""
        self._check_fixed(attrs)
        candidate = copy(self.instance) if self.instance is not None else self.described_model()()
        for name, value in attrs.items():
            setattr(candidate, name, value)
        try:
            self.check_model(candidate)
        except DjangoValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return attrs

    def check_model(self, candidate: M) -> None:
        """Raises Django's ValidationError where the values do not fit together."""
        candidate.clean()

    def _check_fixed(self, attrs: Mapping[str, Any]) -> None:
        if self.instance is None:
            return
        changed = [name for name in self.fixed_after_creation if name in attrs and self._differs(name, attrs[name])]
        if changed:
            raise serializers.ValidationError({name: ["This cannot change after creation."] for name in changed})

    def _differs(self, name: str, value: Any) -> bool:
        attribute = dict(self.attributes()).get(name, name)
        return bool(getattr(self.instance, attribute) != getattr(value, "pk", value))

    def get_unique_together_validators(self) -> list[Any]:
        """None: they would ask the database what its unique indexes answer anyway, and races get past them."""
        return []


def serializer_for(
    described: type[M], *, computed: Mapping[str, serializers.Field[Any, Any, Any, Any]] = MappingProxyType({})
) -> type[TenantModelSerializer[M]]:
    """The serializer of a model whose columns are its representation.

    computed: further fields; the readable ones are annotations of the view set
    What the system keeps, what is fixed after creation and what nobody sees is declared by the model, because the
    backoffice holds to the same. Left out by themselves: the tenant, copies the database keeps (lower case for
    searching) and binary columns, which are secrets and hashes.
    """
    declared = cast("type[TenantModel]", described)
    names = [
        field.name
        for field in described._meta.concrete_fields
        if field.name not in ("tenant", "tenant_id", *declared.shown_to_nobody)
        and not isinstance(field, models.GeneratedField | models.BinaryField)
    ]

    class Meta:
        model = described
        fields = [*names, *computed]
        read_only_fields = declared.kept_by_system

    body = {**computed, "Meta": Meta, "fixed_after_creation": fixed_fields(described), "__doc__": described.__doc__}
    made: type[TenantModelSerializer[M]] = type(f"{described.__name__}Serializer", (TenantModelSerializer,), body)
    return made
