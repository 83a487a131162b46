"""Why a forecast moved between two moments: the change of P85 and of P(on time), shared out exactly.

1. Two bases, then and now, differ in components: time went by, work was finished, scope came and went, the rate and
   what newcomers take of it changed, so did what past errors say (recalibration), and the target was moved.
2. The value of a set S of components is the forecast with those in S as they are now and the others as they were: the
   P85 finish (days on one time line) and P(on time). Time is the moment and the calendar; finished, added and removed
   items change what is open, never below nothing; the rate is the centre of the items-done forecast, recalibration its
   spread and its levels.
3. Common random numbers: all sets see the same draws, those of now.
4. Shapley values of the components (shapley). What the sets do not see is two bars of their own: MODEL is what the code
   of today says of the old facts, less what was said then; DRAWS is the difference of the random draws, with rounding.
   Parts and these bars add up to the change to the last bit.

Assumes that both bases are of one project. A finished item that was reopened counts against the finished ones, a
removed one that came back against the removed. Do not add the days of one component over several periods: the order
counts.

Example: in a week nothing was finished: time takes P85 7 days on. At a steady rate with a week's work done,
WORK_FINISHED takes off about as many.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from predictions.attribution.shapley import (
    DAY_FRACTION,
    PROBABILITY_FRACTION,
    exact_parts,
    shapley_values,
    values_of_sets,
)
from predictions.calibration.pace import Pace
from predictions.forecasters.answers import ModelIdentity
from predictions.forecasters.finish import MAX_HORIZON_WEEKS
from predictions.forecasters.finish_basis import MAX_NEWCOMER_SHARE, FinishBasis, ScopeCounts
from predictions.forecasters.prevention import P85
from predictions.forecasters.simulation import FinishPaths, finish_paths, forecaster_of, rate_of
from projects.history.instants import MICROSECONDS_PER_DAY, to_us

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("forecast-moves.shapley", "1")


class MoveComponent(StrEnum):
    """What a forecast can move by; the order is that of the sets of the Shapley values."""

    TIME_PASSED = "TIME_PASSED"
    WORK_FINISHED = "WORK_FINISHED"
    SCOPE_ADDED = "SCOPE_ADDED"
    SCOPE_REMOVED = "SCOPE_REMOVED"
    RATE_CHANGED = "RATE_CHANGED"
    NEWCOMERS_CHANGED = "NEWCOMERS_CHANGED"
    RECALIBRATION = "RECALIBRATION"
    TARGET_MOVED = "TARGET_MOVED"


COMPONENTS = tuple(MoveComponent)


@dataclass(frozen=True, slots=True)
class ToldForecast:
    """A forecast as it was given.

    p85_days: elapsed from the moment of its basis, None beyond ten years or where it was not kept
    p_on_time: None without a target
    """

    basis: FinishBasis
    p85_days: float | None
    p_on_time: float | None


@dataclass(frozen=True, slots=True)
class MovePart:
    """What one component did: days of P85 (later is positive) and P(on time); None where the whole has none."""

    component: str
    days: float | None
    probability: float | None
    measured: str


@dataclass(frozen=True, slots=True)
class ForecastMove:
    """A change and its parts, which add up to it exactly; the last two parts are MODEL and DRAWS.

    days: of the P85 finish, None where one of the two has none;  probability: of P(on time), likewise
    """

    days: float | None
    probability: float | None
    parts: tuple[MovePart, ...]


def decompose_move(then: ToldForecast, now: ToldForecast) -> ForecastMove:
    """Share out how a forecast moved.  Raises ValueError where `now` is not after `then`."""
    if now.basis.as_of <= then.basis.as_of:
        raise ValueError("the later forecast comes second")
    play = _Play(then.basis, now.basis)
    values = values_of_sets(play.value, len(COMPONENTS))
    shares = shapley_values(values)
    between_days = (to_us(now.basis.as_of) - to_us(then.basis.as_of)) / MICROSECONDS_PER_DAY
    own_then = _Play(then.basis, then.basis).value(frozenset())
    days = _parts(
        (then.p85_days, None if now.p85_days is None else now.p85_days + between_days),
        values[-1, 0],
        shares[:, 0],
        own_then=own_then[0],
        fraction=DAY_FRACTION,
    )
    chances = _parts(
        (then.p_on_time, now.p_on_time),
        values[-1, 1],
        shares[:, 1],
        own_then=own_then[1],
        fraction=PROBABILITY_FRACTION,
    )
    words = _in_words(then, now)
    names = [*COMPONENTS, "MODEL", "DRAWS"]
    return ForecastMove(
        days=None if days is None else days[0],
        probability=None if chances is None else chances[0],
        parts=tuple(
            MovePart(
                str(name),
                None if days is None else days[1][index],
                None if chances is None else chances[1][index],
                words[str(name)],
            )
            for index, name in enumerate(names)
        ),
    )


def _parts(
    told: tuple[float | None, float | None], value_now: float, shares: FloatArray, *, own_then: float, fraction: int
) -> tuple[float, tuple[float, ...]] | None:
    """The whole and its parts by component, then MODEL, then DRAWS with what rounding leaves."""
    told_then, told_now = told
    if told_then is None or told_now is None:
        return None
    model = (float(own_then) - told_then) + (told_now - float(value_now))
    whole, parts, rest = exact_parts(told_now - told_then, [*shares.tolist(), model], fraction=fraction)
    return whole, (*parts, rest)


class _Play:
    """Both bases under the draws of the later one; what several sets share is computed once."""

    def __init__(self, then: FinishBasis, now: FinishBasis) -> None:
        self._then, self._now = then, now
        rng = np.random.default_rng(now.seed)
        trials = now.trials
        drawn = np.minimum(rng.beta(*now.newcomers.parameters, trials), MAX_NEWCOMER_SHARE)
        self._levels = (rng.permutation(trials) + rng.random(trials)) / trials
        self._capacity_left = {True: 1 - drawn, False: 1 - _as_before(drawn, then, now)}
        self._paces = {True: Pace(now.weekly_items), False: Pace(then.weekly_items)}
        self._forecasters = {
            is_now: forecaster_of(pace, pools=now.pools if is_now else then.pools)
            for is_now, pace in self._paces.items()
        }
        self._paths: dict[tuple[bool, bool], FinishPaths] = {}
        self._days: dict[tuple[bool, ...], FloatArray] = {}

    def value(self, chosen: frozenset[int]) -> FloatArray:
        """P85 in days since the first moment, and P(on time) (0 without a target): shape (2,)."""
        is_now = {component: index in chosen for index, component in enumerate(COMPONENTS)}
        time_basis = self._now if is_now[MoveComponent.TIME_PASSED] else self._then
        target_basis = self._now if is_now[MoveComponent.TARGET_MOVED] else self._then
        days = self._durations(tuple(is_now[component] for component in COMPONENTS[1:-1]))
        passed_days = (to_us(time_basis.as_of) - to_us(self._then.as_of)) / MICROSECONDS_PER_DAY
        p85_days = min(float(np.quantile(days, P85)), MAX_HORIZON_WEEKS * 7.0)
        p_on_time = 0.0
        if target_basis.target_date is not None:
            over_us = time_basis.calendar.end_of_day_us(target_basis.target_date)
            days_left = (over_us - to_us(time_basis.as_of)) / MICROSECONDS_PER_DAY
            p_on_time = (float((days <= days_left).sum()) + 1) / (len(days) + 2)
        return np.array([passed_days + p85_days, p_on_time])

    def _durations(self, key: tuple[bool, ...]) -> FloatArray:
        """Days of the trials.  key: whether each component between time and target is as it is now, in their order"""
        if key not in self._days:
            finished, added, removed, rate, newcomers, recalibrated = key
            scope = ScopeCounts(
                existing=(self._now if added else self._then).scope.existing,
                done=(self._now if finished else self._then).scope.done,
                gone=(self._now if removed else self._then).scope.gone,
            )
            items = max(scope.remaining, 0) / self._capacity_left[newcomers]
            self._days[key] = self._paths_of(rate, recalibrated).weeks_for(items) * 7
        return self._days[key]

    def _paths_of(self, rate: bool, recalibrated: bool, /) -> FinishPaths:
        key = (rate, recalibrated)
        if key not in self._paths:
            self._paths[key] = finish_paths(
                self._forecasters[rate],
                most_items=self._most_items(),
                levels=self._levels,
                rate=rate_of(self._paces[rate]),
                errors_of=None if rate == recalibrated else self._forecasters[recalibrated],
            )
        return self._paths[key]

    def _most_items(self) -> float:
        then, now = self._then.scope, self._now.scope
        most = max(then.existing, now.existing) - min(then.done, now.done) - min(then.gone, now.gone)
        return most / min(float(left.min()) for left in self._capacity_left.values())


def _as_before(drawn: FloatArray, then: FinishBasis, now: FinishBasis) -> FloatArray:
    """The share of newcomers as it would have been drawn then, trial by trial at the same quantile."""
    if then.newcomers.parameters == now.newcomers.parameters:
        return drawn
    before = np.minimum(
        np.random.default_rng(now.seed).beta(*then.newcomers.parameters, len(drawn)), MAX_NEWCOMER_SHARE
    )
    matched = np.empty_like(drawn)
    matched[np.argsort(drawn, kind="stable")] = np.sort(before)
    return matched


def _in_words(then: ToldForecast, now: ToldForecast) -> dict[str, str]:
    was, is_ = then.basis, now.basis
    between_days = (to_us(is_.as_of) - to_us(was.as_of)) / MICROSECONDS_PER_DAY
    done = is_.scope.done - was.scope.done
    added, gone = is_.scope.existing - was.scope.existing, is_.scope.gone - was.scope.gone
    rates = [rate_of(Pace(basis.weekly_items)) for basis in (was, is_)]
    return {
        MoveComponent.TIME_PASSED: f"{between_days:.1f} days went by.",
        MoveComponent.WORK_FINISHED: f"{done} items were finished, less those that were reopened.",
        MoveComponent.SCOPE_ADDED: f"{added} items came in.",
        MoveComponent.SCOPE_REMOVED: f"{gone} items were taken out.",
        MoveComponent.RATE_CHANGED: f"From {rates[0]:.1f} to {rates[1]:.1f} items a week.",
        MoveComponent.NEWCOMERS_CHANGED: (
            f"Work that comes in later takes {is_.newcomers.mean:.0%} of the capacity; it was {was.newcomers.mean:.0%}."
        ),
        MoveComponent.RECALIBRATION: "What past forecasts were off by now says something else about the spread.",
        MoveComponent.TARGET_MOVED: f"From {_day(was.target_date)} to {_day(is_.target_date)}.",
        "MODEL": "What today's model says of the old facts, against what was said then.",
        "DRAWS": "The draws of the simulation, and rounding.",
    }


def _day(day: date | None) -> str:
    return "no target" if day is None else day.isoformat()
