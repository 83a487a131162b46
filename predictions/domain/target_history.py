"""The targets of a project as the audit trail has them: edits are in it, and nobody can rewrite it.

What has no entry (made before the trail, or past its retention) counts as it stands now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from predictions.forecasters.target_history import (
    EndDate,
    PlanVersion,
    TargetInForce,
    TargetSource,
    targets_in_force,
)
from projects.models import Baseline, Project, ScopeApproval
from tenants.audit.enums import Operation
from tenants.models import AuditEntry

MAX_ENTRIES = 2_000
"""Of a project and its plans; more edits than a target has."""
PLAN_MODELS = ((Baseline, TargetSource.BASELINE), (ScopeApproval, TargetSource.SCOPE_APPROVAL))
SOURCES = {model._meta.label_lower: source for model, source in PLAN_MODELS}
DAY, MOMENT = "finish_date", "approved_at"


@dataclass(frozen=True, slots=True)
class _Plan:
    """A plan as it stands now, or as it was when it was deleted."""

    source: TargetSource
    id: str
    target_date: date | None
    approved_at: datetime
    deleted_at: datetime | None = None


def target_history(project: Project) -> tuple[TargetInForce, ...]:
    """Every target that was in force, oldest first. Four queries."""
    plans = [*_standing_plans(project), *_deleted_plans(project)]
    entries = _entries(project, [plan.id for plan in plans])
    versions = [version for plan in plans for version in _versions(plan, entries[plan.id])]
    return targets_in_force(_end_dates(project, entries[str(project.pk)]), versions)


def end_date_at(project: Project, moment: datetime) -> date | None:
    """The project's own end date as it stood at a moment; before anything is known of it, the first one. One query."""
    found = _end_dates(project, _entries(project, [])[str(project.pk)])
    by_then = [each for each in found if each.since <= moment]
    return (by_then or found[:1])[-1].target_date


def _standing_plans(project: Project) -> Iterator[_Plan]:
    for model, source in PLAN_MODELS:
        rows: Any = model._default_manager.filter(project=project).order_by()
        for pk, target_date, approved_at in rows.values_list("pk", DAY, MOMENT):
            yield _Plan(source, str(pk), target_date, approved_at)


def _deleted_plans(project: Project) -> Iterator[_Plan]:
    deletions = AuditEntry.objects.filter(
        resource_type__in=SOURCES, operation=Operation.DELETE, changes__project__0=str(project.pk)
    ).order_by("timestamp", "id")
    for label, row_id, deleted_at, changes in deletions.values_list(
        "resource_type", "resource_id", "timestamp", "changes"
    )[:MAX_ENTRIES]:
        approved_at = _moment((changes.get(MOMENT) or [None])[0])
        if approved_at is not None:
            yield _Plan(SOURCES[label], row_id, _day((changes.get(DAY) or [None])[0]), approved_at, deleted_at)


def _entries(project: Project, plan_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What was written to the project and its plans, oldest first, by id."""
    rows = (
        AuditEntry.objects.filter(
            Q(resource_type=Project._meta.label_lower, resource_id=str(project.pk))
            | Q(resource_type__in=SOURCES, resource_id__in=plan_ids),
            operation__in=(Operation.CREATE, Operation.UPDATE),
        )
        .order_by("timestamp", "id")
        .values("timestamp", "operation", "resource_id", "changes")[:MAX_ENTRIES]
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["resource_id"]].append(dict(row))
    return found


def _end_dates(project: Project, entries: Sequence[Mapping[str, Any]]) -> list[EndDate]:
    changes = [(row["timestamp"], row["operation"], pair) for row in entries if (pair := _pair(row, "end_date"))]
    if not changes:
        return [EndDate(project.created_at, project.end_date)]
    found = [EndDate(at, _day(pair[1])) for at, _operation, pair in changes]
    if changes[0][1] != Operation.CREATE:
        found.insert(0, EndDate(project.created_at, _day(changes[0][2][0])))
    return found


def _versions(plan: _Plan, entries: Sequence[Mapping[str, Any]]) -> list[PlanVersion]:
    """The states of one plan: the last one, and before each edit what it replaced."""
    day, approved_at, until = plan.target_date, plan.approved_at, plan.deleted_at
    versions = []
    for edit in reversed(entries):
        day_pair, moment_pair = _pair(edit, DAY), _pair(edit, MOMENT)
        if edit["operation"] != Operation.UPDATE or not (day_pair or moment_pair):
            continue
        versions.append(PlanVersion(plan.source, approved_at, max(edit["timestamp"], approved_at), until, day))
        until = edit["timestamp"]
        day = _day(day_pair[0]) if day_pair else day
        approved_at = (_moment(moment_pair[0]) if moment_pair else None) or approved_at
    versions.append(PlanVersion(plan.source, approved_at, approved_at, until, day))
    return versions


def _pair(entry: Mapping[str, Any], name: str) -> Sequence[Any] | None:
    """[before, after] of a field that an entry changed."""
    pair = (entry["changes"] or {}).get(name)
    return pair if isinstance(pair, list) and len(pair) == 2 else None  # noqa: PLR2004  # before and after


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _moment(value: Any) -> datetime | None:
    """An instant as the trail spells it: in UTC, which it does not say."""
    moment = parse_datetime(str(value))
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
