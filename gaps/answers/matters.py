"""Matters: what a gap and a warning about the same thing have in common, and how much each may cost.

1. A gap's expected loss is its effect in tolerances. One that a person entered has none: then the lowest effect of its
   severity stands in.
2. A warning's expected loss is its probability times the lowest effect of the impact it would have.
3. A gap and a warning of one project that speak of the same thing are one matter: the dearer one speaks for both, of
   those that can still be helped.
4. A warning that somebody dismissed, or of a kind that is muted in its project, is left out; its gap is not.
5. Hours left are counted from when they were computed: an answer of yesterday has a day less.

Example: a TIMELINE gap of 4.2 T and a DELAY_RISK of .9 with HIGH impact (2 T): one matter of 4.2, the warning of 1.8
stands behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from gaps.enums import GapType
from predictions.enums import PredictionType, Severity
from predictions.forecasters.severity import SEVERITY_FROM

LOWEST_EFFECT: Mapping[str, float] = {severity: effect for effect, severity in SEVERITY_FROM}
SAME_MATTER: Mapping[str, str] = {
    PredictionType.DELAY_RISK: GapType.TIMELINE,
    PredictionType.RESOURCE_SHORTAGE: GapType.RESOURCE,
    PredictionType.QUALITY_ISSUE: GapType.QUALITY,
    PredictionType.BUDGET_OVERRUN: GapType.BUDGET,
    PredictionType.TEAM_BURNOUT: GapType.CULTURE,
}
"""By type of prediction; growing scope has no gap of its own."""


class MatterKind(StrEnum):
    """Where a matter comes from."""

    GAP = "GAP"
    PREDICTION = "PREDICTION"


class Suppression(StrEnum):
    """Why something is not among the rows."""

    DISMISSED = "DISMISSED"
    MUTED = "MUTED"
    SAME_MATTER = "SAME_MATTER"
    WINDOW_CLOSED = "WINDOW_CLOSED"
    LESS_LOSS = "LESS_LOSS"


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that could be dealt with.

    type: of the gap or of the prediction;  expected_loss: in tolerances;  hours_left: None where no window is known
    subject: what in the project it is about, so that two matters of one type stay apart
    silenced: a person said that they do not want to hear of it, and how
    about: type, id and key of what a warning names in its title
    """

    kind: MatterKind
    id: UUID
    project_id: UUID
    type: str
    subject: str
    title: str
    severity: Severity
    expected_loss: float
    hours_left: float | None
    as_of: datetime | None
    readiness: str
    silenced: Suppression | None = None
    about: Mapping[str, Any] | None = None

    @property
    def thread(self) -> tuple[UUID, str, str]:
        """What it has in common with others that speak of the same thing."""
        return (self.project_id, SAME_MATTER.get(self.type, self.type), self.subject)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The rows worth a look now, the dearest first, and what was left out."""

    rows: tuple[Matter, ...]
    suppressed: tuple[tuple[Matter, Suppression], ...]


def rank_matters(matters: Iterable[Matter], *, most: int) -> Ranking:
    """Choose what to show. The same matters give the same answer in whatever order they come."""
    ordered = sorted(matters, key=lambda matter: (-matter.expected_loss, str(matter.id)))
    rows: list[Matter] = []
    suppressed: list[tuple[Matter, Suppression]] = []
    seen: set[tuple[UUID, str, str]] = set()
    for matter in ordered:
        if matter.silenced is not None:
            suppressed.append((matter, matter.silenced))
            continue
        if matter.hours_left is not None and matter.hours_left <= 0:
            suppressed.append((matter, Suppression.WINDOW_CLOSED))
            continue
        if matter.thread in seen:
            suppressed.append((matter, Suppression.SAME_MATTER))
            continue
        seen.add(matter.thread)
        if len(rows) < most:
            rows.append(matter)
        else:
            suppressed.append((matter, Suppression.LESS_LOSS))
    return Ranking(tuple(rows), tuple(suppressed))


def gap_loss(effect_in_tolerances: float | None, severity: str) -> float:
    """Expected loss of a gap in tolerances."""
    return LOWEST_EFFECT[severity] if effect_in_tolerances is None else max(effect_in_tolerances, 0.0)


def warning_loss(probability: float, impact: str) -> float:
    """Expected loss of a warning in tolerances."""
    return probability * LOWEST_EFFECT[impact]


def hours_left(hours: float | None, counted_from: datetime | None, at: datetime) -> float | None:
    """What is left of a window now; None where none is known."""
    if hours is None or counted_from is None:
        return None
    return hours - (at - counted_from).total_seconds() / 3600
