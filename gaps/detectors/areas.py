"""Areas of work, how much is left in each, and how many people have shown that they can do it. Nobody is told apart.

1. The area of an item is its component, else its first label. Items without are in no area.
2. Who has shown it: carriers of items of the area finished in the last 26 weeks who have left a trace in the last six,
   so that somebody who left does not count. Who never left one in the activity counts: silence says nothing of them.
3. P(depth at most one): 0 with two or more; with one who finished n items (n + 1) / (n + 3): two
   people who share by an unknown hand would leave all n to one of them in 2 / (n + 1) of the cases, and before
   anything is seen both are as likely; with nobody 1. An area counts once it is two weeks
   old and has five open items.
4. An area is a bottleneck by demand where the items left, over what it finishes by the target, exceed 1.2 times what
   the whole project has of that: drawn from the gamma posterior of its rate over 26 weeks.

Assumes that carrying an item to its end shows the skill for it. Do not believe it where components are owned on purpose
and handed over with care: then it is a decision, and a gap to be closed by hand.

Example: one person finished all 12 items of an area: 13 / 15 = 87 % that no second one is there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaps.causes.weekly import Weekly
from projects.enums import TrackedField
from projects.history.calendar import WorkCalendar
from projects.history.columns import Flags, Rows
from projects.history.instants import MICROSECONDS_PER_WEEK, NEVER
from projects.history.project_history import ProjectHistory
from projects.history.two_clocks import NOBODY

FloatArray = NDArray[np.float64]

SKILL_WEEKS, TRACE_WEEKS = 26, 6
"""Half a year of work shows who can; six weeks without a trace is more than a holiday. Starting values."""
NEW_AREA_WEEKS, MIN_OPEN_ITEMS = 2, 5
"""A new component with a single ticket is no gap in skill."""
NO_AREA = -1
MAX_NAME = 80
"""Longer names would not fit into what is kept of a finding."""


@dataclass(frozen=True, eq=False)
class Areas:
    """The areas of a project: lists and arrays of one row per area, ordered by name.

    of_item: area of each item, NO_AREA without;  open_items, finished: items, the latter of 26 weeks by work
    depth: people who have shown it and are there;  before: people who had shown it, there or not
    p_thin: P(depth at most one);  weeks: on record of the 26
    """

    names: tuple[str, ...]
    of_item: Rows
    open_items: NDArray[np.int64]
    finished: NDArray[np.int64]
    depth: NDArray[np.int64]
    before: NDArray[np.int64]
    p_thin: FloatArray
    weeks: int

    @property
    def covered(self) -> float:
        """Open items in an area: how many."""
        return float(self.open_items.sum())


def areas(known: ProjectHistory, calendar: WorkCalendar) -> Areas:
    """The areas of a history restricted to a moment."""
    names, of_item = _areas_of_items(known)
    count, states = len(names), known.states
    is_in = of_item != NO_AREA
    open_items = np.bincount(of_item[is_in & states.open], minlength=count)
    since_us = known.known_at_us - SKILL_WEEKS * MICROSECONDS_PER_WEEK
    worked = Weekly(known, calendar, 1).is_worked_finish & (states.finished_us > since_us) & is_in
    carried = worked & (known.assignees != NOBODY)
    pairs = np.unique(np.stack([of_item[carried], known.assignees[carried]], axis=1), axis=0)
    there = _is_there(known, pairs[:, 1])
    depth = np.bincount(pairs[there, 0], minlength=count)
    of_those_there = carried & _is_there(known, known.assignees)
    shown = np.bincount(of_item[of_those_there], minlength=count)
    # A finish without a carrier may be anybody's, so the area is not known to be thin.
    is_nobodys = np.bincount(of_item[worked & ~carried], minlength=count) > 0
    first_us = np.full(count, NEVER, dtype=np.int64)
    np.minimum.at(first_us, of_item[is_in], known.items.created_us[is_in])
    is_settled = (first_us < known.known_at_us - NEW_AREA_WEEKS * MICROSECONDS_PER_WEEK) & (
        open_items >= MIN_OPEN_ITEMS
    )
    p_thin = np.where(depth == 1, (shown + 1) / (shown + 3), np.where(depth == 0, 1.0, 0.0))
    return Areas(
        names=names,
        of_item=of_item,
        open_items=open_items.astype(np.int64),
        finished=np.bincount(of_item[worked], minlength=count).astype(np.int64),
        depth=depth.astype(np.int64),
        before=np.bincount(pairs[:, 0], minlength=count).astype(np.int64),
        p_thin=np.where(is_nobodys | ~is_settled, 0.0, p_thin),
        weeks=_weeks_of(known, since_us),
    )


def _areas_of_items(known: ProjectHistory) -> tuple[tuple[str, ...], Rows]:
    components, labels = known.values_of("component").tolist(), known.values_of(TrackedField.LABELS).tolist()
    name_of = {pair: _name(*pair) for pair in set(zip(components, labels, strict=True))}
    told = [name_of[pair] for pair in zip(components, labels, strict=True)]
    names = tuple(sorted(set(told) - {""}))
    number = {name: index for index, name in enumerate(names)}
    return names, np.array([number.get(name, NO_AREA) for name in told], dtype=np.intp)


def _name(component: object, labels: object) -> str:
    """The component, else the first label; empty without either."""
    if component:
        return str(component).strip()[:MAX_NAME]
    return next(iter(str(labels or "").replace(",", " ").split()), "")[:MAX_NAME]


def _is_there(known: ProjectHistory, people: NDArray[np.int64]) -> Flags:
    """Who is to be counted: shape of people. Silence says something only of people who left traces before."""
    activity = known.activity
    begin = int(np.searchsorted(activity.at_us, known.known_at_us - TRACE_WEEKS * MICROSECONDS_PER_WEEK))
    lately = known.states.finished_us > known.known_at_us - TRACE_WEEKS * MICROSECONDS_PER_WEEK
    finished_lately = known.assignees[lately & known.states.finished]
    is_recent = np.isin(people, activity.contributor[begin:]) | np.isin(people, finished_lately)
    flags: Flags = is_recent | ~np.isin(people, activity.contributor[:begin])
    return flags


def _weeks_of(known: ProjectHistory, since_us: int) -> int:
    """Weeks of the skill window that are on record, at least one."""
    first_us = int(known.finished_us[0]) if known.finished_us.size else known.known_at_us
    return max(1, int((known.known_at_us - max(first_us, since_us)) // MICROSECONDS_PER_WEEK))
