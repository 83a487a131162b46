"""Rows of evidence, as every detector gives them."""

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from predictions.forecasters.answers import MAX_EVIDENCE_ITEMS, EvidenceFact
from projects.history.columns import Rows
from projects.history.instants import from_us
from projects.history.project_history import ProjectHistory


def project_fact(label: str, field: str, value: str, at: datetime) -> EvidenceFact:
    """A measure of the project as a whole."""
    return EvidenceFact("project", "", label, field, value, at)


def item_facts(
    known: ProjectHistory, rows: Rows, *, field: str, values: Iterable[str], at_us: Iterable[int] | None = None
) -> tuple[EvidenceFact, ...]:
    """Work items, at most five, in the order given.

    values: of the field, one for each row;  at_us: when it was seen, by default when the item was created
    """
    moments = known.items.created_us[rows].tolist() if at_us is None else at_us
    chosen = zip(rows.tolist()[:MAX_EVIDENCE_ITEMS], values, moments, strict=False)
    return tuple(
        EvidenceFact(
            object_type="work_item",
            object_id=str(known.items.ids[row]),
            label=str(known.items.keys[row]),
            field=field,
            value=value,
            observed_at=min(from_us(int(observed_us)), known.as_of_moment),
            url=str(known.items.urls[row]),
        )
        for row, value, observed_us in chosen
    )


def oldest_first(known: ProjectHistory, rows: Rows) -> Rows:
    """The same items, those created first in front."""
    ordered: Rows = rows[np.argsort(known.items.created_us[rows], kind="stable")]
    return ordered
