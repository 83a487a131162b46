"""Simulated capacity of a team: who is away, for how long, and who comes, as each was in the record.

1. A person is at work or away on each working day (at least half of the usual hours given). How often the one became
   the other is counted over the last twelve weeks; each person's own rate is shrunk towards the rate of all, as if
   PRIOR_DAYS days of an average person had been seen beside their own.
2. A trial walks day by day from the present state. All rates of a trial are off together by the error that so few
   transitions leave, so that a short record gives wide answers.
3. People who were never seen before come at the rate at which they came, and go at the rate of all.
4. A part of the trials are own past windows of the same length instead, as they were, of those that began at about the
   present capacity: what the walk does not know of (people called away together, seasons) is in them.
5. Where hours are planned ahead (calendars), they bound what is given, and only absences beyond the planned ones are
   drawn: the rate of the past less what is entered already.

Assumes that people are away independently of each other. Do not believe it across a reorganisation: it knows the team
that was there.

Example: 8 people of whom each is away a tenth of the time, for a week on average: about 7.2 are at work, and on
a given day there is one chance in five that it is 6 or less.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.capacity_series import CapacityMatrix, CapacitySource

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]

TRIALS = 4_000
"""Standard error of a probability of .6: 0.8 points."""
LOOKBACK_DAYS = 60
"""Twelve weeks of working days: older habits of people say little about the next six."""
PRIOR_DAYS = 60.0
MODEL_ERROR = 0.3
"""Of the logarithm of the odds to leave or return, on top of chance: habits change. Starting value."""
OWN_WINDOWS_SHARE = 0.35
"""Share of the trials that are own past windows as they were. Starting value, judged on simulated crews."""
ALIKE_SHARE, ALIKE_WINDOWS = 0.15, 20.0
"""Windows are alike that began within a sixth of the usual capacity; so many of them (they overlap) are enough."""
MAX_CELLS = 12_000_000
"""People times days times trials drawn at most; more people get by with fewer trials, their sum varies less."""
AT_WORK_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class CapacityTrials:
    """Capacity of the team by trial and working day ahead: shape (trials, days).

    usual: of one person of average weight, what one more would bring
    """

    capacity: FloatArray
    without_planned_absence: FloatArray
    usual: float


@dataclass(frozen=True, slots=True, eq=False)
class _Rates:
    """By person: chance to leave and to return on a day;  of all: to leave;  newcomers a day, and the errors."""

    leave: FloatArray
    come_back: FloatArray
    leave_of_all: float
    newcomers: float
    leave_error: float
    return_error: float
    newcomers_seen: float


def simulate_capacity(
    past: CapacityMatrix,
    ahead: CapacityMatrix | None,
    *,
    days: int,
    source: CapacitySource,
    rng: np.random.Generator,
    trials: int = TRIALS,
) -> CapacityTrials:
    """Capacity on so many working days after the last of `past`.

    past: at least two days, oldest first;  ahead: what is planned, of the same people in the same order, if anything is
    """
    recent = slice(max(len(past.days) - LOOKBACK_DAYS, 0), None)
    at_work, exists = _states(past.given[:, recent], past.usual[:, recent])
    present = exists.any(axis=1) if source is CapacitySource.CALENDARS else at_work.any(axis=1)
    rates = _rates(past, at_work, exists, ahead, source)
    chosen = np.flatnonzero(present)
    trials = int(np.clip(MAX_CELLS // max(len(chosen) * days, 1), 200, trials))
    weights = np.ones((len(chosen), days)) if ahead is None else ahead.given[chosen]
    plain = np.ones((len(chosen), days)) if ahead is None else ahead.usual[chosen]
    capacity, unplanned = np.zeros((trials, days)), np.zeros((trials, days))
    # A calendar says when those who are away come back; without one it has to be drawn.
    begins = at_work[chosen, -1] if ahead is None else np.ones(len(chosen), dtype=np.bool_)
    state = np.repeat(begins[None, :], trials, axis=0)
    leave = _odds_times(rates.leave[chosen], np.exp(rates.leave_error * rng.standard_normal(trials)))
    back = _odds_times(rates.come_back[chosen], np.exp(rates.return_error * rng.standard_normal(trials)))
    coming = rng.gamma(rates.newcomers_seen + 0.5, 1.0, trials) * rates.newcomers
    newcomers = np.zeros(trials, dtype=np.int64)
    for day in range(days):
        drawn = rng.random(state.shape)
        state = np.where(state, drawn >= leave, drawn < back)
        newcomers = rng.binomial(newcomers, 1 - rates.leave_of_all) + rng.poisson(coming)
        capacity[:, day] = state @ weights[:, day] + newcomers
        unplanned[:, day] = state @ plain[:, day] + newcomers
    windows = _own_windows(past, days, trials, rng)
    capacity[: len(windows)] = unplanned[: len(windows)] = windows
    return CapacityTrials(capacity, unplanned, _usual_weight(past, chosen))


def _own_windows(past: CapacityMatrix, days: int, trials: int, rng: np.random.Generator) -> FloatArray:
    """Past windows that began at about the present capacity: shape (share of the trials, days).

    The fewer of them there are, the smaller is their share; none where the past is shorter than one.
    """
    daily = past.daily
    if len(daily) <= days:
        return np.zeros((0, days))
    windows = np.lib.stride_tricks.sliding_window_view(daily, days)[1:]
    width = ALIKE_SHARE * max(float(daily.mean()), 1e-9)
    likeness = np.exp(-0.5 * ((daily[: len(windows)] - daily[-1]) / width) ** 2)
    share = OWN_WINDOWS_SHARE * min(1.0, float(likeness.sum()) / ALIKE_WINDOWS)
    chances = np.cumsum(likeness) / likeness.sum() if share > 0 else likeness
    drawn: FloatArray = windows[np.searchsorted(chances, rng.random(int(share * trials)), side="right")]
    return drawn


def _states(given: FloatArray, usual: FloatArray) -> tuple[Flags, Flags]:
    """Whether each person was at work, and whether they belonged to the team: shape (people, days) both."""
    exists = usual > 0
    return exists & (given >= AT_WORK_SHARE * usual), exists


def _rates(
    past: CapacityMatrix, at_work: Flags, exists: Flags, ahead: CapacityMatrix | None, source: CapacitySource
) -> _Rates:
    counted = exists[:, :-1] & exists[:, 1:]
    was, now = at_work[:, :-1], at_work[:, 1:]
    days_on, days_off = (was & counted).sum(axis=1), (~was & counted).sum(axis=1)
    left, returned = (was & ~now & counted).sum(axis=1), (~was & now & counted).sum(axis=1)
    leave_of_all = (left.sum() + 0.5) / (days_on.sum() + 1.0)
    return_of_all = (returned.sum() + 0.5) / (days_off.sum() + 1.0)
    leave = (left + PRIOR_DAYS * leave_of_all) / (days_on + PRIOR_DAYS)
    if ahead is not None:
        leave = np.maximum(leave - _planned_leaves(ahead), 0.0)
    seen = 0.0
    first_days = past.given.shape[1] - at_work.shape[1]
    if source is CapacitySource.CONTRIBUTORS and first_days >= LOOKBACK_DAYS:
        seen = float((at_work.any(axis=1) & ~(past.given[:, :first_days] > 0).any(axis=1)).sum())
    return _Rates(
        leave=np.clip(leave, 0.0, 1.0),
        come_back=np.clip((returned + PRIOR_DAYS * return_of_all) / (days_off + PRIOR_DAYS), 0.0, 1.0),
        leave_of_all=float(min(leave_of_all, 1.0)),
        newcomers=0.0 if seen == 0 else 1.0 / max(at_work.shape[1], 1),
        leave_error=float(np.hypot(1 / np.sqrt(left.sum() + 1.0), MODEL_ERROR)),
        return_error=float(np.hypot(1 / np.sqrt(returned.sum() + 1.0), MODEL_ERROR)),
        newcomers_seen=seen,
    )


def _planned_leaves(ahead: CapacityMatrix) -> FloatArray:
    """Absences already entered, a day, by person: shape (people,)."""
    at_work, exists = _states(ahead.given, ahead.usual)
    began = at_work[:, :-1] & ~at_work[:, 1:] & exists[:, 1:]
    planned: FloatArray = began.sum(axis=1) / np.maximum(exists.sum(axis=1), 1)
    return planned


def _odds_times(chances: FloatArray, factors: FloatArray) -> FloatArray:
    """Chances with their odds multiplied: shape (trials, people)."""
    odds = chances / np.maximum(1 - chances, 1e-9)
    scaled = odds[None, :] * factors[:, None]
    result: FloatArray = scaled / (1 + scaled)
    return result


def _usual_weight(past: CapacityMatrix, chosen: NDArray[np.intp]) -> float:
    weights = past.usual[chosen][past.usual[chosen] > 0]
    return float(weights.mean()) if weights.size else 0.0
