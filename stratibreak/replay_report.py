"""Running a project's replay for somebody who waits for it, and telling how it turned out in lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from time import perf_counter
from uuid import UUID

from predictions.backtesting.project_replay import ProjectReplay, TypeRecord
from predictions.domain.replaying import ReplayInputs, keep_replay, replay_summary, run_replay
from predictions.enums import PredictionType
from predictions.forecasters.replay import EventVerdict, ReplayPlan, Watcher
from projects.models import Project
from tenants.isolation.transaction import tenant_context

WORDS = {
    EventVerdict.HIT: "hits",
    EventVerdict.LATE: "warned too late",
    EventVerdict.MISS: "misses",
    EventVerdict.FALSE_ALARM: "false alarms",
    EventVerdict.QUIET: "rightly quiet",
    EventVerdict.UNDECIDED: "undecided",
}
HOURS_PER_DAY = 24


def run_and_keep(
    tenant_id: UUID, project: Project, inputs: ReplayInputs, plan: ReplayPlan, *, at: datetime, watch: Watcher
) -> ProjectReplay:
    """Compute outside any transaction, and keep the result in one of its own."""
    began = perf_counter()
    replay = run_replay(inputs, plan, watch=watch)
    with tenant_context(tenant_id, reason="replay"):
        keep_replay(project, replay, at=at, duration_ms=round((perf_counter() - began) * 1000))
    return replay


def replay_lines(name: str, project_replay: ProjectReplay) -> Iterator[str]:
    """What came of it, for people: the promised days one by one, then every type."""
    replay = project_replay.delay
    summary = replay_summary(replay)
    yield f"{name}: {summary['answered']} of {summary['moments']} moments had a forecast"
    if not summary["answered"]:
        yield from (f"  {reason.message}" for reason in replay.readiness.reasons)
        return
    yield "  " + ", ".join(f"{summary['events'][str(verdict)]} {word}" for verdict, word in WORDS.items())
    promises = summary["promises"]
    yield f"  dates promised with {promises['p']:.0%}: {promises['kept']} of {promises['judged']} kept"
    for event in replay.events:
        lead = "" if event.lead_time_h is None else f", warned {event.lead_time_h / HOURS_PER_DAY:.0f} days before"
        yield f"  {event.target.isoformat()} ({str(event.source).lower()}): {WORDS[event.verdict]}{lead}"
    yield from (f"  {type_line(record)}" for record in project_replay.types)
    if replay.is_reconstructed:
        yield "  reconstructed from surviving records"


def type_line(record: TypeRecord) -> str:
    """One type in one line."""
    name = PredictionType(record.type).label
    if not record.answered:
        why = record.closed_by[0].message if record.closed_by else "Nothing was asked."
        return f"{name}: no forecast. {why}"
    rate = record.false_alarms_per_project_month
    parts = [
        f"{record.hits} hits",
        f"{record.misses + record.late} misses",
        f"{record.false_alarms} false alarms" + ("" if rate is None else f" ({rate:.2f} a project-month)"),
    ]
    if record.unforeseeable:
        parts.append(f"{record.unforeseeable} that nobody could be asked about in time")
    if record.lead_time_p50_h is not None:
        parts.append(f"warned {record.lead_time_p50_h / HOURS_PER_DAY:.0f} days before")
    return f"{name}: {', '.join(parts)}; answered {record.answered} of {record.moments} moments"
