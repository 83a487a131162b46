"""From the record of the work to predictions and gaps, in the order in which they need each other.

    load history → settle → flow → forecast → explain → detect → follow actions → tell

One transaction for a project: a run that is killed half-way leaves the former state. Of two runs over one project at
once one does the work, and the other says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from time import perf_counter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from gaps.domain.acting import follow_actions
from gaps.domain.detection import DetectionResult, detect_gaps
from integrations.domain.locks import lock_key
from predictions.domain.following import follow_up
from predictions.domain.forecasting import ProjectForecast, forecast_project
from predictions.domain.settlement import Settlement, settle_predictions, unsettled_predictions
from predictions.domain.slip import keep_slip
from projects.domain.analyses import AnalysisRun, record_analysis
from projects.domain.data_quality import QUALITY, assess_data_quality
from projects.domain.flow import measure_flow
from projects.domain.queries.calendars import load_calendar
from projects.domain.queries.history import load_history
from projects.enums import AnalysisKind
from projects.history.flow import FlowMetrics
from projects.models import Project
from stratibreak.gap_news import announce_gap_news
from tenants.isolation.context import require_tenant_id

MODEL_ID, MODEL_VERSION = "pipeline.refresh", "1"


class RefreshOutcome(StrEnum):
    """DONE: this run did the work. BUSY: another one is at it, and nothing was touched."""

    DONE = "DONE"
    BUSY = "BUSY"


@dataclass(frozen=True, slots=True)
class ProjectRefresh:
    """What a refresh of one project found and changed; the parts are None when another run was at it."""

    project: Project
    outcome: RefreshOutcome
    as_of: datetime
    duration_s: float
    flow: FlowMetrics | None = None
    forecast: ProjectForecast | None = None
    detection: DetectionResult | None = None
    settlement: Settlement | None = None


def refresh_project(*, project: Project, as_of: datetime, at: datetime) -> ProjectRefresh:
    """Analyse one project as it was known at a moment and keep what is new.

    Runs in the transaction of the tenant that is current, and holds the project's refresh lock until that ends.
    Raises ValueError for an as_of after `at`: the future is not on record.
    """
    if as_of > at:
        raise ValueError(f"as_of {as_of.isoformat()} lies in the future.")
    started = perf_counter()
    if not take_refresh_lock(project.pk):
        return ProjectRefresh(project, RefreshOutcome.BUSY, as_of, perf_counter() - started)
    calendar = load_calendar(project, on=as_of.astimezone(ZoneInfo(project.time_zone)).date())
    record = load_history(project.pk)
    # What has come true is settled first, and by all that is known now: also a look at the past learns from it.
    settlement = settle_predictions(project=project, history=record, calendar=calendar, at=at)
    history = record.as_of(as_of)
    flow = measure_flow(project=project, history=history, calendar=calendar, as_of=as_of, at=at)
    forecast = forecast_project(project=project, history=history, calendar=calendar, as_of=as_of, at=at)
    keep_slip(project=project, history=history, calendar=calendar, finish=forecast.finish, at=at)
    follow_up(project=project, at=at)
    detection = detect_gaps(project=project, history=history, calendar=calendar, forecast=forecast, as_of=as_of, at=at)
    follow_actions(project=project, at=at)
    quality = assess_data_quality(project, history, as_of=as_of, calendar=calendar)
    announce_gap_news(project=project, at=at)
    duration_s = perf_counter() - started
    _record(project, forecast, detection, quality, at=at, duration_s=duration_s)
    return ProjectRefresh(project, RefreshOutcome.DONE, as_of, duration_s, flow, forecast, detection, settlement)


def settle_project(*, project: Project, at: datetime) -> Settlement | None:
    """Settle what is due of one project, without analysing it; None when another run is at the project.

    Overdue actions are escalated, and those that can be measured are.
    Runs in the transaction of the tenant that is current, and reads the record only if a claim waits.
    """
    if not take_refresh_lock(project.pk):
        return None
    follow_actions(project=project, at=at)
    claims = unsettled_predictions(project, at)
    if not claims:
        return Settlement()
    calendar = load_calendar(project, on=at.astimezone(ZoneInfo(project.time_zone)).date())
    return settle_predictions(
        project=project, history=load_history(project.pk), calendar=calendar, at=at, claims=claims
    )


def _record(
    project: Project,
    forecast: ProjectForecast,
    detection: DetectionResult,
    quality: list[dict[str, Any]],
    *,
    at: datetime,
    duration_s: float,
) -> None:
    """Keep the run as a whole; its parts have records of their own."""
    finish = forecast.finish
    run = AnalysisRun(
        kind=AnalysisKind.REFRESH,
        as_of=finish.as_of,
        results={
            "prediction": None if forecast.prediction is None else str(forecast.prediction.pk),
            "prediction_is_new": forecast.is_new,
            "predictions": len(forecast.kept),
            "new_predictions": [str(kept.prediction.pk) for kept in forecast.kept if kept.is_new],
            "gaps": [str(gap.pk) for gap in detection.gaps],
            "gap_changes": {str(kind): number for kind, number in detection.changes.items()},
            QUALITY: quality,
        },
        readiness=forecast.delay_risk.readiness,
        inputs_hash=forecast.inputs_hash,
        model_id=MODEL_ID,
        model_version=MODEL_VERSION,
        duration_ms=round(duration_s * 1000),
        overall_score=None if finish.p_on_time is None else 100 * finish.p_on_time.value,
    )
    record_analysis(project=project, run=run, at=at)


def take_refresh_lock(project_id: UUID) -> bool:
    """Whether this transaction may refresh the project; the lock goes with the transaction.

    An advisory lock and not the project's row: people may go on editing the project meanwhile, and a lock of the
    transaction survives pooling.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [refresh_lock_key(project_id)])
        (taken,) = cursor.fetchone()
    return bool(taken)


def wait_for_refresh(project_id: UUID) -> None:
    """Wait until nobody else refreshes the project, and hold its lock until this transaction ends.

    Raises django.db.OperationalError where that takes longer than a statement may.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [refresh_lock_key(project_id)])


def refresh_lock_key(project_id: UUID) -> int:
    return lock_key(require_tenant_id(), project_id, what="refresh")
