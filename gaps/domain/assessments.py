"""Asking the detectors: for each gap type, what there is now, or that nobody can say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from gaps.detectors.detection import Detection, DetectionContext, Tolerances
from gaps.detectors.registry import DETECTORS
from gaps.enums import GapType
from projects.models import Project


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one detector says about one subject.  fingerprint: names the gap across runs, whatever its numbers are"""

    detection: Detection
    fingerprint: str


def assess_project(context: DetectionContext) -> list[Assessment]:
    """Every detector's answers. Writes nothing."""
    return [
        Assessment(detection, fingerprint_of(detection.type, detection.subject))
        for detect in DETECTORS.values()
        for detection in detect(context)
    ]


def tolerances_of(project: Project) -> Tolerances:
    """What people said that they accept."""
    return Tolerances(
        schedule_days=float(project.schedule_tolerance_days),
        schedule_percent=project.schedule_tolerance_percent,
        budget_percent=project.budget_tolerance_percent,
        scope_percent=project.scope_tolerance_percent,
        accepted_risk=project.accepted_risk,
    )


def settings_row(tolerances: Tolerances, target_date: date | None) -> dict[str, Any]:
    """What a run was told beside the record, as it is kept: two runs differ by it although their facts are the same."""
    return {**asdict(tolerances), "target_date": None if target_date is None else target_date.isoformat()}


def settings_in(row: Mapping[str, Any]) -> tuple[Tolerances, date | None]:
    """What `settings_row` kept: the tolerances, and the target date."""
    told = dict(row)
    target = told.pop("target_date")
    return Tolerances(**told), None if target is None else date.fromisoformat(target)


def fingerprint_of(gap_type: GapType, subject: str) -> str:
    """The name under which a detected gap is found again. subject: "project", or what in the project it is about."""
    return hashlib.sha256(f"{gap_type} {subject}".encode()).hexdigest()
