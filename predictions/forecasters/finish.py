"""When the work that is open now will be done: a distribution of dates, and the probability of meeting a target.

1. The gate: without enough dated, recent, honest facts there is no number (projects.history.readiness).
2. Remaining work is what is open as of t. Weekly throughput is what was finished in each week before t.
3. Part of the capacity goes to work that comes in later; the share is measured over about the horizon of the forecast
   and drawn per trial from its beta distribution. Remaining work is divided by the share that is left for it.
4. Durations are simulated along the paths of the items-done forecast, which the team's own past errors recalibrate, and
   the errors of the other teams of its tenant before it has enough of its own (simulation, items_done).
5. Quantiles become working days of the project's calendar. P(on time) counts the trials that end by the end of the
   target day; its interval moves the level of the rate by its standard error.

Assumes that items are alike in size on average, that the open items are the scope and all of it will be done, and that
the team varies as it did. Do not believe it for a backlog nobody intends to empty, nor within two weeks of a change of
the team.

Example: 20 items open, 5 finished in every week of the past year, nothing new: P50 is about 4 weeks from now. With half
of the capacity going to newcomers it is about 8.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.error_pool import ErrorPool
from predictions.forecasters.answers import (
    Driver,
    EvidenceFact,
    ModelIdentity,
    ProbabilityEstimate,
    hash_of,
    oldest_open_items,
    seed_of,
)
from predictions.forecasters.finish_basis import (
    LONG_RATE_WEEKS,
    FinishBasis,
    SimulatedBasis,
    finish_basis,
    simulate_basis,
)
from predictions.forecasters.items_done import OWN_STRENGTH, ItemsDoneForecaster
from predictions.forecasters.simulation import RATE_HALF_LIFE_WEEKS, TRIALS, SimulatedFinish
from predictions.forecasters.throughput import NewcomerShare
from projects.history.calendar import WorkCalendar
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, to_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport, finish_readiness, target_readiness

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("finish.recalibrated-paths", "4")
FINISH_PROBABILITIES = (0.5, 0.7, 0.85, 0.95)
MAX_HORIZON_WEEKS = 520
"""Ten years. Beyond them a date is arithmetic, not a forecast: the quantile has no date."""
INTERVAL_Z = 1.2816
"""80 % interval."""
MAX_LEVEL_ERROR = 1.5

ASSUMPTIONS = (
    "Every item that is open now belongs to the scope and will be done.",
    "Items are of the same size on average as those finished before.",
    "The rate varies as it did before, including slow changes of its level.",
    "Work that comes in later takes the share of capacity that it took before.",
)
AFTER_BREAK = "The pace has just broken: until it is steady again, no more is expected than the last weeks allow."


@dataclass(frozen=True, slots=True)
class FinishQuantile:
    """With this probability the work is done by this day.

    weeks: elapsed, from t;  both are None beyond ten years
    """

    probability: float
    weeks: float | None
    finish_date: date | None


@dataclass(frozen=True, slots=True, eq=False)
class FinishTrials:
    """The simulated durations behind a forecast, for questions asked under the same random numbers.

    days: elapsed days from t, shape (trials,);  newcomer_factor: how much newcomers lengthen each, shape (trials,)
    level_error: standard error of the logarithm of the level of all of them
    """

    days: FloatArray
    newcomer_factor: FloatArray
    level_error: float

    def probability_within(self, days: float) -> ProbabilityEstimate:
        """P(done within so many elapsed days), never quite 0 or 1."""
        factor = math.exp(INTERVAL_Z * self.level_error)
        value, low, high = (self.share_within(days * scale) for scale in (1.0, 1 / factor, factor))
        return ProbabilityEstimate(value, low, high)

    def share_within(self, days: float) -> float:
        """Share of the trials that end in so many elapsed days, with one more trial each way: in (0, 1)."""
        return (float((self.days <= days).sum()) + 1) / (len(self.days) + 2)


@dataclass(frozen=True, slots=True, eq=False)
class FinishForecast:
    """When the open work will be done, or why that cannot be said: then every number is None.

    rates in items per week;  own_weight: share of the team's own past errors in the spread, in [0, 1)
    trials: the simulation itself, not part of the answer that is kept
    basis: what the trials can be played from again; also where only the target stands in the way of an answer
    forecaster: of the items done, for other questions of the same run; not part of the answer either
    """

    as_of: datetime
    target_date: date | None
    readiness: ReadinessReport
    remaining_items: int | None
    quantiles: tuple[FinishQuantile, ...]
    p_on_time: ProbabilityEstimate | None
    demonstrated_rate: float | None
    required_rate: float | None
    newcomers: NewcomerShare | None
    own_forecasts: float
    own_weight: float
    is_reconstructed: bool
    drivers: tuple[Driver, ...]
    evidence: tuple[EvidenceFact, ...]
    assumptions: tuple[str, ...]
    model: ModelIdentity
    inputs_hash: str
    trials: FinishTrials | None
    basis: FinishBasis | None = None
    forecaster: ItemsDoneForecaster | None = field(default=None, compare=False, repr=False)

    @property
    def result_hash(self) -> str:
        """Hash of the numbers given: two runs over the same facts agree."""
        return hash_of(
            {
                "model": [self.model.id, self.model.version],
                "inputs": self.inputs_hash,
                "readiness": self.readiness.readiness,
                "quantiles": [[q.probability, q.weeks, q.finish_date] for q in self.quantiles],
                "p_on_time": None if self.p_on_time is None else [self.p_on_time.value, self.p_on_time.low],
                "remaining": self.remaining_items,
            }
        )

    def quantile(self, probability: float) -> FinishQuantile | None:
        """The quantile given for one of FINISH_PROBABILITIES; None when the forecast abstains."""
        return next((quantile for quantile in self.quantiles if quantile.probability == probability), None)


def forecast_finish(
    history: ProjectHistory,
    *,
    as_of: datetime,
    target_date: date | None = None,
    calendar: WorkCalendar | None = None,
    trials: int = TRIALS,
    seed: int | None = None,
    pools: Sequence[ErrorPool] | None = None,
) -> FinishForecast:
    """Forecast when the work open as of t will be done. Never raises on data; abstains and says why.

    target_date: the date promised; without one there are dates but no P(on time); one that has passed gives nothing
    seed: fixed by the facts unless given;  pools: what other teams' forecasts were off by, else the shipped ones
    Raises ValueError for a naive as_of, or one after the moment the history is restricted to.
    """
    calendar = calendar or WorkCalendar()
    known = history.as_of(as_of)
    readiness = finish_readiness(known, as_of=as_of, calendar=calendar)
    others = {} if pools is None else {"pools": [pool.digest for pool in pools]}
    inputs_hash = hash_of({"facts": known.inputs_hash, "target": target_date, "calendar": calendar.key(), **others})
    if not readiness.carries_value:
        return _abstain(known, target_date, _with_target(readiness, target_date, known, calendar), inputs_hash)
    seed = seed_of(inputs_hash) if seed is None else seed
    basis = finish_basis(known, calendar=calendar, target_date=target_date, seed=seed, trials=trials, pools=pools)
    readiness = _with_target(readiness, target_date, known, calendar)
    if not readiness.carries_value:
        return _abstain(known, target_date, readiness, inputs_hash, basis)
    return _forecast(known, basis, readiness=readiness, inputs_hash=inputs_hash)


def finish_trials(basis: FinishBasis) -> tuple[FinishTrials, SimulatedBasis]:
    """The durations of a basis as its forecast has them, and the simulation they come from."""
    played = simulate_basis(basis)
    error = level_error(basis.weekly_items, played.simulated)
    return FinishTrials(played.simulated.weeks * 7, 1 / played.capacity_left, error), played


def finish_quantiles(weeks: FloatArray, as_of: datetime, calendar: WorkCalendar) -> tuple[FinishQuantile, ...]:
    """Dates by probability.  weeks: of the trials, from the moment on, shape (trials,)"""
    values = np.quantile(weeks, FINISH_PROBABILITIES)
    return tuple(
        finish_quantile(probability, float(value), as_of, calendar)
        for probability, value in zip(FINISH_PROBABILITIES, values, strict=True)
    )


def days_until_over(basis: FinishBasis, day: date) -> float:
    """Elapsed days from the moment of the basis to the end of a day of the project."""
    return (basis.calendar.end_of_day_us(day) - to_us(basis.as_of)) / MICROSECONDS_PER_DAY


def _with_target(
    readiness: ReadinessReport, target_date: date | None, known: ProjectHistory, calendar: WorkCalendar
) -> ReadinessReport:
    if target_date is None:
        return readiness
    target = target_readiness(target_date, as_of=known.as_of_moment, calendar=calendar)
    return readiness.with_reasons(target.reasons)


def _forecast(
    known: ProjectHistory, basis: FinishBasis, *, readiness: ReadinessReport, inputs_hash: str
) -> FinishForecast:
    weekly, target_date, newcomers = basis.weekly_items, basis.target_date, basis.newcomers
    remaining = basis.scope.remaining
    sample, played = finish_trials(basis)
    simulated = played.simulated
    days_left = None if target_date is None else days_until_over(basis, target_date)
    return FinishForecast(
        as_of=known.as_of_moment,
        target_date=target_date,
        readiness=readiness,
        remaining_items=remaining,
        quantiles=finish_quantiles(simulated.weeks, basis.as_of, basis.calendar),
        p_on_time=None if days_left is None else sample.probability_within(days_left),
        demonstrated_rate=simulated.rate,
        required_rate=None if days_left is None else remaining / (days_left / 7),
        newcomers=newcomers,
        own_forecasts=simulated.own_forecasts,
        own_weight=simulated.own_weight,
        is_reconstructed=known.is_reconstructed,
        drivers=() if days_left is None else _drivers(sample, days_left, newcomers, simulated, weekly),
        evidence=oldest_open_items(known),
        assumptions=(*ASSUMPTIONS, AFTER_BREAK) if simulated.is_after_break else ASSUMPTIONS,
        model=MODEL,
        inputs_hash=inputs_hash,
        trials=sample,
        basis=basis,
        forecaster=simulated.forecaster,
    )


def _abstain(
    known: ProjectHistory,
    target_date: date | None,
    readiness: ReadinessReport,
    inputs_hash: str,
    basis: FinishBasis | None = None,
) -> FinishForecast:
    return FinishForecast(
        as_of=known.as_of_moment,
        target_date=target_date,
        readiness=readiness,
        remaining_items=None,
        quantiles=(),
        p_on_time=None,
        demonstrated_rate=None,
        required_rate=None,
        newcomers=None,
        own_forecasts=0.0,
        own_weight=0.0,
        is_reconstructed=known.is_reconstructed,
        drivers=(),
        evidence=(),
        assumptions=(),
        model=MODEL,
        inputs_hash=inputs_hash,
        trials=None,
        basis=basis,
    )


def finish_quantile(probability: float, weeks: float, as_of: datetime, calendar: WorkCalendar) -> FinishQuantile:
    """The quantile so many weeks from a moment; without a date beyond ten years."""
    if weeks > MAX_HORIZON_WEEKS:
        return FinishQuantile(probability, None, None)
    finish_us = to_us(as_of) + round(weeks * MICROSECONDS_PER_WEEK)
    return FinishQuantile(probability, weeks, calendar.next_working_day(calendar.local_date(finish_us)))


def level_error(weekly: FloatArray, simulated: SimulatedFinish) -> float:
    """Standard error of the logarithm of the level: of the weighted rate, and of the centre of the past errors."""
    recent = weekly[-LONG_RATE_WEEKS:]
    weights = 0.5 ** (np.arange(len(weekly)) / RATE_HALF_LIFE_WEEKS)
    independent = float(weights.sum() ** 2 / (weights**2).sum())
    mean = float(recent.mean())
    variation = float(recent.std()) / mean if mean > 0 else MAX_LEVEL_ERROR
    of_rate = variation / math.sqrt(independent)
    of_errors = simulated.spread / math.sqrt(simulated.own_forecasts + OWN_STRENGTH)
    return min(MAX_LEVEL_ERROR, math.hypot(of_rate, of_errors))


def _drivers(
    sample: FinishTrials,
    days_left: float,
    newcomers: NewcomerShare,
    simulated: SimulatedFinish,
    weekly: FloatArray,
) -> tuple[Driver, ...]:
    """What moves P(on time), strongest first; each effect is under the same random numbers."""
    now = float((sample.days <= days_left).mean())
    without_newcomers = float((sample.days / sample.newcomer_factor <= days_left).mean())
    long_rate = float(weekly[-LONG_RATE_WEEKS:].mean())
    at_long_rate = float((sample.days * simulated.rate / max(long_rate, 1e-9) <= days_left).mean())
    drivers = (
        Driver("NEWCOMERS", "Work that came in later", newcomers.mean, "share of capacity", now - without_newcomers),
        Driver("RECENT_RATE", "Rate of late, against half a year", simulated.rate, "items/week", now - at_long_rate),
    )
    return tuple(sorted(drivers, key=lambda driver: -abs(driver.effect)))
