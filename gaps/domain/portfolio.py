"""How all projects stand: a ranked table, a heat map of gap types, what changed, and dates where people are shared.

Everything is about the projects a person may see, and counted from the rows shown: totals are their sums, so nothing
can be read from them about another project. Unknown is a state of its own and never the colour of "fine".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Count, F, QuerySet
from django.db.models.fields.json import KeyTransform

from gaps.answers.matters import gap_loss
from gaps.detectors.severity import SEVERITY_RANK
from gaps.enums import GapType, TransitionKind
from gaps.models import Gap, GapTransition
from gaps.models.gap import LIVE
from predictions.domain.joint_dates import describe_joint_dates
from projects.domain.queries.runs import standing_runs
from projects.enums import CARRYING, AnalysisKind, ProjectStatus, Readiness
from projects.models import Project, WorkItem

SINCE = timedelta(days=7)


class Cell(StrEnum):
    """One square of the heat map: the worst open gap of the type, that there is none, or that nobody can say."""

    CLEAR = "CLEAR"
    UNKNOWN = "UNKNOWN"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


@dataclass(slots=True)
class _Standing:
    """What is known of one project."""

    worst: dict[str, str] = field(default_factory=dict)
    gaps: int = 0
    loss: float = 0.0
    answered: frozenset[str] = frozenset()
    forecast: Mapping[str, Any] | None = None
    week_ago: Mapping[str, Any] | None = None
    changes: Counter[str] = field(default_factory=Counter)


def describe_portfolio(
    *, projects: QuerySet[Project], gaps: QuerySet[Gap], items: QuerySet[WorkItem], at: datetime
) -> dict[str, Any]:
    """The portfolio as JSON values, from the rows that a person may see. Eight queries at most, for any number."""
    rows = list(
        projects.filter(status=ProjectStatus.ACTIVE).order_by("name_lower").values("pk", "name", "end_date", "owner_id")
    )
    standings: dict[UUID, _Standing] = defaultdict(_Standing)
    ids = [row["pk"] for row in rows]
    _add_gaps(standings, gaps.filter(project__in=ids, status__in=LIVE))
    _add_changes(standings, ids, since=at - SINCE)
    for pk, types in answered_types(ids).items():
        standings[pk].answered = types
    for pk, record in _forecasts(ids, until=at).items():
        standings[pk].forecast = record
    for pk, record in _forecasts(ids, until=at - SINCE).items():
        standings[pk].week_ago = record
    told = [_row(row, standings[row["pk"]]) for row in rows]
    told.sort(key=lambda row: (-row["expected_loss_tolerances"], row["name"].lower()))
    return {
        "as_of": at,
        "changed_since": at - SINCE,
        "projects": told,
        "totals": _totals(told),
        "joint_dates": describe_joint_dates(ids, items=items, until=at),
    }


def _add_gaps(standings: dict[UUID, _Standing], gaps: QuerySet[Gap]) -> None:
    for project_id, gap_type, severity, effect in gaps.values_list(
        "project_id", "type", "severity", "effect_tolerance_units"
    ):
        standing = standings[project_id]
        standing.gaps += 1
        standing.loss += gap_loss(effect, severity)
        if gap_type not in standing.worst or SEVERITY_RANK[severity] > SEVERITY_RANK[standing.worst[gap_type]]:
            standing.worst[gap_type] = severity


def _add_changes(standings: dict[UUID, _Standing], ids: list[UUID], *, since: datetime) -> None:
    counted = (
        GapTransition.objects.filter(gap__project__in=ids, at__gt=since)
        .values("kind", project=F("gap__project_id"))
        .annotate(number=Count("pk"))
    )
    for row in counted:
        standings[row["project"]].changes[row["kind"]] += row["number"]


def answered_types(projects: Iterable[UUID]) -> dict[UUID, frozenset[str]]:
    """Which types the newest run of each project could say something about; one query."""
    runs = standing_runs(projects, AnalysisKind.GAPS).values_list("project_id", KeyTransform("detectors", "results"))
    return {
        project_id: frozenset(row["type"] for row in detectors or () if row["readiness"] in CARRYING)
        for project_id, detectors in runs
    }


def _forecasts(ids: list[UUID], *, until: datetime) -> dict[UUID, Mapping[str, Any]]:
    rows = (
        standing_runs(ids, AnalysisKind.FORECAST)
        .filter(as_of__lte=until)
        .values(
            "project_id", "as_of", "readiness", "readiness_reasons",
            p_on_time=KeyTransform("p_on_time", "results"),
            quantiles=KeyTransform("quantiles", "results"),
            target_date=KeyTransform("target_date", "results"),
        )
    )  # fmt: skip
    return {row["project_id"]: row for row in rows}


def _row(project: Mapping[str, Any], standing: _Standing) -> dict[str, Any]:
    p_on_time, p85 = _promise(standing.forecast)
    before, _ = _promise(standing.week_ago)
    forecast = standing.forecast or {}
    was_asked_again = forecast.get("as_of") != (standing.week_ago or {}).get("as_of")
    return {
        "project": project["pk"],
        "name": project["name"],
        "owner": project["owner_id"],
        "as_of": forecast.get("as_of"),
        "readiness": forecast.get("readiness", Readiness.INSUFFICIENT),
        "target_date": forecast.get("target_date") or project["end_date"],
        "p_on_time": p_on_time,
        "p85_finish_date": p85,
        "open_gaps": standing.gaps,
        "expected_loss_tolerances": round(standing.loss, 3),
        "gaps": {gap_type: _cell(gap_type, standing) for gap_type in GapType.values},
        "changes": {
            "p_on_time_before": before,
            "p_on_time_moved": round(p_on_time - before, 4)
            if was_asked_again and p_on_time is not None and before is not None
            else None,
            **{str(kind).lower(): standing.changes[kind] for kind in TransitionKind if kind != TransitionKind.UPDATED},
        },
    }


def _promise(forecast: Mapping[str, Any] | None) -> tuple[float | None, str | None]:
    """P(on time) and the P85 date; neither without readiness."""
    if forecast is None or forecast["readiness"] not in CARRYING:
        return None, None
    on_time = (forecast["p_on_time"] or {}).get("value")
    dates = {point["p"]: point["value"] for point in forecast["quantiles"] or ()}
    return on_time, dates.get(0.85)


def _cell(gap_type: str, standing: _Standing) -> str:
    if gap_type in standing.worst:
        return Cell(standing.worst[gap_type])
    return Cell.CLEAR if gap_type in standing.answered else Cell.UNKNOWN


def _totals(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    rows = list(rows)
    return {
        "projects": len(rows),
        "open_gaps": sum(row["open_gaps"] for row in rows),
        "expected_loss_tolerances": round(sum(row["expected_loss_tolerances"] for row in rows), 3),
        "without_forecast": sum(row["p_on_time"] is None for row in rows),
        "gaps": {
            gap_type: dict(Counter(str(row["gaps"][gap_type]) for row in rows).most_common())
            for gap_type in GapType.values
        },
    }
