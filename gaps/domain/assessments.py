"""Asking the detectors: for each gap type, what there is now, or that nobody can say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from gaps.detectors.finding import Finding
from gaps.detectors.timeline import MODEL as TIMELINE_MODEL
from gaps.detectors.timeline import detect_timeline_gap, expected_slip_days
from gaps.enums import GapType
from predictions.domain.forecasting import ProjectForecast
from predictions.forecasters.answers import ModelIdentity
from projects.history.calendar import WorkCalendar
from projects.history.instants import MICROSECONDS_PER_DAY, to_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport
from projects.models import Project


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one detector says about one subject.

    fingerprint: names the gap across runs, whatever its numbers are
    effect: expected adverse effect in tolerances, also where it is too small for a finding; None: cannot be said
    finding: None when there is nothing to open a gap for
    """

    type: GapType
    fingerprint: str
    model: ModelIdentity
    readiness: ReadinessReport
    effect: float | None
    finding: Finding | None


def assess_project(
    *, project: Project, history: ProjectHistory, calendar: WorkCalendar, forecast: ProjectForecast, as_of: datetime
) -> list[Assessment]:
    """Every detector's answer as of a moment. Writes nothing."""
    return [_assess_timeline(project, history, calendar, forecast, as_of)]


def fingerprint_of(gap_type: GapType, subject: str) -> str:
    """The name under which a detected gap is found again. subject: "project", or what in the project it is about."""
    return hashlib.sha256(f"{gap_type} {subject}".encode()).hexdigest()


def schedule_tolerance_days(project: Project, days_left: float) -> float:
    """T of the project's date: its share of the time left, but never less than its least slip that counts."""
    share = project.schedule_tolerance_percent / 100 * days_left
    return max(float(project.schedule_tolerance_days), share)


def _assess_timeline(
    project: Project, history: ProjectHistory, calendar: WorkCalendar, forecast: ProjectForecast, as_of: datetime
) -> Assessment:
    finish = forecast.finish
    effect, finding = None, None
    if finish.trials is not None and finish.target_date is not None:
        days_left = (calendar.end_of_day_us(finish.target_date) - to_us(as_of)) / MICROSECONDS_PER_DAY
        tolerance_days = schedule_tolerance_days(project, days_left)
        # A tolerance of zero has no multiples: the project's settings are at fault, and there is no finding.
        if tolerance_days > 0:
            effect = expected_slip_days(finish.trials.days, days_left) / tolerance_days
            finding = detect_timeline_gap(
                history,
                as_of=as_of,
                target_date=finish.target_date,
                calendar=calendar,
                accepted_probability=1 - project.accepted_risk,
                tolerance_days=tolerance_days,
                finish=finish,
            )
    return Assessment(
        type=GapType.TIMELINE,
        fingerprint=fingerprint_of(GapType.TIMELINE, "project"),
        model=TIMELINE_MODEL,
        readiness=forecast.delay_risk.readiness,
        effect=effect,
        finding=finding,
    )
