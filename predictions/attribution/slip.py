"""The forecast slip, shared out exactly over the factors that caused it.

1. The value of a set S of factors is the slip in days with those in S as they are now and the others as planned
   (factors). In working days since the planned start, each trial of the finish forecast then ends after

       late start + waiting + items * days per item * (1 + blocked + rework per unimpeded day)

   (the past and the future each with their own days per item, blocked and rework), which the calendar turns into a
   date. With all factors as now this is the forecast itself, trial by trial.
2. Common random numbers: all sets see the same trials. With the rate as planned a trial keeps its luck in what is still
   open (its ratio to the median trial), so that luck is nobody's fault.
3. The slip is the P50 finish after the target (MEDIAN), or the mean of the days late over the trials (LATENESS); no
   trial counts for more than the P85 finish or ten years.
4. Shapley values of the factors. What is late with all of them as planned and rounding are the bar UNKNOWN; so is work
   that the forecast expects but nobody has recorded yet, which is in every set. Parts and bar add up to the slip to the
   last bit.
5. Inside a factor, items share in proportion to what was measured of them (added: alike; blocked, rework, waited for:
   by working days). Not Owen values; the two agree as far as the slip is linear in the measure.
6. Intervals speak of the inputs: weeks, items and lost days are drawn again (common draws for all sets) and the whole
   is shared out anew. They hold for all factors at once (Bonferroni), so that at most one healthy project in twenty is
   accused of anything. A factor is named when its interval excludes zero.

Assumes what factors assumes, and that work scales with items. Do not believe the shares of a project without a plan
that was meant.

Example: 10 items planned in 10 working days, started 5 working days late and worked at the planned rate: the slip is a
week, all of it LATE_START.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from predictions.attribution.factors import MeasuredFactors, OffReason, SlipFactor, TimeShares, measure_factors
from predictions.attribution.shapley import exact_parts, rounded_days, shapley_values, values_of_sets
from predictions.forecasters.answers import ModelIdentity, hash_of, seed_of
from predictions.forecasters.finish import MAX_HORIZON_WEEKS, FinishForecast, FinishTrials
from predictions.forecasters.throughput import weekly_finishes
from projects.history.calendar import DAYS_PER_WEEK, WorkCalendar
from projects.history.instants import MICROSECONDS_PER_DAY
from projects.history.project_history import ProjectHistory

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("slip.shapley", "2")
CAP_PROBABILITY = 0.85
"""The quantile whose coverage is checked; how long the last seventh may take nobody can vouch for."""
DRAWS, DRAW_TRIALS = 400, 25
"""Resampled histories, and evenly spaced trials of each: intervals to about a tenth of their width."""
INTERVAL = 0.95
MAX_ENTITIES = 20
"""What a person looks through; how many there are stands beside them."""
DAYS_TOLD = 5
"""Rates are told per five working days."""


class SlipMeasure(StrEnum):
    """MEDIAN: P50 finish after the target, negative before it.  LATENESS: mean of the days late, 0 or above."""

    MEDIAN = "MEDIAN"
    LATENESS = "LATENESS"


@dataclass(frozen=True, slots=True)
class EntityShare:
    """One item or day inside a factor.

    object_id: of the item, empty for a day;  share: of the factor, in [0, 1];  days: of the slip
    """

    object_id: str
    label: str
    share: float
    days: float
    url: str = ""


@dataclass(frozen=True, slots=True)
class SlipPart:
    """One factor's part in the slip.

    days: elapsed, negative where it eases the slip, a multiple of 1/1024;  low, high: 95 % over all factors together
    measured: what the record shows, in words;  entities: the largest, entity_count: of how many
    """

    factor: SlipFactor
    days: float
    low: float
    high: float
    measured: str
    entities: tuple[EntityShare, ...] = ()
    entity_count: int = 0

    @property
    def is_named(self) -> bool:
        """Whether the part is not explained by the accidents of the record."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class SlipDecomposition:
    """A slip and its parts: slip_days == sum of the parts' days + unknown_days, exactly.

    parts: the largest first;  off: factors without a number, and why
    """

    as_of: datetime
    target_date: date
    measure: SlipMeasure
    slip_days: float
    parts: tuple[SlipPart, ...]
    unknown_days: float
    off: Mapping[SlipFactor, OffReason]
    model: ModelIdentity
    inputs_hash: str

    def days_of(self, factor: SlipFactor) -> float | None:
        """The factor's part; None where it is off."""
        return next((part.days for part in self.parts if part.factor == factor), None)


def decompose_slip(
    history: ProjectHistory,
    *,
    as_of: datetime,
    finish: FinishForecast,
    calendar: WorkCalendar,
    planned_calendar: WorkCalendar | None = None,
    target_date: date | None = None,
    measure: SlipMeasure = SlipMeasure.MEDIAN,
    draws: int = DRAWS,
) -> SlipDecomposition | None:
    """Share out the slip of a finish forecast; None where it abstained, or there is no plan in force.

    finish: of the same moment, with or without a target;  target_date: the plan's unless given, may have passed
    planned_calendar: the one the plan was made with
    draws: resampled histories; with 0 the intervals are the parts themselves
    Raises ValueError for a finish forecast of another moment.
    """
    if finish.as_of != as_of:
        raise ValueError("the finish forecast is of another moment")
    if finish.trials is None:
        return None
    known = history.as_of(as_of)
    measured = measure_factors(
        known, as_of=as_of, calendar=calendar, planned_calendar=planned_calendar, target_date=target_date
    )
    if measured is None:
        return None
    planned = None if planned_calendar is None else planned_calendar.key()
    inputs_hash = hash_of({"finish": finish.inputs_hash, "planned": repr(planned), "measure": measure})
    now = _as_forecast(measured, known.known_at_us, finish.trials)
    whole, shares = _shared_out(measured, now, measure)
    slip, days, unknown = exact_parts(float(whole[0]), shares[:, 0].tolist())
    bounds = list(zip(days, days, strict=True))
    if draws:
        rng = np.random.default_rng(seed_of(inputs_hash))
        again = _resampled(known, measured, finish.trials, calendar, draws=draws, rng=rng)
        bounds = _intervals(_shared_out(measured, again, measure)[1])
    parts = [
        _part(factor, part, bound, known=known, measured=measured, now=now)
        for factor, part, bound in zip(measured.factors, days, bounds, strict=True)
    ]
    return SlipDecomposition(
        as_of=as_of,
        target_date=measured.target_date,
        measure=measure,
        slip_days=slip,
        parts=tuple(sorted(parts, key=lambda part: (-part.days, part.factor))),
        unknown_days=unknown,
        off=measured.off,
        model=MODEL,
        inputs_hash=inputs_hash,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """The past and how each trial goes on from here: arrays of shape (histories, trials), (histories, 1) or (1, 1).

    past, future: unimpeded working days, to now and from now;  open_items: to come, expected_items of them not recorded
    blocked, rework: working days for each unimpeded one, in the past and in the future
    wait_days: lost to blockers
    idle_days: elapsed days from the last working moment to the finish, as the forecast does not stop for weekends
    """

    past: FloatArray
    future: FloatArray
    open_items: FloatArray
    expected_items: FloatArray
    blocked: tuple[FloatArray, FloatArray]
    rework: tuple[FloatArray, FloatArray]
    wait_days: FloatArray
    idle_days: FloatArray


def capped_days(days: FloatArray) -> FloatArray:
    """Durations of the trials, none counted for more than P85 or ten years: shape of days."""
    return np.minimum(days, min(float(np.quantile(days, CAP_PROBABILITY)), float(MAX_HORIZON_WEEKS * DAYS_PER_WEEK)))


def _as_forecast(measured: MeasuredFactors, now_us: int, trials: FinishTrials) -> _Now:
    """The trials themselves, as one history."""
    days, newcomer_factor = capped_days(trials.days)[None, :], trials.newcomer_factor[None, :]
    return _now(measured, now_us, days, newcomer_factor, np.ones((1, 1)))


def _now(
    measured: MeasuredFactors, now_us: int, days: FloatArray, newcomer_factor: FloatArray, past_stretch: FloatArray
) -> _Now:
    """The forecast as it is.

    days, newcomer_factor: shape (histories, trials);  past_stretch: what the past unimpeded work is multiplied by
    """
    finish_us = now_us + days * MICROSECONDS_PER_DAY
    future = measured.clock.between(np.array([float(now_us)]), finish_us)
    lost = measured.late_days + measured.wait.lost_days
    past = max(measured.elapsed_days - lost, 0.0)
    shares, recent = measured.past, measured.recent
    expected = measured.open_items * (newcomer_factor - 1)
    stops_us = measured.clock.instants_us(lost + past + future)
    return _Now(
        past=past * shares.unimpeded * past_stretch,
        future=future * recent.unimpeded,
        open_items=measured.open_items + expected,
        expected_items=expected,
        blocked=(_ratio(shares.blocked, shares), _ratio(recent.blocked, recent)),
        rework=(_ratio(shares.rework, shares), _ratio(recent.rework, recent)),
        wait_days=np.array([[measured.wait.lost_days]]),
        idle_days=(finish_us - stops_us) / MICROSECONDS_PER_DAY,
    )


def _ratio(share: float, shares: TimeShares) -> FloatArray:
    return np.array([[share / shares.unimpeded]])


def _shared_out(measured: MeasuredFactors, now: _Now, measure: SlipMeasure) -> tuple[FloatArray, FloatArray]:
    """The slip of each history, and the factors' shares of it: shape (histories,) and (factors, histories)."""
    factors = measured.factors
    values = values_of_sets(
        lambda chosen: _slip_days(measured, now, frozenset(factors[k] for k in chosen), measure), len(factors)
    )
    return values[-1], shapley_values(values)


def _slip_days(measured: MeasuredFactors, now: _Now, as_now: frozenset[SlipFactor], measure: SlipMeasure) -> FloatArray:
    """The value of a set of factors, of each history: shape (histories,)."""
    planned = measured.planned_days / measured.plan_items
    done, open_items = measured.done_items, now.open_items
    if SlipFactor.SCOPE_ADDED not in as_now:
        done = min(measured.done_items, measured.plan_items)
        open_items = measured.plan_items - done + now.expected_items
    if SlipFactor.RATE_BELOW_PLAN in as_now:
        past = now.past * (done / measured.done_items if measured.done_items else 1.0)
        future = now.future * (open_items / now.open_items)
    else:
        per_item = now.future / now.open_items
        luck = per_item / np.maximum(np.median(per_item, axis=1, keepdims=True), 1e-12)
        past, future = np.full_like(now.past, planned * done), open_items * planned * luck
    days = past + future
    # A factor that is off was measured as nothing, so that it adds nothing here either.
    for factor, ratios in ((SlipFactor.BLOCKED, now.blocked), (SlipFactor.REWORK, now.rework)):
        if factor in as_now:
            days = days + past * ratios[0] + future * ratios[1]
    if SlipFactor.DEPENDENCY_WAIT in as_now:
        days = days + now.wait_days
    if SlipFactor.LATE_START in as_now:
        days = days + measured.late_days
    clock = measured.clock if SlipFactor.CALENDAR in as_now else measured.planned_clock
    finish_us = clock.instants_us(days)
    late: FloatArray = (finish_us - measured.target_us) / MICROSECONDS_PER_DAY + now.idle_days
    if measure == SlipMeasure.LATENESS:
        slip: FloatArray = np.maximum(late, 0.0).mean(axis=1)
    else:
        slip = np.median(late, axis=1)
    return slip


def _resampled(
    known: ProjectHistory,
    measured: MeasuredFactors,
    trials: FinishTrials,
    calendar: WorkCalendar,
    *,
    draws: int,
    rng: np.random.Generator,
) -> _Now:
    """The same with weeks, items and lost days drawn again."""
    capped = capped_days(trials.days)
    order = np.argsort(capped, kind="stable")
    rows = order[((np.arange(DRAW_TRIALS) + 0.5) * len(order) / DRAW_TRIALS).astype(np.intp)]
    pace = _pace_factors(weekly_finishes(known, calendar=calendar), draws, rng)
    level = np.exp(trials.level_error * rng.standard_normal((draws, 1)))
    now = _now(measured, known.known_at_us, capped[rows] * pace * level, trials.newcomer_factor[rows], pace)
    active = measured.active
    lost_days = int(np.ceil(measured.wait.lost_days))
    blocked, rework = (_drawn_again(days, draws, rng) for days in (active.blocked, active.rework))
    return replace(
        now,
        blocked=(now.blocked[0] * blocked, now.blocked[1] * blocked),
        rework=(now.rework[0] * rework, now.rework[1] * rework),
        wait_days=now.wait_days * rng.poisson(lost_days, (draws, 1)) / max(lost_days, 1),
    )


def _pace_factors(weekly: FloatArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """How much longer items take when the weeks are drawn again: shape (draws, 1)."""
    if weekly.sum() <= 0:
        return np.ones((draws, 1))
    drawn = rng.choice(weekly, (draws, len(weekly))).mean(axis=1, keepdims=True)
    factors: FloatArray = weekly.mean() / np.maximum(drawn, weekly.mean() / len(weekly))
    return factors


def _drawn_again(days: FloatArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """Total over items drawn again, as a share of the total: shape (draws, 1).

    Each item comes up a Poisson number of times, which is how often it does among many.
    """
    affected = days[days > 0]
    if affected.size == 0:
        return np.ones((draws, 1))
    totals: FloatArray = (rng.poisson(1.0, (draws, affected.size)) @ affected)[:, None] / affected.sum()
    return totals


def _intervals(drawn: FloatArray) -> list[tuple[float, float]]:
    """Interval of each factor's days, together holding with INTERVAL (Bonferroni). drawn: shape (factors, draws)."""
    tail = (1 - INTERVAL) / 2 / max(len(drawn), 1)
    bounds = (np.quantile(shares, (tail, 1 - tail)) for shares in drawn)
    return [(rounded_days(float(low)), rounded_days(float(high))) for low, high in bounds]


def _part(
    factor: SlipFactor,
    days: float,
    bound: tuple[float, float],
    *,
    known: ProjectHistory,
    measured: MeasuredFactors,
    now: _Now,
) -> SlipPart:
    shares, count = _shares_inside(known, measured, factor)
    return SlipPart(
        factor=factor,
        days=days,
        low=bound[0],
        high=bound[1],
        measured=_in_words(measured, now, factor),
        entities=tuple(EntityShare(name, label, share, share * days, url) for name, label, url, share in shares),
        entity_count=count,
    )


def _shares_inside(
    known: ProjectHistory, measured: MeasuredFactors, factor: SlipFactor
) -> tuple[list[tuple[str, str, str, float]], int]:
    """Identifier, label, address and share of the items or days with most of a factor, largest first; and of how many.

    The shares of all of them, those not named included, add up to 1.
    """
    if factor == SlipFactor.CALENDAR:
        dates = measured.lost_dates
        return [("", day.isoformat(), "", 1 / len(dates)) for day in dates[:MAX_ENTITIES]], len(dates)
    weights = np.zeros(len(known.items))
    if factor == SlipFactor.SCOPE_ADDED:
        weights[measured.added_rows] = 1.0
    elif factor == SlipFactor.BLOCKED:
        weights = measured.active.blocked
    elif factor == SlipFactor.REWORK:
        weights = measured.active.rework
    elif factor == SlipFactor.DEPENDENCY_WAIT:
        weights = measured.wait.by_blocker
    total = float(weights.sum())
    count = int((weights > 0).sum())
    rows = np.argsort(-weights, kind="stable")[: min(count, MAX_ENTITIES)]
    items = known.items
    named = [
        (str(items.ids[row]), str(items.keys[row]), str(items.urls[row]), float(weights[row]) / total) for row in rows
    ]
    return named, count


def _in_words(measured: MeasuredFactors, now: _Now, factor: SlipFactor) -> str:
    active, plan_items = measured.active, measured.plan_items
    unimpeded = float(now.past.mean()) + float(np.median(now.future))
    rate = (measured.done_items + float(np.median(now.open_items))) / max(unimpeded, 1e-9) * DAYS_TOLD
    planned_rate = plan_items / measured.planned_days * DAYS_TOLD
    added = measured.done_items + measured.open_items - plan_items
    in_work = f"of {active.total.sum():.0f} working days in work"
    sentences = {
        SlipFactor.LATE_START: f"Work began {measured.late_days:.0f} working days after {measured.start_date}.",
        SlipFactor.SCOPE_ADDED: f"{added:+d} items against the {plan_items} planned.",
        SlipFactor.RATE_BELOW_PLAN: f"{rate:.1f} items in five unimpeded working days; {planned_rate:.1f} are planned.",
        SlipFactor.BLOCKED: f"{active.blocked.sum():.0f} {in_work} were blocked.",
        SlipFactor.REWORK: f"{active.rework.sum():.0f} {in_work} went to items done before.",
        SlipFactor.CALENDAR: f"{len(measured.lost_dates)} days that the plan counted on are off.",
        SlipFactor.DEPENDENCY_WAIT: f"{measured.wait.lost_days:.1f} working days were lost waiting for others.",
    }
    return sentences[factor]
