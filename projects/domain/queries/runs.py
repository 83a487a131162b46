"""Which run of an analysis stands: the one as of the latest moment, and of several as of it the one made last.

A look at the past that is made today is newer than the nightly run, and does not stand for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, Project

AGED_AFTER = timedelta(days=8)
"""What is connected is analysed daily, and the rest when somebody imports: here nobody did for a week."""


def age_reasons(as_of: datetime, *, at: datetime) -> list[dict[str, str]]:
    """What limits a forecast by its age alone, as a run keeps reasons; none while it is fresh.  both aware"""
    age = at - as_of
    if age <= AGED_AFTER:
        return []
    message = f"The forecast is {age.days} days old: what happened since is not in it."
    return [{"code": "FORECAST_AGED", "message": message, "unlock": "Run an analysis."}]


def runs_of(project: Project | UUID, kind: AnalysisKind) -> QuerySet[AnalysisRecord]:
    """Runs of one kind over a project, the one that stands first."""
    runs: QuerySet[AnalysisRecord] = AnalysisRecord.objects.filter(project=project, kind=kind)
    return runs.order_by("-as_of", "-id")


def standing_runs(projects: Iterable[Any] | QuerySet[Any], kind: AnalysisKind) -> QuerySet[AnalysisRecord]:
    """The run of one kind that stands for each of some projects (rows or ids); narrowed, it stands among the rest."""
    runs: QuerySet[AnalysisRecord] = AnalysisRecord.objects.filter(project__in=projects, kind=kind)
    return runs.order_by("project_id", "-as_of", "-id").distinct("project_id")
