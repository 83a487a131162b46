"""Simulated weeks of a team: after-hours share and load, each going on from where it is, and spells of strain.

1. Both series are read in standard deviations from their own mean: the mean moving range tells the deviation, as it
   does for the limits.
2. Each keeps a share (phi) of its distance from the mean from week to week, estimated from the weeks before and shrunk
   towards PHI_PRIOR as if PHI_WEEKS weeks of an average team had been seen beside them. What comes on top is drawn from
   the pairs that came on top in the past, so that bad weeks of both come together as often as they did.
3. A spell of strain lifts both at once. Spells begin as often as they did in the weeks before (two weeks on end with
   both STRAIN_DEVIATIONS above the mean), leaning on ONSETS_A_WEEK; they last SPELL_WEEKS on average. A team in a spell
   stays where it is while the spell lasts, REMAINING_WEEKS on average, and is back soon after it.
4. Every trial has its own phi, as uncertain as so few weeks leave it, and its own drift of the mean: teams change.

Assumes that the next weeks are made as the last were. Do not believe it across a change of date or of team.

Example: three deviations above the mean now and phi .8: after one week 2.4 on average, after three 1.5. In a spell of
which one in five ends each week, still 3 in half of the trials after three.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]

TRIALS = 4_000
PHI_PRIOR, PHI_WEEKS, PHI_MAX = 0.6, 10.0, 0.97
DRIFT = 0.15
"""Deviations by which the mean moves in a week, standard deviation."""
STRAIN_DEVIATIONS, STRAIN_WEEKS = 1.5, 2
ONSETS_A_WEEK, ONSET_WEEKS = 0.04, 26.0
"""Spells that begin in a week, leaning as if so many weeks of other teams had been seen."""
SPELL_WEEKS = 6.0
REMAINING_WEEKS = 5.0
"""How long a spell goes on that is there already."""
AFTER_SPELL = 0.4
"""What is left of it a week after its end, at most: when it is over, it is over within two weeks."""
LIFT, LIFT_SPREAD = 6.0, 0.6
"""Deviations by which a spell lifts a series, median, and the spread of its logarithm. All starting values."""
SERIES = 2


@dataclass(frozen=True, slots=True, eq=False)
class OverloadTrials:
    """Weeks ahead in deviations from the mean, by trial, week and series (after-hours, load): (trials, weeks, 2).

    drawn: what comes by chance;  carried: what is left of the present distance from the mean
    """

    drawn: FloatArray
    carried: FloatArray

    @property
    def paths(self) -> FloatArray:
        """Both together."""
        total: FloatArray = self.drawn + self.carried
        return total


def simulate_overload(
    past: FloatArray, *, weeks: int, rng: np.random.Generator, trials: int = TRIALS
) -> OverloadTrials:
    """So many weeks after the last of the past.  past: deviations from the mean, shape (weeks, 2), at least three"""
    phi = np.array([_kept_share(past[:, series]) for series in range(SERIES)])
    error = np.sqrt((1 - phi**2) / (len(past) + PHI_WEEKS))
    phis = np.clip(phi + error * rng.standard_normal((trials, SERIES)), 0.0, PHI_MAX)
    steps = past[1:] - phi * past[:-1]
    steps = steps - steps.mean(axis=0)
    chosen = steps[rng.integers(len(steps), size=(trials, weeks))]
    drift = np.cumsum(DRIFT * rng.standard_normal((trials, weeks, SERIES)), axis=1)
    lift = _spells(past, weeks=weeks, rng=rng, trials=trials)
    goes_on = np.cumprod(rng.random((trials, weeks)) >= 1 / REMAINING_WEEKS, axis=1).astype(np.bool_)
    is_strained = bool(_strained(past)[-1])
    drawn, carried = np.zeros((trials, weeks, SERIES)), np.zeros((trials, weeks, SERIES))
    chance, after = np.zeros((trials, SERIES)), np.minimum(phis, AFTER_SPELL)
    now = past[-STRAIN_WEEKS:].mean(axis=0) if is_strained else past[-1]
    kept = np.repeat(now[None, :], trials, axis=0)
    for week in range(weeks):
        chance = phis * chance + chosen[:, week]
        kept = np.where(goes_on[:, week, None], kept, after * kept) if is_strained else phis * kept
        drawn[:, week] = chance + drift[:, week] + lift[:, week]
        carried[:, week] = kept
    return OverloadTrials(drawn, carried)


def _spells(past: FloatArray, *, weeks: int, rng: np.random.Generator, trials: int) -> FloatArray:
    """What spells that are still to begin add: shape (trials, weeks, series). One grows over its first two weeks."""
    strained = _strained(past)
    began = int(strained[0]) + int((strained[1:] & ~strained[:-1]).sum())
    rate = (began + ONSETS_A_WEEK * ONSET_WEEKS) / (len(past) + ONSET_WEEKS)
    begins = np.minimum(rng.geometric(rate, trials) - 1, weeks)
    lasts = rng.geometric(1 / SPELL_WEEKS, trials) + STRAIN_WEEKS
    age = np.arange(weeks)[None, :] - begins[:, None]
    height = LIFT * np.exp(LIFT_SPREAD * rng.standard_normal((trials, SERIES)))
    shape = np.where((age >= 0) & (age < lasts[:, None]), np.minimum((age + 1) / STRAIN_WEEKS, 1.0), 0.0)
    lift: FloatArray = shape[:, :, None] * height[:, None, :]
    return lift


def _strained(past: FloatArray) -> Flags:
    """Weeks that end so many weeks of strain, of both series: shape (weeks,)."""
    high: Flags = (past[:, 0] > STRAIN_DEVIATIONS) & (past[:, 1] > STRAIN_DEVIATIONS)
    strained: Flags = np.concatenate([[False], high[1:] & high[:-1]])
    return strained


def _kept_share(series: FloatArray) -> float:
    before, after = series[:-1], series[1:]
    spread = float((before**2).sum())
    own = float((before * after).sum()) / spread if spread > 0 else PHI_PRIOR
    weeks = float(len(before))
    return float(np.clip((weeks * own + PHI_WEEKS * PHI_PRIOR) / (weeks + PHI_WEEKS), 0.0, PHI_MAX))
