"""Process behaviour charts: which values of a series say that the process has changed, and which are its usual noise.

1. The natural limits of single values are mean ± 2.66 times the mean moving range (the mean absolute difference of
   neighbours); the limit of the moving ranges themselves is 3.27 times their mean.
2. Three rules find signals: one value outside the limits; eight in a row on one side of the mean; three of four in a
   row nearer to a limit than to the mean, on one side.
3. A rule marks every value of the run that fulfils it.

Assumes that values stand in the order of time and one value does not make the next. Do not compute limits from less
than eight values, nor read "no signal" as "good": a stable process can be stably bad.

Example: 3, 5, 4, 4: mean 4, moving ranges 2, 1, 0 with mean 1, so limits 4 ± 2.66. A next value of 7 is outside them.
(Four values for the sake of checking; eight are needed.)
Source: Wheeler (2000), Understanding Variation, 2nd ed.; ISO 7870-2.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]

LIMIT_FACTOR = 2.66
"""3 / d2 with d2 = 1.128, the mean range of two normal values in standard deviations."""
RANGE_FACTOR = 3.27
"""D4 for ranges of two."""
MIN_VALUES = 8
"""Starting value: with fewer the limits move by a third with the next value."""
RUN_LENGTH = 8
NEAR_COUNT, NEAR_WINDOW = 3, 4


class SignalRule(StrEnum):
    """What makes values a signal."""

    OUTSIDE_LIMITS = "OUTSIDE_LIMITS"
    RUN_ON_ONE_SIDE = "RUN_ON_ONE_SIDE"
    NEAR_A_LIMIT = "NEAR_A_LIMIT"


@dataclass(frozen=True, slots=True)
class NaturalLimits:
    """What the process does when nothing changes: in the unit of the series.

    low may lie below what a count can be: it is not cut, since that would move the point from where values are near it
    range_high: the largest usual difference of neighbours;  n: values it rests on
    """

    low: float
    mean: float
    high: float
    range_high: float
    n: int


@dataclass(frozen=True, slots=True)
class ProcessSignal:
    """Values that say something changed.

    first, last: positions in the series, both included;  is_above: on which side of the mean
    """

    rule: SignalRule
    first: int
    last: int
    is_above: bool


def natural_limits(values: FloatArray) -> NaturalLimits | None:
    """The limits of a series, oldest first; None below eight values or where one is no finite number."""
    if len(values) < MIN_VALUES or not bool(np.isfinite(values).all()):
        return None
    mean, moving_range = float(values.mean()), float(np.abs(np.diff(values)).mean())
    half = LIMIT_FACTOR * moving_range
    return NaturalLimits(mean - half, mean, mean + half, RANGE_FACTOR * moving_range, len(values))


def process_signals(values: FloatArray, *, limits: NaturalLimits | None = None) -> tuple[ProcessSignal, ...]:
    """Every signal of a series, by its first value; none where there are no limits.

    limits: of a period chosen before, so that what is judged does not move its own limits; else of the series itself
    """
    limits = limits or natural_limits(values)
    if limits is None or not bool(np.isfinite(values).all()):
        return ()
    found = []
    for is_above in (True, False):
        height = values - limits.mean if is_above else limits.mean - values
        reach = limits.high - limits.mean if is_above else limits.mean - limits.low
        found += _runs(height > reach, SignalRule.OUTSIDE_LIMITS, is_above, shortest=1)
        found += _runs(height > 0, SignalRule.RUN_ON_ONE_SIDE, is_above, shortest=RUN_LENGTH)
        found += _runs(_in_dense_window(height > reach / 2), SignalRule.NEAR_A_LIMIT, is_above, shortest=1)
    return tuple(sorted(found, key=lambda signal: (signal.first, signal.rule, signal.is_above)))


def has_signal_at_end(values: FloatArray, *, limits: NaturalLimits | None = None) -> bool:
    """Whether a signal reaches the newest value."""
    return any(signal.last == len(values) - 1 for signal in process_signals(values, limits=limits))


def _runs(flags: Flags, rule: SignalRule, is_above: bool, *, shortest: int) -> list[ProcessSignal]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [
        ProcessSignal(rule, int(first), int(end) - 1, is_above)
        for first, end in zip(edges[::2], edges[1::2], strict=True)
        if end - first >= shortest
    ]


def _in_dense_window(near: Flags) -> Flags:
    """Values inside a window of four of which three are near, from the first near one to the last."""
    marked = np.zeros(len(near), dtype=np.bool_)
    for begin in range(max(0, len(near) - NEAR_WINDOW + 1)):
        inside = np.flatnonzero(near[begin : begin + NEAR_WINDOW])
        if len(inside) >= NEAR_COUNT:
            marked[begin + inside[0] : begin + inside[-1] + 1] = True
    return marked
