"""What generated actions cost, from the ledger's hours to their rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gaps.models import CorrectiveAction
from predictions.models import PreventiveAction
from projects.enums import ProjectStatus
from projects.models import Project
from stratibreak.pipeline import refresh_project
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ContributorFactory, CostEntryFactory, ProjectFactory
from tests.project_histories import NOW
from tests.recorded_team import record_team

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("chosen")]

TARGET = date(2024, 9, 25)
WEEKS_LEFT = (TARGET - NOW.date()).days / 7


@pytest.fixture
def chosen(ours: LookAlike) -> Iterator[None]:
    with tenant_context(ours.tenant.pk):
        Project.objects.update(status=ProjectStatus.COMPLETED)
        yield


@pytest.fixture
def project(chosen: None) -> Project:
    project = ProjectFactory.create(name="Billing", start_date=date(2023, 9, 1), end_date=TARGET)
    record_team(project, [5] * 40, open_items=120)
    return project


def _time_sheets(project: Project, people: int) -> None:
    """Each with 20 h of 60 EUR in each of the last ten weeks."""
    for number in range(people):
        person = ContributorFactory.create(pseudonym=f"Account {number}")
        for week in range(10):
            CostEntryFactory.create(
                project=project,
                external_id=f"sheet-{number}-{week}",
                incurred_on_date=NOW.date() - timedelta(days=2 + 7 * week),
                recorded_at=NOW - timedelta(days=1 + 7 * week),
                amount=Decimal("1200.00"),
                hours=20.0,
                contributor=person,
            )


def _costs(model: Any) -> dict[str, tuple[Decimal | None, str]]:
    rows = model.objects.values_list("code", "cost_amount", "cost_currency")
    return {code: (amount, currency) for code, amount, currency in rows if code}


def test_options_of_a_delay_cost_what_an_hour_costs(project: Project) -> None:
    _time_sheets(project, people=5)

    refresh_project(project=project, as_of=NOW, at=NOW)

    joining_h = 100 * 0.2 * WEEKS_LEFT
    for model in (CorrectiveAction, PreventiveAction):
        costs = _costs(model)
        assert costs["LEAVE_OUT_SCOPE"] == (Decimal("480.00"), "EUR")
        amount, currency = costs["ADD_CAPACITY"]
        assert amount is not None
        assert float(amount) == pytest.approx((80 + joining_h) * 60, rel=0.1)
        assert currency == "EUR"


def test_hours_of_four_people_cost_nothing_that_is_told(project: Project) -> None:
    _time_sheets(project, people=4)

    refresh_project(project=project, as_of=NOW, at=NOW)

    for model in (CorrectiveAction, PreventiveAction):
        assert set(_costs(model).values()) == {(None, "")}


def test_costs_of_another_project_or_tenant_do_not_count(project: Project, theirs: LookAlike) -> None:
    _time_sheets(ProjectFactory.create(name="Another"), people=6)
    with tenant_context(theirs.tenant.pk):
        _time_sheets(ProjectFactory.create(name="Theirs"), people=6)

    refresh_project(project=project, as_of=NOW, at=NOW)

    assert set(_costs(CorrectiveAction).values()) == {(None, "")}


def test_a_ledger_that_comes_later_prices_what_nobody_has_taken_up(project: Project) -> None:
    refresh_project(project=project, as_of=NOW, at=NOW)
    CorrectiveAction.objects.filter(code="ADD_CAPACITY").update(cost_amount=Decimal(9), cost_currency="CHF")
    _time_sheets(project, people=5)

    refresh_project(project=project, as_of=NOW, at=NOW)
    stamps = list(CorrectiveAction.objects.values_list("pk", "updated_at"))
    refresh_project(project=project, as_of=NOW, at=NOW)

    assert _costs(CorrectiveAction)["LEAVE_OUT_SCOPE"] == (Decimal("480.00"), "EUR")
    assert _costs(CorrectiveAction)["ADD_CAPACITY"] == (Decimal("9.00"), "CHF")
    assert list(CorrectiveAction.objects.values_list("pk", "updated_at")) == stamps
