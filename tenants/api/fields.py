"""Serializer fields that refuse what DRF's own would bend into shape."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework import serializers

from tenants.api.access import visible
from tenants.api.database_errors import MISSING_REFERENCE


class AwareDateTimeField(serializers.DateTimeField):
    """An instant with its offset. DRF would read a naive one in the server's zone: a guess, up to a day wrong."""

    default_error_messages = {"naive": "Give the offset from UTC, such as 2026-03-01T09:00:00Z."}

    def to_internal_value(self, value: Any) -> datetime:
        if isinstance(value, str):
            if "\x00" in value:
                self.fail("invalid", format="ISO 8601")  # datetime.fromisoformat() reads no further than a NUL
            try:
                parsed = parse_datetime(value)
            except ValueError:
                parsed = None
            if parsed is not None and parsed.tzinfo is None:
                self.fail("naive")
        return super().to_internal_value(value)


class FiniteFloatField(serializers.FloatField):
    """A double that is a number: float() also reads "nan" and "inf"."""

    default_error_messages = {"not_finite": "A finite number is required."}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        try:
            value = super().to_internal_value(data)
        except OverflowError:
            self.fail("not_finite")
        if not math.isfinite(value):
            self.fail("not_finite")
        return value


class StrictIntegerField(serializers.IntegerField):
    """A whole number; true is not one, though Python counts with it."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class VisibleReference(serializers.PrimaryKeyRelatedField[Model]):
    """A reference to a row the requester may see. One they may not see does not exist."""

    default_error_messages = {
        "does_not_exist": MISSING_REFERENCE,
        "incorrect_type": MISSING_REFERENCE,
    }

    def to_internal_value(self, data: Any) -> Model:
        try:
            identifier = UUID(data) if isinstance(data, str) else None
        except ValueError:
            identifier = None
        if identifier is None:
            self.fail("does_not_exist")
        try:
            return self.get_queryset().get(pk=identifier)
        except ObjectDoesNotExist:
            self.fail("does_not_exist")

    def get_queryset(self) -> QuerySet[Model]:
        request = self.context.get("request")
        # A writable reference always has a queryset, of which only the model counts.
        model: Any = vars(self)["queryset"].model
        if request is None:
            # The schema generator asks for the model only.
            none: QuerySet[Model] = model._default_manager.none()
            return none
        return visible(model, request)

    def get_choices(self, cutoff: int | None = None) -> dict[Any, Any]:
        """None: a reference is not a closed set, and listing one would read a table."""
        return {}
