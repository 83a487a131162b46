"""What the newest finish forecast says of a project, in words, for pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from projects.domain.queries.runs import age_reasons, standing_runs
from projects.enums import AnalysisKind, Readiness
from projects.history.readiness import ReasonCode
from projects.models import AnalysisRecord, Project
from projects.plain_words import Limit, day, driver, limits, percent

_PROMISED_PROBABILITY = 0.85
"""The certainty at which a single date is named where there is room for one only."""


class Standing(StrEnum):
    """How a project stands against its promised day. UNKNOWN is a state of its own, never a good one."""

    DATE_PASSED = "date-passed"
    AT_RISK = "at-risk"
    ON_COURSE = "on-course"
    NO_TARGET = "no-target"
    UNKNOWN = "unknown"


STANDING_WORDS: Mapping[Standing, str] = {
    Standing.DATE_PASSED: "Date has passed",
    Standing.AT_RISK: "At risk",
    Standing.ON_COURSE: "On course",
    Standing.NO_TARGET: "No promised date",
    Standing.UNKNOWN: "Not known",
}


@dataclass(frozen=True, slots=True)
class ForecastAnswer:
    """One project's answer to "when will it be done?".

    chance, asked: probabilities in words;  dates: how sure, and by which day;  record: None before the first analysis
    """

    project: Project
    record: AnalysisRecord | None
    standing: Standing
    chance: str
    asked: str
    target_date: date | None
    dates: tuple[tuple[str, str], ...]
    limits: tuple[Limit, ...]
    drivers: tuple[str, ...]

    @property
    def standing_words(self) -> str:
        return STANDING_WORDS[self.standing]

    @property
    def readiness_words(self) -> str:
        """What the record can carry; empty before the first analysis and where nothing limits it."""
        limited = self.record is not None and self.record.readiness != Readiness.OK
        return str(Readiness(self.record.readiness).label) if limited and self.record else ""

    @property
    def likely_day(self) -> str:
        """The day by which we are 85 % sure; empty where nothing can be said."""
        return next((when for sure, when in self.dates if sure == percent(_PROMISED_PROBABILITY)), "")


def forecast_answer(project: Project, record: AnalysisRecord | None, *, at: datetime) -> ForecastAnswer:
    """Put a stored forecast into words; without one, and without a value in it, the standing is unknown.

    at: now, aware: a forecast with dates that is of last month says so
    """
    results: Mapping[str, Any] = record.results if record else {}
    quantiles = results.get("quantiles") or []
    on_time = (results.get("p_on_time") or {}).get("value") if quantiles else None
    target = results.get("target_date")
    reasons = [] if record is None else record.readiness_reasons
    aged = age_reasons(record.as_of, at=at) if record is not None and quantiles else []
    return ForecastAnswer(
        project=project,
        record=record,
        standing=_standing(record, on_time, 1 - project.accepted_risk),
        chance=percent(on_time),
        asked=percent(1 - project.accepted_risk),
        target_date=date.fromisoformat(target) if target else None,
        dates=tuple((percent(quantile["p"]), _finish(quantile)) for quantile in quantiles),
        limits=tuple(limits([*aged, *reasons])),
        drivers=tuple(driver(row, more="surer", less="less sure") for row in results.get("drivers") or ()),
    )


def newest_forecasts(projects: Sequence[Project], *, at: datetime) -> list[ForecastAnswer]:
    """Answer for several projects, in their order, with one query.  at: now, aware"""
    newest = {record.project_id: record for record in standing_runs(projects, AnalysisKind.FORECAST)}
    return [forecast_answer(project, newest.get(project.pk), at=at) for project in projects]


def _standing(record: AnalysisRecord | None, on_time: float | None, asked: float) -> Standing:
    if record is None or not record.results.get("quantiles"):
        reasons = record.readiness_reasons if record else []
        passed = any(reason.get("code") == ReasonCode.TARGET_PASSED for reason in reasons)
        return Standing.DATE_PASSED if passed else Standing.UNKNOWN
    if on_time is None:
        return Standing.NO_TARGET
    return Standing.ON_COURSE if on_time >= asked else Standing.AT_RISK


def _finish(quantile: Mapping[str, Any]) -> str:
    finish = quantile.get("value")
    return day(date.fromisoformat(finish)) if finish else "more than ten years away"
