"""Why a project slips: the decomposition as it is kept with each analysis, and as it is told."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from time import perf_counter
from typing import Any

from predictions.attribution.factors import OffReason, SlipFactor
from predictions.attribution.slip import INTERVAL, MODEL, SlipDecomposition, SlipPart, decompose_slip
from predictions.domain.queries import carries, describe_run
from predictions.forecasters.finish import FinishForecast, forecast_finish
from projects.domain.analyses import AnalysisRun, record_analysis
from projects.domain.queries.runs import runs_of
from projects.enums import AnalysisKind, Readiness
from projects.history.calendar import WorkCalendar
from projects.history.instants import MICROSECONDS_PER_DAY
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    finish_readiness,
)
from projects.models import AnalysisRecord, Project

ASSUMPTIONS = (
    "The plan in force was meant, and counts the same kind of items as the record.",
    "Work scales with items, and about as many are in work at any time.",
    "The rate as planned is the planned items over the planned working days.",
    "Intervals speak of the accidents of the record; where in the week a finish falls may add two days.",
)
OFF_MESSAGES = {
    OffReason.NO_PLANNED_START: "The plan does not say when work was to begin.",
    OffReason.NO_DATED_START: "No item has a dated start.",
    OffReason.NO_BLOCKED_FLAGS: "Nothing was ever flagged or in a blocked status.",
    OffReason.NO_LINKS: "No item is linked to another that it waits for.",
    OffReason.NO_PLANNED_CALENDAR: "The calendar that the plan was made with is not on record.",
}
LABELS = {
    SlipFactor.LATE_START: "Late start",
    SlipFactor.SCOPE_ADDED: "Scope added",
    SlipFactor.RATE_BELOW_PLAN: "Rate below plan",
    SlipFactor.BLOCKED: "Blocked",
    SlipFactor.REWORK: "Rework",
    SlipFactor.CALENDAR: "Calendar",
    SlipFactor.DEPENDENCY_WAIT: "Waiting for other work",
}


def keep_slip(
    *, project: Project, history: ProjectHistory, calendar: WorkCalendar, finish: FinishForecast, at: datetime
) -> AnalysisRecord | None:
    """Explain the slip of a finish forecast and keep the answer, also when there is none."""
    started = perf_counter()
    known = history.as_of(finish.as_of)
    answer, readiness = explain_slip(known, finish=finish, calendar=calendar)
    run = AnalysisRun(
        kind=AnalysisKind.CAUSES,
        as_of=finish.as_of,
        results={} if answer is None else slip_results(answer, calendar),
        readiness=readiness,
        inputs_hash=finish.inputs_hash if answer is None else answer.inputs_hash,
        model_id=MODEL.id,
        model_version=MODEL.version,
        duration_ms=round((perf_counter() - started) * 1000),
    )
    return record_analysis(project=project, run=run, at=at)


def explain_slip(
    known: ProjectHistory, *, finish: FinishForecast, calendar: WorkCalendar
) -> tuple[SlipDecomposition | None, ReadinessReport]:
    """The decomposition of the P50 slip, or None with what is missing.

    finish: of the history's moment. Where it abstains because its target has passed, the dates without one are shared
    out: that the day is over is no reason not to ask why.
    """
    moment, target = finish.as_of, finish.target_date
    readiness = finish.readiness
    if finish.trials is None and finish.basis is not None:
        finish = forecast_finish(known, as_of=moment, calendar=calendar, seed=finish.basis.seed)
        readiness = finish_readiness(known, as_of=moment, calendar=calendar)
    if finish.trials is None:
        return None, readiness
    answer = decompose_slip(known, as_of=moment, finish=finish, calendar=calendar, target_date=target)
    if answer is None:
        return None, readiness.with_reasons([_without_plan(known)])
    return answer, readiness


def describe_slip(project: Project) -> dict[str, Any]:
    """The newest explanation of a project's slip as JSON values; without readiness `result` is null."""
    record = runs_of(project, AnalysisKind.CAUSES).first()
    result = (record.results or None) if carries(record) else None
    return {
        **describe_run(project, record),
        "result": result,
        "assumptions": [] if result is None else list(ASSUMPTIONS),
    }


def slip_results(answer: SlipDecomposition, calendar: WorkCalendar) -> dict[str, Any]:
    """A decomposition as JSON: the bars add up to the slip to the last bit."""
    finish_us = calendar.end_of_day_us(answer.target_date) + round(answer.slip_days * MICROSECONDS_PER_DAY)
    finish_on = calendar.next_working_day(calendar.local_date(finish_us))
    return {
        "measure": str(answer.measure),
        "target_date": answer.target_date.isoformat(),
        "p50_date": finish_on.isoformat(),
        "slip_days": answer.slip_days,
        "interval": INTERVAL,
        "parts": [_part_row(part) for part in answer.parts],
        "unknown_days": answer.unknown_days,
        "untold": [
            {"factor": str(factor), "label": LABELS[factor], "code": str(reason), "message": OFF_MESSAGES[reason]}
            for factor, reason in answer.off.items()
        ],
    }


def _part_row(part: SlipPart) -> dict[str, Any]:
    is_days = part.factor == SlipFactor.CALENDAR
    rows = [asdict(entity) for entity in part.entities]
    return {
        "factor": str(part.factor),
        "label": LABELS[part.factor],
        "days": part.days,
        "low_days": part.low,
        "high_days": part.high,
        "is_named": part.is_named,
        "measured": part.measured,
        "evidence": [
            {
                "object_type": "day" if is_days else "work_item",
                "object_id": row["object_id"],
                "object_key": row["label"],
                "url": row["url"],
                "share": row["share"],
                "days": row["days"],
            }
            for row in rows
        ],
        "evidence_count": part.entity_count,
    }


def _without_plan(known: ProjectHistory) -> ReadinessReason:
    message = "No baseline is approved, so there is no plan to have slipped from."
    if known.baseline is not None:
        message = "The plan in force has not begun, leaves no working day, or began 50 years ago: check its dates."
    return ReadinessReason(ReasonCode.NO_BASELINE, Readiness.INSUFFICIENT, message, UnlockStep.APPROVE_BASELINE)
