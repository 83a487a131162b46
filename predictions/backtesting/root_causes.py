"""Are the causes found that were planted, with the days they cost, and no others?

1. Each simulated project is played without a cause, and with one. The days that the cause cost are what it ended later,
   under the same luck (simulated_projects).
2. Both are asked at the moment when four fifths of their items were done: the attribution sees the facts known then,
   and forecasts the rest.
3. top1: the planted factor has the largest part, the unknown bar being one of them. relative_error: of its part against
   the true days.
4. coverage: how often the true days lie in the part's interval. It is nominally 95 % over all factors together and
   speaks of the record only: late starts and days off are known to the day there, so that where in the week the finish
   falls is enough to miss them by a day or two.
5. placebo: a factor is accused where its interval excludes zero. placebo_healthy: share of the projects without a cause
   in which any factor is accused, early starts and fast teams not excepted. placebo_unplanted: share of the factors
   without a cause in the planted projects. placebo is the larger of the two.

A unit is a factor, not a project: a factor that is never found weighs as much as one that always is.
DIR is not read: no record of the past says what a cause cost.

Example: 20 days of holidays nobody planned for, of 30 days late: CALENDAR 19.4 days, an error of .03, and found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from predictions.attribution.factors import SlipFactor
from predictions.attribution.slip import MODEL, SlipDecomposition, decompose_slip
from predictions.backtesting.reports import BenchmarkReport, UnitResult, VariantResult
from predictions.backtesting.simulated_projects import PlantedCause, SimulatedProject, simulate_project, true_cost_days
from predictions.backtesting.tasks import BenchmarkRequest
from predictions.forecasters.finish import forecast_finish
from projects.history.project_history import ProjectHistory

FULL, SHORT = "full", "short"
SIZES: Mapping[str, int] = {FULL: 240, SHORT: 24}
"""Seeds: thirty a cause give a share to within nine points, three to see that nothing is broken."""
HEALTHY = "HEALTHY"
FIRST_SEED = 1_000
FACTOR_OF: Mapping[PlantedCause, SlipFactor] = {
    PlantedCause.LATE_START: SlipFactor.LATE_START,
    PlantedCause.SCOPE_ADDED: SlipFactor.SCOPE_ADDED,
    PlantedCause.SLOW_PACE: SlipFactor.RATE_BELOW_PLAN,
    PlantedCause.LEAVER: SlipFactor.RATE_BELOW_PLAN,
    PlantedCause.BLOCKED: SlipFactor.BLOCKED,
    PlantedCause.REWORK: SlipFactor.REWORK,
    PlantedCause.DAYS_OFF: SlipFactor.CALENDAR,
    PlantedCause.LATE_DELIVERY: SlipFactor.DEPENDENCY_WAIT,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the attribution said of one planted project.

    true_days, found_days: of the planted factor;  accused: the other factors that were named, of how many
    """

    factor: SlipFactor
    true_days: float
    found_days: float
    is_first: bool
    is_named: bool
    is_covered: bool
    accused: int
    others: int


def benchmark_root_causes(request: BenchmarkRequest) -> BenchmarkReport:
    """Judge the served attribution on planted causes; DIR and --train hold nothing it could use."""
    seeds = SIZES[request.at or FULL]
    causes = list(PlantedCause)
    verdicts: list[Verdict] = []
    healthy: list[bool] = []
    for number in range(seeds):
        request.on_progress(number, seeds, "planted projects")
        seed, cause = FIRST_SEED + number, causes[number % len(causes)]
        verdict = judge_planted(simulate_project(seed, cause), cause)
        verdicts += [] if verdict is None else [verdict]
        sound = attribute(simulate_project(seed, None))
        healthy += [] if sound is None else [any(part.is_named for part in sound.parts)]
    units = [*_units(verdicts), UnitResult(HEALTHY, len(healthy), {"placebo_healthy": float(np.mean(healthy))})]
    unplanted = sum(verdict.accused for verdict in verdicts) / max(sum(verdict.others for verdict in verdicts), 1)
    variant = VariantResult(tuple(units), {"id": MODEL.id, "version": MODEL.version, "fitted": "nothing to fit"})
    options = {"data": str(request.data), "size": request.at or FULL, "seeds": seeds, "judged": len(verdicts)}
    extra = {"placebo": max(unplanted, float(np.mean(healthy))), "placebo_unplanted": unplanted}
    return BenchmarkReport("root-causes", options, variant, extra=extra)


def attribute(project: SimulatedProject) -> SlipDecomposition | None:
    """The served attribution, on the facts known when the question is asked; None where the forecast abstains."""
    known = ProjectHistory.from_facts(project.facts).as_of(project.as_of)
    return decompose_slip(
        known,
        as_of=project.as_of,
        finish=forecast_finish(known, as_of=project.as_of, calendar=project.calendar),
        calendar=project.calendar,
        planned_calendar=project.planned_calendar,
    )


def judge_planted(project: SimulatedProject, cause: PlantedCause) -> Verdict | None:
    """What the attribution says of a planted project; None where the forecast abstains."""
    answer = attribute(project)
    if answer is None:
        return None
    factor = FACTOR_OF[cause]
    found = answer.days_of(factor) or 0.0
    own = [part for part in answer.parts if part.factor == factor]
    true_days = true_cost_days(project)
    rivals = [part.days for part in answer.parts if part.factor != factor]
    return Verdict(
        factor=factor,
        true_days=true_days,
        found_days=found,
        is_first=found > max([answer.unknown_days, *rivals]),
        is_named=any(part.is_named for part in own),
        is_covered=any(part.low <= true_days <= part.high for part in own),
        accused=sum(part.is_named for part in answer.parts if part.factor != factor),
        others=len(SlipFactor) - 1,
    )


def _units(verdicts: Sequence[Verdict]) -> Iterable[UnitResult]:
    for factor in SlipFactor:
        own = [verdict for verdict in verdicts if verdict.factor == factor]
        if own:
            yield UnitResult(
                factor,
                len(own),
                {
                    "top1": float(np.mean([verdict.is_first for verdict in own])),
                    "relative_error": float(np.mean([_relative_error(verdict) for verdict in own])),
                    "bias": float(np.mean([verdict.found_days / verdict.true_days - 1 for verdict in own])),
                    "named": float(np.mean([verdict.is_named for verdict in own])),
                    "coverage": float(np.mean([verdict.is_covered for verdict in own])),
                },
            )


def _relative_error(verdict: Verdict) -> float:
    return abs(verdict.found_days - verdict.true_days) / verdict.true_days
