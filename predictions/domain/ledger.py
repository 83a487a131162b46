"""The chain that shows whether predictions were left as they were written.

1. A row's hash covers every column of its content, by name, and the hash of the project's row before it.
2. The first row of a project follows the empty hash. A unique constraint forbids two rows that follow the same one.
3. Checking walks the chain: a changed row does not match its own hash, a missing one breaks the link of the next.

Assumes that somebody outside keeps the newest hash; without that a whole chain could be written anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import models

from predictions.models import Prediction

LEFT_OUT = frozenset({"row_hash", "created_at"})
"""The hash itself, and the moment the database row was made, which says nothing about the claim."""


def chain_prediction(prediction: Prediction, *, previous_hash: str) -> None:
    """Give an unsaved prediction its place in the chain. previous_hash: of the project's last row, or empty."""
    prediction.previous_hash = previous_hash
    prediction.row_hash = content_hash(prediction)


def content_hash(prediction: Prediction) -> str:
    """SHA-256 of the row's content in a canonical form: 64 hex digits."""
    content = {
        field.attname: _plain(getattr(prediction, field.attname))
        for field in prediction._meta.concrete_fields
        if field.attname not in LEFT_OUT
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def newest_hash(*, project_id: UUID) -> str:
    """The hash that the project's next row follows; empty before the first."""
    followed = Prediction.objects.filter(project_id=project_id, previous_hash=models.OuterRef("row_hash"))
    last = (
        Prediction.objects.filter(project_id=project_id)
        .exclude(row_hash="")
        .exclude(models.Exists(followed))
        .values_list("row_hash", flat=True)
        .first()
    )
    return str(last or "")


def broken_links(predictions: Iterable[Prediction]) -> list[UUID]:
    """The rows of one project that do not match their hash, or follow a row that is not there, by id.

    predictions: the project's rows in any order; those outside the chain are passed over
    """
    chained = [row for row in predictions if row.row_hash]
    known = {row.row_hash for row in chained} | {""}
    return sorted(row.pk for row in chained if row.row_hash != content_hash(row) or row.previous_hash not in known)


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """What walking one project's chain found.

    first_broken: in the order of writing;  problem: in words, empty where nothing is broken
    newest_hash: to be kept by somebody outside
    """

    rows: int
    broken: int
    first_broken: Prediction | None
    problem: str
    newest_hash: str


def check_ledger(project_id: UUID) -> LedgerCheck:
    """Walk the chain of a project in the tenant that is current; two queries, rows read once."""
    rows = list(Prediction.objects.filter(project_id=project_id).exclude(row_hash="").order_by("id"))
    broken = set(broken_links(rows))
    first = next((row for row in rows if row.pk in broken), None)
    return LedgerCheck(
        rows=len(rows),
        broken=len(broken),
        first_broken=first,
        problem="" if first is None else _problem(first),
        newest_hash=newest_hash(project_id=project_id) if rows else "",
    )


def _problem(row: Prediction) -> str:
    if row.row_hash != content_hash(row):
        return "its content does not match its hash"
    return "the row that it follows is gone"


def _plain(value: Any) -> Any:
    """A column's value as JSON that is the same before it is stored and after it is read."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) + 0.0  # jsonb has one zero, and no difference between 1 and 1.0
    return str(value) if isinstance(value, UUID | models.Choices) else value
