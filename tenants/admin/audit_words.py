"""Audit entries in words: who by name, what by the name people know, changes without what is empty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.text import Truncator, capfirst

from tenants.isolation.context import current_context
from tenants.models import AuditEntry, User

VALUE_CHARS = 200
_EMPTY: tuple[Any, ...] = (None, "", "None", [], {})


@dataclass(frozen=True, slots=True)
class Change:
    """One changed field.  before: empty where the row was new"""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EntryInWords:
    """One entry of the trail, as a page shows it."""

    entry: AuditEntry
    who: str
    resource: str
    changes: tuple[Change, ...]


def in_words(entries: Iterable[AuditEntry]) -> list[EntryInWords]:
    """Put entries into words, with one query for all their actors."""
    found = list(entries)
    names = actor_names(found)
    return [
        EntryInWords(entry, names[entry.pk], resource_name(entry.resource_type), tuple(_changes(entry)))
        for entry in found
    ]


def actor_names(entries: Iterable[AuditEntry]) -> dict[Any, str]:
    """Return who each entry (by key) is about: an address, or what is known of somebody who is not one of the people.

    People are never deleted, so an id that no person of the organisation has belongs to an operator.
    """
    found = list(entries)
    actors = {entry.actor_id for entry in found if entry.actor_id is not None}
    if current_context() is None:
        return {entry.pk: "somebody" if entry.actor_id else "the system" for entry in found}
    emails = dict(User.objects.filter(pk__in=actors).values_list("pk", "email")) if actors else {}
    return {
        entry.pk: emails.get(entry.actor_id, "a platform operator") if entry.actor_id else "the system"
        for entry in found
    }


def resource_name(label: str) -> str:
    """Return the name people know a kind of row by: "corrective action" for gaps.correctiveaction."""
    model = _model(label)
    return str(model._meta.verbose_name) if model else label


def _model(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def _changes(entry: AuditEntry) -> Iterable[Change]:
    if not isinstance(entry.changes, dict):
        return
    model = _model(entry.resource_type)
    for name, values in entry.changes.items():
        before, after = values if isinstance(values, list) and len(values) == 2 else (None, values)  # noqa: PLR2004
        if before not in _EMPTY or after not in _EMPTY:
            yield Change(_field_name(model, name), _text(before), _text(after))


def _field_name(model: type[models.Model] | None, name: str) -> str:
    try:
        field: Any = model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        field = None
    return str(capfirst(str(getattr(field, "verbose_name", name)).replace("_", " ")))


def _text(value: Any) -> str:
    return "" if value in _EMPTY else Truncator(str(value)).chars(VALUE_CHARS)
