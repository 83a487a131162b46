"""DELAY_RISK at iteration level: what one iteration will deliver, with the reason where it cannot be said.

1. Only what was known when the iteration stood as its row says is read; later iterations are left out.
2. The gate: points in scope and a commitment, and settled iterations; without ten of them the answer is LIMITED.
3. The numbers are those of the served rung (iteration_delivery); a driver's effect is how far P(under 80 %) would move
   if its features were as they usually are.

Assumes what iteration_delivery assumes.

Example: a first iteration of a team: answered from others' iterations, LIMITED, base rate one half.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictions.calibration.iterations import IterationTable
from predictions.enums import PredictionType
from predictions.forecasters.answers import Driver, ModelIdentity
from predictions.forecasters.iteration_delivery import (
    DRIVER_GROUPS,
    MODEL,
    IterationDeliveryForecaster,
    IterationHistory,
    Rung,
)
from projects.enums import Readiness
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, report

GOOD_ITERATIONS = 10
"""Settled iterations from which on the own record carries a forecast; others' stand in before. Starting value."""
DRIVER_LABELS = {
    "load": "Scope against usual velocity",
    "progress": "Work done so far",
    "scope_changes": "Scope added and removed",
    "record": "Earlier iterations",
}


@dataclass(frozen=True, slots=True)
class DeliveredPoints:
    """Story points with 80 % between p10 and p90."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class IterationRisk:
    """What an iteration will deliver, or why it cannot be said: then every number is None.

    p_under: P(delivered < 80 % of the commitment), in [0, 1];  base_rate: the same of settled iterations, in (0, 1)
    rung, under_rung: that gave the points, and p_under
    """

    type: PredictionType
    readiness: ReadinessReport
    delivered: DeliveredPoints | None
    p_under: float | None
    base_rate: float | None
    rung: Rung | None
    under_rung: Rung | None
    drivers: tuple[Driver, ...]
    model: ModelIdentity


def forecast_iteration(
    table: IterationTable, *, iteration: float, board: float, pools: Sequence[IterationHistory]
) -> IterationRisk:
    """Forecast one row of a project's iterations. Never raises on data; abstains.

    pools: iterations of the same tenant's other projects, or the shipped prior
    """
    known = table.as_known_at(iteration)
    is_asked = (known.iteration == iteration) & (known.board == board)
    if not is_asked.any():
        message = "The record holds no such iteration."
        return _abstain(
            [ReadinessReason(ReasonCode.NO_ITEMS, Readiness.MISCONFIGURED, message, UnlockStep.CONNECT_A_TOOL)]
        )
    is_asked &= np.cumsum(is_asked) == 1
    history = IterationHistory.of(known)
    row = history.where(is_asked)
    gate = _gate(row, settled=len(known.where(known.is_settled).iterations), has_pool=any(len(p.table) for p in pools))
    if not gate.carries_value:
        return _abstain(gate.reasons)
    forecaster = IterationDeliveryForecaster(history, pools)
    answer = forecaster.forecast(row)
    return IterationRisk(
        type=PredictionType.DELAY_RISK,
        readiness=gate,
        delivered=DeliveredPoints(float(answer.p10[0]), float(answer.p50[0]), float(answer.p90[0])),
        p_under=float(answer.p_under[0]),
        base_rate=forecaster.base_rate(),
        rung=answer.rung,
        under_rung=answer.under_rung,
        drivers=_drivers(forecaster, row) if answer.under_rung is Rung.LEARNED else (),
        model=MODEL,
    )


def _gate(row: IterationHistory, *, settled: int, has_pool: bool) -> ReadinessReport:
    reasons = []
    table = row.table
    figures = np.array([table.committed_points[0], table.scope_points[0], table.done_points[0]])
    if not np.isfinite(figures).all() or figures[1] <= 0 or figures[0] <= 0:
        message = "The iteration has no story points committed and in scope: nothing can fall short."
        step = UnlockStep.ADD_REMAINING_WORK
        reasons.append(ReadinessReason(ReasonCode.NOTHING_REMAINING, Readiness.INSUFFICIENT, message, step))
    if settled < GOOD_ITERATIONS:
        verdict = Readiness.LIMITED if has_pool else Readiness.INSUFFICIENT
        message = f"{settled} iterations have ended; {GOOD_ITERATIONS} make the forecast rest on this project's own."
        reasons.append(
            ReadinessReason(
                ReasonCode.HISTORY_TOO_SHORT, verdict, message, UnlockStep.WAIT_FOR_HISTORY, settled, GOOD_ITERATIONS
            )
        )
    return report(reasons)


def _abstain(reasons: Sequence[ReadinessReason]) -> IterationRisk:
    return IterationRisk(PredictionType.DELAY_RISK, report(reasons), None, None, None, None, None, (), MODEL)


def _drivers(forecaster: IterationDeliveryForecaster, row: IterationHistory) -> tuple[Driver, ...]:
    effects = forecaster.effects(row, DRIVER_GROUPS)
    table = row.table
    scope = max(float(table.scope_points[0]), 1.0)
    values = {
        "load": (float(table.scope_points[0]), "points"),
        "progress": (float(table.done_points[0]) / scope, "share of scope"),
        "scope_changes": (float(table.added_points[0] - table.removed_points[0]), "points"),
        "record": (float(row.features.velocities[0]), "points an iteration"),
    }
    drivers = [Driver(code, DRIVER_LABELS[code], *values[code], float(effects[code][0])) for code in DRIVER_GROUPS]
    return tuple(sorted(drivers, key=lambda driver: -abs(driver.effect)))
