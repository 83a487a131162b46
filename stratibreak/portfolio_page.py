"""The backoffice's page "How do all projects stand?": what the API's portfolio says, as a table and a heat map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from gaps.domain.portfolio import Cell, describe_portfolio
from gaps.enums import GapType
from gaps.models import Gap
from projects.models import Project, WorkItem
from projects.plain_words import NOT_KNOWN, day, percent
from stratibreak.reading_page import reading_page
from tenants.api.access import visible_of
from tenants.api.reads import record_read

SHORT_WORDS: Mapping[str, str] = {
    Cell.CLEAR: "clear",
    Cell.UNKNOWN: "?",
    Cell.LOW: "low",
    Cell.MEDIUM: "medium",
    Cell.HIGH: "high",
    Cell.CRITICAL: "critical",
}
"""In a square; what is unknown has a sign of its own, beside the colour of its own."""
LEAST_MOVE = 0.01


@dataclass(frozen=True, slots=True)
class Square:
    """One gap type of one project.  state: as in `Cell`;  word: what stands in it;  told: for a screen reader"""

    state: str
    word: str
    told: str


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """One project in words.  seen: of which day its numbers are"""

    project_id: UUID
    name: str
    seen: str
    chance: str
    promised: str
    likely: str
    moved: str
    open_gaps: int
    changes: str
    squares: tuple[Square, ...]


@dataclass(frozen=True, slots=True)
class DateRow:
    """One project of a group: its dates alone and with the others."""

    project_id: UUID
    name: str
    promised: str
    chance: str
    alone: str
    together: str


@dataclass(frozen=True, slots=True)
class JointGroup:
    """Projects with people in common.

    chance: that all keep their dates, and between what it lies;  missing: who has no forecast
    """

    names: str
    people: int
    chance: str
    possible: str
    rows: tuple[DateRow, ...]
    missing: str


@reading_page("gaps.view_gap")
def portfolio(request: HttpRequest) -> HttpResponse:
    """Show all running projects that the person may see."""
    told = portfolio_of(request.user)
    record_read(Gap, [row["project"] for row in told["projects"]])
    context = {
        **admin.site.each_context(request),
        "title": "How do all projects stand?",
        "rows": [portfolio_row(row) for row in told["projects"]],
        "types": GapType.choices,
        "totals": told["totals"],
        "since": told["changed_since"],
        "groups": joint_groups(told),
    }
    return TemplateResponse(request, "admin/portfolio.html", context)


def portfolio_of(user: Any) -> dict[str, Any]:
    """The API's answer, of what a person may see."""
    return describe_portfolio(
        projects=visible_of(Project.objects.all(), user),
        gaps=visible_of(Gap.objects.all(), user),
        items=visible_of(WorkItem.objects.all(), user),
        at=timezone.now(),
    )


def portfolio_row(row: Mapping[str, Any]) -> PortfolioRow:
    """One row of the API's answer in words."""
    labels = dict(GapType.choices)
    return PortfolioRow(
        project_id=row["project"],
        name=row["name"],
        seen="not analysed yet" if row["as_of"] is None else f"as of {day(row['as_of'].date())}",
        chance=percent(row["p_on_time"]),
        promised=_day(row["target_date"], otherwise="—"),
        likely=_day(row["p85_finish_date"], otherwise=NOT_KNOWN),
        moved=_moved(row["changes"]["p_on_time_moved"]),
        open_gaps=row["open_gaps"],
        changes=_changes(row["changes"]),
        squares=tuple(
            Square(str(state).lower(), SHORT_WORDS[state], f"{labels[gap_type]}: {_told(state)}")
            for gap_type, state in row["gaps"].items()
        ),
    )


def joint_groups(told: Mapping[str, Any]) -> tuple[JointGroup, ...]:
    """The groups of the API's answer in words."""
    names = {row["project"]: row["name"] for row in told["projects"]}
    return tuple(_joint_group(group, names) for group in told["joint_dates"])


def _joint_group(group: Mapping[str, Any], names: Mapping[UUID, str]) -> JointGroup:
    chance = group["p_all_on_time"]
    everyone = [*(row["project"] for row in group["projects"]), *group["without_forecast"]]
    return JointGroup(
        names=", ".join(names[project] for project in everyone),
        people=group["people_shared"],
        chance=percent(None if chance is None else chance["value"]),
        possible="" if chance is None else f"{percent(chance['low'])} to {percent(chance['high'])}",
        rows=tuple(
            DateRow(
                project_id=row["project"],
                name=names[row["project"]],
                promised=_day(row["target_date"], otherwise="—"),
                chance=percent(row["p_on_time"]),
                alone=_day(row["p85_finish_date"], otherwise=NOT_KNOWN),
                together=_day(row["joint_finish_date"], otherwise=NOT_KNOWN),
            )
            for row in group["projects"]
        ),
        missing=", ".join(names[project] for project in group["without_forecast"]),
    )


def _day(value: Any, *, otherwise: str) -> str:
    if not value:
        return otherwise
    return day(value if isinstance(value, date) else date.fromisoformat(str(value)))


def _moved(change: float | None) -> str:
    if change is None:
        return ""
    if abs(change) < LEAST_MOVE:
        return "no change"
    return f"{'up' if change > 0 else 'down'} {abs(change) * 100:.0f} points"


def _changes(changes: Mapping[str, Any]) -> str:
    kinds = (("opened", "new"), ("worsened", "worse"), ("eased", "better"), ("resolved", "resolved"))
    return ", ".join(f"{changes[kind]} {word}" for kind, word in kinds if changes[kind])


def _told(state: str) -> str:
    return "nobody can say" if state == Cell.UNKNOWN else SHORT_WORDS[state]
