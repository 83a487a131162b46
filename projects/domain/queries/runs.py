"""Which run of an analysis stands: the one as of the latest moment, and of several as of it the one made last.

A look at the past that is made today is newer than the nightly run, and does not stand for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, Project


def runs_of(project: Project | UUID, kind: AnalysisKind) -> QuerySet[AnalysisRecord]:
    """Runs of one kind over a project, the one that stands first."""
    runs: QuerySet[AnalysisRecord] = AnalysisRecord.objects.filter(project=project, kind=kind)
    return runs.order_by("-as_of", "-id")


def standing_runs(projects: Iterable[Any] | QuerySet[Any], kind: AnalysisKind) -> QuerySet[AnalysisRecord]:
    """The run of one kind that stands for each of some projects (rows or ids); narrowed, it stands among the rest."""
    runs: QuerySet[AnalysisRecord] = AnalysisRecord.objects.filter(project__in=projects, kind=kind)
    return runs.order_by("project_id", "-as_of", "-id").distinct("project_id")
