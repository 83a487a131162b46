"""Forecasting a project: every forecaster of the table is asked, and what it says is kept.

1. The pure forecasters answer from the record as of a moment, each for itself: one that abstains or fails hinders none.
   What became of earlier claims moves the next of their kind (predictions.domain.settled_events).
2. The run is kept as one AnalysisRecord with all answers, also where they are that there is none.
3. A probability becomes a Prediction when it says something new (predictions.domain.keeping).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from time import perf_counter
from typing import Any

from predictions.calibration.settled_events import EventRecalibration
from predictions.domain.finish_bases import kept_basis
from predictions.domain.forecast_results import ForecasterAnswer, forecast_results
from predictions.domain.keeping import RETROSPECTIVE_AFTER, KeptPrediction, keep_predictions
from predictions.domain.settled_events import load_recalibrations
from predictions.domain.target_history import end_date_at
from predictions.domain.team_records import MAX_WEEKS, load_pools
from predictions.enums import PredictionType
from predictions.forecasters.answers import hash_of
from predictions.forecasters.finish import FinishForecast, forecast_finish
from predictions.forecasters.labour_cost import LabourCost, labour_cost, priced
from predictions.forecasters.outlook import forecast_outlook, outlook_row
from predictions.forecasters.registry import FORECASTERS, Forecaster, ForecastInputs
from predictions.forecasters.risk import RiskForecast
from predictions.forecasters.risk_recalibration import accepted_before_move, recalibrated
from predictions.forecasters.throughput import weekly_finishes
from predictions.models import Prediction
from projects.domain.analyses import AnalysisRun, record_analysis
from projects.enums import AnalysisKind, Readiness
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReasonCode, UnlockStep, report
from projects.models import Project

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProjectForecast:
    """What one run found, and the predictions that hold after it.

    inputs_hash: of everything that any forecaster read
    """

    finish: FinishForecast
    answers: tuple[ForecasterAnswer, ...]
    kept: tuple[KeptPrediction, ...]
    weekly_finishes: tuple[float, ...]

    @property
    def delay_risk(self) -> RiskForecast:
        """The risk of the project as a whole being late."""
        return next(
            answer.risks[0]
            for answer in self.answers
            if (answer.forecaster.type, answer.forecaster.level) == (PredictionType.DELAY_RISK, "project")
        )

    @property
    def prediction(self) -> Prediction | None:
        """The standing claim about the project's date; None where the forecast abstains."""
        return None if self._kept_delay is None else self._kept_delay.prediction

    @property
    def is_new(self) -> bool:
        """Whether this run stored that claim."""
        return self._kept_delay is not None and self._kept_delay.is_new

    @property
    def inputs_hash(self) -> str:
        hashes = [risk.inputs_hash for answer in self.answers for risk in answer.risks[:1]]
        return hash_of({"finish": self.finish.inputs_hash, "risks": hashes})

    @property
    def results(self) -> dict[str, object]:
        """The run as JSON."""
        return forecast_results(self.finish, self.answers, weekly_finishes=self.weekly_finishes)

    @property
    def _kept_delay(self) -> KeptPrediction | None:
        def is_delay(kept: KeptPrediction) -> bool:
            subject = kept.prediction.event["subject"]
            return kept.prediction.type == PredictionType.DELAY_RISK and subject["type"] == "project"

        return next(filter(is_delay, self.kept), None)


def forecast_project(
    *, project: Project, history: ProjectHistory, calendar: WorkCalendar, as_of: datetime, at: datetime
) -> ProjectForecast:
    """Ask every forecaster about a project as of a moment, and keep what is new.

    The caller holds the project's refresh lock: the ledger of a project has one writer at a time.
    """
    started = perf_counter()
    known = history.as_of(as_of)
    pools = load_pools(project, as_of=as_of)
    is_look_back = at - as_of > RETROSPECTIVE_AFTER
    target = target_date_then(project, known) if is_look_back else target_date(project, known)
    finish = forecast_finish(known, as_of=as_of, target_date=target, calendar=calendar, pools=pools)
    inputs = ForecastInputs(
        known,
        calendar,
        finish,
        1 - project.accepted_risk,
        pools,
        team_signals_enabled=project.team_signals_enabled,
    )
    moves = load_recalibrations(project, as_of=as_of)
    labour = labour_cost(known)
    answers = tuple(
        _weighed(_ask_moved(forecaster, inputs, moves), labour, inputs.accepted_probability)
        for forecaster in FORECASTERS
    )
    weekly = weekly_finishes(known, calendar=calendar)[-MAX_WEEKS:] if finish.readiness.carries_value else ()
    found = ProjectForecast(finish, answers, (), tuple(float(count) for count in weekly))
    outlook = outlook_row(forecast_outlook(known, finish=finish, calendar=calendar, pools=pools))
    duration_ms = round((perf_counter() - started) * 1000)
    _record(project, found, outlook, at=at, duration_ms=duration_ms)
    risks = [risk for answer in answers for risk in answer.risks]
    kept = keep_predictions(project=project, risks=risks, as_of=as_of, at=at)
    return ProjectForecast(finish, answers, kept, found.weekly_finishes)


def ask(forecaster: Forecaster, inputs: ForecastInputs) -> ForecasterAnswer:
    """One forecaster's answer; one that fails abstains with that as its reason, and the log says how."""
    try:
        return ForecasterAnswer(forecaster, tuple(forecaster.ask(inputs)))
    except Exception:
        logger.exception("%s failed", forecaster.name)
        return ForecasterAnswer(forecaster, (_failure(forecaster, inputs),))


def _ask_moved(
    forecaster: Forecaster, inputs: ForecastInputs, moves: Mapping[str, EventRecalibration]
) -> ForecasterAnswer:
    """An answer where what became of earlier claims of its kind says it belongs, the time left to act with it."""
    by = moves.get(forecaster.name)
    if by is None:
        return ask(forecaster, inputs)
    accepted = accepted_before_move(inputs.accepted_probability, by)
    answer = ask(forecaster, replace(inputs, accepted_probability=accepted))
    return replace(answer, risks=tuple(recalibrated(risk, by) for risk in answer.risks))


def _weighed(answer: ForecasterAnswer, labour: LabourCost | None, accepted_probability: float) -> ForecasterAnswer:
    """An answer whose options say what they cost, and how much they are needed."""
    risks = tuple(priced(risk.ranked_by_need(accepted_probability), labour) for risk in answer.risks)
    return replace(answer, risks=risks)


def target_date(project: Project, known: ProjectHistory) -> date | None:
    """The day promised: the project's end date, else that of the plan approved last."""
    if project.end_date is not None:
        return project.end_date
    return known.baseline.target_date if known.baseline else None


def target_date_then(project: Project, known: ProjectHistory) -> date | None:
    """The same at the moment of a restricted history: a target that moved since was not promised then. One query."""
    end_date = end_date_at(project, known.as_of_moment)
    if end_date is not None:
        return end_date
    return known.baseline.target_date if known.baseline else None


def _failure(forecaster: Forecaster, inputs: ForecastInputs) -> RiskForecast:
    reason = ReadinessReason(
        ReasonCode.FORECASTER_FAILED,
        Readiness.INSUFFICIENT,
        "This forecaster failed on the record; the others answered without it.",
        UnlockStep.TELL_SUPPORT,
    )
    return RiskForecast(
        as_of=inputs.as_of,
        type=forecaster.type,
        readiness=report([reason]),
        is_reconstructed=inputs.known.is_reconstructed,
        model=forecaster.model,
        inputs_hash=inputs.finish.inputs_hash,
    )


def _record(
    project: Project, found: ProjectForecast, outlook: dict[str, Any] | None, *, at: datetime, duration_ms: int
) -> None:
    finish = found.finish
    run = AnalysisRun(
        kind=AnalysisKind.FORECAST,
        as_of=finish.as_of,
        results={**found.results, **kept_basis(finish), "outlook": outlook},
        readiness=finish.readiness,
        inputs_hash=found.inputs_hash,
        model_id=finish.model.id,
        model_version=finish.model.version,
        duration_ms=duration_ms,
        overall_score=None if finish.p_on_time is None else 100 * finish.p_on_time.value,
    )
    record_analysis(project=project, run=run, at=at)
