"""What can still be done about overload, how much it would help, and until when.

1. Three generic actions: put a fifth of the work in progress back, which eases the load from a week after the start;
   agree on quiet evenings, which halves the distance of the after-hours share above its mean from a week after it; add
   one person, who counts four weeks after the start.
2. Each changes the same simulated weeks (common random numbers) that begin after it takes effect.
3. The latest start of an action is the latest hour at which P(no overload) is still at least the accepted one.
4. The prevention window is the latest of these over the actions that work. Its interval repeats 3 with both series
   higher or lower by the error of their mean. None works, or none is needed: there is no window.

Assumes that the team may decide so. An agreement on evenings that leaves the work as it is moves it elsewhere.

Example: both are above their limits for certain in weeks 2 to 6. Putting a fifth back eases the load from week 2 on if
it starts by the end of the week before, and prevents all of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.capacity_series import longest_run_ends
from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.prevention import RAMP_UP_DAYS, Action, PreventionWindow, latest_hour, window_over
from predictions.forecasters.risk import PreventiveOption, best_first

FloatArray = NDArray[np.float64]

HOURS_PER_DAY = 24.0
PUT_BACK_SHARE, EVENINGS_SHARE, NOTICE_DAYS = 0.2, 0.5, 7.0


@dataclass(frozen=True, slots=True, eq=False)
class OverloadOutlook:
    """Weeks ahead by trial, and what they are held against.

    after_hours: share, load: items per person; shape (trials, weeks) both;  ..._limit, ..._mean: the team's own
    week_starts_h, week_ends_h: hours from t, shape (weeks,)
    after_hours_error, load_error: standard errors of the means;  people: of the team
    """

    after_hours: FloatArray
    load: FloatArray
    after_hours_limit: float
    load_limit: float
    after_hours_mean: float
    after_hours_error: float
    load_error: float
    run_weeks: int
    week_starts_h: FloatArray
    week_ends_h: FloatArray
    people: int


Scenario = Callable[[OverloadOutlook, float], tuple[FloatArray, FloatArray]]
"""Outlook, and the hour an action starts -> after-hours share and load with the action."""


def put_back(outlook: OverloadOutlook, start_h: float) -> tuple[FloatArray, FloatArray]:
    """A share of the work in progress goes back to the queue."""
    counts = outlook.week_starts_h >= start_h + NOTICE_DAYS * HOURS_PER_DAY
    return outlook.after_hours, np.where(counts, outlook.load * (1 - PUT_BACK_SHARE), outlook.load)


def quiet_evenings(outlook: OverloadOutlook, start_h: float) -> tuple[FloatArray, FloatArray]:
    """Half of what is above the usual share of evenings goes."""
    counts = outlook.week_starts_h >= start_h + NOTICE_DAYS * HOURS_PER_DAY
    excess = np.maximum(outlook.after_hours - outlook.after_hours_mean, 0.0)
    return np.where(counts, outlook.after_hours - EVENINGS_SHARE * excess, outlook.after_hours), outlook.load


def add_person(outlook: OverloadOutlook, start_h: float) -> tuple[FloatArray, FloatArray]:
    """The same work in progress is shared by one more."""
    counts = outlook.week_starts_h >= start_h + RAMP_UP_DAYS * HOURS_PER_DAY
    shared = outlook.load * outlook.people / (outlook.people + 1)
    return outlook.after_hours, np.where(counts, shared, outlook.load)


ACTIONS: tuple[Action[Scenario], ...] = (
    Action(
        "PUT_WORK_BACK",
        f"Put {PUT_BACK_SHARE:.0%} of the work in progress back",
        f"Agree which started items can wait, and finish before starting; counted from {NOTICE_DAYS:.0f} days on.",
        put_back,
    ),
    Action(
        "QUIET_EVENINGS",
        "Agree on quiet evenings and weekends",
        f"Move releases and calls into working hours; counted from {NOTICE_DAYS:.0f} days on.",
        quiet_evenings,
    ),
    Action(
        "ADD_PERSON",
        "Add one person",
        f"Free somebody from other duties or bring one in; counted from {RAMP_UP_DAYS:.0f} days after the start.",
        add_person,
    ),
)


def share_overloaded(outlook: OverloadOutlook, after_hours: FloatArray, load: FloatArray) -> float:
    """Share of the trials in which both are above their limits for so many weeks in a row."""
    return float((run_ends(outlook, after_hours, load) >= 0).mean())


def run_ends(outlook: OverloadOutlook, after_hours: FloatArray, load: FloatArray) -> NDArray[np.int64]:
    """The last week of the first such run by trial, -1 where there is none."""
    above = (after_hours > outlook.after_hours_limit) & (load > outlook.load_limit)
    return longest_run_ends(above, outlook.run_weeks)


def overload_options(outlook: OverloadOutlook, *, accepted: float) -> tuple[PreventiveOption, ...]:
    """Every action, the one that helps most first."""
    return best_first(
        PreventiveOption.of(
            action,
            probability_after=_share_after(outlook, action.effect, 0.0),
            latest_start_h=_latest_start_h(outlook, action.effect, accepted=accepted),
        )
        for action in ACTIONS
    )


def overload_window(outlook: OverloadOutlook, *, accepted: float) -> PreventionWindow | None:
    """The hours left to act; None where no action restores the accepted probability, or none is needed."""
    if share_overloaded(outlook, outlook.after_hours, outlook.load) <= 1 - accepted:
        return None
    return window_over(
        ACTIONS,
        lambda scenario, case: _latest_start_h(case, scenario, accepted=accepted),
        now=outlook,
        worse=moved(outlook, INTERVAL_Z),
        better=moved(outlook, -INTERVAL_Z),
    )


def moved(outlook: OverloadOutlook, z: float) -> OverloadOutlook:
    """The same with both series higher by so many errors of their means."""
    return replace(
        outlook,
        after_hours=outlook.after_hours + z * outlook.after_hours_error,
        load=outlook.load + z * outlook.load_error,
    )


def _latest_start_h(outlook: OverloadOutlook, scenario: Scenario, *, accepted: float) -> float | None:
    return latest_hour(
        lambda hour: _share_after(outlook, scenario, float(hour)) <= 1 - accepted,
        limit_h=math.ceil(float(outlook.week_ends_h[-1])),
    )


def _share_after(outlook: OverloadOutlook, scenario: Scenario, start_h: float) -> float:
    return share_overloaded(outlook, *scenario(outlook, start_h))
