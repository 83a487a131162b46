"""What became of earlier claims moves the next ones: whose, from when on, and that it shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from predictions.domain.settled_events import load_recalibrations
from predictions.enums import OutcomeResult, PredictionType
from predictions.forecasters.risk_recalibration import SETTLED_FORECASTS, probability_before
from predictions.models import Prediction
from projects.models import Project
from stratibreak.pipeline import refresh_project
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PredictionOutcomeFactory, sha256_of
from tests.factories.projects import BaselineFactory, CostEntryFactory, ProjectFactory
from tests.project_histories import DAY, NOW, WEEK
from tests.recorded_team import record_team

pytestmark = pytest.mark.django_db

SCOPE, BUDGET = f"{PredictionType.SCOPE_CREEP} project", f"{PredictionType.BUDGET_OVERRUN} project"


def _settled(
    project: Project,
    number: int,
    *,
    occurred: bool,
    probability: float = 0.5,
    settled_at: datetime = NOW - DAY,
    level: str = "project",
    claim_type: str = PredictionType.SCOPE_CREEP,
    drivers: list[dict[str, Any]] | None = None,
    acted_on: bool = False,
    result: OutcomeResult | None = None,
    **fields: Any,
) -> None:
    prediction = PredictionFactory.create(
        project=project,
        type=claim_type,
        event_key=sha256_of(f"{project.pk} {number}"),
        inputs_hash=sha256_of(f"{project.pk} {number} {fields}"),
        probability=probability,
        probability_low=None,
        probability_high=None,
        as_of=NOW - 60 * DAY,
        issued_at=NOW - 60 * DAY,
        predicted_for=settled_at - DAY,
        drivers=drivers or [],
        **fields,
    )
    assert prediction.event["subject"]["type"] == level
    happened = OutcomeResult.OCCURRED if occurred else OutcomeResult.NOT_OCCURRED
    PredictionOutcomeFactory.create(
        prediction=prediction,
        result=result or happened,
        settled_at=settled_at,
        occurred_at=settled_at - DAY if occurred and result is None else None,
        accuracy=None if result else 0.25,
        acted_on=acted_on,
    )


def _moved(project: Project, p: float = 0.5, *, name: str = SCOPE, as_of: datetime = NOW) -> float:
    return float(load_recalibrations(project, as_of=as_of)[name].apply(p))


def test_own_events_and_those_of_other_projects_move_a_claim(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        own, other, newcomer = (ProjectFactory.create(name=name) for name in ("Own", "Other", "Newcomer"))
        for number in range(20):
            _settled(own, number, occurred=True)
            _settled(other, number, occurred=number < 5)

        assert _moved(other) < _moved(newcomer) < _moved(own)
        assert _moved(newcomer) == pytest.approx(0.59, abs=0.02), "25 of 40 events happened"
        assert _moved(own) > 0.65


def test_another_tenants_events_move_nothing(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = ProjectFactory.create(name="Foreign")
        for number in range(30):
            _settled(foreign, number, occurred=False)
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Ours")

        assert _moved(project) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "left_out",
    [
        {"acted_on": True},
        {"result": OutcomeResult.CENSORED},
        {"settled_at": NOW},
        {"claim_type": PredictionType.BUDGET_OVERRUN},
        {"is_retrospective": True},
    ],
    ids=["acted on", "undecided", "settled by the run itself", "of another type", "for a past moment"],
)
def test_what_does_not_count(left_out: dict[str, Any], ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Ours")
        for number in range(20):
            _settled(project, number, occurred=False, **left_out)

        assert _moved(project) == pytest.approx(0.5)


def test_an_event_counts_once_and_from_what_the_model_said_before_it_was_moved(ours: LookAlike) -> None:
    moved_down = [{"code": SETTLED_FORECASTS, "text": "moved", "effect": -0.3, "unit": "probability"}]
    with tenant_context(ours.tenant.pk):
        once, often, moved = (ProjectFactory.create(name=name) for name in ("Once", "Often", "Moved"))
        _settled(once, 1, occurred=False)
        own = [_moved(once)]
        for day in range(5):
            _settled(often, 1, occurred=False, model_version=str(day))
        _settled(moved, 1, occurred=False, probability=0.2, drivers=moved_down)

        events = [load_recalibrations(project, as_of=NOW)[SCOPE].events for project in (once, often, moved)]
        assert events == [3, 3, 3]
        assert own[0] < 0.5
    assert probability_before(0.2, moved_down) == pytest.approx(0.5)


def test_a_run_shows_what_moved_its_claims_and_is_the_same_again(ours: LookAlike) -> None:
    hour = timedelta(hours=1)
    with tenant_context(ours.tenant.pk):
        project = _with_budget()
        before = load_recalibrations(project, as_of=NOW)
        refresh_project(project=project, as_of=NOW - hour, at=NOW - hour)
        plain = _newest(project)
        for number in range(40):
            _settled(
                project,
                number,
                occurred=number < 2,
                base_rate=0.5,
                probability=0.5,
                claim_type=PredictionType.BUDGET_OVERRUN,
            )
        refresh_project(project=project, as_of=NOW, at=NOW)
        moved = _newest(project)
        count = Prediction.objects.count()
        refresh_project(project=project, as_of=NOW, at=NOW)

        assert before[BUDGET].events == 0
        assert moved.probability < plain.probability
        (driver,) = [row for row in moved.drivers if row["code"] == SETTLED_FORECASTS]
        assert driver["text"] == "What became of earlier forecasts: 40 settled events"
        assert moved.probability - driver["effect"] == pytest.approx(plain.probability, abs=0.02)
        assert (moved.probability_low or 1) < moved.probability < (moved.probability_high or 0)
        assert Prediction.objects.count() == count


def test_the_base_rate_that_did_better_is_served_under_its_name(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = _with_budget()
        for number in range(25):
            _settled(
                project,
                number,
                occurred=number < 3,
                probability=0.9,
                base_rate=0.15,
                claim_type=PredictionType.BUDGET_OVERRUN,
            )
        refresh_project(project=project, as_of=NOW, at=NOW)
        served = _newest(project)

        assert served.model_id.endswith(".base-rate")
        assert served.probability == pytest.approx(served.base_rate)


def _with_budget() -> Project:
    """A team that is nearly done, and about to spend all that was approved."""
    begun = NOW - 40 * WEEK
    project: Project = ProjectFactory.create(name="Ours", start_date=begun.date(), end_date=(NOW + 12 * WEEK).date())
    record_team(project, [5] * 40, open_items=20, as_of=NOW)
    BaselineFactory.create(
        project=project,
        approved_at=begun,
        start_date=begun.date(),
        finish_date=(NOW + 12 * WEEK).date(),
        budget=Decimal("45000.00"),
        scope_item_count=220,
    )
    for week in range(40):
        day = (NOW - DAY - week * WEEK).date()
        CostEntryFactory.create(project=project, incurred_on_date=day, amount=Decimal("1000.00"), recorded_at=NOW - DAY)
    return project


def _newest(project: Project) -> Prediction:
    found = Prediction.objects.filter(project=project, type=PredictionType.BUDGET_OVERRUN, outcomes=None)
    newest: Prediction = found.order_by("-as_of", "-id")[0]
    return newest
