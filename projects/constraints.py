"""Constraints that many tables of the record state in the same words.

Names are completed by Django: "%(app_label)s_%(class)s" becomes "projects_workitem".
"""

from __future__ import annotations

from django.db.models import CheckConstraint, Q, UniqueConstraint

from tenants.value_constraints import FieldCheck

SHA256_HEX = r"^[0-9a-f]{64}$"
SLUG = r"^[a-z0-9][a-z0-9_.-]*$"


def unique_in_tenant(*fields: str, name: str, nulls_distinct: bool | None = None) -> UniqueConstraint:
    """Unique within one tenant. The key starts with the tenant, as every key of a tenant table must."""
    return UniqueConstraint(
        fields=["tenant", *fields],
        name=f"%(app_label)s_%(class)s_{name}_unique",
        nulls_distinct=nulls_distinct,
    )


def natural_key() -> UniqueConstraint:
    """What a source calls the thing within a project: the target of every upsert."""
    return unique_in_tenant("project", "source", "external_id", name="natural_key")


def not_blank(field: str) -> CheckConstraint:
    return FieldCheck(
        field=field, condition=~Q((field, "")), rule=f"{field}_given", message="This field must not be empty."
    )


def matches(field: str, pattern: str, *, message: str) -> CheckConstraint:
    """Text in the form of a regular expression that PostgreSQL and Python read alike."""
    return FieldCheck(field=field, condition=Q((f"{field}__regex", pattern)), rule=f"{field}_form", message=message)


def strictly_between(field: str, low: float, high: float) -> CheckConstraint:
    condition = Q((f"{field}__gt", low)) & Q((f"{field}__lt", high))
    message = f"Enter a number above {low:g} and below {high:g}."
    return FieldCheck(field=field, condition=condition, rule=f"{field}_range", message=message)


def currency_form() -> CheckConstraint:
    return matches("currency", r"^[A-Z]{3}$", message="Enter a currency as three capital letters, such as “EUR”.")


def source_form() -> CheckConstraint:
    return matches("source", SLUG, message="Enter lower-case letters, digits, dots, dashes and underscores.")


def sha256_form(field: str) -> CheckConstraint:
    return matches(field, SHA256_HEX, message="Enter 64 lower-case hexadecimal digits.")
