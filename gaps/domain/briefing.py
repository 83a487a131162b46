"""What to deal with first, over all projects a person may see: at most seven rows, one action each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Exists, IntegerField, Model, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.fields.json import KeyTransform

from gaps.answers.matters import (
    Matter,
    MatterKind,
    Suppression,
    gap_loss,
    hours_left,
    rank_matters,
    warning_loss,
)
from gaps.detectors.detection import PROJECT
from gaps.domain.assessments import fingerprint_of
from gaps.enums import GapType
from gaps.models import CorrectiveAction, Gap
from gaps.models.gap import LIVE
from predictions.enums import ActionStatus, AlertState, MuteState, Priority, Severity
from predictions.models import Alert, AlertMute, Prediction, PreventiveAction
from projects.domain.queries.runs import standing_runs
from projects.enums import AnalysisKind, ProjectStatus
from projects.models import Project

MOST_ROWS = 7
"""What fits a look on a Monday morning."""
UNDER_WAY_FIRST = (ActionStatus.ACTIVE, ActionStatus.SUGGESTED)
PRIORITY_RANK = Case(
    *[When(priority=priority, then=Value(rank)) for rank, priority in enumerate(reversed(Priority))],
    output_field=IntegerField(),
)


def describe_briefing(
    *,
    projects: QuerySet[Project],
    gaps: QuerySet[Gap],
    predictions: QuerySet[Prediction],
    at: datetime,
) -> dict[str, Any]:
    """The briefing as JSON values, from the rows that a person may see. Six queries, however many rows there are."""
    active = projects.filter(status=ProjectStatus.ACTIVE)
    names = dict(active.values_list("pk", "name"))
    analysed = _newest_analyses(active)
    running = active.values("pk")
    matters = [
        *_of_gaps(gaps.filter(project__in=running), at),
        *_of_warnings(predictions.filter(project__in=running), at),
    ]
    ranking = rank_matters(matters, most=MOST_ROWS)
    actions = {
        **first_actions(CorrectiveAction, "gap", _ids(ranking.rows, MatterKind.GAP), at=at),
        **first_actions(PreventiveAction, "prediction", _ids(ranking.rows, MatterKind.PREDICTION), at=at),
    }
    reasons = Counter(reason for _, reason in ranking.suppressed)
    return {
        "as_of": at,
        "rows": [_row(matter, names[matter.project_id], actions.get(matter.id)) for matter in ranking.rows],
        "suppressed": {str(reason): reasons[reason] for reason in Suppression},
        "projects": len(names),
        "projects_never_analysed": sorted(str(name) for pk, name in names.items() if pk not in analysed),
        "analysed_at_earliest": min(analysed.values(), default=None),
    }


def _newest_analyses(projects: QuerySet[Project]) -> dict[UUID, datetime]:
    return dict(standing_runs(projects.values("pk"), AnalysisKind.REFRESH).values_list("project_id", "as_of"))


def _of_gaps(gaps: QuerySet[Gap], at: datetime) -> Iterable[Matter]:
    rows = gaps.filter(status__in=LIVE).values_list(
        "pk", "project_id", "type", "fingerprint", "title", "severity", "effect_tolerance_units", "urgency_h",
        "last_seen_at", "identified_at", "readiness",
    )  # fmt: skip
    for pk, project_id, type_, fingerprint, title, severity, effect, urgency_h, seen_at, identified_at, ready in rows:
        yield Matter(
            kind=MatterKind.GAP,
            id=pk,
            project_id=project_id,
            type=type_,
            subject=_subject(type_, fingerprint, pk),
            title=title,
            severity=Severity(severity),
            expected_loss=gap_loss(effect, severity),
            hours_left=hours_left(urgency_h, seen_at, at),
            as_of=seen_at or identified_at,
            readiness=ready,
        )


def _subject(gap_type: str, fingerprint: str, pk: UUID) -> str:
    """Empty for the project as a whole; a gap that a person entered is a matter of its own."""
    return "" if fingerprint == fingerprint_of(GapType(gap_type), PROJECT) else fingerprint or str(pk)


def _of_warnings(predictions: QuerySet[Prediction], at: datetime) -> Iterable[Matter]:
    """The newest claim of each event that is still ahead, where it warns."""
    open_claims = predictions.filter(is_retrospective=False, predicted_for__gt=at, outcomes__isnull=True)
    newest = open_claims.order_by("project_id", "event_key", "-as_of", "-id").distinct("project_id", "event_key")
    rows = newest.values_list(
        "pk", "project_id", "type", KeyTransform("claim", "event"), KeyTransform("subject", "event"), "probability",
        "impact", "prevention_window_h", "as_of", "is_alert", "readiness", _is_dismissed(), _is_muted(),
    )  # fmt: skip
    for pk, project_id, type_, claim, about, probability, impact, window_h, as_of, is_alert, ready, *silent in rows:
        subject: dict[str, Any] = about or {}
        if is_alert:
            yield Matter(
                kind=MatterKind.PREDICTION,
                id=pk,
                project_id=project_id,
                type=type_,
                subject="" if subject.get("type", "project") == "project" else str(subject.get("id")),
                title=str(claim),
                severity=Severity(impact),
                expected_loss=warning_loss(probability, impact),
                hours_left=hours_left(window_h, as_of, at),
                as_of=as_of,
                readiness=ready,
                silenced=_silenced(*silent),
                about=about,
            )


def _is_dismissed() -> Exists:
    return Exists(
        Alert.objects.filter(project=OuterRef("project"), episode_id=OuterRef("episode_id"), state=AlertState.DISMISSED)
    )


def _is_muted() -> Exists:
    return Exists(AlertMute.objects.filter(project=OuterRef("project"), type=OuterRef("type"), state=MuteState.ACTIVE))


def _silenced(is_dismissed: bool, is_muted: bool) -> Suppression | None:
    if is_dismissed:
        return Suppression.DISMISSED
    return Suppression.MUTED if is_muted else None


def _ids(rows: Iterable[Matter], kind: MatterKind) -> list[UUID]:
    return [matter.id for matter in rows if matter.kind == kind]


def first_actions(model: type[Model], of: str, ids: list[UUID], *, at: datetime) -> dict[UUID, dict[str, Any]]:
    """What to do first about each gap or prediction: the action under way, else the suggestion that matters most.

    A suggestion that comes too late to restore the target stands behind those that do not.
    """
    if not ids:
        return {}
    manager: Any = model._default_manager
    best = (
        manager.filter(**{of: OuterRef("pk")}, status__in=UNDER_WAY_FIRST)
        .annotate(rank=PRIORITY_RANK, place=_place(at))
        .order_by("place", "rank", "-expected_effect_days", "id")
    )
    parent: Any = manager.model._meta.get_field(of).related_model
    chosen = parent.objects.filter(pk__in=ids).annotate(chosen=Subquery(best.values("pk")[:1])).values("pk", "chosen")
    by_action = {row["chosen"]: row["pk"] for row in chosen if row["chosen"] is not None}
    rows = manager.filter(pk__in=by_action).values("pk", "title", "status", "owner_id", "due_date", "latest_start_at")
    return {by_action[row["pk"]]: row for row in rows}


def _place(at: datetime) -> Case:
    return Case(When(status=ActionStatus.ACTIVE, then=0), When(latest_start_at__lte=at, then=2), default=1)


def _row(matter: Matter, project_name: str, action: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kind": str(matter.kind),
        "id": matter.id,
        "project": matter.project_id,
        "project_name": project_name,
        "type": matter.type,
        "title": matter.title,
        "subject": matter.about,
        "severity": str(matter.severity),
        "expected_loss_tolerances": round(matter.expected_loss, 3),
        "hours_left": None if matter.hours_left is None else round(matter.hours_left, 1),
        "as_of": matter.as_of,
        "readiness": matter.readiness,
        "action": None
        if action is None
        else {
            "id": action["pk"],
            "title": action["title"],
            "status": action["status"],
            "owner": action["owner_id"],
            "due_date": action["due_date"],
            "latest_start_at": action["latest_start_at"],
        },
    }
