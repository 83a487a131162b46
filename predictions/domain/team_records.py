"""What the tenant's other teams finished week by week: the errors that a team learns from before it has its own.

Each forecasting run keeps the weekly series of its project (`weekly_finishes` of its AnalysisRecord), so that no run
has to read another project's items: one query for the newest series of at most MAX_TEAMS projects, by row-level
security within the tenant. Only runs as of before the moment asked about are read: a forecast knows nothing from later,
and of two refreshes of a whole tenant as of one moment the second finds what the first did.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import OuterRef, Subquery

from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import Pace
from predictions.priors.throughput import pools_of, shipped_pools
from projects.enums import CARRYING, AnalysisKind
from projects.models import AnalysisRecord, Project

MAX_TEAMS = 30
"""The projects made last; the pool's weight grows with independent windows and is three quarters by then."""
MAX_WEEKS = 260
"""Errors of more than five years ago are those of another team."""


def load_pools(project: Project, *, as_of: datetime) -> tuple[ErrorPool, ...] | None:
    """The shipped pools with the records of the tenant's other projects laid over; None where there are none.

    One query, in the tenant that is current.
    """
    teams = [Pace(np.array(weekly, dtype=np.float64)) for weekly in _weekly_series(project, as_of) if weekly]
    return pools_of(teams, prior=shipped_pools()) if teams else None


def _weekly_series(project: Project, as_of: datetime) -> Sequence[Any]:
    newest = (
        AnalysisRecord.objects.filter(
            project=OuterRef("pk"),
            kind=AnalysisKind.FORECAST,
            as_of__lt=as_of,
            readiness__in=CARRYING,
        )
        .order_by("-as_of", "-id")
        .values("results__weekly_finishes")[:1]
    )
    others = Project.objects.exclude(pk=project.pk).annotate(weekly=Subquery(newest)).filter(weekly__isnull=False)
    return list(others.order_by("-id").values_list("weekly", flat=True)[:MAX_TEAMS])
