"""An expected overrun, shared out exactly over price, efficiency, volume and rework.

1. The cost at completion of a trial is what was spent plus what its rest costs. Against the plan (budget over approved
   items) it is a product: volume (items now / items approved) * price (money an hour, against the first weeks) * rework
   (time in work / time in work without what was done over again) * efficiency (what is left: cost of an item).
   What was spent and the rest each have their own price and efficiency; the trials keep their luck around the median.
2. The value of a set of factors is the mean overrun with those in the set as they are and the others as planned.
3. Shapley values. What is over budget with all of them as planned is unknown: luck, a budget below the plan's own cost,
   work that the forecast expects but nobody has recorded. Parts and unknown are multiples of 1/1024, which binary sums
   keep exactly: they add up to the overrun.
4. Intervals draw four-week periods (cost, hours, items) and items (time in work) again, for all sets in common. They
   hold for all factors at once (Bonferroni); a factor is named when its interval excludes zero.

A factor that the record cannot tell is off: without hours in the ledger the price is in efficiency, without dated
starts rework is, without a baseline the volume is as planned. Assumes that items cost alike and that the first weeks
were paid as planned. Do not believe it for fixed prices, or where large purchases stand beside labour.

Example: budget 100 for 10 items; 10 are done and cost 120, nothing is left. Hours cost 20 % more than at first: all
20 are PRICE. With 12 items approved as 10: volume 1.2, the same 20 are VOLUME.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from predictions.attribution.shapley import exact_parts, shapley_values, values_of_sets
from projects.history.instants import MICROSECONDS_PER_WEEK
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReasonCode

FloatArray = NDArray[np.float64]

DRAWS, DRAW_TRIALS, INTERVAL = 300, 40, 0.95
PERIOD_WEEKS, MIN_PERIODS = 4, 3
FIRST_WEEKS, RECENT_WEEKS = 8, 26
"""The price of the first two months is the one planned with; the rest is paid as the last half-year was."""
MIN_WITH_HOURS = 0.8
"""Share of the money that has to have hours for a price."""
MAX_MULTIPLE = 1e3
"""Beyond that a ratio is arithmetic; it only has to stay finite."""


class BudgetFactor(StrEnum):
    """What an overrun can come from; the order is that of the sets of the Shapley values."""

    PRICE = "PRICE"
    EFFICIENCY = "EFFICIENCY"
    VOLUME = "VOLUME"
    REWORK = "REWORK"


@dataclass(frozen=True, slots=True)
class BudgetPart:
    """One factor's part.  money: a multiple of 1/1024;  low, high: 95 % over all factors;  past, rest: multiples of
    the plan, 1 is as planned"""

    factor: BudgetFactor
    money: float
    low: float
    high: float
    past: float
    rest: float

    @property
    def is_named(self) -> bool:
        """Whether the part is not explained by the accidents of the record."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class BudgetSplit:
    """overrun == sum of the parts + unknown, exactly.  parts: the largest first;  off: factors without a number"""

    overrun: float
    parts: tuple[BudgetPart, ...]
    unknown: float
    off: Mapping[BudgetFactor, str]


@dataclass(frozen=True, slots=True, eq=False)
class CostBasis:
    """What is split.  rest: what the open items cost in each trial, shape (trials,);  budget: above 0

    rework_share: part of the time in work of each item that was rework, with `work_days` as weights: shape (items,)
    """

    known: ProjectHistory
    budget: float
    rest: FloatArray
    work_days: FloatArray
    rework_days: FloatArray


def split_overrun(basis: CostBasis, *, seed: int) -> BudgetSplit:
    """Share out the mean overrun of the trials."""
    measured = _Measured.of(basis)
    past, rest, off = measured.multiples()
    values = _overruns(basis, past[:, None], rest[:, None], basis.rest[None])[:, 0]
    overrun, parts, unknown = exact_parts(float(values[-1]), list(shapley_values(values)))
    low, high = _intervals(basis, measured, np.random.default_rng(seed))
    found = [
        BudgetPart(factor, parts[row], low[row], high[row], float(past[row]), float(rest[row]))
        for row, factor in enumerate(BudgetFactor)
        if factor not in off
    ]
    return BudgetSplit(overrun, tuple(sorted(found, key=lambda part: (-part.money, part.factor))), unknown, off)


def _overruns(basis: CostBasis, past: FloatArray, rest: FloatArray, trials: FloatArray) -> FloatArray:
    """Mean overrun of every set: shape (sets, draws).

    past, rest: multiples of the factors, shape (factors, draws);  trials: of the rest, shape (draws or 1, trials)
    """
    spent = float(basis.known.spent.amount.sum())
    # The draws speak of other ledgers of the same project: their cost is the product of their own multiples.
    all_past, all_rest = past.prod(axis=0), rest.prod(axis=0)

    def value(chosen: frozenset[int]) -> FloatArray:
        without = [row for row in range(len(past)) if row not in chosen]
        scale_past, scale_rest = past[without].prod(axis=0), rest[without].prod(axis=0)
        total = (spent * _relative(all_past) / scale_past)[:, None]
        total = total + trials * (_relative(all_rest) / scale_rest)[:, None]
        over: FloatArray = np.maximum(total - basis.budget, 0.0).mean(axis=1)
        return over

    return values_of_sets(value, len(past))


def _relative(products: FloatArray) -> FloatArray:
    """Of draws to the record itself, which comes first."""
    return products / products[:1]


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Cost, hours, money with hours and finishes by four-week period, oldest first: shape (periods,) each."""

    basis: CostBasis
    cost: FloatArray
    hours: FloatArray
    paid: FloatArray
    finished: FloatArray
    done: int
    remaining: int
    approved: int | None
    first_price: float | None

    @classmethod
    def of(cls, basis: CostBasis) -> "_Measured":
        known = basis.known
        costs, now_us = known.spent, known.known_at_us
        first_us = int(min(costs.at_us.min(), known.finished_us[:1].min(initial=now_us)))
        length = PERIOD_WEEKS * MICROSECONDS_PER_WEEK
        periods = int((now_us - first_us) // length) + 1
        with_hours = np.isfinite(costs.hours) & (costs.hours > 0)

        def sums(at_us: NDArray[np.int64], weights: FloatArray) -> FloatArray:
            period = periods - 1 - (now_us - at_us) // length
            return np.bincount(period, weights=weights, minlength=periods).astype(np.float64)

        early = with_hours & (costs.at_us < costs.at_us.min() + FIRST_WEEKS * MICROSECONDS_PER_WEEK)
        has_hours = costs.amount[with_hours].sum() >= MIN_WITH_HOURS * costs.amount.sum() and early.any()
        price = float(costs.amount[early].sum() / costs.hours[early].sum()) if has_hours else None
        states = known.states
        baseline = known.baseline
        return cls(
            basis=basis,
            cost=sums(costs.at_us, costs.amount),
            hours=sums(costs.at_us[with_hours], costs.hours[with_hours]),
            paid=sums(costs.at_us[with_hours], costs.amount[with_hours]),
            finished=sums(known.finished_us, np.ones(len(known.finished_us))),
            done=int(states.finished.sum() + states.done_without_date.sum()),
            remaining=int(states.open.sum()),
            approved=None if baseline is None else baseline.scope_items,
            first_price=price if price is not None and price > 0 else None,
        )

    @property
    def items(self) -> int:
        return self.done + self.remaining

    def multiples(self) -> tuple[FloatArray, FloatArray, dict[BudgetFactor, str]]:
        """Multiples of the plan for what was spent and for the rest, shape (factors,) each, and what is off."""
        off: dict[BudgetFactor, str] = {}
        if self.first_price is None:
            off[BudgetFactor.PRICE] = "no hours in the ledger"
        if self.approved is None:
            off[BudgetFactor.VOLUME] = ReasonCode.NO_BASELINE
        work, rework = float(self.basis.work_days.sum()), float(self.basis.rework_days.sum())
        if work <= 0:
            off[BudgetFactor.REWORK] = "no dated starts"
        rows = np.arange(len(self.cost))
        past, rest = self._of(rows, work, rework)
        return past, rest, off

    def _of(self, rows: NDArray[np.intp], work: float, rework: float) -> tuple[FloatArray, FloatArray]:
        """The multiples of some periods (with repeats) and some time in work."""
        recent = rows[rows >= len(self.cost) - max(RECENT_WEEKS // PERIOD_WEEKS, 1)]
        price_past, price_rest = self._price(rows), self._price(recent if recent.size else rows)
        volume = 1.0 if self.approved is None else self.items / self.approved
        again = work / max(work - rework, work / MAX_MULTIPLE) if work > 0 else 1.0
        planned_item = self.basis.budget / (self.approved or self.items)
        spent = float(self.cost[rows].sum()) / max(float(self.finished[rows].sum()), 1e-9) * self._undated_share
        item_rest = float(np.median(self.basis.rest)) / max(self.remaining, 1)
        efficiency_past = spent / planned_item / (price_past * again)
        efficiency_rest = item_rest / planned_item / (price_rest * again) if self.remaining else efficiency_past
        past = np.array([price_past, efficiency_past, volume, again])
        rest = np.array([price_rest, efficiency_rest, volume, again])
        return np.clip(past, 1 / MAX_MULTIPLE, MAX_MULTIPLE), np.clip(rest, 1 / MAX_MULTIPLE, MAX_MULTIPLE)

    @property
    def _undated_share(self) -> float:
        """Finishes with a date among all: the cost of an item counts those done without one too."""
        return float(self.finished.sum()) / max(self.done, 1)

    def _price(self, rows: NDArray[np.intp]) -> float:
        hours = float(self.hours[rows].sum())
        if self.first_price is None or hours <= 0:
            return 1.0
        return max(float(self.paid[rows].sum()) / hours / self.first_price, 1 / MAX_MULTIPLE)

    def drawn(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Multiples of resampled histories behind those of the record itself: shape (factors, 1 + DRAWS) each."""
        basis = self.basis
        columns = [self._of(np.arange(len(self.cost)), float(basis.work_days.sum()), float(basis.rework_days.sum()))]
        worked = np.flatnonzero(basis.work_days > 0)
        for _ in range(DRAWS):
            rows = rng.integers(0, len(self.cost), len(self.cost))
            items = rng.choice(worked, worked.size) if worked.size else worked
            columns.append(self._of(rows, float(basis.work_days[items].sum()), float(basis.rework_days[items].sum())))
        past, rest = (np.stack([column[side] for column in columns], axis=1) for side in (0, 1))
        return past, rest


def _intervals(basis: CostBasis, measured: _Measured, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Bounds of the parts; where there are too few periods to draw from, they exclude nothing."""
    factors = len(BudgetFactor)
    if len(measured.cost) < MIN_PERIODS:
        return [-np.inf] * factors, [np.inf] * factors
    past, rest = measured.drawn(rng)
    chosen = np.quantile(basis.rest, (np.arange(DRAW_TRIALS) + 0.5) / DRAW_TRIALS)
    shares = shapley_values(_overruns(basis, past, rest, chosen[None]))[:, 1:]
    tail = (1 - INTERVAL) / (2 * factors)
    low, high = np.quantile(shares, [tail, 1 - tail], axis=1)
    return low.tolist(), high.tolist()
