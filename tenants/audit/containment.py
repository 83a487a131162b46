"""How many rows go with one that is deleted: the database cascades, so no signal tells."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import models
from django.db.models.functions import Coalesce

from tenants.isolation.models import TenantForeignKey
from tenants.isolation.registry import isolated_models

_COUNTS = "_audit_contained_counts"


@cache
def contained_models(model: type[models.Model]) -> tuple[tuple[type[models.Model], str], ...]:
    """Return (model, ORM path to ``model``) for everything that a row of ``model`` contains, however deep.

    Each model once, by the shortest path: what hangs on two rows of a project is deleted once.
    Needs loaded apps; cached for the process.
    """
    found: dict[type[models.Model], str] = {}
    level: dict[type[models.Model], str] = {model: ""}
    while level:
        below = {
            child: f"{field.name}__{level[parent]}".removesuffix("__")
            for child, field in _containing_fields()
            if (parent := field.remote_field.model) in level and child not in found
        }
        found |= below
        level = below
    return tuple(found.items())


@cache
def _containing_fields() -> tuple[tuple[type[models.Model], TenantForeignKey], ...]:
    return tuple(
        (child, field)
        for child in isolated_models()
        for field in child._meta.local_fields
        if isinstance(field, TenantForeignKey) and field.containing
    )


def count_contained(instance: models.Model) -> dict[str, int]:
    """Return how many rows of which model the deletion of ``instance`` will take along, in one query."""
    contained = contained_models(type(instance))
    if not contained:
        return {}
    rows = type(instance)._default_manager.filter(pk=instance.pk)
    counts = rows.values_list(*[_count(child, path) for child, path in contained]).first() or ()
    labelled = zip((child._meta.label_lower for child, _ in contained), counts, strict=False)
    return {label: int(count) for label, count in labelled if count}


def _count(child: type[models.Model], path: str) -> Coalesce:
    grouped = child._default_manager.filter(**{path: models.OuterRef("pk")}).order_by().values(path)
    counted = grouped.annotate(contained=models.Count("pk")).values("contained")
    return Coalesce(models.Subquery(counted), 0)


def remember_contained(*, instance: models.Model, **kwargs: Any) -> None:
    """Count before the deletion what it will take along: receiver of ``pre_delete``."""
    setattr(instance, _COUNTS, count_contained(instance))


def remembered_contained(instance: models.Model) -> dict[str, int]:
    """Return and forget what ``remember_contained`` counted."""
    counts: dict[str, int] = instance.__dict__.pop(_COUNTS, {})
    return counts
