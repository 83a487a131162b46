"""Computing a gap again from the record as it was known when the gap was last seen. Writes nothing.

1. The history as of `last_seen_at`, the calendar of that day, the pools of the tenant's other teams of then, and the
   target give the same finish forecast; the detector of the gap's type is asked again. Target and tolerances are those
   that the run was told and kept: a date that was moved since does not change what was found.
2. It is reproduced when the hash of the inputs, the values, the effect and the severity are the same to the last bit.
3. Otherwise the reasons say what is not as it was: the detector, the settings where the run that had them is gone,
   facts of that time that were recorded only since, other teams' records. Where none of them differs, facts were
   changed or deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import QuerySet

from gaps.detectors.detection import Detection, DetectionContext, Tolerances
from gaps.detectors.finding import Finding
from gaps.detectors.registry import DETECTORS
from gaps.domain.assessments import fingerprint_of, settings_in, tolerances_of
from gaps.domain.contents import measure_row
from gaps.enums import GapType
from gaps.models import Gap
from predictions.domain.finish_bases import BASIS
from predictions.domain.forecasting import target_date
from predictions.domain.team_records import load_pools
from predictions.forecasters.finish import FinishForecast, forecast_finish
from projects.domain.queries.calendars import load_calendar
from projects.domain.queries.history import load_history
from projects.enums import AnalysisKind
from projects.history.instants import to_us
from projects.history.project_history import ProjectHistory
from projects.models import AnalysisRecord

ENTERED_BY_HAND = ("ENTERED_BY_HAND", "A person entered this gap; no detector has a value to reproduce.")
NO_DETECTOR = ("NO_DETECTOR", "No detector of this type is there any more.")
DETECTOR_CHANGED = ("DETECTOR_CHANGED", "The detector has another version than the one that found it.")
FACTS_RECORDED_SINCE = ("FACTS_RECORDED_SINCE", "Facts of that time were recorded only after the gap was found.")
OTHER_TEAMS_CHANGED = ("OTHER_TEAMS_CHANGED", "The record of the other projects it learned from has changed since.")
RUN_NOT_KEPT = ("RUN_NOT_KEPT", "The run that found it was not kept, so that its settings are not known.")
FACTS_CHANGED = ("FACTS_CHANGED", "Facts of that time were changed or deleted since.")


def recompute_gap(gap: Gap) -> dict[str, Any]:
    """The gap's value then and now, as JSON values: whether they are the same, and why not."""
    frame = {"gap": gap.pk, "as_of": gap.last_seen_at, "stored": _stored(gap)}
    if not gap.detector_id or gap.last_seen_at is None:
        return {**frame, "reproduced": False, "recomputed": None, "reasons": [_reason(ENTERED_BY_HAND)]}
    if GapType(gap.type) not in DETECTORS:
        return {**frame, "reproduced": False, "recomputed": None, "reasons": [_reason(NO_DETECTOR)]}
    as_of = gap.last_seen_at
    known = load_history(gap.project_id).as_of(as_of)
    calendar = load_calendar(gap.project, on=as_of.astimezone(ZoneInfo(gap.project.time_zone)).date())
    run = _finding_run_of(gap)
    kept = None if run is None else run.results.get("settings")
    tolerances, target = _settings_now(gap, known) if kept is None else settings_in(kept)
    finish = forecast_finish(
        known,
        as_of=as_of,
        target_date=target,
        calendar=calendar,
        pools=load_pools(gap.project, as_of=as_of),
    )
    context = DetectionContext(known, calendar, finish, tolerances)
    detection = next(
        (
            one
            for one in DETECTORS[GapType(gap.type)](context)
            if fingerprint_of(one.type, one.subject) == gap.fingerprint
        ),
        None,
    )
    finding = None if detection is None else detection.finding
    recomputed = None if finding is None else _recomputed(finding)
    reproduced = recomputed == frame["stored"]
    reasons = [] if reproduced else [_reason(each) for each in _differences(gap, run, known, finish, detection)]
    return {**frame, "reproduced": reproduced, "recomputed": recomputed, "reasons": reasons}


def _stored(gap: Gap) -> dict[str, Any]:
    return {
        "current_value": gap.current_value,
        "target_value": gap.target_value,
        "effect_in_tolerances": gap.effect_tolerance_units,
        "severity": gap.severity,
        "inputs_hash": gap.inputs_hash,
        "model": {"id": gap.detector_id, "version": gap.detector_version},
    }


def _settings_now(gap: Gap, known: ProjectHistory) -> tuple[Tolerances, date | None]:
    target = target_date(gap.project, known)
    return tolerances_of(gap.project, target_date=target, budget=known.budget), target


def _recomputed(finding: Finding) -> dict[str, Any]:
    return {
        "current_value": measure_row(finding.current),
        "target_value": measure_row(finding.target),
        "effect_in_tolerances": finding.effect.in_tolerances,
        "severity": str(finding.severity),
        "inputs_hash": finding.inputs_hash,
        "model": {"id": finding.model.id, "version": finding.model.version},
    }


def _differences(
    gap: Gap, run: AnalysisRecord | None, known: ProjectHistory, finish: FinishForecast, detection: Detection | None
) -> Iterator[tuple[str, str]]:
    """What is not as it was when the gap was found; FACTS_CHANGED where nothing of it is seen."""
    found = []
    model = None if detection is None else (detection.model.id, detection.model.version)
    if model is not None and model != (gap.detector_id, gap.detector_version):
        found.append(DETECTOR_CHANGED)
    if run is None or "settings" not in run.results:
        found.append(RUN_NOT_KEPT)
    if run is not None and _recorded_after(known, to_us(run.created_at)):
        found.append(FACTS_RECORDED_SINCE)
    forecast = _runs_of(gap, AnalysisKind.FORECAST).first()
    if finish.basis is not None and forecast is not None and BASIS in forecast.results:
        then = forecast.results[BASIS].get("pools", "")
        found += [OTHER_TEAMS_CHANGED] * (then != finish.basis.pools_digest)
    yield from found or [FACTS_CHANGED]


def _finding_run_of(gap: Gap) -> AnalysisRecord | None:
    """The run that found it: of several over that moment, which may have been told different settings, its own."""
    runs = list(_runs_of(gap, AnalysisKind.GAPS))
    return next((run for run in runs if _has_found(run, gap)), runs[0] if runs else None)


def _has_found(run: AnalysisRecord, gap: Gap) -> bool:
    findings = (row.get("finding") or {} for row in run.results.get("detectors") or ())
    return any(finding.get("inputs_hash") == gap.inputs_hash for finding in findings)


def _runs_of(gap: Gap, kind: AnalysisKind) -> QuerySet[AnalysisRecord]:
    rows = AnalysisRecord.objects.filter(project=gap.project_id, kind=kind, as_of=gap.last_seen_at)
    return rows.order_by("-id")


def _recorded_after(known: ProjectHistory, moment_us: int) -> bool:
    """Whether something that was known as of the history's moment, by its own date, was recorded after another one."""
    columns = (known.items, known.statuses, known.fields, known.links, known.costs)
    return any(bool(np.any(each.recorded_us > moment_us)) for each in columns)


def _reason(reason: tuple[str, str]) -> dict[str, str]:
    code, message = reason
    return {"code": code, "message": message}
