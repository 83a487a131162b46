"""From a run to a warning: and two runs at once, which never push twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from predictions.domain.alerting import alerts_to_deliver, claim_delivery, raise_alerts
from predictions.enums import OutcomeResult, PushDecision
from predictions.models import Alert, AlertDecision
from projects.models import Project
from stratibreak.pipeline import refresh_project
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PredictionOutcomeFactory, sha256_of
from tests.factories.projects import ProjectFactory
from tests.project_histories import NOW
from tests.recorded_team import record_team

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
AT_ONCE = 4
T = TypeVar("T")


def at_once(work: Callable[[], T]) -> list[T]:
    """The same work in several transactions that begin together."""
    ready = threading.Barrier(AT_ONCE)

    def run(_: int) -> T:
        ready.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def warned_project(world: LookAlike, warnings: int) -> Project:
    with tenant_context(world.tenant.pk):
        project: Project = ProjectFactory.create()
        for number in range(warnings):
            PredictionFactory.create(
                project=project,
                event={"claim": "It is late.", "subject": {"type": "work_item", "id": f"item {number}"}},
                event_key=sha256_of(f"event {number}"),
                episode_id=UUID(int=500 + number),
                issued_at=NOON,
                as_of=NOON,
                predicted_for=NOON + timedelta(days=30),
            )
    return project


@pytest.mark.django_db
def test_a_refresh_raises_the_alert_of_what_it_predicts_and_a_second_one_nothing_more(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(start_date=date(2023, 9, 1), end_date=date(2024, 9, 25))
        record_team(project, [5] * 40, open_items=120)

        found = refresh_project(project=project, as_of=NOW, at=NOW)
        refresh_project(project=project, as_of=NOW, at=NOW)

        assert found.forecast is not None
        assert Alert.objects.get(project=project).prediction == found.forecast.prediction
        assert AlertDecision.objects.filter(project=project).count() == 1


@pytest.mark.django_db(transaction=True)
def test_runs_at_once_open_one_thread_and_push_three_times_in_all(ours: LookAlike) -> None:
    project = warned_project(ours, 5)

    def run() -> int:
        with tenant_context(ours.tenant.pk):
            return raise_alerts(project=project, at=NOON).by_decision[PushDecision.PUSHED]

    pushed = at_once(run)

    with tenant_context(ours.tenant.pk):
        kinds = Counter(AlertDecision.objects.filter(project=project).values_list("decision", flat=True))
        assert Alert.objects.filter(project=project).count() == 5
    assert sum(pushed) == 3
    assert kinds == Counter({PushDecision.PUSHED: 3, PushDecision.DIGEST: 2})


@pytest.mark.django_db(transaction=True)
def test_of_notifiers_at_once_one_takes_the_delivery(ours: LookAlike) -> None:
    project = warned_project(ours, 1)
    with tenant_context(ours.tenant.pk):
        raise_alerts(project=project, at=NOON)

    def deliver() -> int:
        with tenant_context(ours.tenant.pk):
            return sum(claim_delivery(due, at=NOON) for due in alerts_to_deliver(NOON).filter(project=project))

    assert sorted(at_once(deliver)) == [0] * (AT_ONCE - 1) + [1]


@pytest.mark.django_db(transaction=True)
def test_a_run_that_dies_leaves_no_half_thread(ours: LookAlike) -> None:
    project = warned_project(ours, 2)

    class Died(Exception):
        """The run is killed before it commits."""

    def run_and_die() -> None:
        with tenant_context(ours.tenant.pk):
            raise_alerts(project=project, at=NOON)
            raise Died

    with pytest.raises(Died):
        run_and_die()

    with tenant_context(ours.tenant.pk):
        assert not Alert.objects.filter(project=project).exists()
        assert raise_alerts(project=project, at=NOON).by_decision == Counter({PushDecision.PUSHED: 2})


@pytest.mark.django_db
def test_the_database_itself_has_three_places_a_week(ours: LookAlike) -> None:
    project = warned_project(ours, 4)
    with tenant_context(ours.tenant.pk):
        raise_alerts(project=project, at=NOON)
        left = AlertDecision.objects.get(project=project, decision=PushDecision.DIGEST)
        for slot in (1, 4):
            with pytest.raises(Exception, match=r"one_per_slot|week_slot_range"), transaction.atomic():
                AlertDecision.objects.filter(pk=left.pk).update(
                    decision=PushDecision.PUSHED, deliver_at=NOON, week_start=date(2026, 3, 2), week_slot=slot
                )


@pytest.mark.django_db
def test_the_command_names_a_drift_and_ends_with_an_error(ours: LookAlike, make_tenant: Any) -> None:
    quiet = make_tenant("Nothing settled")
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()
        for number in range(15):
            as_of = NOON - timedelta(days=10 * (20 - number))
            row = PredictionFactory.create(
                project=project,
                event_key=sha256_of(f"settled {number}"),
                probability=0.9,
                probability_high=0.95,
                as_of=as_of,
                issued_at=as_of,
                predicted_for=as_of + timedelta(days=9),
            )
            PredictionOutcomeFactory.create(prediction=row, result=OutcomeResult.NOT_OCCURRED, occurred_at=None)

    out = StringIO()
    with pytest.raises(CommandError, match="1 alarm"):
        call_command("forecast_drift", "--tenant", str(ours.tenant.pk), stdout=out)
    call_command("forecast_drift", "--tenant", str(quiet.pk), stdout=out)

    assert "PROBLEM Demo Organisation A, DELAY_RISK, probability: TOO_HIGH since" in out.getvalue()
    assert "ok      Nothing settled: nothing is settled yet" in out.getvalue()
