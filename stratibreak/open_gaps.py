"""The open gaps of one project in words, for its page: how bad, why, and what is being done or could be.

The gap with most to lose comes first, as in the briefing. What the newest run could not answer is named beside them:
without it, a short list would look like good news.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from gaps.answers.matters import gap_loss
from gaps.detectors.ranked_causes import UNEXPLAINED
from gaps.domain.briefing import first_actions
from gaps.domain.portfolio import answered_types
from gaps.enums import GapType
from gaps.gap_answer import Cause, cause_in_words
from gaps.models import CorrectiveAction, Gap, RootCause
from gaps.models.gap import LIVE
from predictions.enums import ActionStatus
from projects.models import Project
from tenants.api.access import visible_of

MOST_ROWS = 7
"""As many as in a briefing; the list of gaps has them all."""


@dataclass(frozen=True, slots=True)
class OpenGap:
    """One gap.  cause: what explains most of it, as far as anything does;  action: what to do first"""

    gap: Gap
    cause: Cause | None
    action: SuggestedAction | None


@dataclass(frozen=True, slots=True)
class SuggestedAction:
    """One action.  state: in small letters"""

    id: UUID
    title: str
    state: str
    due_date: date | None


@dataclass(frozen=True, slots=True)
class OpenGaps:
    """What a project's page says of its gaps.  more: how many are not shown;  unknown: types nobody can speak of"""

    rows: tuple[OpenGap, ...]
    more: int
    unknown: tuple[str, ...]

    @property
    def worst(self) -> str:
        """The severity of the first row, in small letters; empty where there is none."""
        return str(self.rows[0].gap.severity).lower() if self.rows else ""


def open_gaps(project: Project, user: Any, *, at: datetime) -> OpenGaps:
    """What the person may see of them, in five queries at most."""
    found = list(visible_of(Gap.objects.filter(project=project, status__in=LIVE), user))
    found.sort(key=lambda gap: (-gap_loss(gap.effect_tolerance_units, gap.severity), str(gap.pk)))
    shown = found[:MOST_ROWS]
    causes, actions = _first_causes(shown), first_actions(CorrectiveAction, "gap", [gap.pk for gap in shown], at=at)
    found_types = {gap.type for gap in found}
    answered = answered_types([project.pk]).get(project.pk, frozenset())
    return OpenGaps(
        rows=tuple(OpenGap(gap, causes.get(gap.pk), _action(actions.get(gap.pk))) for gap in shown),
        more=len(found) - len(shown),
        unknown=tuple(label for kind, label in GapType.choices if kind not in answered and kind not in found_types),
    )


def _first_causes(gaps: Sequence[Gap]) -> dict[UUID, Cause]:
    """By gap: the cause of the first rank that adds to it and that somebody could name."""
    rows = RootCause.objects.filter(gap__in=[gap.pk for gap in gaps]).exclude(code=UNEXPLAINED).order_by("-rank")
    return {
        row.gap_id: cause_in_words(row) for row in rows if row.contribution_share is None or row.contribution_share > 0
    }


def _action(row: Mapping[str, Any] | None) -> SuggestedAction | None:
    if row is None:
        return None
    return SuggestedAction(row["pk"], row["title"], ActionStatus(row["status"]).label.lower(), row["due_date"])
