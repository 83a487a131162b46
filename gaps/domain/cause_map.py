"""The causes of a gap as a map: which has to be dealt with before which, and in what order for most effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gaps.causes.order import LinkedCause, order_of_causes
from gaps.detectors.ranked_causes import UNEXPLAINED
from gaps.models import Gap, RootCause
from predictions.attribution.factors import SlipFactor

NOT_TO_DEAL_WITH = frozenset({UNEXPLAINED, str(SlipFactor.LATE_START)})
"""What nobody can explain, and what is over and cannot be made good."""
MOST_ORDERED = 50
"""Detection names a handful; of what people enter beyond this, the rest follows by rank."""


@dataclass(frozen=True, slots=True)
class OrderedCause:
    """One cause in its place.  after: those in the order that have to be dealt with before it"""

    cause: RootCause
    after: tuple[RootCause, ...]


def ordered_causes(causes: Sequence[RootCause]) -> tuple[OrderedCause, ...]:
    """The causes of one gap that somebody can deal with, what to deal with first in front.

    What eases the gap, or has no part in it, is none of them.  causes: by rank
    """
    actionable = [cause for cause in causes if cause.code not in NOT_TO_DEAL_WITH and not _adds_nothing(cause)]
    after = {
        str(cause.pk): tuple(
            other for other in actionable if other.code and other.code in cause.depends_on and other is not cause
        )
        for cause in actionable
    }
    linked = [
        LinkedCause(str(cause.pk), cause.contribution_share, tuple(str(other.pk) for other in after[str(cause.pk)]))
        for cause in actionable[:MOST_ORDERED]
    ]
    by_name = {str(cause.pk): cause for cause in actionable}
    names = (*order_of_causes(linked), *(str(cause.pk) for cause in actionable[MOST_ORDERED:]))
    return tuple(OrderedCause(by_name[name], after[name]) for name in names)


def describe_cause_map(gap: Gap) -> dict[str, Any]:
    """The map as JSON values; one query."""
    causes = list(gap.root_causes.order_by("rank"))
    ordered = ordered_causes(causes)
    waits_for = {each.cause.pk: [other.pk for other in each.after] for each in ordered}
    return {
        "gap": gap.pk,
        "causes": [
            {
                "id": cause.pk,
                "rank": cause.rank,
                "code": cause.code,
                "description": cause.description,
                "contribution_share": cause.contribution_share,
                "waits_for": waits_for.get(cause.pk, []),
            }
            for cause in causes
        ],
        "order": [each.cause.pk for each in ordered],
    }


def _adds_nothing(cause: RootCause) -> bool:
    return cause.contribution_share is not None and cause.contribution_share <= 0
