"""Replays of a project's past, kept as runs of analysis: shown to people, never chained and never scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from predictions.backtesting.project_replay import ProjectReplay, TypeRecord, replay_project
from predictions.domain.queries import NOT_YET_RUN, carries, describe_run
from predictions.domain.settlement import observed_until
from predictions.forecasters.replay import (
    DAYS_PER_MONTH,
    PROMISED,
    EventVerdict,
    Replay,
    ReplayEvent,
    ReplayPlan,
    ReplayStep,
    Watcher,
)
from projects.domain.analyses import AnalysisRun, record_analysis
from projects.domain.queries.calendars import load_calendar
from projects.domain.queries.history import load_history
from projects.domain.queries.runs import runs_of
from projects.enums import AnalysisKind
from projects.history.calendar import WorkCalendar
from projects.history.instants import from_us, to_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import STALE_AFTER_DAYS
from projects.models import AnalysisRecord, Project

RECONSTRUCTED = "Reconstructed from surviving records: what was deleted or never logged left no trace."
NEVER_SCORED = "What the forecaster of today would have said then; it never enters the ledger."
NOT_REPLAYED = {**NOT_YET_RUN, "message": "No replay has been run for this project.", "unlock": "Run a replay."}


@dataclass(frozen=True, slots=True)
class ReplayInputs:
    """Everything a replay reads, so that it can run outside a transaction.

    ends_at: up to when the past can be replayed: now, or the newest fact of a record that ended before
    """

    history: ProjectHistory
    calendar: WorkCalendar
    accepted_probability: float
    observed_until: datetime | None
    ends_at: datetime
    team_signals_enabled: bool = False


def load_replay_inputs(project: Project, *, at: datetime) -> ReplayInputs:
    """Read a project's record in the tenant that is current; seven queries whatever the size."""
    history = load_history(project.pk)
    ends_at, seen_at = record_end(history, at=at), observed_until(project, at)
    return ReplayInputs(
        history=history,
        calendar=load_calendar(project, on=at.astimezone(ZoneInfo(project.time_zone)).date()),
        accepted_probability=1 - project.accepted_risk,
        # What an archive does not tell did not fail to happen: nobody looked.
        observed_until=seen_at if ends_at == at or seen_at is None else min(seen_at, ends_at),
        ends_at=ends_at,
        team_signals_enabled=project.team_signals_enabled,
    )


def record_end(history: ProjectHistory, *, at: datetime) -> datetime:
    """The moment itself; of a record in which nothing was opened or moved for too long to forecast, its last event.

    What was only found by looking has no date of its own: an archive that is imported today is no younger for it.
    """
    known = history.as_of(at)
    moved_us = known.statuses.at_us[known.statuses.dated]
    events_us = np.concatenate([known.items.created_us, moved_us])
    past_us = events_us[events_us <= to_us(at)]
    if not past_us.size:
        return at
    last = from_us(int(past_us.max()))
    return at if at - last <= timedelta(days=STALE_AFTER_DAYS) else last


def has_replay(project: Project) -> bool:
    """Whether a replay of the project is kept already."""
    return runs_of(project, AnalysisKind.REPLAY).exists()


def run_replay(inputs: ReplayInputs, plan: ReplayPlan, *, watch: Watcher = lambda _done, _all: None) -> ProjectReplay:
    """Replay every type at project level; needs no database."""
    return replay_project(
        inputs.history,
        plan,
        calendar=inputs.calendar,
        accepted_probability=inputs.accepted_probability,
        observed_until=inputs.observed_until,
        team_signals_enabled=inputs.team_signals_enabled,
        watch=watch,
    )


def keep_replay(project: Project, replay: ProjectReplay, *, at: datetime, duration_ms: int) -> AnalysisRecord:
    """Keep a replay as an AnalysisRecord; the same one again is the one that is kept already."""
    run = AnalysisRun(
        kind=AnalysisKind.REPLAY,
        as_of=replay.delay.plan.until,
        results=replay_results(replay),
        readiness=replay.delay.readiness,
        inputs_hash=replay.inputs_hash,
        model_id=replay.model.id,
        model_version=replay.model.version,
        duration_ms=duration_ms,
    )
    return record_analysis(project=project, run=run, at=at) or AnalysisRecord.objects.get(
        project=project,
        kind=run.kind,
        as_of=run.as_of,
        inputs_hash=run.inputs_hash,
        model_id=run.model_id,
        model_version=run.model_version,
    )


def describe_replay(project: Project) -> dict[str, Any]:
    """The newest replay of a project as JSON values; without readiness `result` is null."""
    return describe_record(project, runs_of(project, AnalysisKind.REPLAY).first())


def describe_record(project: Project, record: AnalysisRecord | None) -> dict[str, Any]:
    """One replay as JSON values; None is that there is none yet."""
    return {
        **describe_run(project, record, not_yet=NOT_REPLAYED),
        "id": None if record is None else record.pk,
        "result": record.results if carries(record) else None,
    }


def replay_results(project_replay: ProjectReplay) -> dict[str, Any]:
    """A replay as JSON: how it turned out type by type, and of the delay risk event by event and step by step."""
    replay = project_replay.delay
    return {
        "months": replay.plan.months,
        "step_days": replay.plan.step.total_seconds() / 86_400,
        "is_reconstructed": replay.is_reconstructed,
        "notes": [NEVER_SCORED, *([RECONSTRUCTED] if replay.is_reconstructed else [])],
        "summary": replay_summary(replay),
        "types": [_type_row(record) for record in project_replay.types],
        "events": [_event_row(event) for event in replay.events],
        "steps": [_step_row(step) for step in replay.steps],
    }


def _type_row(record: TypeRecord) -> dict[str, Any]:
    return {
        "type": str(record.type),
        "moments": record.moments,
        "answered": record.answered,
        "events": record.events,
        "hits": record.hits,
        "late": record.late,
        "misses": record.misses,
        "unforeseeable": record.unforeseeable,
        "false_alarms": record.false_alarms,
        "lead_time_p50_h": record.lead_time_p50_h,
        "false_alarms_per_project_month": record.false_alarms_per_project_month,
        "closed_by": [
            {"code": str(reason.code), "message": reason.message, "unlock": str(reason.unlock)}
            for reason in record.closed_by
        ],
    }


def replay_summary(replay: Replay) -> dict[str, Any]:
    """Counts by verdict, lead times, false alarms per month, and how often the own promise was kept.

    Promises of neighbouring moments overlap, so their share has no interval.
    """
    answered = [step for step in replay.steps if step.probability is not None]
    months = len(answered) * replay.plan.step.total_seconds() / 86_400 / DAYS_PER_MONTH
    leads = [event.lead_time_h for event in replay.events if event.lead_time_h is not None]
    judged = [step.kept for step in answered if step.kept is not None]
    false_alarms = replay.verdicts(EventVerdict.FALSE_ALARM)
    return {
        "moments": len(replay.steps),
        "answered": len(answered),
        "events": {str(verdict): replay.verdicts(verdict) for verdict in EventVerdict},
        "lead_time_p50_h": median(leads) if leads else None,
        "false_alarms_per_project_month": false_alarms / months if months >= 1 else None,
        "promises": {"p": PROMISED, "judged": len(judged), "kept": sum(judged)},
    }


def _event_row(event: ReplayEvent) -> dict[str, Any]:
    return {
        "target": event.target.isoformat(),
        "source": str(event.source),
        "first_as_of": event.first_as_of.isoformat(),
        "steps": event.steps,
        "alerts": event.alerts,
        "result": None if event.result is None else str(event.result),
        "verdict": str(event.verdict),
        "lead_time_h": event.lead_time_h,
    }


def _step_row(step: ReplayStep) -> dict[str, Any]:
    return {
        "as_of": step.as_of.isoformat(),
        "target": None if step.target is None else step.target.isoformat(),
        "source": None if step.source is None else str(step.source),
        "probability": step.probability,
        "base_rate": step.base_rate,
        "is_alert": step.is_alert,
        "result": None if step.result is None else str(step.result),
        "result_reason": None if step.reason is None else str(step.reason),
        "promised_on": None if step.promised_on is None else step.promised_on.isoformat(),
        "promise_kept": step.kept,
        "readiness": str(step.readiness.readiness),
        "reasons": [str(reason.code) for reason in step.readiness.reasons],
        "is_reconstructed": step.is_reconstructed,
    }
