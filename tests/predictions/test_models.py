"""What rows of the predictions app may and may not say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction

from predictions.enums import OutcomeResult, PredictionStatus
from predictions.models import Prediction, PredictionOutcome
from predictions.models.prediction import prediction_status
from projects.enums import Readiness
from tenants.append_only import AppendOnlyRefused
from tests.factories.predictions import (
    ISSUED_AT,
    PredictionFactory,
    PredictionOutcomeFactory,
    PreventiveActionFactory,
    RiskIndicatorFactory,
    sha256_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]


def _refused_fields(instance: Any) -> set[str]:
    """The fields an invalid row is reported for; the database refuses it, too."""
    with pytest.raises(ValidationError) as refusal:
        instance.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        instance.save()
    return set(refusal.value.message_dict)


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        ({"type": "EARTHQUAKE"}, "type"),
        ({"probability": 1.01}, "probability"),
        ({"probability": float("nan"), "probability_low": None, "probability_high": None}, "probability"),
        ({"base_rate": -0.1}, "base_rate"),
        ({"probability_low": 0.75}, "probability"),
        ({"probability_high": 0.65}, "probability_high"),
        ({"issued_at": ISSUED_AT - timedelta(seconds=1)}, "issued_at"),
        ({"predicted_for": ISSUED_AT - timedelta(seconds=1)}, "predicted_for"),
        ({"readiness": Readiness.INSUFFICIENT}, "readiness"),
        ({"readiness": Readiness.MISCONFIGURED}, "readiness"),
        ({"is_alert": False, "is_late": True}, "is_late"),
        ({"is_retrospective": True, "row_hash": sha256_of("row")}, "row_hash"),
        ({"time_to_occurrence_p50_h": 2500.0}, "time_to_occurrence_p90_h"),
        ({"prevention_window_h": -1.0}, "prevention_window_h"),
        ({"event_key": "x"}, "event_key"),
        ({"model_version": ""}, "model_version"),
    ],
)
def test_prediction_refuses_what_it_cannot_mean_and_names_the_field(values: dict[str, Any], reported: str) -> None:
    prediction = PredictionFactory.build(project=PredictionFactory.create().project, **values)

    assert reported in _refused_fields(prediction)


def test_prediction_is_never_rewritten_nor_deleted() -> None:
    prediction = PredictionFactory.create()
    prediction.probability = 0.1

    with pytest.raises(AppendOnlyRefused):
        prediction.save()
    with pytest.raises(AppendOnlyRefused):
        prediction.delete()

    assert Prediction.objects.get().probability == 0.7


def test_app_role_has_no_right_to_rewrite_predictions() -> None:
    PredictionFactory.create()

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Prediction.objects.update(probability=0.1)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Prediction.objects.all()._raw_delete("default")

    assert Prediction.objects.get().probability == 0.7


def test_deleting_the_project_takes_its_predictions() -> None:
    prediction = PredictionFactory.create()
    PredictionFactory.create(project=prediction.project, supersedes=prediction)
    PredictionOutcomeFactory.create(prediction=prediction)

    prediction.project.delete()

    assert not Prediction.objects.exists()
    assert not PredictionOutcome.objects.exists()


def test_same_event_is_predicted_once_from_the_same_facts() -> None:
    first = PredictionFactory.create()
    PredictionFactory.create(event_key=first.event_key, inputs_hash=first.inputs_hash)

    with pytest.raises(IntegrityError), transaction.atomic():
        PredictionFactory.create(project=first.project, event_key=first.event_key, inputs_hash=first.inputs_hash)


def test_ledger_of_a_project_has_no_fork() -> None:
    first = PredictionFactory.create(row_hash=sha256_of("first"))
    PredictionFactory.create(project=first.project, previous_hash=first.row_hash, row_hash=sha256_of("second"))

    with pytest.raises(IntegrityError), transaction.atomic():
        PredictionFactory.create(project=first.project, previous_hash=first.row_hash, row_hash=sha256_of("third"))
    with pytest.raises(IntegrityError), transaction.atomic():
        PredictionFactory.create(project=first.project, row_hash=sha256_of("another beginning"))


STATUSES = [
    (None, True, PredictionStatus.PENDING),
    (None, False, PredictionStatus.PENDING),
    (OutcomeResult.OCCURRED, True, PredictionStatus.CONFIRMED),
    (OutcomeResult.OCCURRED, False, PredictionStatus.CONFIRMED),
    (OutcomeResult.NOT_OCCURRED, True, PredictionStatus.FALSE_POSITIVE),
    (OutcomeResult.NOT_OCCURRED, False, PredictionStatus.RESOLVED),
    (OutcomeResult.CENSORED, True, PredictionStatus.RESOLVED),
    (OutcomeResult.CENSORED, False, PredictionStatus.RESOLVED),
]


@pytest.mark.parametrize(("result", "is_alert", "expected"), STATUSES)
def test_status_follows_from_the_outcome(
    result: OutcomeResult | None, is_alert: bool, expected: PredictionStatus
) -> None:
    prediction = PredictionFactory.create(is_alert=is_alert)
    if result is not None:
        PredictionOutcomeFactory.create(
            prediction=prediction,
            result=result,
            occurred_at=None,
            accuracy=None if result == OutcomeResult.CENSORED else 0.49,
        )

    annotated = Prediction.objects.annotate(status_now=prediction_status()).get(status_now=expected)

    assert prediction.status == expected
    assert annotated.status == expected


def test_status_costs_no_query_when_annotated_or_prefetched(django_assert_num_queries: Any) -> None:
    PredictionOutcomeFactory.create()
    PredictionFactory.create()

    with django_assert_num_queries(1):
        annotated = [row.status for row in Prediction.objects.annotate(status_now=prediction_status())]
    with django_assert_num_queries(2):
        prefetched = [row.status for row in Prediction.objects.prefetch_related("outcomes")]

    assert annotated == prefetched == [PredictionStatus.PENDING, PredictionStatus.CONFIRMED]


def test_prediction_is_settled_once() -> None:
    outcome = PredictionOutcomeFactory.create()

    with pytest.raises(IntegrityError), transaction.atomic():
        PredictionOutcomeFactory.create(prediction=outcome.prediction)


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        ({"accuracy": None}, "accuracy"),
        ({"accuracy": 1.5}, "accuracy"),
        ({"result": OutcomeResult.CENSORED, "occurred_at": None}, "accuracy"),
        ({"result": OutcomeResult.NOT_OCCURRED}, "occurred_at"),
    ],
)
def test_outcome_is_scored_exactly_when_it_was_decided(values: dict[str, Any], reported: str) -> None:
    outcome = PredictionOutcomeFactory.build(prediction=PredictionFactory.create(), **values)

    assert _refused_fields(outcome) == {reported}


def test_indicator_names_are_unique_in_their_prediction_only() -> None:
    indicator = RiskIndicatorFactory.create()
    RiskIndicatorFactory.create(name=indicator.name)

    with pytest.raises(IntegrityError), transaction.atomic():
        RiskIndicatorFactory.create(prediction=indicator.prediction, name=indicator.name)


def test_preventive_action_needs_owner_and_due_date_to_be_active() -> None:
    action = PreventiveActionFactory.build(prediction=PredictionFactory.create(), status="ACTIVE")

    assert _refused_fields(action) == {"owner", "due_date"}
