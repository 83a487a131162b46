"""What the database itself refuses about the facts read from tools."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from projects.enums import RunOutcome
from projects.models import (
    CoAssignee,
    FieldChange,
    IterationMembership,
    MilestoneMembership,
    WorkItem,
    WorkItemLink,
)
from tenants.isolation.models import TenantModel
from tests.factories import FACTORIES
from tests.factories.projects import (
    MONDAY,
    ActivityEventFactory,
    BaselineFactory,
    CapacityCalendarFactory,
    CiRunFactory,
    ContributorFactory,
    CostEntryFactory,
    DeploymentFactory,
    FieldChangeFactory,
    IncidentFactory,
    IterationFactory,
    IterationMembershipFactory,
    MilestoneFactory,
    ProjectFactory,
    PulseSummaryFactory,
    ScopeApprovalFactory,
    WorkflowStatusFactory,
    WorkItemFactory,
    WorkItemLinkFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_tenant")]

NAMED_BY_SOURCE = [
    ActivityEventFactory,
    CiRunFactory,
    CostEntryFactory,
    DeploymentFactory,
    IncidentFactory,
    IterationFactory,
    MilestoneFactory,
    WorkItemFactory,
]


@pytest.mark.parametrize("factory_class", NAMED_BY_SOURCE)
def test_source_names_a_fact_once_in_a_project(factory_class: Any) -> None:
    fact = factory_class.create()
    factory_class.create(source="other", external_id=fact.external_id)
    factory_class.create(external_id=fact.external_id)

    parent = "work_item" if factory_class is ActivityEventFactory else "project"
    again = {"source": fact.source, "external_id": fact.external_id, parent: getattr(fact, parent)}
    with pytest.raises(IntegrityError), transaction.atomic():
        factory_class.create(**again)


@pytest.mark.parametrize(
    ("factory_class", "values"),
    [
        (WorkItemFactory, {"external_id": ""}),
        (WorkItemFactory, {"key": ""}),
        (WorkItemFactory, {"source": "Jira Cloud"}),
        (WorkItemFactory, {"status_category": "BLOCKED"}),
        (WorkItemFactory, {"presence": "LOST"}),
        (WorkItemFactory, {"estimate_points": -1.0}),
        (WorkItemFactory, {"estimate_points": float("nan")}),
        (WorkItemFactory, {"estimate_points": float("inf")}),
        (WorkItemFactory, {"estimate_s": -1}),
        (FieldChangeFactory, {"external_id": ""}),
        (FieldChangeFactory, {"field": ""}),
        (WorkflowStatusFactory, {"category": "BLOCKED"}),
        (ContributorFactory, {"external_id_digest": "jane"}),
        (ContributorFactory, {"pseudonym": ""}),
        (IterationFactory, {"ends_at": MONDAY - timedelta(days=1)}),
        (IterationFactory, {"state": "PAUSED"}),
        (IterationMembershipFactory, {"left_at": MONDAY - timedelta(days=1)}),
        (MilestoneFactory, {"start_date": date(2026, 4, 1)}),
        (WorkItemLinkFactory, {"target_external_id": "", "target_key": ""}),
        (CostEntryFactory, {"currency": "eur"}),
        (CostEntryFactory, {"hours": -0.5}),
        (BaselineFactory, {"finish_date": date(2026, 1, 4)}),
        (BaselineFactory, {"budget": -1}),
        (ScopeApprovalFactory, {"points_delta": float("nan")}),
        (CapacityCalendarFactory, {"last_date": date(2026, 1, 4)}),
        (CapacityCalendarFactory, {"allocation_percent": 101.0}),
        (ActivityEventFactory, {"kind": "GOSSIP"}),
        (CiRunFactory, {"finished_at": None}),
        (CiRunFactory, {"finished_at": MONDAY - timedelta(seconds=1)}),
        (DeploymentFactory, {"outcome": "MAYBE"}),
        (IncidentFactory, {"resolved_at": MONDAY}),
        (PulseSummaryFactory, {"respondent_count": 4}),
        (PulseSummaryFactory, {"mean_score": 5.1}),
    ],
)
def test_database_refuses_a_fact_that_cannot_be(factory_class: Any, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        factory_class.create(**values)


@pytest.mark.parametrize(
    ("factory_class", "values", "field"),
    [
        (WorkItemFactory, {"labels": "backend"}, "labels"),
        (WorkItemFactory, {"labels": [1]}, "labels"),
        (
            BaselineFactory,
            {"planned_value": {"unit": "items", "points": [{"date": "soon", "value": 1}]}},
            "planned_value",
        ),
        (BaselineFactory, {"planned_value": {"unit": "miles", "points": []}}, "planned_value"),
        (CapacityCalendarFactory, {"weekly_hours": {"monday": 25}}, "weekly_hours"),
        (CapacityCalendarFactory, {"weekly_hours": {"lundi": 8}}, "weekly_hours"),
        (CapacityCalendarFactory, {"exceptions": [{"date": "2026-12-25"}]}, "exceptions"),
    ],
)
def test_json_of_another_shape_is_refused_on_save(factory_class: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        factory_class.create(**values)

    assert list(refused.value.message_dict) == [field]


def test_run_that_is_running_has_no_end() -> None:
    run = CiRunFactory.create(outcome=RunOutcome.RUNNING, finished_at=None)

    assert run.finished_at is None


def test_reversal_is_a_negative_cost() -> None:
    entry = CostEntryFactory.create(amount=-100)

    assert type(entry).objects.get(pk=entry.pk).amount == -100


def test_cost_typed_in_by_hand_names_itself() -> None:
    model: Any = FACTORIES_BY_NAME["CostEntry"]
    fields = {"project": ProjectFactory.create(), "incurred_on_date": date(2026, 1, 6), "amount": 1, "currency": "EUR"}

    first, second = model.objects.create(**fields), model.objects.create(**fields)

    assert first.source == "manual"
    assert first.external_id != second.external_id


def test_undated_stay_in_an_iteration_is_kept_once() -> None:
    stay = IterationMembershipFactory.create(joined_at=None)

    with pytest.raises(IntegrityError), transaction.atomic():
        IterationMembershipFactory.create(iteration=stay.iteration, work_item=stay.work_item, joined_at=None)


def test_item_may_come_back_to_an_iteration() -> None:
    stay = IterationMembershipFactory.create(left_at=MONDAY + timedelta(days=1))

    IterationMembershipFactory.create(
        iteration=stay.iteration, work_item=stay.work_item, joined_at=MONDAY + timedelta(days=2)
    )

    assert IterationMembership.objects.filter(work_item=stay.work_item).count() == 2


def test_team_calendar_stands_once_for_a_day() -> None:
    calendar = CapacityCalendarFactory.create(contributor=None)

    with pytest.raises(IntegrityError), transaction.atomic():
        CapacityCalendarFactory.create(project=calendar.project, contributor=None)


def test_deleting_an_item_takes_its_past_its_stays_and_its_links() -> None:
    link = WorkItemLinkFactory.create()
    change = FieldChangeFactory.create(work_item=link.target_item)
    stay = IterationMembershipFactory.create(work_item=link.target_item)

    link.target_item.delete()

    assert not FieldChange.objects.filter(pk=change.pk).exists()
    assert not IterationMembership.objects.filter(pk=stay.pk).exists()
    assert not WorkItemLink.objects.filter(pk=link.pk).exists()
    assert WorkItem.objects.filter(pk=link.work_item.pk).exists()


def test_contributor_who_carries_items_is_not_deleted() -> None:
    contributor = ContributorFactory.create()
    WorkItemFactory.create(assignee=contributor)

    with pytest.raises(IntegrityError), transaction.atomic():
        contributor.delete()


def test_contributor_shows_a_pseudonym_unless_a_label_was_chosen() -> None:
    assert str(ContributorFactory.build(pseudonym="Contributor 7")) == "Contributor 7"
    assert str(ContributorFactory.build(pseudonym="Contributor 7", display_label="Label")) == "Label"


def test_every_fact_says_what_it_is() -> None:
    texts = {model.__name__: str(factory_class.create()) for model, factory_class in PROJECT_FACTORIES.items()}

    assert all(texts.values())
    assert not any("object (" in text for text in texts.values())


def test_memberships_reach_the_project_through_what_contains_them() -> None:
    paths = {model.__name__: model.project_path for model in (CoAssignee, IterationMembership, MilestoneMembership)}

    assert paths == {
        "CoAssignee": "work_item__project",
        "IterationMembership": "iteration__project",
        "MilestoneMembership": "milestone__project",
    }


PROJECT_FACTORIES: dict[type[TenantModel], Any] = {
    model: factory_class for model, factory_class in FACTORIES.items() if model._meta.app_label == "projects"
}
FACTORIES_BY_NAME = {model.__name__: model for model in FACTORIES}
