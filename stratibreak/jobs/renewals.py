"""Analyses that are made anew although no tool brought anything: a day has passed, or people changed what was promised.

1. Only of an active project that is connected to a tool. One that lives on files is analysed when a file comes: waiting
   tells nothing new of it, and its pages say of which day their numbers are.
2. A day after the last analysis: a date comes nearer where nothing else moves.
3. When the project, a goal, a baseline or an approval of scope was written after it: what is promised is held against
   the record of now, not of tomorrow.
4. What was tried since then and failed is not tried again each minute, but a day later.

Example: a sync that finds nothing for a week leaves seven analyses, each with the probability of its own day, and a
connection that broke shows as a record that grows stale instead of as a project that is well.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import DateTimeField, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Greatest

from integrations.domain.syncing import SWITCHED_ON
from integrations.models import Integration
from projects.enums import AnalysisKind, ProjectStatus, ProjectTask
from projects.models import AnalysisRecord, Baseline, Goal, Project, ScopeApproval
from tenants.isolation.queue import own_jobs

RENEWED_AFTER: Final = timedelta(days=1)


def due_renewals(at: datetime) -> list[UUID]:
    """Ids of the tenant's projects that are to be analysed anew, the oldest analysis first. One query where none is."""
    is_read = Integration.objects.filter(project=OuterRef("pk"), status__in=SWITCHED_ON, credentials__isnull=False)
    runs = AnalysisRecord.objects.filter(project=OuterRef("pk"), kind=AnalysisKind.REFRESH).order_by("-created_at")
    found: Any = (
        Project.objects.filter(Exists(is_read), status=ProjectStatus.ACTIVE)
        .annotate(
            analysed_at=Subquery(runs.values("created_at")[:1]),
            promised_at=Greatest("updated_at", _written_at(Goal), _written_at(Baseline), _written_at(ScopeApproval)),
        )
        .filter(Q(analysed_at__lte=at - RENEWED_AFTER) | Q(analysed_at__lt=F("promised_at")))
        .order_by("analysed_at", "pk")
        .values_list("pk", "analysed_at", "promised_at")
    )
    rows = list(found)
    tried = _tried() if rows else {}
    return [
        project_id
        for project_id, analysed_at, promised_at in rows
        if project_id not in tried
        or tried[project_id] <= at - RENEWED_AFTER
        or max(analysed_at, tried[project_id]) < promised_at
    ]


def _written_at(model: type[Goal | Baseline | ScopeApproval]) -> Subquery:
    """When the newest of a project's rows was written; PostgreSQL's greatest() passes over none."""
    rows = model._default_manager.filter(project=OuterRef("pk")).order_by("-updated_at")
    return Subquery(rows.values("updated_at")[:1], output_field=DateTimeField())


def _tried() -> dict[UUID, datetime]:
    """When an analysis of each project was deferred last."""
    jobs = [job for job in own_jobs() if job.task == ProjectTask.REFRESH]
    return {job.subject: job.deferred_at for job in reversed(jobs)}  # the newest come first
