"""What happened to the gaps of a project, put in for the places that the organisation wants told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from gaps.enums import TransitionKind
from gaps.models import GapTransition
from integrations.domain.outgoing import announce
from integrations.domain.outgoing.announcing import has_destinations, out_of_the_way
from integrations.domain.outgoing.links import api_link
from integrations.enums import EventType
from integrations.models import OutgoingMessage
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, Project

EVENTS: Final[Mapping[str, EventType]] = {
    TransitionKind.OPENED: EventType.GAP_OPENED,
    TransitionKind.REOPENED: EventType.GAP_OPENED,
    TransitionKind.WORSENED: EventType.GAP_WORSENED,
    TransitionKind.RESOLVED: EventType.GAP_RESOLVED,
    TransitionKind.CLOSED: EventType.GAP_RESOLVED,
}

OVERLAP: Final = timedelta(minutes=5)
"""What a person wrote may be committed after an analysis that ended later. What was told is not told again."""


def announce_gap_news(*, project: Project, at: datetime) -> None:
    """Put in what this analysis found, and what people did to gaps since the one before. Never raises.

    Called by an analysis before it keeps its own record, in its transaction.
    """
    with out_of_the_way("news of gaps"):
        if not has_destinations():
            return
        for transition in _since_the_last_analysis(project, at):
            _announce(project, transition)


def _since_the_last_analysis(project: Project, at: datetime) -> list[GapTransition]:
    analysed: datetime | None = (
        AnalysisRecord.objects.filter(project=project, kind=AnalysisKind.REFRESH)
        .order_by("-created_at")
        .values_list("created_at", flat=True)
        .first()
    )
    news = Q(at=at) if analysed is None else Q(at=at) | Q(created_at__gt=analysed - OVERLAP)
    found = GapTransition.objects.filter(news, gap__project=project, kind__in=list(EVENTS))
    transitions = list(found.select_related("gap").order_by("id"))
    told = _told(transitions) if transitions else set()
    return [each for each in transitions if str(each.pk) not in told]


def _told(transitions: list[GapTransition]) -> set[str]:
    keys = [str(each.pk) for each in transitions]
    return set(
        OutgoingMessage.objects.filter(type__in=list(EVENTS.values()), key__in=keys).values_list("key", flat=True)
    )


def _announce(project: Project, transition: GapTransition) -> None:
    gap = transition.gap
    announce(
        type=EVENTS[transition.kind],
        key=str(transition.pk),
        occurred_at=transition.at,
        project=project,
        data={
            "gap": str(gap.pk),
            "project": str(project.pk),
            "change": transition.kind,
            "gap_type": gap.type,
            "gap_category": gap.category,
            "status": transition.to_status,
            "severity": transition.to_severity,
            "severity_before": transition.from_severity,
            "effect_in_tolerances": transition.to_effect,
            "by_person": transition.actor_id is not None,
            "link": api_link("gaps", gap.pk),
        },
    )
