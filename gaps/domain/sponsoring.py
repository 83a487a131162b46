"""The facts of a sponsor's page, read from what was computed; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from gaps.answers.sponsor import (
    ActionFacts,
    CauseFacts,
    ForecastFacts,
    GoalFacts,
    SponsorFacts,
    SponsorPage,
    sponsor_page,
)
from gaps.detectors.ranked_causes import UNEXPLAINED, UNEXPLAINED_CONFIDENCE
from gaps.models import CorrectiveAction, RootCause
from gaps.models.gap import LIVE
from predictions.enums import ActionStatus, Priority
from projects.domain.queries.runs import runs_of
from projects.enums import CARRYING, AnalysisKind
from projects.models import Goal, Project, ProjectMembership, Stakeholder
from tenants.models import User

RANK = {priority: rank for rank, priority in enumerate(Priority)}
MOST_ROWS = 50
"""Causes and actions looked at; three of each are shown."""


def sponsor_page_of(goal: Goal, *, at: datetime) -> SponsorPage:
    """The page of one goal, with days as the project's time zone has them. Six queries.

    at: now; what had to be started before is no decision any more
    """
    project = goal.project
    zone = ZoneInfo(project.time_zone)
    return sponsor_page(
        SponsorFacts(
            goal=GoalFacts(
                id=goal.pk,
                title=goal.title,
                project=project.name,
                due_date=goal.due_date,
                target=goal.target_value,
                current=goal.current_value,
                is_achieved=goal.is_achieved,
            ),
            forecast=_forecast(project.pk, zone),
            causes=_causes(project.pk),
            actions=_actions(project.pk, zone, at),
            names=_names(project),
        )
    )


def describe_sponsor_page(page: SponsorPage) -> dict[str, Any]:
    """The page as JSON values."""
    return {
        "goal": page.goal,
        "project": page.project,
        "as_of": page.as_of,
        "readiness": page.readiness,
        **{
            name: [
                {"text": said.text, "source": {"type": said.source_type, "id": said.source_id}}
                for said in getattr(page, name)
            ]
            for name in ("now", "likely", "reasons", "decisions")
        },
        "unknown": list(page.unknown),
    }


def _forecast(project_id: UUID, zone: ZoneInfo) -> ForecastFacts | None:
    record = runs_of(project_id, AnalysisKind.FORECAST).first()
    if record is None:
        return None
    missing = [str(reason["message"]) for reason in record.readiness_reasons]
    as_of = record.as_of.astimezone(zone)
    if record.readiness not in CARRYING:
        return ForecastFacts(record.pk, as_of, record.readiness, missing=missing)
    results: Mapping[str, Any] = record.results
    return ForecastFacts(
        id=record.pk,
        as_of=as_of,
        readiness=record.readiness,
        target_date=_day(results.get("target_date")),
        p_on_time=(results.get("p_on_time") or {}).get("value"),
        remaining_items=results.get("remaining_items"),
        dates=[(point["p"], _day(point["value"])) for point in results.get("quantiles") or ()],
        missing=missing,
    )


def _causes(project_id: UUID) -> list[CauseFacts]:
    """Computed causes of what is open that chance does not explain as well: what a person typed stays inside."""
    rows = (
        RootCause.objects.filter(gap__project=project_id, gap__status__in=LIVE)
        .exclude(code="")
        .exclude(code=UNEXPLAINED)
        .exclude(confidence__lte=UNEXPLAINED_CONFIDENCE)
        .order_by("-gap__effect_tolerance_units", "rank", "id")
        .values(
            "pk", "gap__type", "description", "contribution_days", "contribution_money", "contribution_currency",
            "contribution_share", "gap__effect_tolerance_units",
        )
    )  # fmt: skip
    return [
        CauseFacts(
            id=row["pk"],
            gap_type=row["gap__type"],
            description=row["description"],
            days=row["contribution_days"],
            money="" if row["contribution_money"] is None else _money(row),
            share=row["contribution_share"],
            weight=(row["contribution_share"] or 0.0) * (row["gap__effect_tolerance_units"] or 1.0),
        )
        for row in rows[:MOST_ROWS]
        if (row["contribution_share"] or 0.0) > 0
    ]


def _money(row: Mapping[str, Any]) -> str:
    return f"{row['contribution_money']:,.0f} {row['contribution_currency']}"


def _actions(project_id: UUID, zone: ZoneInfo, at: datetime) -> list[ActionFacts]:
    rows = (
        CorrectiveAction.objects.filter(gap__project=project_id, gap__status__in=LIVE)
        .filter(status__in=(ActionStatus.SUGGESTED, ActionStatus.ACTIVE))
        .exclude(code="")
        .order_by("-gap__effect_tolerance_units", "id")
        .values("pk", "title", "status", "priority", "latest_start_at", "gap__effect_tolerance_units")
    )
    return [
        ActionFacts(
            id=row["pk"],
            title=row["title"],
            latest_start=None if row["latest_start_at"] is None else row["latest_start_at"].astimezone(zone).date(),
            is_agreed=row["status"] == ActionStatus.ACTIVE,
            weight=(row["gap__effect_tolerance_units"] or 1.0) * (1 + RANK[Priority(row["priority"])]),
        )
        for row in rows[:MOST_ROWS]
        if row["latest_start_at"] is None or row["latest_start_at"] > at
    ]


def _names(project: Project) -> list[str]:
    """People whose names may stand in a title: those of the project, and who owns what there is to do in it."""
    stakeholders = Stakeholder.objects.filter(project=project).values_list("name", flat=True)
    members = ProjectMembership.objects.filter(project=project).values("user")
    owners = CorrectiveAction.objects.filter(gap__project=project, owner__isnull=False).values("owner")
    people = User.objects.filter(Q(pk__in=members) | Q(pk__in=owners) | Q(pk=project.owner_id))
    return [*stakeholders, *(" ".join(pair) for pair in people.values_list("first_name", "last_name"))]


def _day(text: Any) -> date | None:
    return None if not text else date.fromisoformat(str(text))


def as_of_text(moment: datetime | None) -> str:
    """When the page was true, for people.  moment: in the project's time zone"""
    return "not analysed yet" if moment is None else f"as of {moment:%-d %b %Y}"
