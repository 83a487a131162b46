"""Keeping what analyses said: one row for a run, none for the same run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projects.enums import AnalysisKind
from projects.history.readiness import ReadinessReport
from projects.models import AnalysisRecord, Project


@dataclass(frozen=True, slots=True)
class AnalysisRun:
    """One run of one analysis, as it is to be kept.

    inputs_hash: SHA-256 of everything the analysis read, the moment included
    overall_score: in [0, 100]; not kept where the readiness carries no value
    """

    kind: AnalysisKind
    as_of: datetime
    results: Mapping[str, Any]
    readiness: ReadinessReport
    inputs_hash: str
    model_id: str
    model_version: str
    duration_ms: int
    overall_score: float | None = None


def record_analysis(*, project: Project, run: AnalysisRun, at: datetime) -> AnalysisRecord | None:
    """Keep one run. None when the same model already answered the same inputs: a second run has nothing to add."""
    identity = {
        "project": project,
        "kind": run.kind,
        "as_of": run.as_of,
        "inputs_hash": run.inputs_hash,
        "model_id": run.model_id,
        "model_version": run.model_version,
    }
    if AnalysisRecord.objects.filter(**identity).exists():
        return None
    record: AnalysisRecord = AnalysisRecord.objects.create(
        **identity,
        results=run.results,
        readiness=run.readiness.readiness,
        readiness_reasons=reason_rows(run.readiness),
        overall_score=run.overall_score if run.readiness.carries_value else None,
        duration_ms=run.duration_ms,
        created_at=at,
    )
    return record


def reason_rows(readiness: ReadinessReport) -> list[dict[str, str]]:
    """The reasons of a readiness verdict as JSON columns keep them."""
    return [
        {"code": str(reason.code), "message": reason.message, "unlock": str(reason.unlock)}
        for reason in readiness.reasons
    ]
