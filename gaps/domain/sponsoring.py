"""The facts of a sponsor's page, read from what was computed; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from gaps.answers.sponsor import (
    ActionFacts,
    CauseFacts,
    ForecastFacts,
    GoalFacts,
    SponsorFacts,
    SponsorPage,
    sponsor_page,
)
from gaps.detectors.ranked_causes import UNEXPLAINED
from gaps.models import CorrectiveAction, RootCause
from gaps.models.gap import LIVE
from predictions.enums import ActionStatus, Priority
from projects.domain.queries.runs import runs_of
from projects.enums import CARRYING, AnalysisKind
from projects.models import Goal, ProjectMembership, Stakeholder
from tenants.models import User

RANK = {priority: rank for rank, priority in enumerate(Priority)}
MOST_ROWS = 50
"""Causes and actions looked at; three of each are shown."""


def sponsor_page_of(goal: Goal) -> SponsorPage:
    """The page of one goal. Six queries."""
    project = goal.project
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
            forecast=_forecast(project.pk),
            causes=_causes(project.pk),
            actions=_actions(project.pk),
            names=_names(project.pk),
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


def _forecast(project_id: UUID) -> ForecastFacts | None:
    record = runs_of(project_id, AnalysisKind.FORECAST).first()
    if record is None:
        return None
    missing = [str(reason["message"]) for reason in record.readiness_reasons]
    if record.readiness not in CARRYING:
        return ForecastFacts(record.pk, record.as_of, record.readiness, missing=missing)
    results: Mapping[str, Any] = record.results
    return ForecastFacts(
        id=record.pk,
        as_of=record.as_of,
        readiness=record.readiness,
        target_date=_day(results.get("target_date")),
        p_on_time=(results.get("p_on_time") or {}).get("value"),
        remaining_items=results.get("remaining_items"),
        dates=[(point["p"], _day(point["value"])) for point in results.get("quantiles") or ()],
        missing=missing,
    )


def _causes(project_id: UUID) -> list[CauseFacts]:
    """Computed causes of what is open: what a person typed stays inside."""
    rows = (
        RootCause.objects.filter(gap__project=project_id, gap__status__in=LIVE)
        .exclude(code="")
        .exclude(code=UNEXPLAINED)
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


def _actions(project_id: UUID) -> list[ActionFacts]:
    rows = (
        CorrectiveAction.objects.filter(gap__project=project_id, gap__status__in=LIVE)
        .filter(status__in=(ActionStatus.SUGGESTED, ActionStatus.ACTIVE))
        .exclude(code="")
        .order_by("-gap__effect_tolerance_units", "id")
        .values("pk", "title", "status", "priority", "latest_start_at", "gap__effect_tolerance_units")
    )
    now = timezone.now()
    return [
        ActionFacts(
            id=row["pk"],
            title=row["title"],
            latest_start=None if row["latest_start_at"] is None else row["latest_start_at"].date(),
            is_agreed=row["status"] == ActionStatus.ACTIVE,
            weight=(row["gap__effect_tolerance_units"] or 1.0) * (1 + RANK[Priority(row["priority"])]),
        )
        for row in rows[:MOST_ROWS]
        if row["latest_start_at"] is None or row["latest_start_at"] > now
    ]


def _names(project_id: UUID) -> list[str]:
    """People whose names may stand in a title: those of the project."""
    stakeholders = Stakeholder.objects.filter(project=project_id).values_list("name", flat=True)
    members = ProjectMembership.objects.filter(project=project_id).values("user")
    people = User.objects.filter(pk__in=members).values_list("first_name", "last_name")
    return [*stakeholders, *(name for pair in people for name in pair)]


def _day(text: Any) -> date | None:
    return None if not text else date.fromisoformat(str(text))


def as_of_text(moment: datetime | None) -> str:
    """When the page was true, for people."""
    return "not analysed yet" if moment is None else f"as of {moment:%-d %b %Y}"
