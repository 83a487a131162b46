"""Bugs as they come in, and the limit above which their number is out of what the team is used to.

1. A bug arrives when it is created (projects.history.item_types says which items are bugs). Weeks are counted back from
   the moment to the first item of a known type; items created in one go are an import and left out.
2. The limit after each week is the count over 28 days that the year before it exceeds with 5 % at most: negative
   binomial, with the mean of that year and the dispersion of its own 28-day counts, shrunk towards the usual one.
3. It is never below two bugs: one more than none is no matter of quality.

Assumes that the year before is what the team is used to; a level that rose for good is the new normal after a year.

Example: 3 bugs a week for a year, with ordinary spread: 12 in 28 days, and the limit is 21.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.arrivals import USUAL_DISPERSION, upper_limit
from projects.enums import Readiness
from projects.history.calendar import counts_between
from projects.history.columns import Flags
from projects.history.instants import MICROSECONDS_PER_WEEK, PLAUSIBLE_FROM_US, Instants
from projects.history.item_types import item_types
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    arrival_reasons,
    doubtful_share,
    report,
)
from projects.history.scope import created_in_bulk

FloatArray = NDArray[np.float64]

WINDOW_WEEKS, WINDOW_DAYS = 4, 28
YEAR_WEEKS, MAX_WEEKS = 52, 156
"""What the limit is made of; what is learned from at most: three years ago was another product."""
MIN_WEEKS, GOOD_WEEKS = 12, 26
"""Three windows side by side are the least that says what is usual; half a year says it better. Starting values."""
LIMIT_SHARE, MIN_LIMIT = 0.95, 2
PRIOR_WINDOWS = 4.0
"""Own windows whose spread weighs as much as the usual one."""


@dataclass(frozen=True, slots=True, eq=False)
class BugArrivals:
    """weekly: bugs in each complete week, oldest first, shape (weeks,);  edges_us: of those, shape (weeks + 1,)

    counted: the bugs that count, shape (items,);  in_bulk: how many do not;  limits: after each week, (weeks + 1,)
    weeks_known: of the record, which may be more
    """

    weekly: FloatArray
    edges_us: Instants
    counted: Flags
    in_bulk: int
    limits: FloatArray
    weeks_known: float

    @property
    def limit(self) -> int:
        """The limit in force now: bugs in 28 days."""
        return int(self.limits[-1])


def every_bug(known: ProjectHistory) -> Flags:
    """The items whose type means a bug: shape (items,)."""
    flags: Flags = known.states.exists & item_types(known).bug
    return flags


def bug_arrivals(known: ProjectHistory) -> BugArrivals:
    """The arrivals known at the history's moment."""
    bugs, now_us = every_bug(known), known.known_at_us
    counted = bugs & ~created_in_bulk(known)
    told = known.states.exists & item_types(known).known & (known.items.created_us >= PLAUSIBLE_FROM_US)
    first_us = int(known.items.created_us[told].min(initial=now_us))
    weeks = min(int((now_us - first_us) // MICROSECONDS_PER_WEEK), MAX_WEEKS)
    edges_us = now_us + 1 + MICROSECONDS_PER_WEEK * np.arange(-weeks, 1, dtype=np.int64)
    weekly = counts_between(known.items.created_us[counted], edges_us).astype(np.float64)
    in_bulk = int((bugs & ~counted).sum())
    weeks_known = (now_us - first_us) / MICROSECONDS_PER_WEEK
    return BugArrivals(weekly, edges_us, counted, in_bulk, upper_limits(weekly), weeks_known)


def upper_limits(weekly: FloatArray) -> FloatArray:
    """The limit after each number of weeks, from those before it: shape (weeks + 1,)."""
    return np.array([_limit(weekly[max(0, end - YEAR_WEEKS) : end]) for end in range(len(weekly) + 1)])


def _limit(year: FloatArray) -> float:
    windows = len(year) / WINDOW_WEEKS
    if windows < 1:
        return float(MIN_LIMIT)
    mean = max(float(year.mean()) * WINDOW_WEEKS, 0.05)
    sums = np.convolve(year, np.ones(WINDOW_WEEKS), mode="valid")
    spread = float(((sums - mean) ** 2).mean()) / mean * windows
    dispersion = (PRIOR_WINDOWS * USUAL_DISPERSION + spread) / (PRIOR_WINDOWS + windows)
    return float(max(MIN_LIMIT, upper_limit(mean, max(dispersion, 1.05) * mean, LIMIT_SHARE)))


def bug_readiness(known: ProjectHistory, arrivals: BugArrivals) -> ReadinessReport:
    """Whether the record at the history's moment can carry how many bugs come in."""
    return report(_reasons(known, arrivals))


def _reasons(known: ProjectHistory, arrivals: BugArrivals) -> Iterable[ReadinessReason]:
    yield from arrival_reasons(known)
    if not bool(known.states.exists.any()):
        return
    types, exists = item_types(known), known.states.exists
    if not bool((types.known & exists).any()):
        message = "No item has a known type, so nothing tells bugs from other work."
        yield _wrong(ReasonCode.NO_ITEM_TYPES, message)
    elif not bool((types.bug & exists).any()):
        message = "No item is of a type whose name means a bug; that may be good news, or another word for it."
        yield _wrong(ReasonCode.NO_BUG_TYPE, message)
    yield from _shares(known, types.known, arrivals)
    if arrivals.weeks_known < GOOD_WEEKS:
        is_too_short = arrivals.weeks_known < MIN_WEEKS
        level, required = (Readiness.INSUFFICIENT, MIN_WEEKS) if is_too_short else (Readiness.LIMITED, GOOD_WEEKS)
        message = f"The record is {arrivals.weeks_known:.1f} weeks long; {required} are needed."
        unlock = UnlockStep.WAIT_FOR_HISTORY
        code, weeks = ReasonCode.HISTORY_TOO_SHORT, arrivals.weeks_known
        yield ReadinessReason(code, level, message, unlock, weeks, required)


def _shares(known: ProjectHistory, has_type: Flags, arrivals: BugArrivals) -> Iterable[ReadinessReason]:
    recent = known.states.exists & (known.items.created_us >= arrivals.edges_us[0])
    untyped = doubtful_share(
        doubtful=int((recent & ~has_type).sum()),
        total=int(recent.sum()),
        code=ReasonCode.NO_ITEM_TYPES,
        what="are items without a known type",
        unlock=UnlockStep.RECORD_ITEM_TYPES,
    )
    in_bulk = doubtful_share(
        doubtful=arrivals.in_bulk,
        total=arrivals.in_bulk + int(arrivals.counted.sum()),
        code=ReasonCode.CREATED_IN_BULK,
        what="are bugs that were created in one go, and are not counted",
        unlock=UnlockStep.CORRECT_DATES,
    )
    yield from (reason for reason in (untyped, in_bulk) if reason is not None)


def _wrong(code: ReasonCode, message: str) -> ReadinessReason:
    return ReadinessReason(code, Readiness.MISCONFIGURED, message, UnlockStep.RECORD_ITEM_TYPES)
