"""Columns that several models share: the same meaning, the same width, the same words."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Lower

from tenants.validators import validate_currency

SOURCE_MAX_LENGTH = 32
EXTERNAL_ID_MAX_LENGTH = 255
MANUAL_SOURCE = "manual"
"""The source of a fact that a person typed in."""
MONEY_DIGITS, MONEY_PLACES = 16, 2
URL_MAX_LENGTH = 2_000


class LowerCaseEmailField(models.EmailField):  # type: ignore[type-arg]  # not generic at run time
    """An address kept, and looked up, in lower case: `iexact` cannot use an index under row-level security."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value.lower() if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value.lower() if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


def source_field() -> models.CharField[str, str]:
    return models.CharField(
        max_length=SOURCE_MAX_LENGTH,
        default=MANUAL_SOURCE,
        help_text='Where the fact was read, such as "jira" or "csv"; "manual" for one typed in.',
    )


def external_id_field() -> models.CharField[str, str]:
    return models.CharField(
        "external id", max_length=EXTERNAL_ID_MAX_LENGTH, help_text="What the source calls it; never changes there."
    )


def money_field(verbose_name: str, **options: Any) -> models.DecimalField[Any, Any]:
    return models.DecimalField(verbose_name, max_digits=MONEY_DIGITS, decimal_places=MONEY_PLACES, **options)


def currency_field(**options: Any) -> models.CharField[str, str]:
    return models.CharField(max_length=3, validators=[validate_currency], help_text="ISO 4217, such as EUR.", **options)


def lower_case_of(field: str, *, max_length: int) -> models.GeneratedField:
    """A stored lower-case copy that the database keeps, to be searched with `=` and `^@` under row-level security."""
    return models.GeneratedField(
        expression=Lower(field),
        output_field=models.CharField(max_length=max_length),
        db_persist=True,
        verbose_name=f"{field} in lower case",
    )
