"""What a goal says of the date or the budget in force counts before what the project says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from gaps.detectors.detection import Tolerances
from gaps.domain.assessments import project_tolerances, tolerances_of
from projects.history import BudgetFact
from projects.models import Project
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike
from tests.factories.projects import GoalFactory, ProjectFactory

pytestmark = pytest.mark.django_db

APPROVED = datetime(2026, 1, 5, tzinfo=UTC)
DAY, BUDGET = date(2026, 6, 30), BudgetFact(APPROVED, APPROVED, 40_000.0, "EUR")
ON_THE_DAY = {"kind": "DATE", "value": "2026-06-30", "direction": "AT_MOST"}
IN_BUDGET = {"kind": "MONEY", "value": 40_000, "unit": "EUR", "direction": "AT_MOST"}


@pytest.fixture
def project(tenant: Tenant) -> Project:
    made: Project = ProjectFactory.create()
    return made


def accepted(project: Project) -> Tolerances:
    return tolerances_of(project, target_date=DAY, budget=BUDGET)


def test_goal_about_the_date_gives_its_tolerance_the_strictest_first(project: Project) -> None:
    for days in (10.0, 2.0, None):
        GoalFactory.create(project=project, target_value=ON_THE_DAY, current_value=None, tolerance=days)

    assert accepted(project).schedule_in_days(200) == 2.0
    assert accepted(project).budget_percent == project_tolerances(project).budget_percent


def test_goal_about_the_budget_gives_its_share(project: Project) -> None:
    GoalFactory.create(project=project, target_value=IN_BUDGET, current_value=None, tolerance=1_000.0)

    assert accepted(project).budget_percent == pytest.approx(2.5)


@pytest.mark.parametrize(
    "values",
    [
        {"target_value": {**ON_THE_DAY, "value": "2026-07-01"}},
        {"target_value": {**IN_BUDGET, "unit": "CHF"}},
        {"target_value": {**IN_BUDGET, "value": 39_999}},
        {"target_value": {**IN_BUDGET, "direction": "AT_LEAST"}},
        {"target_value": ON_THE_DAY, "achieved_at": APPROVED},
        {"target_value": {"kind": "NUMBER", "value": 40_000, "unit": "EUR", "direction": "AT_MOST"}},
    ],
)
def test_goal_about_something_else_changes_nothing(project: Project, values: dict[str, Any]) -> None:
    GoalFactory.create(project=project, current_value=None, tolerance=1.0, **values)

    assert accepted(project) == project_tolerances(project)


def test_goal_of_another_project_or_organisation_changes_nothing(project: Project, theirs: LookAlike) -> None:
    GoalFactory.create(target_value=ON_THE_DAY, current_value=None, tolerance=1.0)
    with tenant_context(theirs.tenant.pk):
        GoalFactory.create(project=ProjectFactory.create(), target_value=ON_THE_DAY, current_value=None, tolerance=1.0)

    assert accepted(project) == project_tolerances(project)


def test_where_no_target_is_in_force_the_project_says_it_all(project: Project, django_assert_num_queries: Any) -> None:
    GoalFactory.create(project=project, target_value=ON_THE_DAY, current_value=None, tolerance=1.0)

    with django_assert_num_queries(1):
        found = tolerances_of(project, target_date=None, budget=None)

    assert found == project_tolerances(project)
