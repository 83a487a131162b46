"""What the database itself refuses about projects and the people around them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from projects.enums import AnalysisKind, MembershipRole, Readiness
from projects.models import AnalysisRecord, Goal, Project, Stakeholder, WorkItem
from tenants.append_only import AppendOnlyRefused
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import (
    AnalysisRecordFactory,
    GoalFactory,
    ProjectFactory,
    ProjectMembershipFactory,
    StakeholderFactory,
    WorkItemFactory,
)
from tests.factories.tenants import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_tenant")]


def errors_of(row: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        row.full_clean()
    return refused.value.message_dict


def test_project_name_is_unique_whatever_its_case() -> None:
    ProjectFactory.create(name="Billing")

    with pytest.raises(IntegrityError), transaction.atomic():
        ProjectFactory.create(name="BILLING")


def test_project_name_may_return_in_another_tenant(theirs: LookAlike) -> None:
    ProjectFactory.create(name="Billing")

    with tenant_context(theirs.tenant.pk):
        project = ProjectFactory.create(name="Billing")

        assert list(Project.objects.filter(name_lower="billing")) == [project]


def test_project_names_its_double_before_it_is_saved() -> None:
    ProjectFactory.create(name="Billing")
    double = ProjectFactory.build(name="billing")

    with pytest.raises(ValidationError):
        # What a form does: fields that it does not show are left out of validation.
        double.full_clean(exclude={"tenant", "name_lower"})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"status": "PAUSED"}, "status"),
        ({"start_date": date(2026, 2, 2), "end_date": date(2026, 2, 1)}, "end_date"),
        ({"planned_budget": Decimal("-0.01")}, "planned_budget"),
        ({"currency": "euro"}, "currency"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"schedule_tolerance_percent": 100.5}, "schedule_tolerance_percent"),
        ({"budget_tolerance_percent": -1.0}, "budget_tolerance_percent"),
        ({"scope_tolerance_percent": float("nan")}, "scope_tolerance_percent"),
        ({"accepted_risk": 0.0}, "accepted_risk"),
        ({"accepted_risk": 1.0}, "accepted_risk"),
    ],
)
def test_project_refuses_a_wrong_value_and_names_its_field(values: dict[str, Any], field: str) -> None:
    project = ProjectFactory.build(**values)

    assert field in errors_of(project)


@pytest.mark.parametrize(
    "values",
    [
        {"status": "PAUSED"},
        {"start_date": date(2026, 2, 2), "end_date": date(2026, 2, 1)},
        {"planned_budget": Decimal("-0.01")},
        {"currency": "eur"},
        {"accepted_risk": 1.0},
        {"accepted_risk": float("nan")},
        {"scope_tolerance_percent": float("nan")},
    ],
)
def test_database_refuses_what_validation_was_not_asked(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ProjectFactory.create(**values)


def test_user_is_on_a_project_once() -> None:
    membership = ProjectMembershipFactory.create()

    with pytest.raises(IntegrityError), transaction.atomic():
        ProjectMembershipFactory.create(project=membership.project, user=membership.user, role=MembershipRole.LEAD)


def test_stakeholder_address_is_kept_and_found_in_lower_case() -> None:
    stakeholder = StakeholderFactory.create(email="Sponsor@Demo.Example")

    assert stakeholder.email == "sponsor@demo.example"
    assert Stakeholder.objects.get(email="SPONSOR@demo.example") == stakeholder


def test_stakeholder_address_is_unique_in_its_project_only() -> None:
    stakeholder = StakeholderFactory.create(email="sponsor@demo.example")
    StakeholderFactory.create(email="sponsor@demo.example")

    with pytest.raises(IntegrityError), transaction.atomic():
        StakeholderFactory.create(project=stakeholder.project, email="SPONSOR@demo.example")


@pytest.mark.parametrize(
    "target",
    [
        {"kind": "NUMBER", "value": "95", "direction": "AT_LEAST"},
        {"kind": "NUMBER", "value": 95},
        {"kind": "DATE", "value": "next week", "direction": "AT_MOST"},
        {"kind": "MONEY", "value": 10, "unit": "euro", "direction": "AT_MOST"},
        {"kind": "DURATION", "value": 10, "direction": "AT_MOST"},
        {"kind": "BOOLEAN", "value": 1, "direction": "EXACTLY"},
        {"kind": "MOOD", "value": 1, "direction": "EXACTLY"},
        {"kind": "NUMBER", "value": 1, "direction": "EXACTLY", "note": "extra"},
        [],
        "95",
    ],
)
def test_goal_refuses_a_target_of_another_shape_on_save(target: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        GoalFactory.create(target_value=target)

    assert list(refused.value.message_dict) == ["target_value"]


def test_goal_with_an_unknown_current_value_keeps_null() -> None:
    goal = GoalFactory.create(current_value=None)

    assert Goal.objects.get(pk=goal.pk).current_value is None
    assert not goal.is_achieved


def test_goal_refuses_a_current_value_of_another_kind() -> None:
    goal = GoalFactory.build(project=ProjectFactory.create(), current_value={"kind": "PERCENT", "value": 80})

    assert "current_value" in errors_of(goal)


def test_analysis_record_is_written_once() -> None:
    record = AnalysisRecordFactory.create()
    record.overall_score = 1.0

    with pytest.raises(AppendOnlyRefused):
        record.save()
    with pytest.raises(AppendOnlyRefused):
        record.delete()


@pytest.mark.parametrize(
    "values",
    [
        {"overall_score": 100.1},
        {"overall_score": 80.0, "readiness": Readiness.INSUFFICIENT},
        {"inputs_hash": "abc"},
        {"kind": "HUNCH"},
        {"model_id": ""},
    ],
)
def test_analysis_record_refuses_what_no_run_can_have_said(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AnalysisRecordFactory.create(**values)


def test_analysis_record_names_its_kind_and_moment() -> None:
    record = AnalysisRecord(kind=AnalysisKind.FLOW, as_of=datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    assert str(record) == "Flow metrics as of 2026-03-02 09:00"


def test_deleting_a_project_takes_what_it_contains_and_leaves_people() -> None:
    item = WorkItemFactory.create()
    user = UserFactory.create()
    ProjectMembershipFactory.create(project=item.project, user=user)
    kept = WorkItemFactory.create()

    item.project.delete()

    assert list(WorkItem.objects.filter(pk__in=[item.pk, kept.pk])) == [kept]
    assert type(user).objects.filter(pk=user.pk).exists()
