"""Reading what forecasting left, for people who ask."""

from __future__ import annotations

from typing import Any, TypeGuard

from predictions.domain.finish_bases import without_basis
from predictions.domain.keeping import RETROSPECTIVE_AFTER
from predictions.enums import PredictionType
from predictions.models import Prediction
from projects.domain.queries.runs import runs_of
from projects.enums import CARRYING, AnalysisKind, Readiness
from projects.models import AnalysisRecord, Project

NOT_YET_RUN = {
    "code": "NOT_YET_RUN",
    "message": "No forecast has been computed for this project.",
    "unlock": "Import the project's history, then run an analysis.",
}


def describe_run(
    project: Project, record: AnalysisRecord | None, *, not_yet: dict[str, str] = NOT_YET_RUN
) -> dict[str, Any]:
    """What every answer says of the run that it comes from, as JSON values.

    not_yet: the reason why there is no answer, where there is no run
    """
    if record is None:
        return {
            "project": project.pk,
            "as_of": None,
            "computed_at": None,
            "readiness": Readiness.INSUFFICIENT,
            "readiness_reasons": [not_yet],
            "model": None,
        }
    return {
        "project": project.pk,
        "as_of": record.as_of,
        "computed_at": record.created_at,
        "readiness": record.readiness,
        "readiness_reasons": record.readiness_reasons,
        "model": {"id": record.model_id, "version": record.model_version, "inputs_hash": record.inputs_hash},
    }


def carries(record: AnalysisRecord | None) -> TypeGuard[AnalysisRecord]:
    """Whether there is a run, and it was ready to say something."""
    return record is not None and record.readiness in CARRYING


def describe_forecast(project: Project) -> dict[str, Any]:
    """The newest forecast of a project as JSON values: when, how ready, what it says and what it rests on.

    Without readiness `result` is null, whatever the run stored.
    """
    record = newest_forecast(project)
    return {
        **describe_run(project, record),
        "prediction": _standing_prediction(record) if carries(record) else None,
        "result": without_basis(record.results) if carries(record) else None,
    }


def newest_forecast(project: Project) -> AnalysisRecord | None:
    """The run that a project's forecast stands in; None before the first."""
    return runs_of(project, AnalysisKind.FORECAST).first()


def _standing_prediction(record: AnalysisRecord) -> Any:
    """The id of the claim about the date that the forecast speaks of; None where it speaks of none."""
    claims = Prediction.objects.filter(
        project_id=record.project_id,
        type=PredictionType.DELAY_RISK,
        event__subject__type="project",
        event__target_date=record.results.get("target_date"),
        is_retrospective=record.created_at - record.as_of > RETROSPECTIVE_AFTER,
        as_of__lte=record.as_of,
    )
    return claims.order_by("-as_of", "-id").values_list("id", flat=True).first()
