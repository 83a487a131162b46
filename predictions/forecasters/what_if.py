"""What each option would do to the date: the same trials as the forecast, played again with something changed.

1. The trials of the finish forecast are played once, from its basis. "Do nothing" is the forecast itself, to the bit.
2. Dropped items shorten each trial along its own path: the same luck, fewer items. Newcomers keep their share.
3. Deferred items leave what is promised and stay in the project: the promise has the dates of the rest, and
   `everything` those of all that is not dropped.
4. Added capacity counts from the end of its ramp-up on, as a share of what the team does. People become a share of
   those who finish items now. Several additions add up; more than twice the capacity is another team, of which the
   record says nothing.
5. A WIP limit changes no rate that was ever measured. By Little's law (WIP = throughput * cycle time) it shortens the
   cycle time at the same throughput, which is said where the record bears the law out. Below what the team ever had in
   work, throughput would fall by nobody knows how much: then there are no dates.
6. A moved date changes P(on time) and no duration.
7. The change of P(on time) against doing nothing has an interval: the least and the greatest change over the levels of
   the rate within its 80 % interval, and the noise of drawing (paired, since the trials are the same).

Assumes what the finish forecast assumes. Do not believe added people to be worth as much as those who know the work.

Example: every trial needs 100 items at 1 a day. Dropping 20 saves 20 days; a fifth more capacity from day 28 on leaves
28 + 72 / 1.2 = 88 days.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.answers import ModelIdentity, ProbabilityEstimate
from predictions.forecasters.finish import (
    ASSUMPTIONS,
    INTERVAL_Z,
    MAX_HORIZON_WEEKS,
    FinishQuantile,
    FinishTrials,
    days_until_over,
    finish_quantile,
    finish_quantiles,
    finish_trials,
)
from predictions.forecasters.finish_basis import FinishBasis
from predictions.forecasters.minimal_cut import CutUnit, least_items, minimal_cut
from predictions.forecasters.prevention import P85, RAMP_UP_DAYS
from predictions.forecasters.team_flow import TeamFlow
from projects.history.instants import MICROSECONDS_PER_DAY, to_us

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("what-if.common-paths", "1")
LEVELS_ASKED = np.linspace(-INTERVAL_Z, INTERVAL_Z, 9)
"""Standard errors of the level at which a change is looked at: its interval ends and seven between."""
MAX_ADDED_SHARE = 1.0
LITTLE_FACTOR = 1.5
"""Measured and expected cycle time may differ by so much before the flow is no steady one. Starting value."""


class Obstacle(StrEnum):
    """Why an option has no numbers, or not all of them."""

    NOTHING_LEFT = "NOTHING_LEFT"
    NO_TARGET = "NO_TARGET"
    TARGET_PASSED = "TARGET_PASSED"
    TEAM_SIZE_UNKNOWN = "TEAM_SIZE_UNKNOWN"
    CAPACITY_BEYOND_RECORD = "CAPACITY_BEYOND_RECORD"
    WIP_UNKNOWN = "WIP_UNKNOWN"
    WIP_BELOW_RECORD = "WIP_BELOW_RECORD"
    FLOW_NOT_STEADY = "FLOW_NOT_STEADY"
    LIMIT_DOES_NOT_BIND = "LIMIT_DOES_NOT_BIND"
    NO_CUT_SUFFICES = "NO_CUT_SUFFICES"


MESSAGES = {
    Obstacle.NOTHING_LEFT: "Nothing would be left to do, so there is nothing to forecast.",
    Obstacle.NO_TARGET: "No target date is set, so there is nothing to be late for.",
    Obstacle.TARGET_PASSED: "The target has passed; move the date to ask about another.",
    Obstacle.TEAM_SIZE_UNKNOWN: "The record does not tell how many people finish items; give team_size or a share.",
    Obstacle.CAPACITY_BEYOND_RECORD: "More than twice the capacity is another team, of which the record says nothing.",
    Obstacle.WIP_UNKNOWN: "The record does not tell when items were started, so nothing can be said of a WIP limit.",
    Obstacle.WIP_BELOW_RECORD: "The team never had so little in work; what throughput would become nobody can say.",
    Obstacle.FLOW_NOT_STEADY: "Work in progress and cycle time do not fit together (Little's law): no cycle time.",
    Obstacle.LIMIT_DOES_NOT_BIND: "The limit is not below what is in work on average, so it changes nothing.",
    Obstacle.NO_CUT_SUFFICES: "Not even with all of these items gone is the rest 85 % sure by then.",
}
WITHOUT_VALUE = frozenset(
    {
        Obstacle.NOTHING_LEFT,
        Obstacle.TARGET_PASSED,  # the forecast itself gives no dates then
        Obstacle.TEAM_SIZE_UNKNOWN,
        Obstacle.CAPACITY_BEYOND_RECORD,
        Obstacle.WIP_UNKNOWN,
        Obstacle.WIP_BELOW_RECORD,
    }
)
"""With one of these the option has no dates at all."""


@dataclass(frozen=True, slots=True)
class DropItems:
    """So many open items are not done."""

    items: int


@dataclass(frozen=True, slots=True)
class DeferItems:
    """So many open items are done after what is promised."""

    items: int


@dataclass(frozen=True, slots=True)
class AddCapacity:
    """More gets done, as a share of what the team does now, above 0; or so many people more.

    start_date: first day, None for now;  ramp_up_days: elapsed, until it counts
    team_size: people now; None is as the record has it
    """

    share: float | None = None
    people: float | None = None
    team_size: float | None = None
    start_date: date | None = None
    ramp_up_days: float = RAMP_UP_DAYS


@dataclass(frozen=True, slots=True)
class LimitWip:
    """At most so many items are in work at once, at least 1."""

    items: int


@dataclass(frozen=True, slots=True)
class MoveDate:
    """Another day is promised."""

    target_date: date


Step = DropItems | DeferItems | AddCapacity | LimitWip | MoveDate


@dataclass(frozen=True, slots=True)
class Scenario:
    """An option: one step, or several at once."""

    name: str
    steps: tuple[Step, ...] = ()


DO_NOTHING = Scenario("Do nothing")


@dataclass(frozen=True, slots=True)
class ProbabilityChange:
    """By how much P(on time) differs from doing nothing, with an 80 % interval: all in [-1, 1]."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CycleTimeEffect:
    """Little's law: mean elapsed days that an item is in work, now and with at most so many at once."""

    now_days: float
    then_days: float
    in_progress: float
    limit: int


@dataclass(frozen=True, slots=True)
class ScenarioOutcome:
    """What one option leads to; without a value every number is None.

    promised_items: what has to be done by the date;  days_saved_p85: elapsed, None beyond ten years
    everything: dates of all that is not dropped, where that is more than what is promised
    """

    scenario: Scenario
    target_date: date | None
    promised_items: int
    quantiles: tuple[FinishQuantile, ...] = ()
    p_on_time: ProbabilityEstimate | None = None
    days_saved_p85: float | None = None
    change: ProbabilityChange | None = None
    everything: tuple[FinishQuantile, ...] = ()
    cycle_time: CycleTimeEffect | None = None
    obstacles: tuple[Obstacle, ...] = ()
    assumptions: tuple[str, ...] = ()

    def quantile(self, probability: float) -> FinishQuantile | None:
        """The quantile given for a probability; None without dates."""
        return next((quantile for quantile in self.quantiles if quantile.probability == probability), None)


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """The smallest cut that brings P85 to a day or before it.

    needed_items: the least number that is enough, None where no cut suffices;  items: what the chosen units hold
    units: what goes, empty where items go one by one
    p85_after: with the cut, None where nothing is left;  p85_with_one_less: with one item fewer than needed
    """

    before: date
    needed_items: int | None
    items: int
    units: tuple[CutUnit, ...]
    p85_now: date | None
    p85_after: date | None
    p85_with_one_less: date | None
    obstacle: Obstacle | None = None


class WhatIf:
    """The trials of one forecast, ready to be asked about options."""

    def __init__(self, basis: FinishBasis) -> None:
        self.basis = basis
        self._trials, self._played = finish_trials(basis)
        self._weeks: dict[int, FloatArray] = {basis.scope.remaining: self._played.simulated.weeks}
        self.nothing = self._outcome(DO_NOTHING)

    def outcome(self, scenario: Scenario) -> ScenarioOutcome:
        """What an option leads to, compared with doing nothing."""
        return self.nothing if not scenario.steps else self._outcome(scenario)

    def cut_items(self, before: date, *, candidates: int) -> CutAnswer:
        """How many of so many items must go for P85 to be on a day or before it; which of them is all the same."""
        most = max(0, min(candidates, self.basis.scope.remaining - 1))
        now = self._p85_without(0)
        needed = least_items(lambda items: _is_by(self._p85_without(items), before), most=most)
        if needed is None:
            return CutAnswer(before, None, 0, (), now, self._p85_without(most), None, Obstacle.NO_CUT_SUFFICES)
        one_less = self._p85_without(needed - 1) if needed else None
        return CutAnswer(before, needed, needed, (), now, self._p85_without(needed), one_less)

    def cut_units(self, before: date, units: Sequence[CutUnit]) -> CutAnswer:
        """The fewest of some units that must go for the same.

        units: no item in two of them, that to go first standing first
        """
        plain = self.cut_items(before, candidates=sum(unit.items for unit in units))
        chosen = None if plain.needed_items is None else minimal_cut(units, plain.needed_items)
        if chosen is None:
            return plain
        gone = sum(unit.items for unit in chosen)
        after = self._p85_without(gone) if gone < self.basis.scope.remaining else None
        return replace(plain, items=gone, units=chosen, p85_after=after)

    def _p85_without(self, items: int) -> date | None:
        weeks = self._weeks_for(self.basis.scope.remaining - items)
        return finish_quantile(P85, float(np.quantile(weeks, P85)), self.basis.as_of, self.basis.calendar).finish_date

    def _outcome(self, scenario: Scenario) -> ScenarioOutcome:
        plan = _plan_of(scenario, self.basis)
        missing = _target_obstacle(plan.target_date, self.basis)
        obstacles = (*plan.obstacles, *(() if missing is None else (missing,)))
        if WITHOUT_VALUE & set(obstacles):
            return ScenarioOutcome(scenario, plan.target_date, plan.promised, obstacles=obstacles)
        weeks = self._with_capacity(plan, plan.promised)
        whole = plan.promised + plan.deferred
        return ScenarioOutcome(
            scenario=scenario,
            target_date=plan.target_date,
            promised_items=plan.promised,
            quantiles=finish_quantiles(weeks, self.basis.as_of, self.basis.calendar),
            p_on_time=self._on_time(plan),
            days_saved_p85=self._days_saved(weeks),
            change=self._change(plan) if scenario.steps else None,
            everything=finish_quantiles(self._with_capacity(plan, whole), self.basis.as_of, self.basis.calendar)
            if plan.deferred
            else (),
            cycle_time=plan.cycle_time,
            obstacles=obstacles,
            assumptions=(*ASSUMPTIONS, *plan.assumptions),
        )

    def _with_capacity(self, plan: "_Plan", items: int) -> FloatArray:
        """Weeks of the trials for so many items with what capacity is added."""
        weeks = self._weeks_for(items)
        return sped_up(weeks * 7, plan.additions) / 7 if plan.additions else weeks

    def _weeks_for(self, items: int) -> FloatArray:
        if items not in self._weeks:
            self._weeks[items] = self._played.weeks_for(items)
        return self._weeks[items]

    def _trials_of(self, plan: "_Plan") -> FinishTrials:
        """The trials for what is promised, before capacity is added."""
        days = self._weeks_for(plan.promised) * 7
        return FinishTrials(days, self._trials.newcomer_factor, self._trials.level_error)

    def _enough_days(self, plan: "_Plan") -> float | None:
        """A trial is in time where it needs no more days than these without added capacity; None without a target."""
        if plan.target_date is None:
            return None
        return unaided_days(days_until_over(self.basis, plan.target_date), plan.additions)

    def _on_time(self, plan: "_Plan") -> ProbabilityEstimate | None:
        enough_days = self._enough_days(plan)
        return None if enough_days is None else self._trials_of(plan).probability_within(enough_days)

    def _days_saved(self, weeks: FloatArray) -> float | None:
        before, after = (float(np.quantile(each, P85)) for each in (self._played.simulated.weeks, weeks))
        return None if before > MAX_HORIZON_WEEKS else (before - after) * 7

    def _change(self, plan: "_Plan") -> ProbabilityChange | None:
        """Against doing nothing at the date in force; None where one of the two has no probability."""
        nothing = _plan_of(DO_NOTHING, self.basis)
        before_days, after_days = self._enough_days(nothing), self._enough_days(plan)
        if self.nothing.p_on_time is None or before_days is None or after_days is None:
            return None
        before, after = self._trials_of(nothing), self._trials_of(plan)
        differs = (after.days <= after_days).astype(np.float64) - (before.days <= before_days)
        noise = INTERVAL_Z * float(differs.std()) / math.sqrt(len(differs))
        changes = [
            after.share_within(after_days / scale) - before.share_within(before_days / scale)
            for scale in np.exp(LEVELS_ASKED * self._trials.level_error).tolist()
        ]
        return ProbabilityChange(
            value=after.share_within(after_days) - before.share_within(before_days),
            low=max(-1.0, min(changes) - noise),
            high=min(1.0, max(changes) + noise),
        )


@dataclass(frozen=True, slots=True)
class Addition:
    """A share of capacity more from a day on.  from_day: elapsed days from now, 0 or above"""

    from_day: float
    share: float


def sped_up(days: FloatArray, additions: Sequence[Addition]) -> FloatArray:
    """Durations when capacity is added, from what they are without: shape of days, none of them longer."""
    begins, speeds, worked = _stages(additions)
    stage = np.searchsorted(np.array(worked), days, side="right") - 1
    shorter: FloatArray = np.array(begins)[stage] + (days - np.array(worked)[stage]) / np.array(speeds)[stage]
    return np.minimum(shorter, days)


def unaided_days(days: float, additions: Sequence[Addition]) -> float:
    """How many days without added capacity these days are worth: what `sped_up` turns into them."""
    if not additions:
        return days
    begins, speeds, worked = _stages(additions)
    stage = max(0, int(np.searchsorted(np.array(begins), days, side="right")) - 1)
    return worked[stage] + (days - begins[stage]) * speeds[stage]


def _stages(additions: Sequence[Addition]) -> tuple[list[float], list[float], list[float]]:
    """By stage: the day it begins, the speed in it (1 without additions), the days' worth of work done before it."""
    begins, speeds, worked = [0.0], [1.0], [0.0]
    for addition in sorted(additions, key=lambda addition: addition.from_day):
        worked.append(worked[-1] + (addition.from_day - begins[-1]) * speeds[-1])
        begins.append(addition.from_day)
        speeds.append(speeds[-1] + addition.share)
    return begins, speeds, worked


@dataclass(frozen=True, slots=True)
class _Plan:
    """The steps of an option, taken together."""

    target_date: date | None
    promised: int
    deferred: int = 0
    additions: tuple[Addition, ...] = ()
    cycle_time: CycleTimeEffect | None = None
    obstacles: tuple[Obstacle, ...] = ()
    assumptions: tuple[str, ...] = ()


@dataclass(slots=True)
class _Parts:
    dropped: int = 0
    deferred: int = 0
    target_date: date | None = None
    additions: list[Addition] = field(default_factory=list)
    cycle_time: CycleTimeEffect | None = None
    obstacles: list[Obstacle] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)


def _plan_of(scenario: Scenario, basis: FinishBasis) -> _Plan:
    parts = _Parts(target_date=basis.target_date)
    for step in scenario.steps:
        match step:
            case DropItems():
                parts.dropped += step.items
                parts.assumptions.append(f"{step.items} items are not done, and nothing takes their place.")
            case DeferItems():
                parts.deferred += step.items
                parts.assumptions.append(f"{step.items} items are begun when what is promised is done.")
            case AddCapacity():
                _add_capacity(parts, step, basis)
            case LimitWip():
                _limit_wip(parts, step, basis.flow)
            case MoveDate():
                parts.target_date = step.target_date
    promised = basis.scope.remaining - parts.dropped - parts.deferred
    if promised <= 0:
        parts.obstacles.append(Obstacle.NOTHING_LEFT)
    if sum(addition.share for addition in parts.additions) > MAX_ADDED_SHARE + 1e-9:
        parts.obstacles.append(Obstacle.CAPACITY_BEYOND_RECORD)
    return _Plan(
        target_date=parts.target_date,
        promised=max(promised, 0),
        deferred=parts.deferred,
        additions=tuple(parts.additions),
        cycle_time=parts.cycle_time,
        obstacles=tuple(dict.fromkeys(parts.obstacles)),
        assumptions=tuple(parts.assumptions),
    )


def _add_capacity(parts: _Parts, step: AddCapacity, basis: FinishBasis) -> None:
    share = step.share
    if share is None:
        team_size = step.team_size or basis.flow.people
        if not team_size or step.people is None:
            parts.obstacles.append(Obstacle.TEAM_SIZE_UNKNOWN)
            return
        share = step.people / team_size
        parts.assumptions.append(
            f"With {step.people:g} more people than the {team_size:g} there are, capacity grows by {share:.0%}."
        )
    start_day = 0.0
    if step.start_date is not None:
        begin_us = basis.calendar.start_of_day_us(step.start_date)
        start_day = max(0.0, (begin_us - to_us(basis.as_of)) / MICROSECONDS_PER_DAY)
    parts.additions.append(Addition(start_day + step.ramp_up_days, share))
    parts.assumptions.append(
        f"{share:.0%} capacity counts in full {step.ramp_up_days:g} days after its start and not before; "
        "nobody loses time to it meanwhile."
    )


def _limit_wip(parts: _Parts, step: LimitWip, flow: TeamFlow) -> None:
    mean, least = flow.mean_in_progress, flow.least_in_progress
    if mean is None or least is None or flow.cycle_time_days is None or flow.finished_per_week <= 0:
        parts.obstacles.append(Obstacle.WIP_UNKNOWN)
    elif step.items >= mean:
        parts.obstacles.append(Obstacle.LIMIT_DOES_NOT_BIND)
    elif step.items < least:
        parts.obstacles.append(Obstacle.WIP_BELOW_RECORD)
    else:
        parts.assumptions.append("Throughput stays as it is; a WIP limit then moves no finish date (Little's law).")
        expected_days = mean / flow.finished_per_week * 7
        ratio = expected_days / max(flow.cycle_time_days, 1e-9)
        if not 1 / LITTLE_FACTOR <= ratio <= LITTLE_FACTOR:
            parts.obstacles.append(Obstacle.FLOW_NOT_STEADY)
            return
        then_days = flow.cycle_time_days * step.items / mean
        parts.cycle_time = CycleTimeEffect(flow.cycle_time_days, then_days, mean, step.items)


def _target_obstacle(target_date: date | None, basis: FinishBasis) -> Obstacle | None:
    if target_date is None:
        return Obstacle.NO_TARGET
    return Obstacle.TARGET_PASSED if days_until_over(basis, target_date) <= 0 else None


def _is_by(day: date | None, before: date) -> bool:
    return day is not None and day <= before
