"""Analyses that are made anew because a day has passed: a date comes nearer where nothing else moves.

1. Only of an active project that is connected to a tool. One that lives on files is analysed when a file comes: waiting
   tells nothing new of it, and its pages say of which day their numbers are.
2. A day after the last analysis. What was tried in that time and failed is tried again a day later, not each minute.

Example: a sync that finds nothing for a week leaves seven analyses, each with the probability of its own day, and a
connection that broke shows as a record that grows stale instead of as a project that is well.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Subquery

from integrations.domain.syncing import SWITCHED_ON
from integrations.models import Integration
from projects.enums import AnalysisKind, ProjectStatus, ProjectTask
from projects.models import AnalysisRecord, Project
from tenants.isolation.queue import own_jobs

RENEWED_AFTER: Final = timedelta(days=1)


def due_renewals(at: datetime) -> list[UUID]:
    """Ids of the tenant's projects whose analysis is a day old, the oldest first. One query where there is none."""
    is_read = Integration.objects.filter(project=OuterRef("pk"), status__in=SWITCHED_ON, credentials__isnull=False)
    runs = AnalysisRecord.objects.filter(project=OuterRef("pk"), kind=AnalysisKind.REFRESH).order_by("-created_at")
    found = list(
        Project.objects.filter(Exists(is_read), status=ProjectStatus.ACTIVE)
        .annotate(analysed_at=Subquery(runs.values("created_at")[:1]))
        .filter(analysed_at__lte=at - RENEWED_AFTER)
        .order_by("analysed_at", "pk")
        .values_list("pk", flat=True)
    )
    if not found:
        return []
    tried = {
        job.subject for job in own_jobs() if job.task == ProjectTask.REFRESH and job.deferred_at > at - RENEWED_AFTER
    }
    return [project_id for project_id in found if project_id not in tried]
