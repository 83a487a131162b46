"""A project with a record, analysed, as the tests about its date start from."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from projects.enums import StatusCategory
from projects.models import Project, WorkItem
from stratibreak.pipeline import refresh_project
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import BaselineFactory, ProjectFactory
from tests.project_histories import NOW
from tests.recorded_team import record_team

TARGET = date(2024, 9, 25)
STEADY_TEAM = [4, 6, 5, 7, 3] * 8


def analysed_project(
    world: LookAlike,
    *,
    name: str = "Billing",
    open_items: int = 60,
    end_date: date | None = TARGET,
    moments: tuple[datetime, ...] = (NOW,),
    with_plan: bool = True,
) -> Project:
    """A team of five a week with open items, forecast at each of the moments."""
    with tenant_context(world.tenant.pk):
        project: Project = ProjectFactory.create(name=name, start_date=date(2023, 9, 1), end_date=end_date)
        record_team(project, STEADY_TEAM, open_items=open_items)
        if with_plan:
            BaselineFactory.create(
                project=project,
                approved_at=NOW - timedelta(weeks=40),
                start_date=date(2023, 9, 20),
                finish_date=date(2024, 8, 28),
                scope_item_count=230,
            )
        for moment in moments:
            refresh_project(project=project, as_of=moment, at=moment)
    return project


def open_ids(world: LookAlike, project: Project) -> list[str]:
    """Ids of the open items, in the order of their keys."""
    with tenant_context(world.tenant.pk):
        rows = WorkItem.objects.filter(project=project, status_category=StatusCategory.TODO).order_by("pk")
        return [str(pk) for pk in rows.values_list("pk", flat=True)]


def done_id(world: LookAlike, project: Project) -> str:
    """Id of an item that is done."""
    with tenant_context(world.tenant.pk):
        return str(
            WorkItem.objects.filter(project=project, status_category=StatusCategory.DONE).values_list("pk", flat=True)[
                0
            ]
        )
