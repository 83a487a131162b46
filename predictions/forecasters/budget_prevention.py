"""What can still be done about a budget, how much it would help, and until when.

1. Two generic actions: leave out a fifth of what is then still open; spend a tenth less from four weeks after the
   start.
2. An action that starts s days from now changes the cost of each trial from then on (the same trials).
3. The latest start of an action is the largest s, to the hour, at which P(within budget) is still at least the
   accepted one.
4. The prevention window is the latest of these over the actions that work. Its interval repeats 3 with all costs higher
   or lower by the error of their level. None works, or none is needed: there is no window.

Assumes that money is spent evenly within a trial, and that leaving work out ends its cost at once.

Example: every trial costs 100 over 100 d, 90 are left. Leaving out a fifth from day s on costs 100 - 0.2 (100 - s),
which is within 90 until s = 50.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.prevention import P85, Action, PreventionWindow, latest_hour, window_over
from predictions.forecasters.risk import PreventiveOption, best_first
from predictions.forecasters.spending import CostTrials

FloatArray = NDArray[np.float64]

SCOPE_CUT_SHARE, SPENDING_CUT_SHARE, SPENDING_CUT_AFTER_DAYS = 0.2, 0.1, 28.0
"""A fifth of the open work can often be left out; a tenth of spending can be cut once contracts allow it."""


CostScenario = Callable[[CostTrials, float], FloatArray]
"""Trials, and the day an action starts -> the cost of the rest with the action."""


def leave_out(trials: CostTrials, start_day: float) -> FloatArray:
    """A share of what is then still open is not done, and not paid."""
    return trials.rest - SCOPE_CUT_SHARE * _spent_after(trials, start_day)


def spend_less(trials: CostTrials, start_day: float) -> FloatArray:
    """Once contracts allow it, the same work costs a share less."""
    return trials.rest - SPENDING_CUT_SHARE * _spent_after(trials, start_day + SPENDING_CUT_AFTER_DAYS)


def _spent_after(trials: CostTrials, day: float) -> FloatArray:
    later: FloatArray = trials.rest * np.clip(1 - day / trials.days, 0.0, 1.0)
    return later


ACTIONS: tuple[Action[CostScenario], ...] = (
    Action(
        "LEAVE_OUT_SCOPE",
        f"Leave out {SCOPE_CUT_SHARE:.0%} of the open work",
        "Agree with the sponsor which of the open items this budget does not need.",
        leave_out,
    ),
    Action(
        "SPEND_LESS",
        f"Cut spending by {SPENDING_CUT_SHARE:.0%}",
        "End or renegotiate contracts, licences and services that the open work does not need; counted from "
        f"{SPENDING_CUT_AFTER_DAYS:.0f} days after the start, since notice has to be given.",
        spend_less,
    ),
)


def budget_options(trials: CostTrials, *, money_left: float, accepted: float) -> tuple[PreventiveOption, ...]:
    """Every generic action, the one that helps most first; money_saved_p85 is off the cost at completion."""
    p85 = float(np.quantile(trials.rest, P85))
    options = []
    for action in ACTIONS:
        now = action.effect(trials, 0.0)
        options.append(
            PreventiveOption.of(
                action,
                probability_after=_chance_of_more(now, money_left),
                latest_start_h=latest_start_h(trials, action.effect, money_left=money_left, accepted=accepted),
                money_saved_p85=p85 - float(np.quantile(now, P85)),
            )
        )
    return best_first(options)


def latest_start_h(trials: CostTrials, scenario: CostScenario, *, money_left: float, accepted: float) -> float | None:
    """Latest start, in whole hours from now, that restores the accepted probability; None where even now does not."""
    return latest_hour(
        lambda hour: _share_within(scenario(trials, hour / 24), money_left) >= accepted,
        limit_h=math.ceil(float(np.quantile(trials.days, P85)) * 24),
    )


def budget_window(trials: CostTrials, *, money_left: float, accepted: float) -> PreventionWindow | None:
    """The hours left to act; None where no action restores the accepted probability, or none is needed."""
    if _share_within(trials.rest, money_left) >= accepted:
        return None
    factor = math.exp(INTERVAL_Z * trials.level_error)
    return window_over(
        ACTIONS,
        lambda scenario, left: latest_start_h(trials, scenario, money_left=left, accepted=accepted),
        now=money_left,
        worse=money_left * (1 / factor),
        better=money_left * factor,
    )


def _chance_of_more(rest: FloatArray, money_left: float) -> float:
    """Share of the trials that cost more, with one more each way, as what is forecast has it: in (0, 1)."""
    return (float((rest > money_left).sum()) + 1) / (len(rest) + 2)


def _share_within(rest: FloatArray, money_left: float) -> float:
    return float((rest <= money_left).mean())
