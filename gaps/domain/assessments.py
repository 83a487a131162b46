"""Asking the detectors: for each gap type, what there is now, or that nobody can say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from gaps.detectors.detection import Detection, DetectionContext, Tolerances
from gaps.detectors.registry import DETECTORS
from gaps.enums import GapType
from projects.enums import Direction, MeasureKind
from projects.history import BudgetFact
from projects.models import Goal, Project


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one detector says about one subject.  fingerprint: names the gap across runs, whatever its numbers are"""

    detection: Detection
    fingerprint: str


def assess_project(context: DetectionContext) -> list[Assessment]:
    """Every detector's answers. Writes nothing."""
    return [
        Assessment(detection, fingerprint_of(detection.type, detection.subject))
        for detect in DETECTORS.values()
        for detection in detect(context)
    ]


def project_tolerances(project: Project) -> Tolerances:
    """What people said that they accept of the project, whatever its date and budget are."""
    return Tolerances(
        schedule_days=float(project.schedule_tolerance_days),
        schedule_percent=project.schedule_tolerance_percent,
        budget_percent=project.budget_tolerance_percent,
        scope_percent=project.scope_tolerance_percent,
        accepted_risk=project.accepted_risk,
    )


def tolerances_of(project: Project, *, target_date: date | None, budget: BudgetFact | None) -> Tolerances:
    """What people accept of what is in force: a goal about that date or budget says it, else the project.

    Of several goals about the same the strictest counts. One query.
    """
    accepted = project_tolerances(project)
    goals = Goal.objects.filter(project=project, achieved_at__isnull=True, tolerance__isnull=False)
    said = list(goals.order_by().values_list("target_value", "tolerance"))
    days = [tolerance for target, tolerance in said if _is_about_day(target, target_date)]
    shares = [100 * tolerance / target["value"] for target, tolerance in said if _is_about_budget(target, budget)]
    if days:
        accepted = replace(accepted, schedule_days=min(days), schedule_percent=0.0)
    return replace(accepted, budget_percent=min(shares)) if shares else accepted


def _is_about_day(target: Mapping[str, Any], day: date | None) -> bool:
    return day is not None and target["kind"] == MeasureKind.DATE and target["value"] == day.isoformat()


def _is_about_budget(target: Mapping[str, Any], budget: BudgetFact | None) -> bool:
    return (
        budget is not None
        and budget.amount > 0
        and (target["kind"], target["direction"]) == (MeasureKind.MONEY, Direction.AT_MOST)
        and (target["value"], target["unit"]) == (budget.amount, budget.currency)
    )


def settings_row(tolerances: Tolerances, target_date: date | None) -> dict[str, Any]:
    """What a run was told beside the record, as it is kept: two runs differ by it although their facts are the same."""
    return {**asdict(tolerances), "target_date": None if target_date is None else target_date.isoformat()}


def settings_in(row: Mapping[str, Any]) -> tuple[Tolerances, date | None]:
    """What `settings_row` kept: the tolerances, and the target date."""
    told = dict(row)
    target = told.pop("target_date")
    return Tolerances(**told), None if target is None else date.fromisoformat(target)


def fingerprint_of(gap_type: GapType, subject: str) -> str:
    """The name under which a detected gap is found again. subject: "project", or what in the project it is about."""
    return hashlib.sha256(f"{gap_type} {subject}".encode()).hexdigest()
