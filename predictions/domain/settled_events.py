"""What became of a tenant's earlier claims, for recalibrating the next: by type and level, the own project apart.

1. Claims of the same type and level that were settled before the moment asked about, and whose target was over by then:
   earlier, only what ends early would be in it. A run that settles claims itself does not learn from them yet, so the
   same moment again gives the same answer.
2. An event of a project counts once, by the mean of what was said of it.
3. Left out: what nobody could decide, what was computed for a past moment, and events against which somebody acted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform

from predictions.calibration.recalibration import expit, logit
from predictions.calibration.settled_events import EventRecalibration, SettledEvent, fit_events
from predictions.enums import OutcomeResult
from predictions.forecasters.registry import FORECASTERS, Forecaster
from predictions.forecasters.risk_recalibration import probability_before
from predictions.models import Prediction
from projects.models import Project

DECIDED = (OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED)
MAX_CLAIMS = 4_000
"""The newest ones, of the whole tenant; after four years an event counts a sixteenth."""
DAY = timedelta(days=1)

_RECALIBRATED = tuple(row for row in FORECASTERS if not row.recalibrates_itself)
_IS_RECALIBRATED = reduce(or_, (Q(type=row.type, event__subject__type=row.level) for row in _RECALIBRATED))


@dataclass(slots=True)
class _Event:
    """One event while its claims are gathered."""

    said: list[float] = field(default_factory=list)
    base_rates: list[float] = field(default_factory=list)
    occurred: bool = False
    age_days: float = 0.0


def load_recalibrations(project: Project, *, as_of: datetime) -> Mapping[str, EventRecalibration]:
    """By name of the forecaster, of those that do not recalibrate themselves; one query, in the current tenant."""
    events: dict[tuple[str, str, UUID, str], _Event] = defaultdict(_Event)
    for row in _claims(as_of):
        project_id, claim_type, level, key, probability, base_rate, drivers, result, settled_at = row
        event = events[claim_type, level, project_id, key]
        event.said.append(probability_before(probability, drivers))
        event.base_rates += [] if base_rate is None else [base_rate]
        event.occurred = result == OutcomeResult.OCCURRED
        event.age_days = max((as_of - settled_at) / DAY, 0.0)
    return {forecaster.name: fit_events(_of(forecaster, events, project.pk)) for forecaster in _RECALIBRATED}


def _claims(as_of: datetime) -> list[tuple[Any, ...]]:
    rows = (
        Prediction.objects.filter(
            is_retrospective=False,
            predicted_for__lte=as_of,
            outcomes__settled_at__lt=as_of,
            outcomes__result__in=DECIDED,
            outcomes__acted_on=False,
        )
        .filter(_IS_RECALIBRATED)
        .order_by("-id")
        .values_list(
            "project_id",
            "type",
            KeyTextTransform("type", KeyTextTransform("subject", "event")),
            "event_key",
            "probability",
            "base_rate",
            "drivers",
            "outcomes__result",
            "outcomes__settled_at",
        )
    )
    return list(rows[:MAX_CLAIMS])


def _of(
    forecaster: Forecaster, events: Mapping[tuple[str, str, UUID, str], _Event], project_id: UUID
) -> list[SettledEvent]:
    return [
        SettledEvent(
            probability=float(expit(np.mean(logit(event.said)))),
            occurred=event.occurred,
            age_days=event.age_days,
            is_own=of_project == project_id,
            base_rate=float(np.mean(event.base_rates)) if event.base_rates else None,
        )
        for (claim_type, level, of_project, _), event in events.items()
        if (claim_type, level) == (forecaster.type, forecaster.level)
    ]
