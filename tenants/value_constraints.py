"""Database checks that answer like field errors.

A plain `CheckConstraint` reports its violation for the whole form. Here every check names the field to mend, so that
the admin marks it and the API's 400 problem names it. Migrations see ordinary `CheckConstraint`s: they need nothing
from this module, and moving it changes no migration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import CheckConstraint, F, Func, Q, TextField, Value

INFINITY = float("inf")
SHA256_HEX = r"^[0-9a-f]{64}$"


class FieldCheck(CheckConstraint):
    """A CheckConstraint whose violation is reported for one field.

    field: the field that an editor should mend
    condition: what must hold of every row; NULL counts as holding, as in SQL
    rule: suffix of the constraint's name, "<app>_<model>_<rule>"
    message: one sentence for people
    """

    def __init__(self, *, field: str, condition: Q, rule: str, message: str) -> None:
        self.field = field
        super().__init__(condition=condition, name=f"%(app_label)s_%(class)s_{rule}", violation_error_message=message)

    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        try:
            super().validate(model, instance, exclude=exclude, using=using)
        except ValidationError as error:
            raise ValidationError({self.field: error.error_list}) from error

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        _, args, kwargs = super().deconstruct()
        return "django.db.models.CheckConstraint", args, kwargs

    # Django clones through deconstruct(), which leaves the field out.
    def clone(self) -> Self:
        twin = self.__class__.__new__(self.__class__)
        twin.__dict__.update(self.__dict__)
        return twin


def range_check(field: str, *, low: float | None = None, high: float | None = None) -> FieldCheck:
    """`field` lies in [low, high]; NaN and infinities are refused whichever bound is open."""
    condition = Q((f"{field}__gte", low)) if low is not None else Q((f"{field}__gt", -INFINITY))
    condition &= Q((f"{field}__lte", high)) if high is not None else Q((f"{field}__lt", INFINITY))
    return FieldCheck(field=field, condition=condition, rule=f"{field}_range", message=_range_message(low, high))


def _range_message(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"Enter a number from {low:g} to {high:g}."
    if low is not None:
        return f"Enter a finite number of at least {low:g}."
    if high is not None:
        return f"Enter a finite number of at most {high:g}."
    return "Enter a finite number."


def money_check(field: str) -> FieldCheck:
    """`field`, a DecimalField, is not negative and not NaN (which PostgreSQL orders above every number)."""
    condition = Q((f"{field}__gte", 0)) & Q((f"{field}__lt", 10**12))
    return FieldCheck(field=field, condition=condition, rule=f"{field}_range", message="Enter an amount of at least 0.")


def order_check(earlier: str, later: str, *, message: str = "") -> FieldCheck:
    """`earlier` is at most `later`; reported for `later`. Either may be null."""
    return FieldCheck(
        field=later,
        condition=Q((f"{later}__gte", F(earlier))),
        rule=f"{later}_order",
        message=message or f"Must not lie before {earlier.replace('_', ' ')}.",
    )


class JsonKindCheck(FieldCheck):
    """A check of a JSON column's kind. Django would ask it about None as JSON's null, where SQL's NULL is stored."""

    def validate(self, model: Any, instance: models.Model, exclude: Any = None, using: str = DEFAULT_DB_ALIAS) -> None:
        if getattr(instance, self.field) is not None:
            super().validate(model, instance, exclude=exclude, using=using)


def json_kind_check(field: str, kind: str) -> FieldCheck:
    """`field`, a JSON column, holds a JSON `kind` ("object" or "array") or SQL NULL."""
    stored_kind = Func(F(field), function="jsonb_typeof", output_field=TextField())
    return JsonKindCheck(
        field=field,
        condition=Q(models.lookups.Exact(stored_kind, Value(kind, output_field=TextField()))),
        rule=f"{field}_kind",
        message=f"Enter a JSON {kind}.",
    )


def hash_check(field: str, *, empty: bool = False) -> FieldCheck:
    """`field` is a SHA-256 in lower-case hexadecimal; or empty, where that is allowed."""
    condition = Q((f"{field}__regex", SHA256_HEX))
    return FieldCheck(
        field=field,
        condition=condition | Q((field, "")) if empty else condition,
        rule=f"{field}_form",
        message="Enter 64 lower-case hexadecimal digits.",
    )
