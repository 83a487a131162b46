"""Actions followed up: the table of moves, who and why, overdue once, measured once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, cast

import pytest

from gaps.domain.acting import ACTION_MODELS, describe_action_efficacy, follow_actions, projects_with_open_actions
from gaps.models import CorrectiveAction
from predictions.attribution.action_effect import METHOD
from predictions.domain.acting import MOVES, ActionRefused, can_move_action, move_action, project_of
from predictions.domain.action_escalation import escalations
from predictions.domain.action_measuring import measure_actions
from predictions.domain.forecasting import forecast_project
from predictions.enums import ActionKind, ActionMove, ActionStatus
from predictions.forecasters import budget_prevention, overload_prevention, prevention, quality_issue, scope_creep
from predictions.forecasters import shortage_prevention as shortage
from predictions.forecasters.option_details import OPTION_DETAILS
from predictions.models import Action, ActionTransition, PreventiveAction
from projects.domain.queries.calendars import load_calendar
from projects.domain.queries.history import load_history
from projects.models import Project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, User
from tests.factories.gaps import CorrectiveActionFactory, GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PreventiveActionFactory
from tests.factories.projects import ProjectFactory
from tests.factories.tenants import UserFactory
from tests.project_histories import NOW
from tests.recorded_team import record_team

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

AT = NOW
DUE = date(2030, 1, 1)
FACTORIES = [CorrectiveActionFactory, PreventiveActionFactory]
each_kind = pytest.mark.parametrize("factory", FACTORIES, ids=["corrective", "preventive"])
STATE: dict[ActionStatus, dict[str, Any]] = {
    ActionStatus.SUGGESTED: {},
    ActionStatus.ACTIVE: {"started_at": AT - timedelta(days=9)},
    ActionStatus.DONE: {"started_at": AT - timedelta(days=9), "completed_at": AT - timedelta(days=2)},
    ActionStatus.DROPPED: {},
}


def _action(factory: Any, status: ActionStatus, **values: Any) -> Action:
    made: Action = factory.create(
        status=status, **{"owner": UserFactory.create(), "due_date": DUE, **STATE[status], **values}
    )
    return made


@each_kind
@pytest.mark.parametrize("status", ActionStatus)
@pytest.mark.parametrize("kind", MOVES)
def test_move_follows_the_table(kind: ActionMove, status: ActionStatus, factory: Any) -> None:
    action, by = _action(factory, status), UserFactory.create()
    allowed = status in MOVES[kind].sources

    assert can_move_action(action=action, kind=kind) is allowed
    if allowed:
        move_action(action=action, kind=kind, by=by, at=AT, note="Because.")
        row = ActionTransition.objects.get()
        assert type(action)._default_manager.get(pk=action.pk).status == MOVES[kind].target
        assert (row.action_id, row.actor_id, row.note, row.at) == (action.pk, by.pk, "Because.", AT)
        assert (row.from_status, row.to_status) == (status, MOVES[kind].target)
        assert row.action_kind == (ActionKind.CORRECTIVE if factory is CorrectiveActionFactory else "PREVENTIVE")
        assert row.project == project_of(action)
    else:
        with pytest.raises(ActionRefused):
            move_action(action=action, kind=kind, by=by, at=AT, note="Because.")
        assert type(action)._default_manager.get(pk=action.pk).status == status
        assert not ActionTransition.objects.exists()


@each_kind
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"owner": None}, "owner"),
        ({"due_date": None}, "due_date"),
        ({"due_date": date(2020, 1, 1)}, "due_date"),
    ],
)
def test_nothing_is_activated_without_an_owner_and_a_due_date_ahead(
    values: dict[str, Any], field: str, factory: Any
) -> None:
    action = _action(factory, ActionStatus.SUGGESTED, **values)

    with pytest.raises(ActionRefused) as refusal:
        move_action(action=action, kind=ActionMove.ACTIVATED, by=UserFactory.create(), at=AT)

    assert refusal.value.field == field
    assert not ActionTransition.objects.exists()


def test_owner_without_an_active_account_cannot_be_responsible() -> None:
    action = _action(CorrectiveActionFactory, ActionStatus.SUGGESTED, owner=UserFactory.create(is_active=False))

    with pytest.raises(ActionRefused, match="not active"):
        move_action(action=action, kind=ActionMove.ACTIVATED, by=UserFactory.create(), at=AT)


def test_activation_sets_owner_and_due_date_and_is_audited() -> None:
    action, owner = CorrectiveActionFactory.create(), UserFactory.create()

    move_action(action=action, kind=ActionMove.ACTIVATED, by=owner, at=AT, owner=owner, due_date=DUE)

    stored = CorrectiveAction.objects.get(pk=action.pk)
    assert (stored.owner, stored.due_date, stored.started_at) == (owner, DUE, AT)
    assert AuditEntry.objects.filter(resource_id=str(action.pk), changes__has_key="status").exists()


def test_dropping_needs_a_reason() -> None:
    action = CorrectiveActionFactory.create()

    with pytest.raises(ActionRefused) as refusal:
        move_action(action=action, kind=ActionMove.DROPPED, by=UserFactory.create(), at=AT, note="  ")

    assert refusal.value.field == "note"


def test_the_stored_state_decides_not_a_stale_copy() -> None:
    action = _action(CorrectiveActionFactory, ActionStatus.ACTIVE)
    stale = CorrectiveAction.objects.get(pk=action.pk)
    move_action(action=action, kind=ActionMove.COMPLETED, by=UserFactory.create(), at=AT)

    with pytest.raises(ActionRefused):
        move_action(action=stale, kind=ActionMove.COMPLETED, by=UserFactory.create(), at=AT)

    assert ActionTransition.objects.count() == 1


def test_action_of_another_tenant_cannot_be_moved(theirs: LookAlike) -> None:
    foreign = cast("CorrectiveAction", theirs.rows[CorrectiveAction])

    with pytest.raises(CorrectiveAction.DoesNotExist):
        move_action(action=foreign, kind=ActionMove.DROPPED, by=UserFactory.create(), at=AT, note="Mine.")

    with tenant_context(theirs.tenant.pk):
        assert CorrectiveAction.objects.get(pk=foreign.pk).status == ActionStatus.SUGGESTED


# --- overdue ---


@each_kind
def test_overdue_is_escalated_once_to_the_project_owner(factory: Any) -> None:
    action = _action(factory, ActionStatus.ACTIVE, due_date=AT.date() - timedelta(days=1))
    project, owner = project_of(action), UserFactory.create()
    Project.objects.filter(pk=project.pk).update(owner=owner)
    project.refresh_from_db()

    follow_actions(project=project, at=AT)
    follow_actions(project=project, at=AT + timedelta(days=3))

    row = escalations().get()
    assert (row.kind, row.action_id, row.at, row.recipient_ids) == ("ESCALATED", action.pk, AT, [str(owner.pk)])
    assert (row.actor_id, row.to_status) == (None, ActionStatus.ACTIVE)
    action.refresh_from_db()
    assert action.escalated_at == AT
    assert not escalations(since=AT + timedelta(seconds=1)).exists()


def test_without_an_owner_who_can_act_administrators_are_told_and_nobody_elses(theirs: LookAlike) -> None:
    action = _action(CorrectiveActionFactory, ActionStatus.ACTIVE, due_date=AT.date() - timedelta(days=1))
    project = project_of(action)
    Project.objects.filter(pk=project.pk).update(owner=UserFactory.create(is_active=False))
    project.refresh_from_db()
    admins = {str(pk) for pk in User.objects.filter(role=Role.ADMIN, is_active=True).values_list("pk", flat=True)}

    follow_actions(project=project, at=AT)

    told = set(escalations().get().recipient_ids)
    assert told == admins
    assert str(theirs.users[Role.ADMIN].pk) not in told


def test_due_today_is_not_overdue_where_the_project_is() -> None:
    gap = GapFactory.create(project=ProjectFactory.create(time_zone="Pacific/Kiritimati"))  # 14 hours ahead of UTC
    action = _action(CorrectiveActionFactory, ActionStatus.ACTIVE, gap=gap, due_date=date(2024, 6, 1))
    last_minute = AT.replace(year=2024, month=6, day=1, hour=9, minute=59)

    follow_actions(project=gap.project, at=last_minute)
    assert not escalations().exists()

    follow_actions(project=gap.project, at=last_minute + timedelta(minutes=1))
    assert escalations().get().action_id == action.pk


def test_what_waits_for_nobody_is_left_alone() -> None:
    for status in (ActionStatus.SUGGESTED, ActionStatus.DONE, ActionStatus.DROPPED):
        _action(CorrectiveActionFactory, status, due_date=date(2020, 1, 1))

    for project in Project.objects.all():
        follow_actions(project=project, at=AT)

    assert not escalations().exists()


# --- measured ---


def _forecast(project: Project, at: Any) -> None:
    calendar = load_calendar(project, on=at.date())
    history = load_history(project.pk).as_of(at)
    forecast_project(project=project, history=history, calendar=calendar, as_of=at, at=at)


@pytest.fixture
def past() -> Project:
    """A steady team of five a week, with items taken out of its scope eight weeks ago by nobody's doing."""
    project: Project = ProjectFactory.create(name="Measured", start_date=date(2023, 9, 1), end_date=date(2024, 12, 1))
    record_team(project, [4, 6, 5, 7, 3] * 8, open_items=60)
    return project


def _done_action(project: Project, factory: Any = CorrectiveActionFactory, **values: Any) -> Action:
    of: dict[str, Any] = (
        {"gap": GapFactory.create(project=project)}
        if factory is CorrectiveActionFactory
        else {"prediction__project": project}
    )
    return _action(
        factory,
        ActionStatus.DONE,
        **{"started_at": NOW - timedelta(weeks=8), "completed_at": NOW - timedelta(weeks=5), **of, **values},
    )


def _measured_action(project: Project, factory: Any = CorrectiveActionFactory, **values: Any) -> Any:
    return _done_action(
        project, factory, **{"code": "CUT", "title": "Cut it", "measurement": _compared_with(5), **values}
    )


def _compared_with(forecasts: int) -> dict[str, Any]:
    return {"method": METHOD, "reason": None, "compared_forecasts": forecasts}


@each_kind
def test_effect_is_measured_once_and_says_how(past: Project, factory: Any) -> None:
    for weeks in (12, 8, 0):
        _forecast(past, NOW - timedelta(weeks=weeks))
    action = _done_action(past, factory)

    assert measure_actions(project=past, models=ACTION_MODELS, at=NOW) == [action]
    action.refresh_from_db()
    first = (action.measured_effect_days, action.measured_at, action.measurement)
    _forecast(past, NOW + timedelta(days=1))
    assert measure_actions(project=past, models=ACTION_MODELS, at=NOW + timedelta(days=1)) == []

    action.refresh_from_db()
    assert (action.measured_effect_days, action.measured_at, action.measurement) == first
    how = action.measurement
    assert how["reason"] is None
    assert how["is_played_on"]
    assert how["before_as_of"] == (NOW - timedelta(weeks=8)).isoformat()
    assert action.measured_effect_days is not None
    assert action.measured_effect_days == pytest.approx(how["raw_days"] - how["regression_days"], abs=1e-3)
    assert abs(action.measured_effect_days) < 60, "a steady team: what the forecast kept back for newcomers, no more"


def test_measuring_waits_for_time_and_for_a_forecast(past: Project) -> None:
    _forecast(past, NOW - timedelta(weeks=8))
    action = _done_action(past)

    assert measure_actions(project=past, models=ACTION_MODELS, at=NOW - timedelta(weeks=2)) == [], "too early"
    assert measure_actions(project=past, models=ACTION_MODELS, at=NOW) == [], "no forecast since"

    action.refresh_from_db()
    assert (action.measured_at, action.measurement) == (None, None)


def test_without_a_forecast_before_there_is_a_reason_and_no_number(past: Project) -> None:
    _forecast(past, NOW)
    action = _done_action(past)

    measure_actions(project=past, models=ACTION_MODELS, at=NOW)

    action.refresh_from_db()
    assert action.measured_effect_days is None
    assert action.measurement["reason"] == "NO_FORECAST_BEFORE"
    assert describe_action_efficacy(CorrectiveAction.objects.all())["codes"] == []


def test_forecasts_left_alone_are_compared_and_acted_ones_are_not(past: Project) -> None:
    quiet: Project = ProjectFactory.create(name="Left alone", start_date=date(2023, 9, 1), end_date=date(2024, 12, 1))
    record_team(quiet, [4, 6, 5, 7, 3] * 8, open_items=60)
    for project in (past, quiet):
        for weeks in (8, 0):
            _forecast(project, NOW - timedelta(weeks=weeks))
    action = _done_action(past)

    measure_actions(project=past, models=ACTION_MODELS, at=NOW)

    action.refresh_from_db()
    how = action.measurement
    assert how["compared_forecasts"] == 1, "the other project, not this one"
    moved_alone = _done_action(quiet)
    measure_actions(project=quiet, models=ACTION_MODELS, at=NOW)
    moved_alone.refresh_from_db()
    assert how["regression_days"] == pytest.approx(moved_alone.measurement["raw_days"], abs=0.002), "as its twin moved"
    assert how["regression_days"] > 1


# --- what it is for ---


def test_every_option_of_the_forecasters_says_what_taking_it_up_means() -> None:
    tables: list[Any] = [
        prevention.ACTIONS,
        budget_prevention.ACTIONS,
        overload_prevention.ACTIONS,
        shortage.ACTIONS,
        quality_issue.ACTIONS,
        scope_creep.ACTIONS,
    ]
    codes = {row[0] for table in tables for row in table}

    assert codes == set(OPTION_DETAILS)
    for details in OPTION_DETAILS.values():
        assert details.steps
        assert details.effort_h
        assert details.owner_role in (Role.PROJECT_MANAGER, Role.TEAM_LEADER)


def test_ledger_counts_both_kinds_and_stops_at_the_tenant(theirs: LookAlike) -> None:
    for number in range(6):
        project = ProjectFactory.create()
        _measured_action(project, measured_effect_days=10.0 + number % 2)
        if number == 0:
            _measured_action(project, PreventiveActionFactory, measured_effect_days=10.0)
    _measured_action(ProjectFactory.create(), measured_effect_days=500.0, measurement=_compared_with(4))
    with tenant_context(theirs.tenant.pk):
        for _ in range(5):
            _measured_action(ProjectFactory.create(), measured_effect_days=-99.0)

    (row,) = describe_action_efficacy(CorrectiveAction.objects.all(), PreventiveAction.objects.all())["codes"]

    assert (row["code"], row["title"], row["measured_actions"], row["standing"]) == ("CUT", "Cut it", 6, "TESTED")
    assert row["uncompared_actions"] == 1
    assert row["measured_effect_days"]["value"] == pytest.approx(10.5 * 6 / 11, abs=1e-3)
    assert 0 < row["measured_effect_days"]["low"] < row["measured_effect_days"]["high"]


def test_projects_in_which_something_waits_are_found() -> None:
    waiting = project_of(_action(CorrectiveActionFactory, ActionStatus.ACTIVE))
    also = project_of(_action(PreventiveActionFactory, ActionStatus.DONE))
    _action(CorrectiveActionFactory, ActionStatus.DROPPED)

    assert set(projects_with_open_actions()) == {waiting.pk, also.pk}


@pytest.mark.parametrize("more", [0, 2])
def test_following_costs_a_fixed_number_of_queries(
    more: int, past: Project, django_assert_num_queries: Callable[..., Any]
) -> None:
    for _ in range(1 + more):
        _done_action(past, measured_at=NOW)

    with django_assert_num_queries(4):
        follow_actions(project=past, at=NOW)
