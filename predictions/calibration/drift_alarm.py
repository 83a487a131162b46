"""Have forecasts ceased to be right? A sequential alarm with a known rate of false alarms, and its way back.

1. Each outcome gives likelihood ratios: how much likelier it was if forecasts are off in some way than if they are
   right. Under right forecasts each has mean 1, whatever the forecasts were, so it is a bet that cannot be won.
2. For every way of being off, R is what the best bet since any past moment has won: R becomes max(R, 1) * ratio. When
   the mean of R over the ways reaches ALARM_AT the alarm is raised. It never exceeds the sum of all these bets, whose
   mean under right forecasts is the number of steps: so the mean number of steps to a false alarm is at least ALARM_AT,
   whatever the forecasts, and P(false alarm within n steps) is at most n / ALARM_AT.
3. Way back: from the alarm on, the ratio is taken the other way round, against the mildest form of the same fault. When
   its running sum (never below 0) reaches RECOVERED_AT to 1, the alarm ends and the search begins anew.
4. Outcomes that share their fate are one step: the mean of their ratios, which is a ratio whatever their dependence.

Ways of being off: the log-odds of the probabilities are shifted by so much, up or down.

Do not read "no alarm" as "right": thirty outcomes show a large fault only.

Example: of events said to come with .3 all come. Each gives a ratio of 2.19 for a shift of +1.5 (.3 becomes .66), and
the alarm is raised at the eighth.
Source: Page (1954), Biometrika 41, 100-115; Shin, Ramdas and Rinaldo (2023), "E-detectors: a nonparametric framework
for sequential change detection" (its use without a model).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from predictions.calibration.recalibration import expit, logit

FloatArray = NDArray[np.float64]

ALARM_AT = 100.0
"""Proven: 100 steps to a false alarm, on average at the least. Simulated: one in 250 steps in one record of seven."""
RECOVERED_AT = 20.0
"""As strong against the fault as is called strong evidence. Starting value."""
SHIFTS = (0.75, 1.5, -0.75, -1.5)
"""Log-odds: .5 was really .68, .82, .32, .18."""
TOO_LOW, TOO_HIGH = "TOO_LOW", "TOO_HIGH"
SHIFT_FAULTS = (TOO_LOW, TOO_LOW, TOO_HIGH, TOO_HIGH)
MILDEST_OF_SHIFTS = (0, 0, 2, 2)


@dataclass(frozen=True, slots=True)
class Drift:
    """What an alarm says after the last step.

    steps: outcomes, or groups of them;  evidence: against right forecasts, 1 is none, ALARM_AT raises the alarm
    fault: in which way, None without alarm;  since_step, alarm_step: where it began by all appearance, and was seen
    alarms: raised over the whole record, the present one included
    """

    steps: int
    is_alarming: bool
    evidence: float
    fault: str | None
    since_step: int | None
    alarm_step: int | None
    alarms: int


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """Likelihood ratios of each step: shape (steps, ways), above 0.

    faults: name of each way;  mildest: way by way, the mildest of the same fault
    """

    values: FloatArray
    faults: tuple[str, ...]
    mildest: tuple[int, ...]

    def grouped(self, groups: Sequence[int]) -> "Ratios":
        """One step for each group: the mean of its ratios.  groups: shape (steps,), rising"""
        if len(self.values) == 0:
            return self
        _, starts, counts = np.unique(np.asarray(groups), return_index=True, return_counts=True)
        sums = np.add.reduceat(self.values, starts, axis=0)
        return Ratios(sums / counts[:, None], self.faults, self.mildest)


def ratios_of_probabilities(probabilities: ArrayLike, occurred: ArrayLike) -> Ratios:
    """For forecast probabilities and what came of them.  shape (n,), in [0, 1], and truth"""
    log_odds, truth = logit(probabilities), np.asarray(occurred, dtype=bool)
    said = expit(log_odds)
    shifted = expit(log_odds[:, None] + np.array(SHIFTS))
    values = np.where(truth[:, None], shifted / said[:, None], (1 - shifted) / (1 - said[:, None]))
    return Ratios(values, SHIFT_FAULTS, MILDEST_OF_SHIFTS)


def find_drift(ratios: Ratios, *, alarm_at: float = ALARM_AT) -> Drift:
    """The state of the alarm after all steps, oldest first."""
    states = alarm_states(ratios, alarm_at=alarm_at)
    return states[-1] if states else Drift(0, False, 1.0, None, None, None, 0)


def alarm_states(ratios: Ratios, *, alarm_at: float = ALARM_AT, recovered_at: float = RECOVERED_AT) -> list[Drift]:
    """The state of the alarm after each step: no state depends on a later step.

    alarm_at, recovered_at: odds at which the alarm is raised and ended, above 1
    """
    won, begins = np.ones(len(ratios.faults)), np.zeros(len(ratios.faults), dtype=np.int64)
    found: list[Drift] = []
    way, since, alarm_step, way_back, alarms, evidence = -1, 0, 0, 0.0, 0, 1.0
    for step, row in enumerate(ratios.values):
        if way >= 0:
            way_back = max(0.0, way_back - math.log(row[ratios.mildest[way]]))
            if way_back >= math.log(recovered_at):
                way, evidence = -1, 1.0
                won[:], begins[:] = 1.0, step + 1
        else:
            begins = np.where(won <= 1, step, begins)
            won = np.maximum(won, 1.0) * row
            evidence = max(1.0, float(won.mean()))
            if evidence >= alarm_at:
                way = int(np.argmax(won))
                since, alarm_step, way_back, alarms = int(begins[way]), step, 0.0, alarms + 1
        alarming = way >= 0
        found.append(
            Drift(
                step + 1,
                alarming,
                evidence,
                ratios.faults[way] if alarming else None,
                since if alarming else None,
                alarm_step if alarming else None,
                alarms,
            )
        )
    return found
