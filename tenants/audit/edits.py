"""What a person changed in one row of a model that leaves no entries by itself.

Rows that tools write in bulk are not registered with auditlog: a receiver would make every bulk delete fetch its rows.
A person who edits one of them through a door is kept all the same, in the form that auditlog gives the others.
"""

from __future__ import annotations

from typing import Any

from auditlog.diff import get_field_value
from django.db import models

from .enums import AuditMode
from .registration import audit_mode_of, audited_fields
from .secrets import WITHHELD, is_secret_field


def leaves_entries_by_itself(model: type[models.Model]) -> bool:
    """Whether auditlog's receivers keep each write of the model already."""
    return audit_mode_of(model) is AuditMode.ENTRIES


def stored_row(row: models.Model) -> models.Model | None:
    """Return the row as the database holds it now, None where it holds none."""
    found: models.Model | None = type(row)._base_manager.filter(pk=row.pk).first()
    return found


def row_changes(before: models.Model | None, after: models.Model | None) -> dict[str, Any]:
    """Return field name to [before, after], of the fields that differ; a secret's values are withheld.

    before: None for a new row;  after: None for a deleted one
    """
    row = after if after is not None else before
    assert row is not None  # noqa: S101 - one of the two is a row
    changes: dict[str, Any] = {}
    for name in audited_fields(type(row)):
        field: Any = row._meta.get_field(name)
        pair = [_value(side, field) for side in (before, after)]
        if pair[0] != pair[1]:
            changes[name] = WITHHELD if is_secret_field(field) else pair
    return changes


def _value(row: models.Model | None, field: Any) -> Any:
    return None if row is None else get_field_value(row, field, use_json_for_changes=True)
