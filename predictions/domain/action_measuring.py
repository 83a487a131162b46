"""Measuring what actions were worth, once each, from the forecasts that were kept before and after them.

The method is `predictions.attribution.action_effect`. An action is measured when it is done and a forecast stands that
was made long enough after it; where it can never be measured, that is kept with its reason instead of a number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from predictions.attribution.action_effect import (
    MEASURED_AFTER_DAYS,
    METHOD,
    SAME_PROBABILITY,
    play_on,
    regression_days,
)
from predictions.domain.acting import project_path
from predictions.domain.finish_bases import BASIS, loaded_basis
from predictions.enums import ActionStatus
from predictions.models import Action
from projects.enums import CARRYING, AnalysisKind
from projects.models import AnalysisRecord, Project

MAX_COMPARED, MAX_LOOKED_AT = 40, 4_000
"""Unacted forecasts that are played on, and the newest forecasts of the tenant among which they are sought."""
SAME_SPAN_SHARE = 0.5
"""Spans of time are compared with those that differ by less than half of their length."""
NO_FORECAST_BEFORE = "NO_FORECAST_BEFORE"
FORECAST_WITHOUT_BASIS = "FORECAST_WITHOUT_BASIS"
OTHER_TEAMS_CHANGED = "OTHER_TEAMS_CHANGED"
BEYOND_TEN_YEARS = "BEYOND_TEN_YEARS"


Busy = tuple[datetime, datetime | None]
"""When an action began and ended."""


@dataclass(frozen=True, slots=True)
class _Moves:
    """What the finish did between two forecasts, beyond what the earlier one says.  days: positive is earlier"""

    p85_without: datetime
    p85_after: datetime
    is_played_on: bool

    @property
    def days(self) -> float:
        return (self.p85_without - self.p85_after) / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Span:
    """Two forecasts of one project, without what they say.  probability: P(on time) of the first"""

    project_id: UUID
    first_id: UUID
    second_id: UUID
    first_as_of: datetime
    second_as_of: datetime
    probability: float


def measure_actions(*, project: Project, models: tuple[type[Action], ...], at: datetime) -> list[Action]:
    """Measure the actions of a project that can be measured by now. Idempotent; one query a model where none can be."""
    found: list[Action] = []
    for model in models:
        rows: Any = model._default_manager.select_for_update(of=("self",)).filter(
            **{project_path(model): project},
            status=ActionStatus.DONE,
            measured_at__isnull=True,
            completed_at__lte=at - timedelta(days=MEASURED_AFTER_DAYS),
        )
        found += [action for action in list(rows.order_by("id")) if _measure(action, project, models, at)]
    return found


def _measure(action: Action, project: Project, models: tuple[type[Action], ...], at: datetime) -> bool:
    """Whether the action was measured, or found to be beyond measuring."""
    if action.completed_at is None:
        return False
    earliest = action.completed_at + timedelta(days=MEASURED_AFTER_DAYS)
    after = _forecasts(project=project, as_of__gte=earliest, as_of__lte=at).order_by("as_of", "id").first()
    if after is None:
        return False  # waits for a forecast
    began_at = action.started_at or action.completed_at
    before = _forecasts(project=project, as_of__lte=began_at).order_by("-as_of", "-id").first()
    _keep(action, _measurement(project, before, after, models), at)
    return True


def _measurement(
    project: Project, before: AnalysisRecord | None, after: AnalysisRecord, models: tuple[type[Action], ...]
) -> dict[str, Any]:
    if before is None:
        return {"method": METHOD, "reason": NO_FORECAST_BEFORE}
    told = {
        "method": METHOD,
        "reason": None,
        "forecast_before": str(before.pk),
        "forecast_after": str(after.pk),
        "before_as_of": before.as_of.isoformat(),
        "after_as_of": after.as_of.isoformat(),
    }
    moves = _moves(project, before, after)
    if isinstance(moves, str):
        return {**told, "reason": moves}
    unacted = _unacted_days(_span(before, after), models)
    return {
        **told,
        "p85_before": (before.as_of + timedelta(days=before.results[BASIS]["p85_days"])).isoformat(),
        "p85_without": moves.p85_without.isoformat(),
        "p85_after": moves.p85_after.isoformat(),
        "is_played_on": moves.is_played_on,
        "raw_days": round(moves.days, 3),
        "regression_days": round(regression_days(unacted), 3),
        "compared_forecasts": len(unacted),
    }


def _keep(action: Action, measurement: dict[str, Any], at: datetime) -> None:
    action.measurement = measurement
    action.measured_at = at
    if measurement["reason"] is None:
        action.measured_effect_days = round(measurement["raw_days"] - measurement["regression_days"], 3)
    action.save(update_fields=["measurement", "measured_at", "measured_effect_days", "updated_at"])


def _moves(project: Project, before: AnalysisRecord, after: AnalysisRecord) -> _Moves | str:
    """What the finish did, or the reason why nobody can say."""
    if BASIS not in before.results or BASIS not in after.results:
        return FORECAST_WITHOUT_BASIS
    if before.results[BASIS]["p85_days"] is None or after.results[BASIS]["p85_days"] is None:
        return BEYOND_TEN_YEARS
    basis = loaded_basis(project, before.results)
    if basis is None:
        return OTHER_TEAMS_CHANGED
    played = play_on(basis, after.as_of)
    if played.p85_days is None:
        return BEYOND_TEN_YEARS
    return _Moves(
        after.as_of + timedelta(days=played.p85_days),
        after.as_of + timedelta(days=after.results[BASIS]["p85_days"]),
        played.is_played,
    )


# --- forecasts in whose time nobody acted ---


def _unacted_days(acted: _Span, models: tuple[type[Action], ...]) -> list[float]:
    """Raw effects of the tenant's forecasts of about the same probability, over about the same time, left alone."""
    spans = _unacted_spans(acted, models)
    ids = [identifier for span in spans for identifier in (span.first_id, span.second_id)]
    records = {row.pk: row for row in AnalysisRecord.objects.filter(pk__in=ids).select_related("project")}
    moves = [_moves(records[span.first_id].project, records[span.first_id], records[span.second_id]) for span in spans]
    return [move.days for move in moves if not isinstance(move, str)]


def _unacted_spans(acted: _Span, models: tuple[type[Action], ...]) -> list[_Span]:
    """The newest spans that are like the acted one; they do not overlap within a project."""
    busy = _busy_times(models)
    spans = [
        span
        for project_id, rows in _by_project(before=acted.second_as_of).items()
        for span in _spans_of(rows, acted, busy.get(project_id, []))
    ]
    return sorted(spans, key=lambda span: (span.first_as_of, str(span.first_id)), reverse=True)[:MAX_COMPARED]


def _spans_of(rows: list[AnalysisRecord], acted: _Span, busy: list[Busy]) -> Iterator[_Span]:
    """A project's spans; none where anybody acted, or was still at it.  rows: the oldest first"""
    length = acted.second_as_of - acted.first_as_of
    shortest, longest = length * (1 - SAME_SPAN_SHARE), length * (1 + SAME_SPAN_SHARE)
    free_from: datetime | None = None
    for first in rows:
        if free_from is not None and first.as_of < free_from:
            continue
        if abs(_probability(first) - acted.probability) > SAME_PROBABILITY:
            continue
        place = bisect_left(rows, first.as_of + shortest, key=_as_of)
        if place == len(rows) or not timedelta(0) < rows[place].as_of - first.as_of <= longest:
            continue
        span = _span(first, rows[place])
        if not _was_busy(busy, span):
            yield span
            free_from = span.second_as_of


def _as_of(record: AnalysisRecord) -> datetime:
    return record.as_of


def _by_project(*, before: datetime) -> dict[UUID, list[AnalysisRecord]]:
    """The tenant's forecasts with a date up to a moment, by project, the oldest first; without their results."""
    rows = _forecasts(as_of__lte=before, overall_score__isnull=False).order_by("-as_of", "-id")
    found: dict[UUID, list[AnalysisRecord]] = {}
    for record in reversed(rows.only("id", "project_id", "tenant_id", "as_of", "overall_score")[:MAX_LOOKED_AT]):
        found.setdefault(record.project_id, []).append(record)
    return found


def _busy_times(models: tuple[type[Action], ...]) -> dict[UUID, list[Busy]]:
    """When somebody was acting, by project; without an end where it goes on, or was given up nobody knows when."""
    times: dict[UUID, list[Busy]] = {}
    for model in models:
        rows: Any = model._default_manager.filter(started_at__isnull=False).order_by()
        for project_id, started_at, completed_at in rows.values_list(
            f"{project_path(model)}_id", "started_at", "completed_at"
        ):
            times.setdefault(project_id, []).append((started_at, completed_at))
    return times


def _was_busy(times: list[Busy], span: _Span) -> bool:
    still = timedelta(days=MEASURED_AFTER_DAYS)  # what was done shortly before still takes effect
    return any(
        began < span.second_as_of and (ended is None or ended + still > span.first_as_of) for began, ended in times
    )


def _span(before: AnalysisRecord, after: AnalysisRecord) -> _Span:
    return _Span(before.project_id, before.pk, after.pk, before.as_of, after.as_of, _probability(before))


def _probability(record: AnalysisRecord) -> float:
    """P(on time) of a forecast, a hundredth of its score; 1 without a target: there was nothing to worry about."""
    return 1.0 if record.overall_score is None else record.overall_score / 100


def _forecasts(**of: Any) -> QuerySet[AnalysisRecord]:
    """Forecasts that carry a date; of the whole tenant, unless narrowed."""
    rows: QuerySet[AnalysisRecord] = AnalysisRecord.objects.filter(
        kind=AnalysisKind.FORECAST, readiness__in=CARRYING, **of
    )
    return rows
