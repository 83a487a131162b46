"""From rows to a history: what is read, how it is read, and in how many queries."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from projects.domain.queries.history import load_history
from projects.enums import ActivityKind, LinkDirection, Presence, RunOutcome, StatusCategory
from projects.history.activity import ACTIVITY_CODES, CHANGE
from projects.history.columns import DONE, IN_PROGRESS, TO_DO
from projects.history.deliveries import FAILURE
from projects.history.facts import BaselineFact
from projects.history.instants import to_us
from projects.history.project_history import ProjectHistory
from projects.history.two_clocks import key_of
from projects.models import Project
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import (
    MONDAY,
    SOURCE,
    ActivityEventFactory,
    BaselineFactory,
    CapacityCalendarFactory,
    CiRunFactory,
    ContributorFactory,
    CostEntryFactory,
    DeploymentFactory,
    FieldChangeFactory,
    IncidentFactory,
    IterationMembershipFactory,
    MilestoneFactory,
    MilestoneMembershipFactory,
    ProjectFactory,
    PulseSummaryFactory,
    ScopeApprovalFactory,
    WorkflowStatusFactory,
    WorkItemFactory,
    WorkItemLinkFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_tenant")]

WEEK_LATER = MONDAY + timedelta(days=7)


@pytest.fixture
def project(in_tenant: LookAlike) -> Project:
    project: Project = ProjectFactory.create()
    for status_id, category in (
        ("1", StatusCategory.TODO),
        ("3", StatusCategory.IN_PROGRESS),
        ("6", StatusCategory.DONE),
    ):
        WorkflowStatusFactory.create(project=project, source=SOURCE, status_id=status_id, category=category)
    return project


def started_and_finished_item(project: Project) -> Any:
    item = WorkItemFactory.create(
        project=project,
        opened_at=MONDAY,
        resolved_at=MONDAY + timedelta(days=3),
        status_category=StatusCategory.DONE,
        recorded_at=WEEK_LATER,
    )
    for days, from_id, to_id in ((1, "1", "3"), (3, "3", "6")):
        FieldChangeFactory.create(
            work_item=item,
            from_id=from_id,
            to_id=to_id,
            changed_at=MONDAY + timedelta(days=days),
            recorded_at=WEEK_LATER,
        )
    return item


def state_at(history: ProjectHistory, moment: datetime) -> int:
    return int(history.as_of(moment).states.category[0])


def test_item_goes_through_the_categories_of_its_statuses(project: Project) -> None:
    started_and_finished_item(project)

    history = load_history(project.pk)

    assert state_at(history, MONDAY + timedelta(days=2)) == IN_PROGRESS
    assert state_at(history, MONDAY + timedelta(days=4)) == DONE
    states = history.as_of(WEEK_LATER).states
    assert states.started_us.tolist() == [to_us(MONDAY + timedelta(days=1))]
    assert states.finished_us.tolist() == [to_us(MONDAY + timedelta(days=3))]


def test_category_corrected_by_a_person_changes_the_past(project: Project) -> None:
    started_and_finished_item(project)
    project.workflow_statuses.filter(status_id="3").update(category=StatusCategory.TODO)

    history = load_history(project.pk)

    assert state_at(history, MONDAY + timedelta(days=2)) == TO_DO


def test_status_without_a_category_is_not_guessed(project: Project) -> None:
    item = WorkItemFactory.create(project=project, status_category=StatusCategory.TODO, recorded_at=WEEK_LATER)
    FieldChangeFactory.create(work_item=item, to_id="99", to_text="In Progress", recorded_at=WEEK_LATER)

    history = load_history(project.pk)

    assert IN_PROGRESS not in history.statuses.category.tolist()


def test_dates_and_estimates_read_alike_on_items_and_in_changes(project: Project) -> None:
    item = WorkItemFactory.create(
        project=project, due_date=date(2026, 3, 2), estimate_points=5.0, recorded_at=WEEK_LATER
    )
    FieldChangeFactory.create(
        work_item=item, field="due_date", from_id="", from_text="", to_id="2026-03-02", to_text="2026-03-02 00:00:00.0"
    )
    FieldChangeFactory.create(work_item=item, field="estimate_points", from_id="", from_text="3", to_id="", to_text="5")

    history = load_history(project.pk)

    for moment in (MONDAY + timedelta(days=2), WEEK_LATER):
        assert history.as_of(moment).values_of("due_date").tolist() == ["2026-03-02"]
        assert history.as_of(moment).values_of("estimate_points").tolist() == ["5.0"]


def test_emptied_field_is_none_and_ids_stand_before_localised_names(project: Project) -> None:
    item = WorkItemFactory.create(project=project)
    for days, to_id, to_text in ((1, "12", "Sprint 12"), (2, "", "")):
        FieldChangeFactory.create(
            work_item=item, field="iteration", to_id=to_id, to_text=to_text, changed_at=MONDAY + timedelta(days=days)
        )

    history = load_history(project.pk)

    assert history.as_of(MONDAY + timedelta(days=1)).values_of("iteration").tolist() == ["12"]
    assert history.as_of(MONDAY + timedelta(days=2)).values_of("iteration").tolist() == [None]


def test_item_that_is_gone_is_gone_from_when_it_was_found_so(project: Project) -> None:
    WorkItemFactory.create(
        project=project, presence=Presence.GONE, presence_changed_at=MONDAY + timedelta(days=5), recorded_at=MONDAY
    )

    history = load_history(project.pk)

    assert history.as_of(MONDAY + timedelta(days=4)).states.live.tolist() == [True]
    assert history.as_of(MONDAY + timedelta(days=6)).states.live.tolist() == [False]


def test_approved_change_of_scope_makes_a_plan_of_its_own(project: Project) -> None:
    BaselineFactory.create(project=project, approved_at=MONDAY, finish_date=date(2026, 6, 30), scope_item_count=120)
    ScopeApprovalFactory.create(project=project, approved_at=WEEK_LATER, item_count_delta=6)
    ScopeApprovalFactory.create(
        project=project,
        approved_at=WEEK_LATER + timedelta(days=1),
        item_count_delta=0,
        finish_date=date(2026, 7, 31),
    )

    plans = load_history(project.pk).baselines

    assert [(plan.approved_at, plan.target_date, plan.scope_items) for plan in plans] == [
        (MONDAY, date(2026, 6, 30), 120),
        (WEEK_LATER, date(2026, 6, 30), 126),
        (WEEK_LATER + timedelta(days=1), date(2026, 7, 31), 126),
    ]
    assert all(isinstance(plan, BaselineFact) for plan in plans)


def test_approval_before_any_baseline_promises_nothing(project: Project) -> None:
    ScopeApprovalFactory.create(project=project, approved_at=MONDAY)
    BaselineFactory.create(project=project, approved_at=WEEK_LATER, scope_item_count=None)

    assert load_history(project.pk).baselines == ()


def test_plan_says_when_work_was_to_begin(project: Project) -> None:
    BaselineFactory.create(project=project, approved_at=MONDAY, start_date=date(2026, 1, 12), scope_item_count=12)

    assert [plan.start_date for plan in load_history(project.pk).baselines] == [date(2026, 1, 12)]


def test_status_that_is_called_blocked_blocks(project: Project) -> None:
    for status_id, name in (("7", "On Hold"), ("8", "Unblocking review")):
        WorkflowStatusFactory.create(
            project=project, source=SOURCE, status_id=status_id, name=name, category=StatusCategory.IN_PROGRESS
        )
    item = WorkItemFactory.create(project=project, recorded_at=WEEK_LATER)
    for days, to_id in ((1, "7"), (2, "8")):
        FieldChangeFactory.create(work_item=item, to_id=to_id, changed_at=MONDAY + timedelta(days=days))

    statuses = load_history(project.pk).statuses

    assert statuses.blocked[statuses.dated].tolist() == [True, False]
    assert statuses.state[statuses.dated].tolist() == ["On Hold", "Unblocking review"]


@pytest.mark.parametrize(
    ("link_type", "direction", "second_waits"),
    [
        ("Blocks", LinkDirection.OUTWARD, True),
        ("Blocks", LinkDirection.INWARD, False),
        ("Depends on", LinkDirection.OUTWARD, False),
        ("Depends on", LinkDirection.INWARD, True),
    ],
)
def test_link_says_which_of_two_items_waits(
    project: Project, link_type: str, direction: LinkDirection, second_waits: bool
) -> None:
    first, second = (WorkItemFactory.create(project=project) for _ in range(2))
    WorkItemLinkFactory.create(work_item=first, target_item=second, link_type=link_type, direction=direction)

    history = load_history(project.pk)

    waiting = {history.items.ids[row] for row in history.links.item}
    assert waiting == {second.pk if second_waits else first.pk}


def test_link_that_makes_nobody_wait_is_left_out(project: Project) -> None:
    WorkItemLinkFactory.create(work_item=WorkItemFactory.create(project=project), link_type="Relates")

    assert len(load_history(project.pk).links) == 0


@pytest.mark.parametrize("items", [1, 3])
def test_history_takes_eighteen_queries_whatever_its_size(
    project: Project, items: int, django_assert_num_queries: Any
) -> None:
    for _ in range(items):
        started_and_finished_item(project)
        CostEntryFactory.create(project=project)
        add_context(project)

    with django_assert_num_queries(18):
        history = load_history(project.pk)

    assert (len(history.items), len(history.costs)) == (5 * items, items)
    assert {len(getattr(history.context, column.name)) for column in fields(history.context)} == {items, 2 * items}


def add_context(project: Project) -> None:
    """One row of each kind beside the work, and of stays two."""
    for factory in (CapacityCalendarFactory, CiRunFactory, DeploymentFactory, IncidentFactory, PulseSummaryFactory):
        factory.create(project=project)
    IterationMembershipFactory.create(iteration__project=project)
    MilestoneMembershipFactory.create(milestone__project=project)
    ActivityEventFactory.create(work_item__project=project)
    FieldChangeFactory.create(work_item__project=project, field="assignee", to_id="someone")


def test_what_surrounds_the_work_is_read_as_it_stands_in_the_rows(project: Project) -> None:
    ann = ContributorFactory.create()
    stay = IterationMembershipFactory.create(
        iteration__project=project, iteration__ends_at=WEEK_LATER, left_at=MONDAY + timedelta(days=2)
    )
    MilestoneFactory.create(project=project, released_date=date(2026, 1, 9))
    item = WorkItemFactory.create(project=project, assignee=ann)
    ActivityEventFactory.create(work_item=item, contributor=ann)
    FieldChangeFactory.create(work_item=item, actor=ann)
    CiRunFactory.create(project=project, outcome=RunOutcome.FAILURE)
    deployment = DeploymentFactory.create(project=project)
    IncidentFactory.create(project=project, deployment_external_id=deployment.external_id)
    PulseSummaryFactory.create(project=project, mean_score=4.5)
    CapacityCalendarFactory.create(project=project, contributor=ann, allocation_percent=50.0)

    now = load_history(project.pk).as_of(datetime.now(UTC) + timedelta(minutes=1))
    tuesday = load_history(project.pk).as_of(MONDAY + timedelta(days=1))

    assert now.iterations.ends_us.tolist() == [to_us(WEEK_LATER)]
    assert tuesday.members_of(stay.iteration_id).sum() == 1
    assert now.members_of(stay.iteration_id).sum() == 0
    assert now.milestones.released_us.tolist() == [to_us(datetime(2026, 1, 10, tzinfo=UTC))]
    assert key_of(ann.pk) in now.assignees.tolist()
    assert now.activity.contributor.tolist() == [key_of(ann.pk)] * 2
    assert now.activity.kind.tolist() == [ACTIVITY_CODES[ActivityKind.COMMENT], CHANGE]
    assert (now.ci_runs.outcome.tolist(), now.ci_runs.pipeline.tolist()) == ([FAILURE], ["tests"])
    assert now.incidents.caused_by.tolist() == now.deployments.external_ids.tolist()
    assert [pulse.mean_score for pulse in now.pulses] == [4.5]
    friday = date(2026, 4, 3)  # a holiday in the calendar
    assert now.capacity.daily_hours(friday - timedelta(days=2), friday).tolist() == [4.0, 4.0, 0.0]


def test_what_surrounds_the_work_of_another_tenant_or_project_is_not_read(project: Project, theirs: LookAlike) -> None:
    add_context(ProjectFactory.create())
    with tenant_context(theirs.tenant.pk):
        foreign = ProjectFactory.create()
        add_context(foreign)

    for project_id in (project.pk, foreign.pk):
        context = load_history(project_id).context
        assert {len(getattr(context, column.name)) for column in fields(context)} == {0}


def test_costs_and_the_budget_in_force_are_read_as_they_were_known(project: Project) -> None:
    BaselineFactory.create(project=project, approved_at=MONDAY, budget=Decimal("5000.00"), currency="CHF")
    BaselineFactory.create(project=project, approved_at=MONDAY + timedelta(days=1), budget=None)
    ScopeApprovalFactory.create(project=project, approved_at=WEEK_LATER, budget_delta=Decimal("750.50"))
    for day, amount, hours in ((6, "800.00", 8.0), (7, "-200.00", None)):
        CostEntryFactory.create(
            project=project, incurred_on_date=date(2026, 1, day), amount=Decimal(amount), currency="CHF", hours=hours
        )

    history = load_history(project.pk)

    early, late = (history.as_of(datetime(2026, 1, day, 12, tzinfo=UTC)) for day in (7, 20))
    assert (early.spent.amount.tolist(), sorted(late.spent.amount.tolist())) == ([800.0], [-200.0, 800.0])
    assert sorted(map(str, late.spent.hours.tolist())) == ["8.0", "nan"]
    budgets = [(budget.amount, budget.currency) for budget in (early.budget, late.budget) if budget is not None]
    assert budgets == [(5000.0, "CHF"), (5750.5, "CHF")]


def test_costs_of_another_tenant_and_project_are_not_read(project: Project, theirs: LookAlike) -> None:
    CostEntryFactory.create()  # of another project
    with tenant_context(theirs.tenant.pk):
        foreign = CostEntryFactory.create()

    assert len(load_history(project.pk).costs) == 0
    assert len(load_history(foreign.project_id).costs) == 0


def test_unknown_project_has_an_empty_history() -> None:
    assert len(load_history(uuid4()).items) == 0


def test_project_of_another_tenant_has_an_empty_history(project: Project, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = started_and_finished_item(ProjectFactory.create())

    assert len(load_history(foreign.project_id).items) == 0


def test_two_loads_hash_alike(project: Project) -> None:
    for _ in range(3):
        started_and_finished_item(project)
    moment = datetime(2026, 2, 1, tzinfo=UTC)

    first, second = load_history(project.pk).as_of(moment), load_history(project.pk).as_of(moment)

    assert first.inputs_hash == second.inputs_hash
    assert np.array_equal(first.statuses.at_us, second.statuses.at_us)
