"""Audit entries for reading: who looked at a gap analysis or a prediction, and what left as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Model

from tenants.domain.auditing import AuditAction, Operation, record, record_shown

ACTIONS: Mapping[str, AuditAction] = {
    "gaps": AuditAction.VIEW_GAP_ANALYSIS,
    "predictions": AuditAction.ACCESS_PREDICTION,
    "projects": AuditAction.ACCESS_PREDICTION,
}
"""By app. The only readings kept in projects are those of a forecast, and of the runs that hold it."""


def record_export(
    model: type[Model], *, row_count: int, format_name: str, asked: Mapping[str, Any], answer: str = ""
) -> None:
    """Keep that rows leave as a file: which, how many, narrowed by what. Called before a row of a list is read.

    answer: where they are the tables of an answer, its address
    """
    record(
        action=AuditAction.EXPORT_DATA,
        operation=Operation.READ,
        resource=model,
        changes={
            "counts": {"exported": row_count},
            "format": format_name,
            "asked": dict(asked),
            **({"answer": answer} if answer else {}),
        },
    )


def record_read(model: type[Model], row_ids: Sequence[UUID]) -> None:
    """Keep that rows were shown: one entry for a page, naming the row where it is one."""
    label = model._meta.label_lower
    resource_id = str(row_ids[0]) if len(row_ids) == 1 else ""
    record_shown(
        action=ACTIONS[model._meta.app_label],
        resource=(label, resource_id),
        changes={} if resource_id else {"counts": {"shown": len(row_ids)}},
    )
