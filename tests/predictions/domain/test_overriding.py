"""What people say instead of the model: beside it, once, before the event, and scored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from predictions.domain.overriding import (
    OverrideRefused,
    describe_overrides,
    override_prediction,
    settled_overrides,
    standing_override,
)
from predictions.enums import OutcomeResult
from predictions.models import Prediction, PredictionOverride
from predictions.prediction_answer import prediction_company
from tenants.append_only import AppendOnlyRefused
from tenants.audit.enums import Operation
from tenants.models import AuditEntry, User
from tests.factories.predictions import (
    ISSUED_AT,
    PredictionFactory,
    PredictionOutcomeFactory,
    PredictionOverrideFactory,
    sha256_of,
)
from tests.factories.projects import ProjectFactory
from tests.factories.tenants import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

AT = ISSUED_AT + timedelta(days=1)
OVER = datetime(2026, 5, 2, tzinfo=UTC)


@pytest.fixture
def person(tenant: Any) -> User:
    return UserFactory.create()


@pytest.fixture
def prediction(tenant: Any) -> Prediction:
    return PredictionFactory.create()


def say(prediction: Prediction, person: User, probability: float = 0.9, **changes: Any) -> PredictionOverride:
    values: dict[str, Any] = {"reason": "Two are on leave.", "at": AT}
    return override_prediction(prediction=prediction, probability=probability, by=person, **(values | changes))


def test_an_override_stands_beside_the_prediction_which_stays_as_it_was(prediction: Prediction, person: User) -> None:
    before = Prediction.objects.filter(pk=prediction.pk).values().get()

    first, second = say(prediction, person, 0.9), say(prediction, person, 0.2, reason="They came back.")

    assert Prediction.objects.filter(pk=prediction.pk).values().get() == before
    assert standing_override(prediction) == second
    assert PredictionOverride.objects.count() == 2
    assert AuditEntry.objects.get_for_object(first).get().operation == Operation.CREATE
    with pytest.raises(AppendOnlyRefused):
        first.save()


def test_it_stands_beside_the_next_forecast_of_the_same_event_too(prediction: Prediction, person: User) -> None:
    override = say(prediction, person)
    newer = PredictionFactory.create(
        project=prediction.project, event_key=prediction.event_key, as_of=AT + timedelta(days=1), issued_at=OVER
    )
    other = PredictionFactory.create(project=prediction.project)

    assert standing_override(newer) == override
    assert standing_override(other) is None
    shown = prediction_company(newer)
    assert (shown.said_chance, shown.said_by) == ("90 %", person.email)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"is_retrospective": True}, "never scored"),
        ({"predicted_for": AT}, "event is over"),
    ],
)
def test_what_is_not_scored_or_over_is_not_overridden(made: dict[str, Any], why: str, person: User) -> None:
    with pytest.raises(OverrideRefused, match=why):
        say(PredictionFactory.create(**made), person)


def test_a_settled_and_an_outdated_prediction_are_not_overridden(prediction: Prediction, person: User) -> None:
    newer = PredictionFactory.create(project=prediction.project, event_key=prediction.event_key, as_of=AT, issued_at=AT)
    PredictionOutcomeFactory.create(prediction=newer, result=OutcomeResult.OCCURRED)

    with pytest.raises(OverrideRefused, match=str(newer.pk)):
        say(prediction, person)
    with pytest.raises(OverrideRefused, match="event is over"):
        say(newer, person)


@pytest.mark.parametrize(
    ("probability", "reason", "field"),
    [(1.01, "x", "probability"), (-0.01, "x", "probability"), (float("nan"), "x", "probability"), (0.5, " ", "reason")],
)
def test_nonsense_is_refused(probability: float, reason: str, field: str, prediction: Prediction, person: User) -> None:
    with pytest.raises(OverrideRefused) as refused:
        say(prediction, person, probability, reason=reason)

    assert refused.value.field == field
    assert not PredictionOverride.objects.exists()


def test_people_are_scored_against_the_model_on_the_same_events_and_hindsight_is_left_out(tenant: Any) -> None:
    project = ProjectFactory.create()
    for number in range(21):
        row = PredictionFactory.create(project=project, event_key=sha256_of(f"e{number}"), probability=0.6)
        row.probability_low = None
        PredictionOutcomeFactory.create(prediction=row, result=OutcomeResult.OCCURRED, occurred_at=row.predicted_for)
        made_at = AT if number else row.predicted_for + timedelta(hours=1)
        PredictionOverrideFactory.create(prediction=row, probability=0.9, made_at=made_at)

    shown = describe_overrides(settled_overrides(PredictionOverride.objects.all(), at=OVER))

    assert (shown["events"], shown["in_hindsight"], shown["missing_events"]) == (20, 1, 0)
    assert (shown["brier_people"], shown["brier_model"]) == (pytest.approx(0.01), pytest.approx(0.16))
    assert shown["difference"]["value"] == pytest.approx(-0.15)
    before_the_end = settled_overrides(PredictionOverride.objects.all(), at=ISSUED_AT)
    assert describe_overrides(before_the_end)["brier_people"] is None


def test_what_was_said_after_the_scope_was_done_is_hindsight(prediction: Prediction) -> None:
    done_at = ISSUED_AT + timedelta(days=10)
    fact = {"object_type": "project", "object_id": "", "field": "scope_done_on", "value": "2026-03-12"}
    PredictionOutcomeFactory.create(
        prediction=prediction,
        result=OutcomeResult.NOT_OCCURRED,
        occurred_at=None,
        evidence=[fact | {"observed_at": done_at.isoformat()}],
    )
    PredictionOverrideFactory.create(prediction=prediction, made_at=done_at + timedelta(hours=1))
    PredictionOverrideFactory.create(prediction=prediction, made_at=done_at - timedelta(hours=1))

    shown = describe_overrides(settled_overrides(PredictionOverride.objects.all(), at=OVER))

    assert (shown["overrides"], shown["in_hindsight"]) == (1, 1)
