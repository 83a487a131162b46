"""Earned value and earned schedule: is the money, and is the time, worth what has been done?

1. PV is the budget of the work that was to be done by now, EV that of the work done, AC what was really spent; BAC is
   the budget of all of it. All four are in one unit: money, hours, points or items.
2. SV = EV - PV, CV = EV - AC, SPI = EV / PV, CPI = EV / AC.
3. EAC, the cost to expect at the end, is the range of the three usual formulas: AC + BAC - EV (the rest as planned),
   BAC / CPI (the rest as so far), AC + (BAC - EV) / (CPI SPI) (the rest as so far, and time lost is caught up with
   money).
4. TCPI = (BAC - EV) / (BAC - AC): how much better the rest has to go for the budget to hold.
5. Earned schedule says when what is done was to be done: ES = C + (EV - PV_C) / (PV_{C+1} - PV_C), C the last period
   whose planned value is reached. SPI(t) = ES / AT, IEAC(t) = PD / SPI(t), AT the time gone by, PD the planned
   duration. Unlike SPI it does not return to 1 when a late project ends.

A measure that cannot be said is None and has a reason. Assumes that value is earned when an item is done, not while it
is under way. Do not believe CPI before a fifth is done, nor any of it where the plan is rewritten to match the facts.

Example: plan 10, 20, 30, 40 after periods 1 to 4; now is the end of period 3, EV 25, AC 50: SPI 25 / 30, CPI 0.5,
EAC 65, 80 or 50 + 15 / (0.5 * 0.833) = 86; ES = 2 + (25 - 20) / 10 = 2.5, SPI(t) = 2.5 / 3, IEAC(t) = 4.8 periods.
Source: ISO 21508:2018; Lipke (2003), The Measurable News, "Schedule is Different"; PMI, Standard for EVM (2019).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class ValueGap(StrEnum):
    """Why a measure of earned value has no number."""

    NO_PLAN = "NO_PLAN"
    NO_BUDGET = "NO_BUDGET"
    NO_COSTS = "NO_COSTS"
    NOT_STARTED = "NOT_STARTED"
    NOTHING_EARNED = "NOTHING_EARNED"
    BUDGET_SPENT = "BUDGET_SPENT"
    NOT_A_NUMBER = "NOT_A_NUMBER"


@dataclass(frozen=True, slots=True)
class ValueMeasure:
    """One number in the unit of the plan, a ratio or a time in periods; or the reason why there is none."""

    value: float | None
    missing: ValueGap | None = None


@dataclass(frozen=True, slots=True)
class PlannedValueCurve:
    """Cumulative planned value: ends of periods in any steady unit of time after the start, and the value by then.

    times: rising, above 0;  values: never falling, 0 or above;  both of one length. The plan begins at time 0, value 0.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    @classmethod
    def of_points(cls, points: Iterable[tuple[float, float]]) -> "PlannedValueCurve":
        """From points in any order.

        Raises ValueError for a point that is no finite number, lies at or before the start, or contradicts another:
        cumulative value never falls.
        """
        ordered = sorted(set(points))
        if not bool(np.isfinite(np.array(ordered, dtype=np.float64)).all()):
            raise ValueError("a plan is made of finite numbers")
        times, values = tuple(t for t, _ in ordered), tuple(v for _, v in ordered)
        if any(t <= 0 for t in times) or len(set(times)) < len(times):
            raise ValueError("each period of a plan ends once, after its start")
        if any(later < earlier for earlier, later in zip((0.0, *values), values, strict=False)):
            raise ValueError("cumulative planned value never falls")
        return cls(times, values)

    @property
    def budget(self) -> float:
        """BAC: the value of the whole plan; 0 for an empty one."""
        return self.values[-1] if self.values else 0.0

    @property
    def duration(self) -> float:
        """PD: when the plan first reaches its budget; 0 for an empty one."""
        return self.earned_time(self.budget)

    def planned_at(self, time: float) -> float:
        """PV at a time, even within a period; BAC after the last one."""
        return float(np.interp(time, (0.0, *self.times), (0.0, *self.values)))

    def earned_time(self, earned: float) -> float:
        """ES: when so much was to be earned; the planned duration for more than the budget."""
        values = np.array((0.0, *self.values))
        times = np.array((0.0, *self.times))
        if earned >= values[-1]:
            return float(times[int(np.argmax(values >= values[-1]))])
        if earned <= 0:
            return 0.0
        reached = int(np.searchsorted(values, earned, side="right")) - 1
        step = values[reached + 1] - values[reached]
        return float(times[reached] + (earned - values[reached]) / step * (times[reached + 1] - times[reached]))


@dataclass(frozen=True, slots=True)
class CompletionRange:
    """EAC by the three usual formulas, each None where it cannot be said.

    as_planned: AC + BAC - EV;  as_so_far: BAC / CPI;  with_catching_up: AC + (BAC - EV) / (CPI SPI)
    """

    as_planned: ValueMeasure
    as_so_far: ValueMeasure
    with_catching_up: ValueMeasure

    @property
    def known(self) -> tuple[float, ...]:
        """The formulas that give a number, ascending."""
        measures = (self.as_planned, self.as_so_far, self.with_catching_up)
        return tuple(sorted(measure.value for measure in measures if measure.value is not None))

    @property
    def low(self) -> float | None:
        """The least of them."""
        return self.known[0] if self.known else None

    @property
    def high(self) -> float | None:
        """The most of them."""
        return self.known[-1] if self.known else None


@dataclass(frozen=True, slots=True)
class EarnedValue:
    """Every measure of earned value and earned schedule at one moment; times are in the periods of the plan."""

    budget_at_completion: ValueMeasure
    planned_value: ValueMeasure
    earned_value: ValueMeasure
    actual_cost: ValueMeasure
    schedule_variance: ValueMeasure
    cost_variance: ValueMeasure
    schedule_performance: ValueMeasure
    cost_performance: ValueMeasure
    estimate_at_completion: CompletionRange
    to_complete_performance: ValueMeasure
    earned_schedule: ValueMeasure
    schedule_performance_time: ValueMeasure
    estimated_duration: ValueMeasure


def earned_value(
    *,
    plan: PlannedValueCurve | None,
    elapsed: float,
    earned: float | None,
    actual_cost: float | None,
    budget: float | None = None,
) -> EarnedValue:
    """Every measure from the four facts that there are. Never raises on data.

    elapsed: AT, time since the start of the plan;  earned: EV;  actual_cost: AC, None where no cost is recorded
    budget: BAC where there is no plan over time; the plan's own budget stands before it
    """
    planned_total = plan.budget if plan is not None and plan.values else budget
    bac = _fact(planned_total, ValueGap.NO_BUDGET, positive=True)
    pv = _planned(plan, elapsed)
    ev, ac = _fact(earned, ValueGap.NOTHING_EARNED), _fact(actual_cost, ValueGap.NO_COSTS)
    spi, cpi = _ratio(ev, pv, ValueGap.NOT_STARTED), _ratio(ev, ac, ValueGap.NO_COSTS)
    es = _earned_schedule(plan, ev)
    spi_t = _ratio(es, _fact(elapsed, ValueGap.NOT_STARTED), ValueGap.NOT_STARTED)
    return EarnedValue(
        budget_at_completion=bac,
        planned_value=pv,
        earned_value=ev,
        actual_cost=ac,
        schedule_variance=_difference(ev, pv),
        cost_variance=_difference(ev, ac),
        schedule_performance=spi,
        cost_performance=cpi,
        estimate_at_completion=_completion(bac, ev, ac, spi, cpi),
        to_complete_performance=_ratio(_difference(bac, ev), _difference(bac, ac), ValueGap.BUDGET_SPENT),
        earned_schedule=es,
        schedule_performance_time=spi_t,
        estimated_duration=_duration(plan, spi_t),
    )


def earned_of_items(weights: Sequence[float], *, done: Sequence[bool]) -> float:
    """EV of items that earn their weight when they are done: shape (items,) each, any order.

    Raises ValueError where the lengths differ.
    """
    pairs = zip(weights, done, strict=True)
    return float(sum(sorted(weight for weight, is_done in pairs if is_done)))  # sorted: the sum keeps its last digit


def _completion(
    bac: ValueMeasure, ev: ValueMeasure, ac: ValueMeasure, spi: ValueMeasure, cpi: ValueMeasure
) -> CompletionRange:
    rest = _difference(bac, ev)
    return CompletionRange(
        as_planned=_sum(ac, rest),
        as_so_far=_ratio(bac, cpi, ValueGap.NOTHING_EARNED),
        with_catching_up=_sum(ac, _ratio(rest, _product(cpi, spi), ValueGap.NOTHING_EARNED)),
    )


def _planned(plan: PlannedValueCurve | None, elapsed: float) -> ValueMeasure:
    if plan is None or not plan.values:
        return ValueMeasure(None, ValueGap.NO_PLAN)
    if not np.isfinite(elapsed):
        return ValueMeasure(None, ValueGap.NOT_A_NUMBER)
    return ValueMeasure(plan.planned_at(elapsed))


def _earned_schedule(plan: PlannedValueCurve | None, earned: ValueMeasure) -> ValueMeasure:
    if plan is None or not plan.values or plan.budget <= 0:
        return ValueMeasure(None, ValueGap.NO_PLAN)
    if earned.value is None:
        return earned
    return ValueMeasure(plan.earned_time(earned.value))


def _duration(plan: PlannedValueCurve | None, spi_t: ValueMeasure) -> ValueMeasure:
    if plan is None or spi_t.value is None:
        return ValueMeasure(None, spi_t.missing)
    return _ratio(ValueMeasure(plan.duration), spi_t, ValueGap.NOTHING_EARNED)


def _fact(value: float | None, missing: ValueGap, *, positive: bool = False) -> ValueMeasure:
    if value is None or (positive and value == 0):
        return ValueMeasure(None, missing)
    if not np.isfinite(value) or value < 0:
        return ValueMeasure(None, ValueGap.NOT_A_NUMBER)
    return ValueMeasure(float(value))


def _ratio(above: ValueMeasure, below: ValueMeasure, at_zero: ValueGap) -> ValueMeasure:
    """at_zero: why there is no ratio where what stands below is 0 or less."""
    if above.value is None or below.value is None:
        return ValueMeasure(None, above.missing or below.missing)
    if below.value <= 0:
        return ValueMeasure(None, at_zero)
    return _checked(above.value / below.value)


def _difference(first: ValueMeasure, second: ValueMeasure) -> ValueMeasure:
    if first.value is None or second.value is None:
        return ValueMeasure(None, first.missing or second.missing)
    return _checked(first.value - second.value)


def _sum(first: ValueMeasure, second: ValueMeasure) -> ValueMeasure:
    if first.value is None or second.value is None:
        return ValueMeasure(None, first.missing or second.missing)
    return _checked(first.value + second.value)


def _product(first: ValueMeasure, second: ValueMeasure) -> ValueMeasure:
    if first.value is None or second.value is None:
        return ValueMeasure(None, first.missing or second.missing)
    return _checked(first.value * second.value)


def _checked(value: float) -> ValueMeasure:
    return ValueMeasure(value) if np.isfinite(value) else ValueMeasure(None, ValueGap.NOT_A_NUMBER)
