"""What kinds of actions were worth: mean effects with their uncertainty, and the order that follows from them.

1. Actions of a kind that were measured are counted once for a project and the forecast they are measured against: a
   corrective and a preventive action of the same kind, done together, are one piece of evidence.
2. An effect is counted when at least five forecasts left alone were taken off it: with fewer, what would have come by
   itself is still in it. Below five that count there is no number: untested.
3. The mean is drawn towards zero by n / (n + 5), and so are the ends of its 80 % interval (Student's t).
4. Suggestions: what is tested and helps comes first, by days saved per day of work; then what is untested, by what the
   model expects; last what is tested and, with its interval, does not help.

Example: six actions that saved 10 days each give a mean of 10 * 6 / 11 = 5.5 days.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

MIN_MEASURED = 5
MIN_COMPARED = 5
"""Forecasts left alone that an effect has to be compared with."""
SHRINKAGE_ACTIONS = 5
INTERVAL_UPPER = 0.9
HOURS_PER_DAY = 8.0


@dataclass(frozen=True, slots=True)
class MeasuredAction:
    """One action that was done and measured.

    occasion: names the project and the forecast it was measured against;  effects: days, positive is earlier
    compared_forecasts: forecasts left alone whose mean was taken off
    """

    code: str
    occasion: str
    expected_days: float | None
    measured_days: float
    compared_forecasts: int

    @property
    def is_compared(self) -> bool:
        """Whether so many forecasts left alone were taken off that the rest is the action's."""
        return self.compared_forecasts >= MIN_COMPARED


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 80 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Efficacy:
    """What one kind of action was worth.

    count: distinct occasions that count;  uncompared: occasions that do not, for want of forecasts left alone
    expected: mean of what had been expected of them, None where nothing had
    measured: None below five: untested
    """

    code: str
    count: int
    uncompared: int
    expected: Interval | None
    measured: Interval | None

    @property
    def is_tested(self) -> bool:
        """Whether there is a number at all."""
        return self.measured is not None


def efficacy_ledger(actions: Iterable[MeasuredAction]) -> dict[str, Efficacy]:
    """What each kind of action was worth, by code."""
    occasions: dict[str, dict[str, list[MeasuredAction]]] = {}
    for action in actions:
        if action.code:
            occasions.setdefault(action.code, {}).setdefault(action.occasion, []).append(action)
    return {code: _efficacy(code, list(groups.values())) for code, groups in sorted(occasions.items())}


def _efficacy(code: str, measured_on: list[list[MeasuredAction]]) -> Efficacy:
    occasions = [group for group in measured_on if all(action.is_compared for action in group)]
    count, uncompared = len(occasions), len(measured_on) - len(occasions)
    if count < MIN_MEASURED:
        return Efficacy(code, count, uncompared, None, None)
    measured = np.array([np.mean([action.measured_days for action in group]) for group in occasions])
    expected = [
        float(np.mean(known))
        for group in occasions
        if (known := [action.expected_days for action in group if action.expected_days is not None])
    ]
    return Efficacy(
        code,
        count,
        uncompared,
        _interval(np.array(expected), shrunk=False) if len(expected) >= MIN_MEASURED else None,
        _interval(measured, shrunk=True),
    )


def _interval(values: NDArray[np.float64], *, shrunk: bool) -> Interval:
    """shape (n,), n at least 2"""
    count = len(values)
    mean, error = float(values.mean()), float(values.std(ddof=1)) / count**0.5
    reach = float(stdtrit(count - 1, INTERVAL_UPPER)) * error
    factor = count / (count + SHRINKAGE_ACTIONS) if shrunk else 1.0
    return Interval(mean * factor, (mean - reach) * factor, (mean + reach) * factor)


def suggestion_key(
    code: str, *, ledger: Mapping[str, Efficacy], expected_days: float | None, effort_h: float | None
) -> tuple[int, float]:
    """Sorts suggestions, the one to take first at the top: effect and ease, measured where it was tested."""
    known = ledger.get(code)
    measured = None if known is None else known.measured
    days_of_work = 1 + (effort_h or 0.0) / HOURS_PER_DAY
    if measured is None:
        return 1, -(expected_days or 0.0) / days_of_work
    return (0 if measured.low > 0 else 2), -measured.value / days_of_work
