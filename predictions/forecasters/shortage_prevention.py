"""What can still be done about a shortage of capacity, how much it would help, and until when.

1. Three generic actions: leave out a fifth of the open work, so that the level falls by a fifth from the start on; add
   one person, who counts four weeks after the start; move the absences already entered, from a week after the start.
2. Each changes the same simulated capacities (common random numbers) on the days that begin after it takes effect.
3. The latest start of an action is the latest hour at which P(no shortage) is still at least the accepted one: found
   by bisection, since starting later never helps more.
4. The prevention window is the latest of these over the actions that work. Its interval repeats 3 with all capacity
   higher or lower by its error. None works, or none is needed: there is no window.

Assumes that a person more brings what one of the team does, once the ramp-up is over.

Example: capacity will be 6 against a level of 7 from day 20 to day 40, for certain. Leaving out a fifth makes the level
5.6, in time if it is agreed before day 25: until then fewer than five days in a row are short.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.capacity_series import longest_run_ends
from predictions.forecasters.capacity_simulation import CapacityTrials
from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.prevention import (
    RAMP_UP_DAYS,
    SCOPE_CUT_SHARE,
    Action,
    PreventionWindow,
    latest_hour,
    window_over,
)
from predictions.forecasters.risk import PreventiveOption, best_first

FloatArray = NDArray[np.float64]

HOURS_PER_DAY = 24.0
ABSENCE_NOTICE_DAYS = 7.0


@dataclass(frozen=True, slots=True, eq=False)
class ShortageOutlook:
    """Capacity by trial and day of the claim, and what it is held against.

    day_starts_h, day_ends_h: hours from t, shape (days,);  error: of the logarithm of capacity
    """

    trials: CapacityTrials
    level: float
    run_days: int
    day_starts_h: FloatArray
    day_ends_h: FloatArray
    error: float


Scenario = Callable[[ShortageOutlook, float], tuple[FloatArray, FloatArray | float]]
"""Outlook, and the hour an action starts -> capacity and level with the action."""


def leave_out(outlook: ShortageOutlook, start_h: float) -> tuple[FloatArray, FloatArray | float]:
    """Less work needs less capacity, from the start on."""
    level = np.where(outlook.day_starts_h >= start_h, outlook.level * (1 - SCOPE_CUT_SHARE), outlook.level)
    return outlook.trials.capacity, level


def add_person(outlook: ShortageOutlook, start_h: float) -> tuple[FloatArray, FloatArray | float]:
    """One person more, once the ramp-up is over."""
    counts = outlook.day_starts_h >= start_h + RAMP_UP_DAYS * HOURS_PER_DAY
    return outlook.trials.capacity + counts * outlook.trials.usual, outlook.level


def move_absences(outlook: ShortageOutlook, start_h: float) -> tuple[FloatArray, FloatArray | float]:
    """Absences already entered are moved out of the time that is short."""
    counts = outlook.day_starts_h >= start_h + ABSENCE_NOTICE_DAYS * HOURS_PER_DAY
    trials = outlook.trials
    return np.where(counts, np.maximum(trials.without_planned_absence, trials.capacity), trials.capacity), outlook.level


ACTIONS: tuple[Action[Scenario], ...] = (
    Action(
        "LEAVE_OUT_SCOPE",
        f"Leave out {SCOPE_CUT_SHARE:.0%} of the open work",
        "Agree with the sponsor which of the open items this date does not need, and move them behind it.",
        leave_out,
    ),
    Action(
        "ADD_PERSON",
        "Add one person",
        f"Free somebody from other duties or bring one in; counted from {RAMP_UP_DAYS:.0f} days after the start.",
        add_person,
    ),
    Action(
        "MOVE_ABSENCES",
        "Move planned absences",
        f"Ask whether absences can be spread out; counted from {ABSENCE_NOTICE_DAYS:.0f} days after the start.",
        move_absences,
    ),
)


def share_short(capacity: FloatArray, level: FloatArray | float, run_days: int) -> float:
    """Share of the trials that are below the level for so many days in a row."""
    return float((longest_run_ends(capacity < level, run_days) >= 0).mean())


def shortage_options(outlook: ShortageOutlook, *, accepted: float) -> tuple[PreventiveOption, ...]:
    """Every action that does anything, the one that helps most first."""
    before = share_short(outlook.trials.capacity, outlook.level, outlook.run_days)
    options = []
    for action in ACTIONS:
        after = _share_after(outlook, action.effect, 0.0)
        if after < before or (action.code != "MOVE_ABSENCES" and before == 0):
            latest = _latest_start_h(outlook, action.effect, accepted=accepted)
            options.append(PreventiveOption.of(action, probability_after=after, latest_start_h=latest))
    return best_first(options)


def shortage_window(outlook: ShortageOutlook, *, accepted: float) -> PreventionWindow | None:
    """The hours left to act; None where no action restores the accepted probability, or none is needed."""
    if share_short(outlook.trials.capacity, outlook.level, outlook.run_days) <= 1 - accepted:
        return None
    factor = math.exp(INTERVAL_Z * outlook.error)
    return window_over(
        ACTIONS,
        lambda scenario, case: _latest_start_h(case, scenario, accepted=accepted),
        now=outlook,
        worse=replace(outlook, level=outlook.level * factor),
        better=replace(outlook, level=outlook.level * (1 / factor)),
    )


def _latest_start_h(outlook: ShortageOutlook, scenario: Scenario, *, accepted: float) -> float | None:
    return latest_hour(
        lambda hour: _share_after(outlook, scenario, float(hour)) <= 1 - accepted,
        limit_h=math.ceil(float(outlook.day_ends_h[-1])),
    )


def _share_after(outlook: ShortageOutlook, scenario: Scenario, start_h: float) -> float:
    capacity, level = scenario(outlook, start_h)
    return share_short(capacity, level, outlook.run_days)
