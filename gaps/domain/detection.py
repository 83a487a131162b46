"""Turning findings into gaps that are followed: opened, updated, worsened, eased, resolved, reopened.

1. Each detector's answer is matched with the gap of the same fingerprint.
2. A finding without a gap opens one. A gap that is followed is updated by it, noting when it worsened or eased, unless
   it says the same. A resolved gap is reopened; one that a person closed only when it is worse than what was closed.
3. Without a finding, a followed gap is resolved once it has been below half of its opening level in two runs of
   different moments (`is_below_opening`). Where nobody can say (no readiness), it stays: unknown is not solved. But
   where all work is done, and nothing else keeps the type from an answer, nothing is left that could differ.
4. A run over an earlier moment than the gap was last seen at changes nothing: the past does not overrule the present.

Every change leaves a GapTransition. A run on unchanged facts writes nothing at all.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any

from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.finding import Finding
from gaps.detectors.gate import closed_by_done_work
from gaps.detectors.pricing import priced, weeks_to_target
from gaps.detectors.severity import SEVERITY_RANK, closing_effect, is_below_opening
from gaps.domain.assessments import Assessment, assess_project, settings_row, tolerances_of
from gaps.domain.contents import add_missing_costs, measure_row, says_the_same, write_details, write_values
from gaps.domain.lifecycle import GapState, record_transition, reopen_gap, resolve_gap
from gaps.domain.roles import told_in_roles
from gaps.enums import GapOrigin, GapStatus, TransitionKind
from gaps.models import Gap
from predictions.domain.forecasting import ProjectForecast
from predictions.forecasters.labour_cost import labour_cost
from projects.domain.analyses import AnalysisRun, reason_rows, record_analysis
from projects.enums import AnalysisKind
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport, report
from projects.models import Project

MODEL_ID, MODEL_VERSION = "gaps.detectors", "1"
ALL_DONE = "Every work item is done or gone, in two runs."
MOST_REASONS = 20
"""Of the run as a whole; each detector keeps its own."""


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """What one run did to the project's gaps.

    gaps: those that are followed after the run;  changes: how many of each kind, without those left alone
    """

    gaps: tuple[Gap, ...]
    changes: Counter[TransitionKind] = field(default_factory=Counter)


def detect_gaps(
    *,
    project: Project,
    history: ProjectHistory,
    calendar: WorkCalendar,
    forecast: ProjectForecast,
    as_of: datetime,
    at: datetime,
) -> DetectionResult:
    """Run every detector as of a moment and keep what changed.

    forecast: of the same project and moment. The caller holds the project's refresh lock.
    """
    started = perf_counter()
    known, finish = history.as_of(as_of), forecast.finish
    tolerances = tolerances_of(project, target_date=finish.target_date, budget=known.budget)
    context = DetectionContext(known, calendar, finish, tolerances)
    assessments = _priced(told_in_roles(assess_project(context), project=project, context=context), context)
    duration_ms = round((perf_counter() - started) * 1000)
    stored = _stored_gaps(project, assessments)
    changes: Counter[TransitionKind] = Counter()
    followed = []
    for assessment in assessments:
        gap, kind = _apply(project, assessment, stored.get(assessment.fingerprint), as_of=as_of, at=at)
        if kind is not None:
            changes[kind] += 1
        if gap is not None and gap.is_live:
            followed.append(gap)
    _record(project, assessments, forecast, context=context, at=at, duration_ms=duration_ms)
    return DetectionResult(tuple(followed), changes)


def _priced(assessments: list[Assessment], context: DetectionContext) -> list[Assessment]:
    labour, weeks_left = labour_cost(context.known), weeks_to_target(context)

    def with_costs(detection: Detection) -> Detection:
        if detection.finding is None:
            return detection
        return replace(detection, finding=priced(detection.finding, labour=labour, weeks_left=weeks_left))

    return [replace(assessment, detection=with_costs(assessment.detection)) for assessment in assessments]


def _stored_gaps(project: Project, assessments: list[Assessment]) -> dict[str, Gap]:
    """The project's detected gaps by fingerprint, locked."""
    rows = Gap.objects.select_for_update(of=("self",)).filter(
        project=project, fingerprint__in=[assessment.fingerprint for assessment in assessments]
    )
    return {gap.fingerprint: gap for gap in rows}


def _apply(
    project: Project, assessment: Assessment, gap: Gap | None, *, as_of: datetime, at: datetime
) -> tuple[Gap | None, TransitionKind | None]:
    """The gap after the run, and what happened to it, if anything."""
    if gap is not None and gap.last_seen_at is not None and as_of < gap.last_seen_at:
        return gap, None
    finding = assessment.detection.finding
    if finding is None:
        return gap, None if gap is None else _without_finding(gap, assessment, as_of=as_of, at=at)
    if gap is None:
        return _open(project, assessment, finding, at=at)
    if gap.is_live:
        return gap, _update(gap, assessment, finding, at=at)
    if _is_news(gap, finding):
        return gap, _reopen(gap, assessment, finding, at=at)
    return gap, None


def _is_news(gap: Gap, finding: Finding) -> bool:
    """Whether a finding tells more than was known when its gap was resolved or closed."""
    if gap.inputs_hash == finding.inputs_hash:  # a person has looked at these facts, and said what they think of it
        return False
    return gap.status == GapStatus.RESOLVED or SEVERITY_RANK[finding.severity] > SEVERITY_RANK[gap.severity]


def _open(project: Project, assessment: Assessment, finding: Finding, *, at: datetime) -> tuple[Gap, TransitionKind]:
    gap = Gap(
        project=project,
        origin=GapOrigin.DETECTED,
        identified_at=finding.as_of,
        opening_effect=finding.effect.in_tolerances,
    )
    write_values(gap, assessment, finding)
    gap.save()
    write_details(gap, finding)
    record_transition(gap=gap, kind=TransitionKind.OPENED, before=None, by=None, at=at, note=finding.title)
    return gap, TransitionKind.OPENED


def _update(gap: Gap, assessment: Assessment, finding: Finding, *, at: datetime) -> TransitionKind | None:
    if gap.inputs_hash == finding.inputs_hash or (gap.below_since is None and says_the_same(gap, finding)):
        add_missing_costs(gap, finding)
        return None
    before = GapState.of(gap)
    write_values(gap, assessment, finding)
    gap.save()
    write_details(gap, finding)
    kind = _direction(before, gap)
    record_transition(gap=gap, kind=kind, before=before, by=None, at=at, note=finding.title)
    return kind


def _direction(before: GapState, gap: Gap) -> TransitionKind:
    was, now = SEVERITY_RANK[before.severity], SEVERITY_RANK[gap.severity]
    if now == was:
        return TransitionKind.UPDATED
    return TransitionKind.WORSENED if now > was else TransitionKind.EASED


def _reopen(gap: Gap, assessment: Assessment, finding: Finding, *, at: datetime) -> TransitionKind:
    def update(locked: Gap) -> None:
        write_values(locked, assessment, finding)
        locked.opening_effect = finding.effect.in_tolerances

    reopen_gap(gap=gap, by=None, at=at, note=f"Found again: {finding.title}", update=update)
    write_details(gap, finding)
    return TransitionKind.REOPENED


def _without_finding(gap: Gap, assessment: Assessment, *, as_of: datetime, at: datetime) -> TransitionKind | None:
    """Hysteresis: the first run below half of the opening level is remembered, a second one resolves."""
    effect, breach, readiness = assessment.detection.effect, assessment.detection.breach, assessment.detection.readiness
    is_all_done = closed_by_done_work(readiness)
    if is_all_done:
        effect, breach = 0.0, None
    if not gap.is_live or effect is None or not (readiness.carries_value or is_all_done):
        return None
    opened_at = gap.opening_effect or 0.0
    if not is_below_opening(opened_at_effect=opened_at, effect=effect, breach=breach):
        _remember_below(gap, since=None)
        return None
    if gap.below_since is None:
        _remember_below(gap, since=as_of)
        return None
    if as_of <= gap.below_since:
        return None
    note = ALL_DONE if is_all_done else _why_resolved(closing_effect(opened_at), breach)
    resolve_gap(gap=gap, by=None, at=at, note=note)
    return TransitionKind.RESOLVED


def _why_resolved(level: float, breach: float | None) -> str:
    risk = "" if breach is None else ", and the risk below half of what is accepted"
    return f"The effect stayed below {level:.2g} tolerances, half of its opening level{risk}, in two runs."


def _remember_below(gap: Gap, *, since: datetime | None) -> None:
    if gap.below_since != since:
        gap.below_since = since
        gap.save(update_fields=["below_since", "updated_at"])


# --- the run ---


def _record(
    project: Project,
    assessments: list[Assessment],
    forecast: ProjectForecast,
    *,
    context: DetectionContext,
    at: datetime,
    duration_ms: int,
) -> None:
    models = [f"{one.detection.model.id} {one.detection.model.version}" for one in assessments]
    found = [one.detection.finding.inputs_hash for one in assessments if one.detection.finding is not None]
    inputs = f"{forecast.delay_risk.inputs_hash} {models} {context.tolerances} {found}"
    run = AnalysisRun(
        kind=AnalysisKind.GAPS,
        as_of=context.as_of,
        results={
            "detectors": [_assessment_row(assessment) for assessment in assessments],
            "settings": settings_row(context.tolerances, context.target_date),
        },
        readiness=_readiness(assessments),
        inputs_hash=hashlib.sha256(inputs.encode()).hexdigest(),
        model_id=MODEL_ID,
        model_version=MODEL_VERSION,
        duration_ms=duration_ms,
    )
    record_analysis(project=project, run=run, at=at)


def _readiness(assessments: list[Assessment]) -> ReadinessReport:
    """Of the types that the record can answer; only where it can answer none, of all."""
    reports = [assessment.detection.readiness for assessment in assessments]
    answering = [readiness for readiness in reports if readiness.carries_value]
    reasons = dict.fromkeys(reason for readiness in answering or reports for reason in readiness.reasons)
    return report(list(reasons)[:MOST_REASONS])


def _assessment_row(assessment: Assessment) -> dict[str, Any]:
    detection = assessment.detection
    finding = detection.finding
    return {
        "type": str(detection.type),
        "subject": detection.subject,
        "model": {"id": detection.model.id, "version": detection.model.version},
        "fingerprint": assessment.fingerprint,
        "readiness": str(detection.readiness.readiness),
        "reasons": reason_rows(detection.readiness),
        "effect_in_tolerances": detection.effect,
        "breach_over_accepted": detection.breach,
        "finding": None
        if finding is None
        else {
            "title": finding.title,
            "severity": str(finding.severity),
            "confidence": finding.confidence,
            "current_value": measure_row(finding.current),
            "target_value": measure_row(finding.target),
            "inputs_hash": finding.inputs_hash,
        },
    }
