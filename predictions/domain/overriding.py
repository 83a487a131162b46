"""What people say instead of the model: kept beside it, settled by the same outcome, and scored against it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from predictions.calibration.overrides import SettledOverride, override_record
from predictions.domain.settlement import SCOPE_DONE_ON
from predictions.enums import OutcomeResult
from predictions.models import Prediction, PredictionOutcome, PredictionOverride
from tenants.domain.refusals import Refusal
from tenants.models import User

OUTCOMES = {OutcomeResult.OCCURRED: True, OutcomeResult.NOT_OCCURRED: False, OutcomeResult.CENSORED: None}
SCORED_COLUMNS = (
    "project_id", "event_key", "made_at", "probability", "prediction__probability", "prediction__predicted_for",
    "prediction__outcomes__result", "prediction__outcomes__occurred_at", "prediction__outcomes__evidence",
)  # fmt: skip


class OverrideRefused(Refusal):
    """An override that would not be fair or not be scored."""


def check_can_override(*, prediction: Prediction, at: datetime) -> None:
    """Raises OverrideRefused unless the prediction is the newest of an event that is still open."""
    if prediction.is_retrospective:
        raise OverrideRefused(
            "This was computed afterwards and is never scored; nor would the override be.", field="prediction"
        )
    if prediction.predicted_for <= at or PredictionOutcome.objects.filter(prediction=prediction).exists():
        raise OverrideRefused("The event is over: an override is said before.", field="prediction")
    same_event = Prediction.objects.filter(
        project=prediction.project_id, event_key=prediction.event_key, is_retrospective=False
    )
    newest = same_event.order_by("-as_of", "-id").values_list("pk", flat=True).first()
    if newest != prediction.pk:
        raise OverrideRefused(
            f"There is a newer forecast of this event; override that one: {newest}.", field="prediction"
        )


def override_prediction(
    *, prediction: Prediction, probability: float, reason: str, by: User, at: datetime
) -> PredictionOverride:
    """Say another probability than the model. The prediction stays as it is; the newest override of an event stands.

    probability: in [0, 1].  Raises OverrideRefused unless the event is open, the prediction its newest, and a reason is
    given.
    """
    check_can_override(prediction=prediction, at=at)
    if not 0 <= probability <= 1:
        raise OverrideRefused("A probability lies from 0 to 1.", field="probability")
    if not reason.strip():
        raise OverrideRefused("Say why: the score will be read with it.", field="reason")
    override: PredictionOverride = PredictionOverride.objects.create(
        project_id=prediction.project_id,
        prediction=prediction,
        event_key=prediction.event_key,
        probability=probability,
        reason=reason.strip(),
        made_by_id=by.pk,
        made_at=at,
    )
    return override


def standing_override(prediction: Prediction) -> PredictionOverride | None:
    """The newest override of a prediction's event, of whichever forecast of it it was made."""
    found: PredictionOverride | None = (
        PredictionOverride.objects.filter(project=prediction.project_id, event_key=prediction.event_key)
        .order_by("-id")
        .first()
    )
    return found


def describe_standing_override(prediction_id: UUID | None) -> dict[str, Any] | None:
    """What a person said last of a prediction's event, as JSON values; None where nobody did."""
    if prediction_id is None:
        return None
    event = Prediction.objects.filter(pk=prediction_id, project=OuterRef("project"), event_key=OuterRef("event_key"))
    found: Any = PredictionOverride.objects.filter(Exists(event)).order_by("-id")
    row: dict[str, Any] | None = found.values("id", "prediction", "probability", "reason", "made_at").first()
    return row


def standing_override_value(column: str) -> Subquery:
    """One column of the standing override, for `annotate` over predictions."""
    # A plain queryset: this is written where a class is made, with no tenant chosen; the compiler adds the tenant.
    rows: QuerySet[PredictionOverride] = QuerySet(PredictionOverride)
    same_event = rows.filter(project=OuterRef("project"), event_key=OuterRef("event_key"))
    return Subquery(same_event.order_by("-id").values(column)[:1])


def settled_overrides(rows: QuerySet[PredictionOverride], *, at: datetime) -> list[SettledOverride]:
    """Those of the overrides whose event was decided and whose time is over, as the track record counts; one query."""
    due = rows.filter(prediction__outcomes__isnull=False, prediction__predicted_for__lte=at)
    found: Any = due.order_by("id").values(*SCORED_COLUMNS)
    return [_settled(row) for row in found]


def describe_overrides(overrides: list[SettledOverride]) -> dict[str, Any]:
    """People against the model as JSON values; null below the gate, with how many events are missing."""
    record = override_record(overrides)
    difference = record.difference
    return {
        "events": record.events,
        "overrides": record.overrides,
        "in_hindsight": record.in_hindsight,
        "missing_events": record.missing_events,
        "brier_people": record.brier_people,
        "brier_model": record.brier_model,
        "difference": None
        if difference is None
        else {"value": difference.value, "low": difference.low, "high": difference.high},
    }


def _settled(row: dict[str, Any]) -> SettledOverride:
    decided_at = row["prediction__outcomes__occurred_at"] or row["prediction__predicted_for"]
    for fact in row["prediction__outcomes__evidence"]:
        if fact["field"] == SCOPE_DONE_ON:
            decided_at = datetime.fromisoformat(fact["observed_at"])
    return SettledOverride(
        event=(str(row["project_id"]), row["event_key"]),
        made_at=row["made_at"],
        decided_at=decided_at,
        said=row["probability"],
        model_said=row["prediction__probability"],
        occurred=OUTCOMES[OutcomeResult(row["prediction__outcomes__result"])],
    )
