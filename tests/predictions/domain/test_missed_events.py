"""Reports of events without a warning: covered by a claim, vouched for by a person, and counted once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from predictions.domain.missed_events import (
    VerdictRefused,
    judge_missed_event,
    report_missed_event,
    reported_misses,
    settle_missed_events,
)
from predictions.enums import MissedEventStatus, OutcomeResult, PredictionType
from predictions.models import MissedEvent, MissedEventVerdict, Prediction
from projects.models import Project
from tenants.isolation.transaction import tenant_context
from tenants.models import User
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import ISSUED_AT, PredictionFactory, PredictionOutcomeFactory
from tests.factories.projects import ProjectFactory
from tests.factories.tenants import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

HAPPENED = ISSUED_AT + timedelta(days=10)
AT = HAPPENED + timedelta(days=1)


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create()


@pytest.fixture
def person(tenant: Any) -> User:
    return UserFactory.create()


def report(project: Project, person: User, **changes: Any) -> MissedEvent:
    values: dict[str, Any] = {
        "type": PredictionType.DELAY_RISK,
        "occurred_at": HAPPENED,
        "description": "The date was missed.",
        "at": AT,
    }
    return report_missed_event(project=project, by=person, **(values | changes))


def claim(project: Project, *, result: OutcomeResult | None = None, **fields: Any) -> Prediction:
    prediction: Prediction = PredictionFactory.create(project=project, **fields)
    if result is not None:
        settle(prediction, result)
    return prediction


def settle(prediction: Prediction, result: OutcomeResult) -> None:
    PredictionOutcomeFactory.create(
        prediction=prediction,
        result=result,
        occurred_at=HAPPENED if result == OutcomeResult.OCCURRED else None,
        accuracy=None if result == OutcomeResult.CENSORED else 0.1,
    )


def history(event: MissedEvent) -> list[tuple[str, bool]]:
    """Each step: its status, and whether a person took it."""
    steps = MissedEventVerdict.objects.filter(missed_event=event).order_by("id")
    return [(step.status, step.actor_id is not None) for step in steps]


def test_what_no_claim_covers_waits_for_a_person_and_counts_once_vouched_for(project: Project, person: User) -> None:
    claim(project, type=PredictionType.SCOPE_CREEP)
    claim(project, is_retrospective=True)
    claim(ProjectFactory.create())
    event = report(project, person)
    assert (event.status, event.prediction) == (MissedEventStatus.REPORTED, None)
    assert reported_misses(MissedEvent.objects.all())["CONFIRMED"] == 0

    judge_missed_event(event=event, status=MissedEventStatus.CONFIRMED, note="I was there.", by=person, at=AT)

    assert (event.status, event.settled_at) == (MissedEventStatus.CONFIRMED, AT)
    assert history(event) == [("REPORTED", True), ("CONFIRMED", True)]
    assert reported_misses(MissedEvent.objects.all())["CONFIRMED"] == 1


def test_a_claim_about_one_item_covers_nothing_that_happened_to_the_project(project: Project, person: User) -> None:
    of_item = {"claim": "It is late.", "subject": {"type": "work_item", "id": "7"}}
    claim(project, result=OutcomeResult.OCCURRED, event=of_item, issued_at=ISSUED_AT + timedelta(days=1))

    assert report(project, person).status == MissedEventStatus.REPORTED


def test_an_open_claim_is_linked_and_its_outcome_decides(project: Project, person: User) -> None:
    prediction = claim(project)
    event = report(project, person)
    assert (event.status, event.prediction) == (MissedEventStatus.LINKED, prediction)
    assert settle_missed_events(project=project, at=AT) == 0

    settle(prediction, OutcomeResult.OCCURRED)

    assert settle_missed_events(project=project, at=AT) == 1
    assert settle_missed_events(project=project, at=AT) == 0
    event.refresh_from_db()
    assert (event.status, event.settled_at) == (MissedEventStatus.COVERED, AT)
    assert history(event) == [("REPORTED", True), ("LINKED", False), ("COVERED", False)]


@pytest.mark.parametrize("result", [OutcomeResult.NOT_OCCURRED, OutcomeResult.CENSORED])
def test_where_record_and_person_differ_a_person_decides(result: OutcomeResult, project: Project, person: User) -> None:
    prediction = claim(project)
    event = report(project, person)
    settle(prediction, result)

    settle_missed_events(project=project, at=AT)
    event.refresh_from_db()

    assert (event.status, event.prediction) == (MissedEventStatus.REPORTED, prediction)
    judge_missed_event(event=event, status=MissedEventStatus.REJECTED, note="Another event.", by=person, at=AT)
    assert settle_missed_events(project=project, at=AT) == 0
    assert event.status == MissedEventStatus.REJECTED


def test_a_claim_that_occurred_covers_at_once(project: Project, person: User) -> None:
    claim(project, result=OutcomeResult.OCCURRED)

    event = report(project, person)

    assert event.status == MissedEventStatus.COVERED
    with pytest.raises(VerdictRefused, match="counts already"):
        judge_missed_event(event=event, status=MissedEventStatus.CONFIRMED, note="No.", by=person, at=AT)


@pytest.mark.parametrize(
    ("status", "note", "field"),
    [
        (MissedEventStatus.CONFIRMED, "  ", "note"),
        (MissedEventStatus.COVERED, "Because.", "status"),
        (MissedEventStatus.REPORTED, "Because.", "status"),
    ],
)
def test_a_verdict_is_one_of_two_and_has_a_reason(
    status: MissedEventStatus, note: str, field: str, project: Project, person: User
) -> None:
    event = report(project, person)

    with pytest.raises(VerdictRefused) as refused:
        judge_missed_event(event=event, status=status, note=note, by=person, at=AT)

    assert refused.value.field == field
    assert history(event) == [("REPORTED", True)]


def test_a_linked_report_is_left_to_the_claim_and_a_standing_verdict_stands(project: Project, person: User) -> None:
    event = report(project, person)
    judge_missed_event(event=event, status=MissedEventStatus.CONFIRMED, note="Yes.", by=person, at=AT)
    with pytest.raises(VerdictRefused, match="already"):
        judge_missed_event(event=event, status=MissedEventStatus.CONFIRMED, note="Yes.", by=person, at=AT)
    claim(project)
    linked = report(project, person, occurred_at=HAPPENED + timedelta(hours=1))

    with pytest.raises(VerdictRefused, match="still open"):
        judge_missed_event(event=linked, status=MissedEventStatus.CONFIRMED, note="Yes.", by=person, at=AT)


def test_the_future_and_nothing_are_no_reports_and_one_event_is_reported_once(project: Project, person: User) -> None:
    with pytest.raises(ValidationError, match="future"):
        report(project, person, occurred_at=AT + timedelta(seconds=1))
    with pytest.raises(ValidationError, match="what happened"):
        report(project, person, description=" ")
    report(project, person)

    with pytest.raises(IntegrityError), transaction.atomic():
        report(project, person)


def test_claims_of_the_other_tenant_cover_nothing(project: Project, person: User, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = PredictionFactory.create()

    event = report(project, person)

    assert event.status == MissedEventStatus.REPORTED
    with tenant_context(theirs.tenant.pk):
        assert not MissedEvent.objects.filter(prediction=foreign).exists()
