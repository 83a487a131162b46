"""The list of what is wrong with a project's record: assessed with each analysis, kept with it, read from there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F

from projects.domain.queries.runs import runs_of
from projects.enums import AnalysisKind, Readiness
from projects.history.calendar import WorkCalendar
from projects.history.data_quality import (
    MAX_EXAMPLES,
    Example,
    GoalFact,
    PlanFacts,
    QualityIssue,
    ordered,
    plan_issues,
    record_issues,
)
from projects.history.project_history import ProjectHistory
from projects.models import AnalysisRecord, Goal, Project, WorkItemLink

QUALITY = "data_quality"
"""The name under which the results of a refresh hold it."""
NOT_ANALYSED = {
    "code": "NOT_ANALYSED",
    "message": "The project was not analysed yet, or by an earlier version.",
    "unlock": "Run an analysis.",
}


def assess_data_quality(
    project: Project, history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar
) -> list[dict[str, Any]]:
    """What is wrong with a project's record as of a moment, and with what people entered now; three queries at most."""
    known = history.as_of(as_of)
    has_target = project.end_date is not None or known.baseline is not None
    issues = (
        *record_issues(history, as_of=as_of, calendar=calendar),
        *plan_issues(_plan_facts(project, has_target_date=has_target)),
    )
    return [_issue_row(issue) for issue in ordered(issues)]


def describe_data_quality(project: Project, *, with_examples: bool = True) -> dict[str, Any]:
    """The list of the newest analysis as JSON values; null without one. One query.

    with_examples: false for whoever may not see the work itself
    """
    record = newest_quality(project)
    if record is None:
        frame = {"as_of": None, "readiness": Readiness.INSUFFICIENT, "readiness_reasons": [NOT_ANALYSED]}
        return {"project": project.pk, **frame, "analysis": None, "issues": None}
    results = record.results if with_examples else without_examples(record.results)
    return {
        "project": project.pk,
        "as_of": record.as_of,
        "readiness": record.readiness,
        "readiness_reasons": record.readiness_reasons,
        "analysis": record.pk,
        "issues": results[QUALITY],
    }


def without_examples(results: dict[str, Any]) -> dict[str, Any]:
    """The results of a run, with the rules that were broken and how often, and without the items that broke them."""
    if QUALITY not in results:
        return results
    return {**results, QUALITY: [{**issue, "examples": []} for issue in results[QUALITY]]}


def newest_quality(project: Project) -> AnalysisRecord | None:
    """The newest analysis that kept the list."""
    return runs_of(project, AnalysisKind.REFRESH).filter(results__has_key=QUALITY).first()


def _issue_row(issue: QualityIssue) -> dict[str, Any]:
    return {
        "rule": str(issue.rule),
        "severity": str(issue.severity),
        "count": issue.count,
        "examples": [{"id": one.id, "key": one.key[:200], "url": one.url} for one in issue.examples],
        "fix": issue.fix,
    }


def _plan_facts(project: Project, *, has_target_date: bool) -> PlanFacts:
    goals: Any = Goal.objects.filter(project=project).order_by("id")
    selfs: Any = WorkItemLink.objects.filter(
        work_item__project=project, target_item=F("work_item"), unlinked_at__isnull=True
    )
    looped = list(selfs.order_by("id").values_list("work_item_id", "work_item__key", "work_item__url"))
    return PlanFacts(
        goals=tuple(
            _goal_fact(str(pk), title, target, has_date=due is not None, tolerance=tolerance)
            for pk, title, target, due, tolerance in goals.values_list(
                "pk", "title", "target_value", "due_date", "tolerance"
            )
        ),
        tolerances=(
            ("schedule", project.schedule_tolerance_days + project.schedule_tolerance_percent),
            ("budget", project.budget_tolerance_percent),
            ("scope", project.scope_tolerance_percent),
        ),
        has_target_date=has_target_date,
        self_blocking=tuple(Example(str(pk), key, url or "") for pk, key, url in looped[:MAX_EXAMPLES]),
        self_blocking_count=len(looped),
    )


def _goal_fact(goal_id: str, title: str, target: Any, *, has_date: bool, tolerance: float | None) -> GoalFact:
    told = target if isinstance(target, dict) else {}
    return GoalFact(
        id=goal_id,
        title=title,
        kind=str(told.get("kind", "")),
        unit=str(told.get("unit", "")),
        value=told.get("value"),
        direction=str(told.get("direction", "")),
        has_date=has_date or told.get("kind") == "DATE",
        tolerance=tolerance,
    )
