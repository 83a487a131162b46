"""A slip is explained in roles: who put in what was not planned, and who was away; names stay out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gaps.domain.detection import detect_gaps
from gaps.enums import GapType
from gaps.models import RootCause
from predictions.domain.forecasting import forecast_project
from projects.enums import MembershipRole
from projects.history.calendar import WorkCalendar
from projects.history.facts import BaselineFact, HistoryFact
from projects.history.project_history import ProjectHistory
from projects.history.team_facts import CapacityFact
from projects.models import Contributor, Project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ContributorFactory, ProjectFactory, ProjectMembershipFactory, WorkItemFactory
from tests.factories.tenants import UserFactory
from tests.project_histories import IMPORTED, NOW, WEEK, item_id, team_facts, work_item

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

TARGET = NOW.date() + 4 * WEEK
BEGIN = NOW - 26 * WEEK
FIVE_DAYS = (8.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0)
ADDED = range(8_000, 8_003)


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create(start_date=BEGIN.date(), end_date=TARGET)


def away(contributor: Contributor, number: int) -> CapacityFact:
    """Two days of the second week off."""
    off = tuple(((BEGIN + WEEK + timedelta(days=day)).date(), 0.0) for day in (0, 1))
    return CapacityFact(UUID(int=500 + number), IMPORTED, contributor.pk, BEGIN.date(), None, FIVE_DAYS, off)


def detect(project: Project, facts: list[HistoryFact]) -> dict[str, RootCause]:
    history, calendar = ProjectHistory.from_facts(facts), WorkCalendar()
    forecast = forecast_project(project=project, history=history, calendar=calendar, as_of=NOW, at=NOW)
    detect_gaps(project=project, history=history, calendar=calendar, forecast=forecast, as_of=NOW, at=NOW)
    found = RootCause.objects.filter(gap__project=project, gap__type=GapType.TIMELINE)
    return {cause.code: cause for cause in found}


def grown_project() -> list[HistoryFact]:
    plan = BaselineFact(BEGIN, BEGIN, TARGET, scope_items=150)
    added = [work_item(number, created_at=NOW - 8 * WEEK) for number in ADDED]
    return [*team_facts([3] * 26, open_items=150), *added, plan]


def told(cause: RootCause, field: str) -> list[tuple[str, str]]:
    return [(fact["object_key"], fact["value"]) for fact in cause.evidence_for if fact["field"] == field]


def test_added_items_stand_with_the_role_of_whoever_put_them_in(project: Project, theirs: LookAlike) -> None:
    lead = UserFactory.create(tenant=project.tenant, role=Role.STAKEHOLDER)
    ProjectMembershipFactory.create(project=project, user=lead, role=MembershipRole.LEAD)
    stakeholder = UserFactory.create(tenant=project.tenant, role=Role.STAKEHOLDER)
    reporters = [
        ContributorFactory.create(user=lead),
        ContributorFactory.create(user=stakeholder),
        ContributorFactory.create(),
    ]
    for number, reporter in zip(ADDED, reporters, strict=True):
        WorkItemFactory.create(id=item_id(number), project=project, reporter=reporter)

    causes = detect(project, grown_project())

    assert sorted(told(causes["SCOPE_ADDED"], "put in by")) == [
        ("DEMO-8000", "lead of the project"),
        ("DEMO-8001", "stakeholder"),
        ("DEMO-8002", "an account without a role here"),
    ]
    assert lead.email not in str([cause.evidence_for for cause in causes.values()])


def test_absence_is_told_by_role(project: Project) -> None:
    leaders = [
        ContributorFactory.create(user=UserFactory.create(tenant=project.tenant, role=Role.TEAM_LEADER))
        for _ in range(2)
    ]
    facts = [*grown_project(), *(away(each, number) for number, each in enumerate(leaders))]

    causes = detect(project, facts)

    [(label, value)] = told(causes["RATE_BELOW_PLAN"], "absence")
    assert label == "Off since the plan began: team leader (2 people)"
    assert value.startswith("32 of ")


def test_role_of_a_person_counts_for_all_of_their_accounts(project: Project) -> None:
    user = UserFactory.create(tenant=project.tenant, role=Role.PROJECT_MANAGER)
    of_user = ContributorFactory.create(user=user)
    elsewhere = ContributorFactory.create(source="github")
    Contributor.objects.filter(pk__in=[of_user.pk, elsewhere.pk]).update(person=of_user.pk)
    WorkItemFactory.create(id=item_id(ADDED[0]), project=project, reporter=elsewhere)

    causes = detect(project, grown_project())

    assert told(causes["SCOPE_ADDED"], "put in by") == [("DEMO-8000", "project manager")]


def test_foreign_account_has_no_role_here(project: Project, theirs: LookAlike) -> None:
    """An identifier that means somebody in another organisation means nobody in ours."""
    with tenant_context(theirs.tenant.pk):
        foreign = ContributorFactory.create(user=theirs.users[Role.ADMIN])
    facts = [*grown_project(), away(foreign, 1), away(ContributorFactory.create(), 2)]

    causes = detect(project, facts)

    [(label, _)] = told(causes["RATE_BELOW_PLAN"], "absence")
    assert label == "Off since the plan began: an account without a role here (2 people)"


def test_project_that_does_not_slip_asks_nothing_about_roles(project: Project) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        causes = detect(project, team_facts([5] * 26, open_items=5))

    assert causes == {}
    assert not [query for query in asked.captured_queries if "projects_contributor" in query["sql"]]
