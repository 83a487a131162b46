"""Who answers for which type and level of claim, and who decides what became of it: one line each.

A forecaster that joins is one row of FORECASTERS; its rule of resolution is one row of RESOLVERS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import TypedDict

from predictions.calibration.error_pool import ErrorPool
from predictions.enums import PredictionType
from predictions.forecasters import (
    budget_overrun,
    delay_risk,
    iteration_claims,
    iteration_delivery,
    milestone_delay,
    quality_issue,
    resource_shortage,
    scope_creep,
    scope_paths,
    team_overload,
)
from predictions.forecasters.answers import ModelIdentity
from predictions.forecasters.budget_resolution import resolve_budget_overrun
from predictions.forecasters.delay_resolution import resolve_delay_risk
from predictions.forecasters.finish import FinishForecast
from predictions.forecasters.item_delay import claims as item_claims
from predictions.forecasters.item_delay import forecast as item_delay
from predictions.forecasters.quality_issue_resolution import resolve_quality_issue
from predictions.forecasters.resolution import Resolver
from predictions.forecasters.resource_shortage_resolution import resolve_resource_shortage
from predictions.forecasters.risk import RiskForecast
from predictions.forecasters.scope_creep_resolution import resolve_scope_creep
from predictions.forecasters.team_overload_resolution import resolve_team_overload
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory


class UsualInputs(TypedDict):
    """What nearly every forecaster of a project asks for beside the record."""

    as_of: datetime
    calendar: WorkCalendar
    accepted_probability: float


@dataclass(frozen=True, slots=True, eq=False)
class ForecastInputs:
    """What one run hands to every forecaster, as of one moment.

    known: restricted to the moment;  finish: against the target, where there is one
    accepted_probability: that the tenant accepts, in (0, 1)
    pools: errors of the tenant's other teams over the shipped ones
    team_signals_enabled: whether the team agreed that its hours are looked at
    growth_trials: of the scope's paths; a walk through a past asks often, and needs fewer
    """

    known: ProjectHistory
    calendar: WorkCalendar
    finish: FinishForecast
    accepted_probability: float
    pools: Sequence[ErrorPool] | None = None
    team_signals_enabled: bool = False
    growth_trials: int = scope_paths.TRIALS

    @property
    def as_of(self) -> datetime:
        return self.known.as_of_moment

    @property
    def target_date(self) -> date | None:
        return self.finish.target_date

    @property
    def usual(self) -> UsualInputs:
        return {
            "as_of": self.as_of,
            "calendar": self.calendar,
            "accepted_probability": self.accepted_probability,
        }


@dataclass(frozen=True, slots=True)
class Forecaster:
    """One row of the table.

    level: of the subjects it speaks about, as in `Subject.type`;  model: named where it cannot answer itself
    ask: one forecast a subject; a single one without a claim where it abstains; none where there is nothing to ask
    recalibrates_itself: by walking through the project's own past; of the others what became of their claims is asked
    """

    type: PredictionType
    level: str
    model: ModelIdentity
    ask: Callable[[ForecastInputs], Sequence[RiskForecast]]
    recalibrates_itself: bool = False

    @property
    def name(self) -> str:
        """The name under which a run keeps its answer."""
        return f"{self.type} {self.level}"


def _project_delay(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    target_date, finish = inputs.target_date, inputs.finish
    return [delay_risk.forecast_delay_risk(inputs.known, target_date=target_date, finish=finish, **inputs.usual)]


def _budget_overrun(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    finish, pools = inputs.finish, inputs.pools
    return [budget_overrun.forecast_budget_overrun(inputs.known, finish=finish, pools=pools, **inputs.usual)]


def _item_delays(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    found = item_delay.forecast_item_delays(inputs.known, as_of=inputs.as_of, calendar=inputs.calendar)
    return item_claims.item_risks(inputs.known, found, inputs.calendar)


def _iteration_delays(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    return iteration_claims.forecast_iterations(inputs.known)


def _milestone_delays(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    return milestone_delay.forecast_milestones(
        inputs.known,
        calendar=inputs.calendar,
        accepted_probability=inputs.accepted_probability,
        pools=inputs.pools,
        forecaster=inputs.finish.forecaster,
    )


def _scope_creep(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    target_date, trials = inputs.target_date, inputs.growth_trials
    return [scope_creep.forecast_scope_creep(inputs.known, target_date=target_date, trials=trials, **inputs.usual)]


def _resource_shortage(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    target_date = inputs.target_date
    return [resource_shortage.forecast_resource_shortage(inputs.known, target_date=target_date, **inputs.usual)]


def _quality_issue(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    accepted = inputs.accepted_probability
    return [quality_issue.forecast_quality_issue(inputs.known, as_of=inputs.as_of, accepted_probability=accepted)]


def _team_overload(inputs: ForecastInputs) -> Sequence[RiskForecast]:
    enabled = inputs.team_signals_enabled
    return [team_overload.forecast_team_overload(inputs.known, team_signals_enabled=enabled, **inputs.usual)]


FORECASTERS: tuple[Forecaster, ...] = (
    Forecaster(PredictionType.DELAY_RISK, "project", delay_risk.MODEL, _project_delay, recalibrates_itself=True),
    Forecaster(PredictionType.DELAY_RISK, "milestone", milestone_delay.MODEL, _milestone_delays),
    Forecaster(PredictionType.BUDGET_OVERRUN, "project", budget_overrun.MODEL, _budget_overrun),
    Forecaster(PredictionType.SCOPE_CREEP, "project", scope_creep.MODEL, _scope_creep),
    Forecaster(PredictionType.QUALITY_ISSUE, "project", quality_issue.MODEL, _quality_issue),
    Forecaster(PredictionType.RESOURCE_SHORTAGE, "project", resource_shortage.MODEL, _resource_shortage),
    Forecaster(PredictionType.TEAM_BURNOUT, "project", team_overload.MODEL, _team_overload),
    Forecaster(PredictionType.DELAY_RISK, "iteration", iteration_delivery.MODEL, _iteration_delays),
    Forecaster(PredictionType.DELAY_RISK, "work_item", item_delay.MODEL, _item_delays, recalibrates_itself=True),
)

RESOLVERS: Mapping[PredictionType, Resolver] = MappingProxyType(
    {
        PredictionType.DELAY_RISK: resolve_delay_risk,
        PredictionType.BUDGET_OVERRUN: resolve_budget_overrun,
        PredictionType.SCOPE_CREEP: resolve_scope_creep,
        PredictionType.QUALITY_ISSUE: resolve_quality_issue,
        PredictionType.RESOURCE_SHORTAGE: resolve_resource_shortage,
        PredictionType.TEAM_BURNOUT: resolve_team_overload,
    }
)
