"""Measuring how a project flows, and keeping the measures."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from time import perf_counter
from typing import Any

from projects.domain.analyses import AnalysisRun, record_analysis
from projects.enums import AnalysisKind
from projects.history.calendar import WorkCalendar
from projects.history.flow import FlowMetrics, Measure, flow_metrics
from projects.history.project_history import ProjectHistory
from projects.history.readiness import finish_readiness
from projects.models import Project

MODEL_ID, MODEL_VERSION = "flow.kanban-guide", "1"
MEASURES = (
    "throughput_per_week",
    "throughput_per_working_day",
    "cycle_time_p50",
    "cycle_time_p85",
    "lead_time_p50",
    "lead_time_p85",
    "work_in_progress",
    "age_p50",
    "age_p85",
    "age_oldest",
)


def measure_flow(
    *, project: Project, history: ProjectHistory, calendar: WorkCalendar, as_of: datetime, at: datetime
) -> FlowMetrics:
    """Throughput, cycle time, WIP and age as of a moment, kept as one AnalysisRecord of kind FLOW."""
    started = perf_counter()
    metrics = flow_metrics(history, as_of=as_of, calendar=calendar)
    known = history.as_of(as_of)
    run = AnalysisRun(
        kind=AnalysisKind.FLOW,
        as_of=as_of,
        results=flow_results(metrics),
        readiness=finish_readiness(known, as_of=as_of, calendar=calendar),
        inputs_hash=_inputs_hash(known, calendar),
        model_id=MODEL_ID,
        model_version=MODEL_VERSION,
        duration_ms=round((perf_counter() - started) * 1000),
    )
    record_analysis(project=project, run=run, at=at)
    return metrics


def flow_results(metrics: FlowMetrics) -> dict[str, Any]:
    """Flow metrics as JSON: each measure with its unit, the count it rests on, and why it is missing where it is."""
    return {
        **{name: _measure(getattr(metrics, name)) for name in MEASURES},
        "service_level": {
            **_measure(metrics.service_level.days),
            "probability": metrics.service_level.probability,
            "basis": str(metrics.service_level.basis),
        },
        "weeks": [
            {"starts_on": week.starts_on.isoformat(), "created": week.created, "finished": week.finished}
            for week in metrics.weeks
        ],
        "open_items": metrics.open_items,
        "finished_items": metrics.finished_items,
        "is_reconstructed": metrics.is_reconstructed,
    }


def _inputs_hash(known: ProjectHistory, calendar: WorkCalendar) -> str:
    days_off = [day.isoformat() for day in sorted(calendar.holidays)]
    inputs = [known.inputs_hash, calendar.time_zone, sorted(calendar.working_weekdays), days_off]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _measure(measure: Measure) -> dict[str, Any]:
    missing = {} if measure.missing is None else {"missing": str(measure.missing)}
    return {"value": measure.value, "unit": measure.unit, "n": measure.n, **missing}
