"""The first thing the backoffice shows: how each running project stands."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F
from django.utils import timezone

from gaps.enums import GapStatus
from gaps.models import Gap
from projects.enums import ProjectStatus
from projects.forecast_answer import ForecastAnswer, Standing, newest_forecasts
from projects.models import Project

READ_PROJECTS, SHOWN_PROJECTS = 200, 10
"""Of the two hundred running projects that are due first, the ten that need a look most."""
_ORDER = (Standing.DATE_PASSED, Standing.AT_RISK, Standing.UNKNOWN, Standing.NO_TARGET, Standing.ON_COURSE)


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One running project: what its forecast says, and how many gaps somebody still has to deal with."""

    answer: ForecastAnswer
    live_gaps: int


def overview_rows() -> list[OverviewRow]:
    """Return the running projects of the chosen tenant, those that need a look first, in three queries."""
    running = Project.objects.filter(status=ProjectStatus.ACTIVE)
    projects = list(running.order_by(F("end_date").asc(nulls_last=True), "id")[:READ_PROJECTS])
    live = Gap.objects.filter(project__in=projects, status__in=[GapStatus.OPEN, GapStatus.IN_PROGRESS])
    counts = dict(live.order_by().values_list("project_id").annotate(n=Count("id")))
    rows = [
        OverviewRow(answer, counts.get(answer.project.pk, 0))
        for answer in newest_forecasts(projects, at=timezone.now())
    ]
    return sorted(rows, key=lambda row: _ORDER.index(row.answer.standing))[:SHOWN_PROJECTS]
