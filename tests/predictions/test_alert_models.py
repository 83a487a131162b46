"""What rows of alerts, overrides and reports may and may not say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction

from predictions.enums import AlertClosing, AlertState, MissedEventStatus, MuteState, PushDecision
from predictions.models import Alert, AlertDecision, AlertMute, MissedEvent, MissedEventVerdict, PredictionOverride
from projects.models import Project
from tests.factories.predictions import (
    ISSUED_AT,
    AlertDecisionFactory,
    AlertFactory,
    AlertMuteFactory,
    MissedEventFactory,
    MissedEventVerdictFactory,
    PredictionFactory,
    PredictionOutcomeFactory,
    PredictionOverrideFactory,
    sha256_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]


@pytest.mark.parametrize(
    ("factory", "values", "reported"),
    [
        (AlertFactory, {"state": AlertState.OPEN}, "state"),
        (AlertFactory, {"state": AlertState.CLOSED}, "state"),
        (AlertFactory, {"closed_at": ISSUED_AT, "state": AlertState.CLOSED}, "closing"),
        (AlertFactory, {"dismissal_reason": ""}, "dismissal_reason"),
        (AlertFactory, {"dismissed_at": ISSUED_AT - timedelta(seconds=1)}, "dismissed_at"),
        (AlertFactory, {"subject_key": "x"}, "subject_key"),
        (AlertDecisionFactory, {"decision": PushDecision.PUSHED}, "deliver_at"),
        (AlertDecisionFactory, {"deliver_at": ISSUED_AT}, "deliver_at"),
        (AlertDecisionFactory, {"delivered_at": ISSUED_AT - timedelta(seconds=1)}, "delivered_at"),
        (AlertDecisionFactory, {"week_slot": 4}, "week_slot"),
        (AlertMuteFactory, {"state": MuteState.ACTIVE}, "state"),
        (AlertMuteFactory, {"proposed_at": None}, "state"),
        (PredictionOverrideFactory, {"probability": 1.01}, "probability"),
        (PredictionOverrideFactory, {"probability": float("nan")}, "probability"),
        (PredictionOverrideFactory, {"reason": ""}, "reason"),
        (MissedEventFactory, {"description": ""}, "description"),
        (MissedEventFactory, {"status": MissedEventStatus.COVERED}, "prediction"),
        (MissedEventFactory, {"reported_at": ISSUED_AT - timedelta(days=400)}, "reported_at"),
        (MissedEventVerdictFactory, {"status": MissedEventStatus.CONFIRMED, "actor_id": None}, "actor_id"),
    ],
)
def test_rows_refuse_what_they_cannot_mean_and_name_the_field(
    factory: Any, values: dict[str, Any], reported: str
) -> None:
    model = factory._meta.model
    kept = {
        field.attname: getattr(factory.create(), field.attname)
        for field in model._meta.concrete_fields
        if field.name not in ("id", "created_at", "updated_at")
    }
    # The row it was copied from stands beside it: what is unique differs.
    kept |= {name: value for name, value in _own(model).items() if name in kept}
    row = model(**(kept | values))

    with pytest.raises(ValidationError) as refusal:
        row.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()

    assert reported in refusal.value.message_dict


def _own(model: Any) -> dict[str, Any]:
    if model is Alert:
        return {"subject_key": sha256_of("another"), "episode_id": "00000000-0000-0000-0000-0000000000ff"}
    if model is MissedEvent:
        return {"occurred_at": ISSUED_AT - timedelta(days=3)}
    return {"prediction_id": PredictionFactory.create().pk} if model is AlertDecision else {}


def test_one_live_thread_a_subject_and_one_thread_an_episode() -> None:
    first = AlertFactory.create()
    same = {"project": first.project, "prediction": first.prediction}

    with pytest.raises(IntegrityError, match="one_live_thread"), transaction.atomic():
        AlertFactory.create(**same, subject_key=first.subject_key, episode_id="00000000-0000-0000-0000-0000000000aa")
    with pytest.raises(IntegrityError, match="one_per_episode"), transaction.atomic():
        AlertFactory.create(**same)
    AlertFactory.create(
        **same,
        subject_key=first.subject_key,
        episode_id="00000000-0000-0000-0000-0000000000aa",
        state=AlertState.CLOSED,
        closed_at=ISSUED_AT + timedelta(days=1),
        closing=AlertClosing.CLEARED,
    )


def test_one_standing_mute_a_type() -> None:
    mute = AlertMuteFactory.create()

    with pytest.raises(IntegrityError, match="one_standing"), transaction.atomic():
        AlertMuteFactory.create(project=mute.project)


@pytest.mark.parametrize("factory", [PredictionOverrideFactory, MissedEventVerdictFactory])
def test_what_was_said_once_is_not_changed_even_by_statements(factory: Any) -> None:
    row = factory.create()
    model = factory._meta.model

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        model.objects.filter(pk=row.pk).update(created_at=ISSUED_AT)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        model.objects.filter(pk=row.pk)._raw_delete("default")


@pytest.mark.parametrize("factory", [AlertFactory, AlertDecisionFactory, AlertMuteFactory, MissedEventFactory])
def test_what_has_a_history_is_not_deleted_one_by_one(factory: Any) -> None:
    row = factory.create()

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        factory._meta.model.objects.filter(pk=row.pk)._raw_delete("default")


def test_a_project_takes_all_of_it_along() -> None:
    prediction = PredictionFactory.create()
    project = prediction.project
    PredictionOutcomeFactory.create(prediction=prediction)
    AlertDecisionFactory.create(alert=AlertFactory.create(prediction=prediction))
    AlertMuteFactory.create(project=project)
    PredictionOverrideFactory.create(prediction=prediction)
    event = MissedEventFactory.create(project=project, status=MissedEventStatus.LINKED, prediction=prediction)
    MissedEventVerdictFactory.create(missed_event=event, claim_id=prediction.pk)

    Project.objects.get(pk=project.pk).delete()

    for model in (Alert, AlertDecision, AlertMute, PredictionOverride, MissedEvent, MissedEventVerdict):
        assert not model.objects.exists(), model
