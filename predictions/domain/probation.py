"""Which types of warning were wrong too often in an organisation: by its settled record of the past year."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, TextField
from django.db.models.functions import Cast, Concat

from predictions.enums import OutcomeResult
from predictions.forecasters.alert_rules import (
    PROBATION_BELOW,
    PROBATION_EVENTS,
    PROBATION_LOOKS_BACK,
    WarningPrecision,
)
from predictions.models import Prediction

DECIDED = (OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED)


def warning_precisions(at: datetime) -> tuple[WarningPrecision, ...]:
    """Of each type that was warned of, over the current tenant; one query. Each event counts once."""
    warned = Prediction.objects.filter(
        is_alert=True,
        is_retrospective=False,
        predicted_for__gt=at - PROBATION_LOOKS_BACK,
        predicted_for__lte=at,
        outcomes__result__in=DECIDED,
    ).annotate(event_of=Concat(Cast("project_id", TextField()), F("event_key"), output_field=TextField()))
    rows: Any = (
        warned.order_by()
        .values("type")
        .annotate(
            warned=Count("event_of", distinct=True),
            occurred=Count("event_of", distinct=True, filter=Q(outcomes__result=OutcomeResult.OCCURRED)),
        )
        .order_by("type")
    )
    return tuple(WarningPrecision(row["type"], row["warned"], row["occurred"]) for row in rows)


def types_on_probation(at: datetime) -> frozenset[str]:
    """The types that are not pushed at a moment."""
    return frozenset(each.type for each in warning_precisions(at) if each.is_on_probation)


def describe_probation(at: datetime) -> list[dict[str, Any]]:
    """The same as JSON values; the share is null while too few events are decided, with how many are missing."""
    return [
        {
            "type": each.type,
            "warned_events": each.warned,
            "occurred_events": each.occurred,
            "precision": each.share,
            "required_precision": PROBATION_BELOW,
            "missing_events": max(0, PROBATION_EVENTS - each.warned),
            "is_on_probation": each.is_on_probation,
        }
        for each in warning_precisions(at)
    ]
