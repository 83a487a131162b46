"""Signs of strain as team aggregates by week, each against the team's own limits. Proxies, never a diagnosis.

1. A proxy has one value per week, more is worse: the share of activity after hours; items in progress per active
   person; the share of finished items that had come in within the week (interrupts); where items carry a retro label,
   how many of them are open for more than four weeks (ignored retro actions).
2. Weeks with fewer than five active people are not told: an aggregate of fewer is about persons.
3. Limits are the natural limits of the weeks before the newest three, at most 26; at least eight of them told.
4. A proxy is out when each of the newest three weeks lies above its upper limit. Its excess is their mean distance from
   the mean, in distances of the limit: above 1 when it is out.

Assumes that the weeks before were bearable: a team that was always overloaded shows nothing here.

Example: after hours were 5 to 15 % of the activity, with the upper limit at 20 %; for three weeks they are 30 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaps.causes.weekly import Weekly
from projects.enums import TrackedField
from projects.history.instants import MICROSECONDS_PER_WEEK
from projects.history.process_signals import natural_limits

FloatArray = NDArray[np.float64]

WEEKS_OUT, WEEKS_BEFORE = 3, 26
MIN_PEOPLE = 5
"""The least group that an opt-in pulse is told of; the same holds here."""
RETRO_LABELS = ("retro", "retrospective")
IGNORED_AFTER_WEEKS = 4


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy against its own limits.  mean, high: of the weeks before;  recent: mean of the newest three weeks

    excess: in distances of the limit from the mean, may be negative;  is_out: all three weeks above the limit
    """

    name: str
    mean: float
    high: float
    recent: float
    excess: float
    is_out: bool


PROXY_NAMES: Mapping[str, str] = {
    "AFTER_HOURS": "share of activity after hours",
    "LOAD": "items in progress per active person",
    "INTERRUPTS": "share of finished items that came in within the week",
    "IGNORED_RETRO": "open retro actions older than four weeks",
}


def proxy_series(weekly: Weekly) -> dict[str, FloatArray]:
    """The series of each proxy, NaN where a week is not told: shape (weeks,) each."""
    people = weekly.people
    enough = people >= MIN_PEOPLE
    load = np.divide(weekly.in_progress, people, out=np.full(weekly.weeks, np.nan), where=people > 0)
    series = {
        "AFTER_HOURS": weekly.after_hours_share,
        "LOAD": np.where(weekly.in_progress.any(), load, np.nan),
        "INTERRUPTS": np.where(weekly.finished >= MIN_PEOPLE, weekly.unplanned_share, np.nan),
        "IGNORED_RETRO": ignored_retro_actions(weekly),
    }
    return {name: np.where(enough, values, np.nan) for name, values in series.items()}


def proxies(series: Mapping[str, FloatArray]) -> tuple[Proxy, ...]:
    """Every proxy that the record can tell, in a fixed order.  series: as proxy_series gives them"""
    told = (_judged(name, values) for name, values in series.items())
    return tuple(proxy for proxy in told if proxy is not None)


def ignored_retro_actions(weekly: Weekly) -> FloatArray:
    """Open items with a retro label, older than four weeks, at the end of each week; NaN where no item has one."""
    known = weekly.known
    labels = known.values_of(TrackedField.LABELS).tolist()
    retro = {value for value in set(labels) if any(one in RETRO_LABELS for one in str(value or "").casefold().split())}
    if not retro:
        return np.full(weekly.weeks, np.nan)
    rows = np.array([row for row, value in enumerate(labels) if value in retro], dtype=np.intp)
    due_us = known.items.created_us[rows] + IGNORED_AFTER_WEEKS * MICROSECONDS_PER_WEEK
    end_us = np.minimum(known.states.finished_us[rows], known.items.gone_us[rows])
    counts = [int(((due_us < edge) & (end_us >= edge)).sum()) for edge in weekly.edges_us[1:]]
    return np.array(counts, dtype=np.float64)


def _judged(name: str, series: FloatArray) -> Proxy | None:
    before = series[:-WEEKS_OUT][-WEEKS_BEFORE:]
    limits, recent = natural_limits(before[np.isfinite(before)]), series[-WEEKS_OUT:]
    if limits is None or not np.isfinite(recent).all() or limits.high <= limits.mean:
        return None
    mean = float(recent.mean())
    return Proxy(
        name=name,
        mean=limits.mean,
        high=limits.high,
        recent=mean,
        excess=(mean - limits.mean) / (limits.high - limits.mean),
        is_out=bool((recent > limits.high).all()),
    )
