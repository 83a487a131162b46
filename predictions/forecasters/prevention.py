"""What can still be done about a delay, how much it would help, and until when.

1. Two generic actions: leave out a fifth of what is then still open; add a fifth of capacity, which counts four weeks
   after it starts.
2. An action that starts s days from now changes each simulated duration (the same trials: common random numbers).
3. The latest start of an action is the largest s, to the hour, at which P(on time) is still at least the accepted one.
   P falls as s grows, so it is found by bisection.
4. The prevention window is the latest of the latest starts over the actions that work. Its interval repeats 3 with all
   durations longer or shorter by the standard error of their level. None works: there is no window.

Assumes that work gets done evenly within a trial. Do not believe the effect of added people on a late start: they cost
the others time before they help (Brooks 1975), which the four weeks only approximate.

Example: every trial takes 100 d, the target is in 90 d. Leaving out a fifth of the rest at day s makes it
s + 0.8 * (100 - s) = 80 + 0.2 s d, which meets the target until s = 50.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from predictions.enums import Priority
from predictions.forecasters.finish import INTERVAL_Z, MAX_HORIZON_WEEKS, FinishTrials
from projects.history.calendar import DAYS_PER_WEEK

FloatArray = NDArray[np.float64]

ACCEPTED_PROBABILITY = 0.85
"""P(on time) that a tenant accepts unless it says otherwise."""
SCOPE_CUT_SHARE = 0.2
ADDED_CAPACITY_SHARE = 0.2
"""A fifth: about what a team can leave out or take in without becoming another project."""
RAMP_UP_DAYS = 28.0
"""Two iterations until somebody new carries weight."""
P85 = 0.85


@dataclass(frozen=True, slots=True)
class ActionEffect:
    """What one generic action would do if it started now.

    days_saved_p85: elapsed days by which the P85 finish comes earlier; None where it stays beyond ten years
    latest_start_h: None where it cannot help enough
    """

    code: str
    title: str
    description: str
    priority: Priority
    p_on_time_before: float
    p_on_time_after: float
    days_saved_p85: float | None
    latest_start_h: float | None


@dataclass(frozen=True, slots=True)
class PreventionWindow:
    """Hours left to start the best action that still restores the accepted probability, with an 80 % interval.

    low_h is None where, if things are as much worse, no action works.
    """

    hours: float
    low_h: float | None
    high_h: float | None
    action: str


Effect = TypeVar("Effect")
Case = TypeVar("Case")


class Action(NamedTuple, Generic[Effect]):
    """One generic thing that can be done.  effect: what it changes, in the terms of its forecaster"""

    code: str
    title: str
    description: str
    effect: Effect


Scenario = Callable[[FloatArray, float], FloatArray]
"""Durations in days, and the day an action starts -> durations with the action."""


def leave_out(days: FloatArray, start_day: float) -> FloatArray:
    """A share of what is then still open is not done."""
    rest = np.maximum(days - start_day, 0.0)
    return days - rest * SCOPE_CUT_SHARE


def add_capacity(days: FloatArray, start_day: float) -> FloatArray:
    """From the end of the ramp-up on, work goes faster."""
    rest = np.maximum(days - start_day - RAMP_UP_DAYS, 0.0)
    return days - rest * (1 - 1 / (1 + ADDED_CAPACITY_SHARE))


ACTIONS: tuple[Action[Scenario], ...] = (
    Action(
        "LEAVE_OUT_SCOPE",
        f"Leave out {SCOPE_CUT_SHARE:.0%} of the open work",
        "Agree with the sponsor which of the open items this date does not need, and move them behind it.",
        leave_out,
    ),
    Action(
        "ADD_CAPACITY",
        f"Add {ADDED_CAPACITY_SHARE:.0%} capacity",
        f"Free people from other duties or bring some in; counted from {RAMP_UP_DAYS:.0f} days after the start.",
        add_capacity,
    ),
)


def action_effects(trials: FinishTrials, *, days_left: float, accepted: float) -> tuple[ActionEffect, ...]:
    """Every generic action, the one that helps most first.  days_left: elapsed days to the end of the target day."""
    before = trials.share_within(days_left)
    effects = []
    for code, title, description, scenario in ACTIONS:
        now = scenario(trials.days, 0.0)
        after = replace(trials, days=now).share_within(days_left)
        effects.append(
            ActionEffect(
                code=code,
                title=title,
                description=description,
                priority=_priority(share_within(now, days_left), accepted),
                p_on_time_before=before,
                p_on_time_after=after,
                days_saved_p85=_days_saved(trials.days, now),
                latest_start_h=latest_start_h(trials.days, scenario, days_left=days_left, accepted=accepted),
            )
        )
    return tuple(sorted(effects, key=lambda effect: (-effect.p_on_time_after, effect.code)))


def prevention_window(trials: FinishTrials, *, days_left: float, accepted: float) -> PreventionWindow | None:
    """The hours left to act; None where no action restores the accepted probability, or none is needed."""
    if share_within(trials.days, days_left) >= accepted:
        return None
    factor = math.exp(INTERVAL_Z * trials.level_error)
    return window_over(
        ACTIONS,
        lambda scenario, days: latest_start_h(days, scenario, days_left=days_left, accepted=accepted),
        now=trials.days,
        worse=trials.days * factor,
        better=trials.days * (1 / factor),
    )


def latest_start_h(days: FloatArray, scenario: Scenario, *, days_left: float, accepted: float) -> float | None:
    """Latest start, in whole hours from now, that restores the accepted probability; None where even now does not."""

    return latest_hour(
        lambda hour: share_within(scenario(days, hour / 24), days_left) >= accepted, limit_h=math.ceil(days_left * 24)
    )


def latest_hour(restores: Callable[[int], bool], *, limit_h: int) -> float | None:
    """The last whole hour in [0, limit_h] at which starting still helps; None where even now does not.

    restores: true up to some hour and false after it
    """
    low, high = 0, limit_h
    if not restores(low):
        return None
    if restores(high):
        return float(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if restores(middle) else (low, middle)
    return float(low)


Start = tuple[float, str]
"""Hours from now, and the action that may start so late."""


def best_start(starts: Iterable[tuple[str, float | None]]) -> Start | None:
    """The latest of the latest starts of some actions; None where none of them helps.

    starts: code of each, and its latest start in hours, None where it cannot help
    """
    return max(((hours, code) for code, hours in starts if hours is not None), default=None)


def window_of(best: Start, *, worse: Start | None, better: Start | None) -> PreventionWindow:
    """The window of the best start, with what it would be if things are worse or better by their error."""
    return PreventionWindow(
        hours=best[0],
        low_h=None if worse is None else min(worse[0], best[0]),
        high_h=None if better is None else max(better[0], best[0]),
        action=best[1],
    )


def window_over(
    actions: Sequence[Action[Effect]],
    latest_start_h: Callable[[Effect, Case], float | None],
    *,
    now: Case,
    worse: Case,
    better: Case,
) -> PreventionWindow | None:
    """The window of the best of some actions; None where none of them helps.

    latest_start_h: of an effect in a case, None where it cannot help
    """

    def best_in(case: Case) -> Start | None:
        return best_start((action.code, latest_start_h(action.effect, case)) for action in actions)

    best = best_in(now)
    return None if best is None else window_of(best, worse=best_in(worse), better=best_in(better))


def share_within(days: FloatArray, days_left: float) -> float:
    """Share of the trials that end in time."""
    return float((days <= days_left).mean())


def _days_saved(before: FloatArray, after: FloatArray) -> float | None:
    before_days, after_days = float(np.quantile(before, P85)), float(np.quantile(after, P85))
    return None if before_days > MAX_HORIZON_WEEKS * DAYS_PER_WEEK else before_days - after_days


def _priority(after: float, accepted: float) -> Priority:
    return Priority.HIGH if after >= accepted else Priority.MEDIUM
