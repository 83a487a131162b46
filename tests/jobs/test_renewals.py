"""A day has passed, or people changed what was promised: an analysis is made anew, once, in its organisation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from integrations.enums import IntegrationStatus
from integrations.models import Integration
from projects.enums import AnalysisKind, ProjectStatus
from projects.models import Project
from stratibreak.jobs.renewals import due_renewals
from stratibreak.jobs.steps import Step, defer_due
from tenants.encryption.secret import Secret
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.integrations import IntegrationFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import (
    AnalysisRecordFactory,
    BaselineFactory,
    GoalFactory,
    ProjectFactory,
    ScopeApprovalFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_else_is_due(ours: LookAlike, theirs: LookAlike) -> None:
    for one in (ours, theirs):
        with tenant_context(one.tenant.pk):
            Integration.objects.update(status=IntegrationStatus.INACTIVE)


def project(
    one: LookAlike,
    *,
    age: timedelta | None = 25 * HOUR,
    status: str = IntegrationStatus.ACTIVE,
    has_token: bool = True,
    project_status: str = ProjectStatus.ACTIVE,
) -> UUID:
    """A project that is connected and was last analysed so long ago."""
    now = timezone.now()
    with tenant_context(one.tenant.pk):
        made = ProjectFactory.create(status=project_status)
        connected = IntegrationFactory.build(project=made, status=status, next_run_at=now + DAY)
        connected.credentials = Secret.of_json({"api_token": "t"}) if has_token else None
        connected.save()
        Project.objects.filter(pk=made.pk).update(updated_at=now - 10 * DAY)
        if age is not None:
            AnalysisRecordFactory.create(project=made, kind=AnalysisKind.REFRESH, created_at=now - age)
        AnalysisRecordFactory.create(project=made, kind=AnalysisKind.FORECAST, created_at=now)
    return UUID(str(made.pk))


def due(one: LookAlike, at: datetime | None = None) -> list[UUID]:
    with tenant_context(one.tenant.pk):
        return due_renewals(at or timezone.now())


def test_analysis_that_is_a_day_old_is_due_the_oldest_first(ours: LookAlike, theirs: LookAlike) -> None:
    newer, older = project(ours), project(ours, age=9 * DAY, status=IntegrationStatus.ERROR)
    foreign = project(theirs)

    assert due(ours) == [older, newer]
    assert due(theirs) == [foreign]


@pytest.mark.parametrize(
    "fields",
    [
        {"age": 23 * HOUR},
        {"age": None},  # its first sync leads to its first analysis
        {"status": IntegrationStatus.INACTIVE},
        {"has_token": False},
        {"project_status": ProjectStatus.ARCHIVED},
    ],
)
def test_what_is_not_due(ours: LookAlike, fields: dict[str, Any]) -> None:
    project(ours, **fields)

    assert due(ours) == []


def test_clock_has_it_done_once_and_what_was_tried_waits_for_the_next_day(ours: LookAlike, theirs: LookAlike) -> None:
    found, foreign = project(ours), project(theirs)

    for _ in range(2):
        defer_due(timezone.now())

    for one, mine, other in ((ours, found, foreign), (theirs, foreign, found)):
        with tenant_context(one.tenant.pk):
            assert [job.task for job in own_jobs(subject=mine)] == [Step.REFRESH]
            assert own_jobs(subject=other) == []
    assert due(ours) == []
    assert due(ours, timezone.now() + 25 * HOUR) == [found]


def _moves_the_date(found: UUID) -> None:
    made = Project.objects.get(pk=found)
    made.end_date = date(2026, 12, 31)
    made.save()


def _sets_a_goal(found: UUID) -> None:
    GoalFactory.create(project_id=found)


def _approves_a_plan(found: UUID) -> None:
    BaselineFactory.create(project_id=found)


def _approves_scope(found: UUID) -> None:
    ScopeApprovalFactory.create(project_id=found)


@pytest.mark.parametrize("change", [_moves_the_date, _sets_a_goal, _approves_a_plan, _approves_scope])
def test_what_people_promise_is_held_against_the_record_at_once(
    ours: LookAlike, change: Callable[[UUID], None]
) -> None:
    found, other = project(ours, age=HOUR), project(ours, age=HOUR)
    assert due(ours) == []

    with tenant_context(ours.tenant.pk):
        change(found)

    assert due(ours) == [found]
    assert other not in due(ours)
    for _ in range(2):
        defer_due(timezone.now())
    with tenant_context(ours.tenant.pk):
        assert [job.task for job in own_jobs(subject=found)] == [Step.REFRESH]
    assert due(ours) == []
    with tenant_context(ours.tenant.pk):
        change(found)
    assert due(ours) == [found], "changed once more since it was tried"


def test_asking_costs_one_query_where_nothing_is_due(ours: LookAlike, django_assert_num_queries: Any) -> None:
    project(ours, age=HOUR)

    with tenant_context(ours.tenant.pk):
        Project.objects.exists()  # opens the transaction
        with django_assert_num_queries(1):
            due_renewals(timezone.now())
