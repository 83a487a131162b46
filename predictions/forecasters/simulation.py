"""Simulated durations: how many weeks a team needs for so many items.

1. Blocks of consecutive weeks are drawn from the last two years, recent ones more often, so that good and bad weeks
   keep the company they came in; their level is set to the present rate.
2. A trial lays blocks end to end until its items are done, and reads the duration within the last block.
3. That alone is too sure of itself, because a rate drifts. With weight n / (n + 10) a trial is replaced by the point
   forecast times one of the team's own past errors, smoothed; else its duration is multiplied by drift from the prior.

Assumes that the future varies as the past did, drift included. Do not believe it across a change of team or of the size
of items. The generator is the caller's: same seed, same trials, so that two scenarios differ by their inputs alone.

Example: a team that finished exactly 5 items in each week needs about 4 weeks for 20; the spread that is left is drift.
Source of the blocks: Künsch (1989), Annals of Statistics 17, 1217-1241.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.past_errors import PRIOR_LEAN, PastErrors, past_errors, prior_spread, rates_per_week

FloatArray = NDArray[np.float64]

TRIALS = 10_000
"""Standard error of a probability of .85: 0.4 points."""
SOURCE_WEEKS = 104
BLOCK_HALF_LIFE_WEEKS = 26.0
MIN_BLOCK_WEEKS, MAX_BLOCK_WEEKS = 4, 13
"""From an iteration or two to a quarter: the stretches over which weeks resemble each other."""
BLOCKS_PER_MEDIAN = 13
MAX_BLOCKS = 60
TAIL_DEGREES = 4
"""Student's t: one change of level in thirty is far larger than the usual ones."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFinish:
    """Durations of all trials, in the order of the trials.

    weeks: shape (trials,), above 0;  rate: items per week now;  own: past errors used
    """

    weeks: FloatArray
    rate: float
    own: PastErrors


def simulate_finish(weekly: FloatArray, items: FloatArray, rng: np.random.Generator) -> SimulatedFinish:
    """Weeks until so many items are done.

    weekly: shape (weeks,), items finished per week, oldest first;  items: shape (trials,), above 0
    Raises ValueError where nothing was finished in the source weeks.
    """
    rate = float(rates_per_week(weekly)[-1])
    source = weekly[-SOURCE_WEEKS:]
    if rate <= 0 or source.sum() <= 0:
        raise ValueError("a team that finishes nothing has no rate")
    centre_weeks = items / rate
    horizon_weeks = float(np.median(centre_weeks))
    own = past_errors(weekly, horizon_weeks=horizon_weeks)
    resampled = _resampled_weeks(source, items, rate, rng)
    weeks = _recalibrated(resampled, centre_weeks, horizon_weeks, own, rng)
    return SimulatedFinish(weeks=np.maximum(weeks, 1 / 7), rate=rate, own=own)


@dataclass(frozen=True, slots=True, eq=False)
class WeekBlocks:
    """Stretches of consecutive weeks to draw from.

    cumulative: items finished until the start of each week, strictly rising, shape (weeks + 1,)
    length: weeks per block;  weights: chance of a block to be drawn, shape (blocks,)
    level: factor that brings the mean of the drawn weeks to the present rate
    """

    cumulative: FloatArray
    length: int
    weights: FloatArray
    level: float

    @property
    def gains(self) -> FloatArray:
        """Items done in each block at the present level: shape (blocks,)."""
        done: FloatArray = (self.cumulative[self.length :] - self.cumulative[: -self.length]) * self.level
        return done

    def weeks_inside(self, block: NDArray[np.intp], items: FloatArray) -> FloatArray:
        """Weeks from the start of each block until so many items are done in it."""
        at_level = self.cumulative[block] + items / self.level
        position = np.interp(at_level, self.cumulative, np.arange(len(self.cumulative), dtype=np.float64))
        return np.clip(position - block, 0, self.length)


def _week_blocks(source: FloatArray, rate: float, horizon_weeks: float) -> WeekBlocks:
    wanted = math.ceil(horizon_weeks / BLOCKS_PER_MEDIAN)
    length = min(len(source), max(MIN_BLOCK_WEEKS, min(MAX_BLOCK_WEEKS, wanted)))
    cumulative = np.concatenate([[0.0], np.cumsum(source)]) + np.arange(len(source) + 1) * 1e-9
    ages = np.arange(len(source) - length + 1)[::-1]
    weights = 0.5 ** (ages / BLOCK_HALF_LIFE_WEEKS)
    weights /= weights.sum()
    mean = float(weights @ (cumulative[length:] - cumulative[:-length])) / length
    return WeekBlocks(cumulative, length, weights, rate / mean)


def _resampled_weeks(source: FloatArray, items: FloatArray, rate: float, rng: np.random.Generator) -> FloatArray:
    """Durations by laying blocks end to end: shape (trials,). A path that runs out of blocks goes on at the rate."""
    horizon_weeks = float(np.median(items)) / rate
    blocks = _week_blocks(source, rate, horizon_weeks)
    columns = min(MAX_BLOCKS, math.ceil(2.5 * horizon_weeks / blocks.length) + 6)
    drawn = np.searchsorted(np.cumsum(blocks.weights), rng.random((len(items), columns)))
    drawn = np.minimum(drawn, len(blocks.weights) - 1)  # the last sum may fall short of 1 by rounding
    progress = np.cumsum(blocks.gains[drawn], axis=1)
    trials = np.arange(len(items))
    last = np.argmax(progress >= items[:, None], axis=1)
    before = np.where(last > 0, progress[trials, last - 1], 0.0)
    inside = last * blocks.length + blocks.weeks_inside(drawn[trials, last], items - before)
    beyond = columns * blocks.length + (items - progress[:, -1]) / rate
    weeks: FloatArray = np.where(progress[:, -1] >= items, inside, beyond)
    return weeks


def _recalibrated(
    resampled: FloatArray, centre_weeks: FloatArray, horizon_weeks: float, own: PastErrors, rng: np.random.Generator
) -> FloatArray:
    trials = len(resampled)
    use_own = rng.random(trials) < own.weight
    drift = PRIOR_LEAN + rng.standard_t(TAIL_DEGREES, trials) * prior_spread(horizon_weeks) / math.sqrt(2)
    from_prior = resampled * np.exp(np.clip(drift, -3, 3))
    noise = rng.standard_normal(trials)
    picks = rng.random(trials)
    if own.log_ratios.size == 0:
        return from_prior
    errors = own.log_ratios[(picks * own.log_ratios.size).astype(np.intp)]
    errors = errors + noise * _bandwidth(own)
    weeks: FloatArray = np.where(use_own, centre_weeks * np.exp(errors), from_prior)
    return weeks


def _bandwidth(own: PastErrors) -> float:
    """Width of the kernel that smooths the own errors (Silverman's rule on the independent ones)."""
    spread = float(np.std(own.log_ratios))
    return 1.06 * spread * math.pow(max(own.independent, 1.0), -0.2)
