"""What settlement stores, once for each prediction, and for nobody else."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from predictions.calibration.track_record import lead_time_h
from predictions.domain.forecasting import forecast_project
from predictions.domain.overriding import describe_overrides, settled_overrides
from predictions.domain.settlement import (
    SCOPE_DONE_ON,
    Settlement,
    projects_with_claims,
    settle_predictions,
    unsettled_predictions,
)
from predictions.domain.track_record import settled_claims
from predictions.enums import ActionStatus, OutcomeResult, PredictionType
from predictions.forecasters.registry import RESOLVERS
from predictions.models import Prediction, PredictionOutcome, PredictionOverride, PreventiveAction
from projects.enums import ProjectStatus, StatusCategory
from projects.history import CostFact, HistoryFact, ProjectHistory
from projects.history.calendar import WorkCalendar
from projects.models import Project
from tenants.audit.enums import AuditAction
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PredictionOverrideFactory, PreventiveActionFactory
from tests.factories.projects import ProjectFactory, WorkItemFactory
from tests.factories.tenants import UserFactory
from tests.project_histories import DAY, NOW, WEEK, costly_project, dated_items, finished_item, move, team_facts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

TARGET = date(2024, 9, 25)
OVER = datetime.fromisoformat("2024-09-26T00:00:00+00:00")
STEADY_TEAM, OPEN = [5] * 40, 45
CALENDAR = WorkCalendar()


@pytest.fixture
def project(tenant: Any) -> Project:
    project = ProjectFactory.create(start_date=date(2023, 9, 1), end_date=TARGET)
    WorkItemFactory.create(project=project, last_seen_at=OVER + DAY)
    return project


def _facts(*, finished_by: datetime | None) -> list[HistoryFact]:
    """A team with a backlog, all of which it finishes one hour before a moment, or never."""
    facts = team_facts(STEADY_TEAM, open_items=OPEN)
    if finished_by is not None:
        created_at = NOW - 40 * WEEK - DAY
        for number in range(201, 201 + OPEN):
            finish = finished_by - timedelta(hours=1, minutes=OPEN * 10 - (number - 200) * 10)
            facts += finished_item(number, created_at=created_at, started_at=finish - DAY, finished_at=finish)
    return facts


def _history(*, finished_by: datetime | None = None) -> ProjectHistory:
    return ProjectHistory.from_facts(_facts(finished_by=finished_by))


def _predict(project: Project, *, as_of: datetime = NOW, history: ProjectHistory | None = None) -> Prediction:
    found = forecast_project(
        project=project, history=history or _history(), calendar=CALENDAR, as_of=as_of, at=as_of
    ).prediction
    assert found is not None
    return found


def _settle(project: Project, *, at: datetime = OVER + DAY, finished_by: datetime | None = None) -> Settlement:
    return settle_predictions(project=project, history=_history(finished_by=finished_by), calendar=CALENDAR, at=at)


def test_missed_target_is_stored_with_score_and_facts(project: Project) -> None:
    prediction = _predict(project)

    settlement = _settle(project)

    outcome = PredictionOutcome.objects.get()
    assert settlement.outcomes == (outcome,)
    assert (outcome.prediction, outcome.result, outcome.occurred_at) == (prediction, OutcomeResult.OCCURRED, OVER)
    assert outcome.accuracy == pytest.approx((prediction.probability - 1) ** 2)
    assert (outcome.acted_on, outcome.settled_at) == (False, OVER + DAY)
    assert outcome.evidence[0]["field"] == "items_not_done"
    assert outcome.evidence[0]["value"] == str(OPEN)
    assert outcome.note


def test_scope_that_is_done_before_the_target_is_settled_then(project: Project) -> None:
    prediction = _predict(project)
    done_at = NOW + 6 * WEEK

    _settle(project, at=done_at + DAY, finished_by=done_at)

    outcome = PredictionOutcome.objects.get()
    assert (outcome.result, outcome.occurred_at) == (OutcomeResult.NOT_OCCURRED, None)
    assert outcome.accuracy == pytest.approx(prediction.probability**2)
    (done_on,) = [row["value"] for row in outcome.evidence if row["field"] == SCOPE_DONE_ON]
    assert done_on == (done_at - timedelta(hours=1)).date().isoformat()


def test_target_that_moved_since_does_not_move_the_claim(project: Project) -> None:
    _predict(project)
    Project.objects.filter(pk=project.pk).update(end_date=TARGET + timedelta(days=90))
    project.refresh_from_db()

    _settle(project)

    assert PredictionOutcome.objects.get().result == OutcomeResult.OCCURRED


def test_running_again_adds_nothing(project: Project) -> None:
    _predict(project)
    _settle(project)
    before = list(PredictionOutcome.objects.values())

    assert _settle(project, at=OVER + 2 * DAY).outcomes == ()
    assert list(PredictionOutcome.objects.values()) == before


def test_of_two_runs_over_the_same_claims_one_stores(project: Project) -> None:
    """The second one had read its claims before the first stored anything."""
    _predict(project)
    claims = unsettled_predictions(project, OVER + DAY)
    _settle(project)

    late = settle_predictions(project=project, history=_history(), calendar=CALENDAR, at=OVER + 2 * DAY, claims=claims)

    assert late.outcomes == ()
    assert PredictionOutcome.objects.get().settled_at == OVER + DAY


@pytest.mark.parametrize("status", [ProjectStatus.ARCHIVED, ProjectStatus.INACTIVE])
def test_cancelled_project_is_censored_without_a_score(project: Project, status: ProjectStatus) -> None:
    _predict(project)
    Project.objects.filter(pk=project.pk).update(status=status, updated_at=OVER - DAY)
    project.refresh_from_db()

    _settle(project)

    outcome = PredictionOutcome.objects.get()
    assert (outcome.result, outcome.accuracy) == (OutcomeResult.CENSORED, None)


def test_a_new_name_after_the_target_makes_no_delay_of_a_project_stopped_before(project: Project) -> None:
    _predict(project)
    project.status = ProjectStatus.INACTIVE
    project.save()
    stopped = AuditEntry.objects.get_for_object(project).latest("timestamp").timestamp
    claim = Prediction.objects.get()
    over = stopped + timedelta(milliseconds=1)
    PredictionFactory.create(project=project, event=claim.event, as_of=NOW, issued_at=NOW, predicted_for=over)
    project.name = "Another name"
    project.save()

    _settle(project, at=max(project.updated_at, over) + DAY)

    results = dict(PredictionOutcome.objects.values_list("prediction__predicted_for", "result"))
    assert results[over] == OutcomeResult.CENSORED


def test_record_nobody_renewed_leaves_the_claim_open(project: Project) -> None:
    _predict(project)
    project.work_items.update(last_seen_at=OVER - DAY)

    settlement = _settle(project)

    assert (settlement.outcomes, settlement.waiting, settlement.pending) == ((), 1, 1)


@pytest.mark.usefixtures("project")
def test_look_at_the_past_is_not_settled() -> None:
    project = ProjectFactory.create()
    PredictionFactory.create(project=project, is_retrospective=True)

    assert _settle(project, at=OVER + 900 * DAY) == Settlement()


# --- other types and levels ---


def _forecast_all(project: Project, facts: list[HistoryFact]) -> dict[str, Prediction]:
    """The claims of one run by type and level."""
    history = ProjectHistory.from_facts(facts)
    found = forecast_project(project=project, history=history, calendar=CALENDAR, as_of=NOW, at=NOW)
    return {
        f"{kept.prediction.type} {kept.prediction.event['subject']['type']}": kept.prediction for kept in found.kept
    }


def _settle_by(project: Project, facts: list[HistoryFact], *, at: datetime) -> Settlement:
    return settle_predictions(project=project, history=ProjectHistory.from_facts(facts), calendar=CALENDAR, at=at)


def test_budget_that_is_crossed_is_settled_then_and_the_delay_waits(project: Project) -> None:
    facts = costly_project(44_000)
    claim = _forecast_all(project, facts)["BUDGET_OVERRUN project"]
    crossed = CostFact(UUID(int=90_001), (NOW + WEEK).date(), NOW + 2 * WEEK, 9_000.0, "EUR")
    PreventiveActionFactory.create(
        prediction=claim, owner=UserFactory.create(), due_date=TARGET, status=ActionStatus.ACTIVE, started_at=NOW
    )

    settlement = _settle_by(project, [*facts, crossed], at=NOW + 3 * WEEK)

    outcome = PredictionOutcome.objects.get()
    assert (outcome.prediction, outcome.result) == (claim, OutcomeResult.OCCURRED)
    assert outcome.occurred_at == crossed.incurred_at
    assert outcome.accuracy == pytest.approx((1 - claim.probability) ** 2)
    assert outcome.acted_on
    assert (settlement.pending, settlement.by_result) == (1, {"OCCURRED": 1})


def test_what_people_say_of_a_budget_once_the_scope_is_done_is_hindsight(project: Project) -> None:
    facts = costly_project(44_000)
    claim = _forecast_all(project, facts)["BUDGET_OVERRUN project"]
    done_at = NOW + WEEK
    facts += [move(number, StatusCategory.DONE, done_at, recorded_at=done_at) for number in range(201, 241)]
    for made_at in (done_at - DAY, done_at + DAY):
        PredictionOverrideFactory.create(prediction=claim, made_at=made_at)

    _settle_by(project, facts, at=done_at + 46 * DAY)

    assert PredictionOutcome.objects.get(prediction=claim).result == OutcomeResult.NOT_OCCURRED
    shown = describe_overrides(settled_overrides(PredictionOverride.objects.all(), at=NOW + 3650 * DAY))
    assert (shown["overrides"], shown["in_hindsight"]) == (1, 1)


def test_items_are_settled_one_by_one(project: Project) -> None:
    facts = dated_items(late_share=0.95, open_items=10)
    _forecast_all(project, facts)
    items = Prediction.objects.filter(event__subject__type="work_item")
    (first, *others) = sorted(items, key=lambda item: item.event["subject"]["key"])
    number = int(first.event["subject"]["key"].removeprefix("DEMO-"))
    done = move(number, StatusCategory.DONE, NOW + DAY / 2, recorded_at=NOW + DAY / 2)

    _settle_by(project, [*facts, done], at=OVER + 2 * DAY)

    results = dict(PredictionOutcome.objects.values_list("prediction_id", "result"))
    assert results.pop(first.pk) == OutcomeResult.NOT_OCCURRED
    assert others
    assert {results[each.pk] for each in others} == {OutcomeResult.OCCURRED}


def test_rule_that_fails_leaves_its_claim_open_aloud_and_hinders_no_other(
    project: Project, monkeypatch: pytest.MonkeyPatch, analysis_failures: list[str]
) -> None:
    claims = _forecast_all(project, costly_project(44_000))

    def fail(*_arguments: Any) -> Any:
        raise ZeroDivisionError

    rules = {**RESOLVERS, PredictionType.BUDGET_OVERRUN: fail}
    monkeypatch.setattr("predictions.domain.settlement.RESOLVERS", rules)

    settlement = _settle_by(project, costly_project(44_000), at=OVER + DAY)

    budget = claims["BUDGET_OVERRUN project"]
    assert [outcome.prediction for outcome in settlement.outcomes] == [claims["DELAY_RISK project"]]
    assert (settlement.failed, settlement.pending) == (1, 1)
    assert analysis_failures == [f"the rule of BUDGET_OVERRUN failed on prediction {budget.pk}"]


def test_scores_of_one_type_leave_the_others_out(project: Project) -> None:
    facts = costly_project(44_000)
    _forecast_all(project, facts)
    _settle_by(project, facts, at=OVER + DAY)
    late = OVER + 3650 * DAY

    counted = {
        kind: len(settled_claims(Prediction.objects.filter(type=kind), at=late)) for kind in ("DELAY_RISK", "OTHER")
    }

    assert counted == {"DELAY_RISK": 1, "OTHER": 0}


def test_lead_time_of_a_crossed_budget_ends_when_it_was_crossed(project: Project) -> None:
    facts = costly_project(44_000)
    claim = _forecast_all(project, facts)["BUDGET_OVERRUN project"]
    crossed = CostFact(UUID(int=90_001), (NOW + WEEK).date(), NOW + 2 * WEEK, 9_000.0, "EUR")
    _settle_by(project, [*facts, crossed], at=NOW + 3 * WEEK)

    (settled,) = settled_claims(Prediction.objects.filter(pk=claim.pk), at=NOW + 3650 * DAY)

    assert lead_time_h([settled]) == (crossed.incurred_at - NOW) / timedelta(hours=1)


# --- whether people acted ---


def _act(prediction: Prediction, **fields: Any) -> PreventiveAction:
    return PreventiveActionFactory.create(prediction=prediction, owner=UserFactory.create(), due_date=TARGET, **fields)


@pytest.mark.parametrize(
    ("fields", "acted"),
    [
        ({"status": ActionStatus.ACTIVE, "started_at": OVER - DAY}, True),
        ({"status": ActionStatus.ACTIVE, "started_at": OVER + timedelta(hours=1)}, False),
        ({"status": ActionStatus.ACTIVE}, True),
        ({"status": ActionStatus.DONE, "completed_at": OVER - DAY}, True),
        ({"status": ActionStatus.DONE, "completed_at": OVER + timedelta(hours=1)}, False),
        ({"status": ActionStatus.DROPPED, "started_at": OVER - DAY}, True),
        ({"status": ActionStatus.DROPPED}, False),
        ({"status": ActionStatus.SUGGESTED}, False),
    ],
)
def test_acting_before_the_event_is_decided_is_a_flag(project: Project, fields: dict[str, Any], acted: bool) -> None:
    _act(_predict(project), **fields)

    _settle(project)

    outcome = PredictionOutcome.objects.get()
    assert (outcome.acted_on, outcome.result) == (acted, OutcomeResult.OCCURRED)


def test_acting_on_one_forecast_of_an_event_is_acting_on_all(project: Project) -> None:
    first = _predict(project, as_of=NOW - 6 * WEEK)
    second = _predict(project)
    other = PredictionFactory.create(project=project, event_key="f" * 64)
    _act(first, status=ActionStatus.ACTIVE, started_at=NOW - DAY)
    assert first.pk != second.pk

    _settle(project)

    assert {o.prediction_id: o.acted_on for o in PredictionOutcome.objects.all()} == {first.pk: True, second.pk: True}
    assert not other.outcomes.exists()


# --- cost, trail, neighbours ---


@pytest.mark.parametrize("rows", [1, 3])
def test_settling_costs_a_fixed_number_of_queries(project: Project, rows: int, django_assert_num_queries: Any) -> None:
    for number in range(rows):
        _predict(project, as_of=NOW + (number - rows) * 4 * WEEK)
    assert Prediction.objects.filter(project=project).count() == rows

    with django_assert_num_queries(6):
        _settle(project)

    assert PredictionOutcome.objects.count() == rows


def test_what_was_settled_is_in_the_trail_once(project: Project) -> None:
    _predict(project)
    before = AuditEntry.objects.count()

    _settle(project)

    (entry,) = AuditEntry.objects.order_by("-timestamp", "-id")[: AuditEntry.objects.count() - before]
    assert (entry.action, entry.changes["counts"]) == (AuditAction.BULK_WRITE, {"created": 1})


def test_other_tenant_has_no_part_in_it(project: Project, theirs: LookAlike, ours: LookAlike) -> None:
    _predict(project)
    with tenant_context(theirs.tenant.pk):
        before = list(PredictionOutcome.objects.order_by("pk").values())
        assert project.pk not in projects_with_claims()
        assert _settle(project) == Settlement()
    with tenant_context(ours.tenant.pk):
        assert projects_with_claims() == [project.pk]
        _settle(project)
    with tenant_context(theirs.tenant.pk):
        assert list(PredictionOutcome.objects.order_by("pk").values()) == before
