"""What goes with a deleted row: counted in the database, which does the deleting, never listed row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.db import models

from tenants.isolation.models import tenant_references

COUNTED_ROWS = 10_000


def contained_counts(rows: Sequence[models.Model]) -> dict[type[models.Model], int]:
    """Return how many rows of each model go with ``rows``, each counted to ten thousand.

    1. Find the models that contain-reference the model of the rows, then those that reference them, and so on.
    2. Count each by the path of references that leads back to the rows: one query a model.
    """
    if not rows:
        return {}
    counts: dict[type[models.Model], int] = {}
    for model, path in _containment_paths(type(rows[0])):
        manager: Any = model._default_manager
        found = manager.filter(**{f"{path}__in": [row.pk for row in rows]}).order_by()[:COUNTED_ROWS].count()
        if found:
            counts[model] = counts.get(model, 0) + found
    return counts


def _containment_paths(container: type[models.Model], suffix: str = "") -> Iterable[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in tenant_references(model):
            if field.containing and field.remote_field.model is container:
                path = f"{field.name}__{suffix}" if suffix else field.name
                yield model, path
                yield from _containment_paths(model, path)


def described_counts(counts: dict[type[models.Model], int]) -> list[str]:
    """Return the counts as phrases for people, the largest first."""
    return [
        f"{'more than ' if count >= COUNTED_ROWS else ''}{count:,} {_name(model, count)}"
        for model, count in sorted(counts.items(), key=lambda item: (-item[1], item[0].__name__))
    ]


def _name(model: type[models.Model], count: int) -> str:
    return str(model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural)
