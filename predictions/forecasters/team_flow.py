"""How much a team has in work at once, how long items take it, and how many people finish them: what limits act on.

1. Work in progress at a week's end is what was started by then and neither finished nor gone. A moment that is rebuilt
   knows an item's first start and present finish only, so that one that was reopened counts as in work in between.
2. Cycle time is the mean over the items finished in the window, because Little's law speaks of means.
3. People are the distinct assignees of the items finished in the window or in work now. Where fewer than four of five
   of those items had an assignee on record, the number would be a guess and there is none.

Example: two people finished 24 items in 12 weeks and have 4 in work. Items take 14 days: 4 items = 2 a week * 2 weeks.
Source: Little (1961), A proof for the queuing formula L = lambda W, Operations Research 9(3), 383-387.
"""

from dataclasses import dataclass

import numpy as np

from projects.enums import TrackedField
from projects.history.columns import IN_PROGRESS
from projects.history.flow import MIN_ITEMS_FOR_QUANTILE, MIN_SHARE_WITH_START, work_in_progress
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, NEVER
from projects.history.project_history import ProjectHistory

WINDOW_WEEKS = 12
"""A quarter, as the data gate of the forecast has it: long enough for a mean, short enough to be of this team."""
LEAST_WINDOW_WEEKS = 26
MIN_SHARE_ASSIGNED = 0.8


@dataclass(frozen=True, slots=True)
class TeamFlow:
    """Flow at one moment; None is that the record cannot tell.

    in_progress: items now;  mean_in_progress, least_in_progress: at the week ends of 12 and of 26 weeks
    cycle_time_days: elapsed, mean over 12 weeks;  finished_per_week: over the same;  people: who carry items
    """

    in_progress: int | None
    mean_in_progress: float | None
    least_in_progress: int | None
    cycle_time_days: float | None
    finished_per_week: float
    people: int | None


def team_flow(known: ProjectHistory) -> TeamFlow:
    """The flow at the history's moment."""
    states, now_us = known.states, known.known_at_us
    recent = states.finished & (states.finished_us > now_us - WINDOW_WEEKS * MICROSECONDS_PER_WEEK)
    finished = int(recent.sum())
    usable = recent & (states.started_us <= states.finished_us)
    days = (states.finished_us[usable] - states.started_us[usable]) / MICROSECONDS_PER_DAY
    tells_starts = days.size >= MIN_ITEMS_FOR_QUANTILE and days.size >= MIN_SHARE_WITH_START * finished
    now = work_in_progress(known, as_of=known.as_of_moment).value
    weekly = _weekly_in_progress(known) if tells_starts else None
    return TeamFlow(
        in_progress=None if now is None else int(now),
        mean_in_progress=None if weekly is None else float(weekly[-WINDOW_WEEKS:].mean()),
        least_in_progress=None if weekly is None else int(weekly.min()),
        cycle_time_days=float(days.mean()) if tells_starts else None,
        finished_per_week=finished / WINDOW_WEEKS,
        people=_people(known, recent | (states.open & (states.category == IN_PROGRESS))),
    )


def _weekly_in_progress(known: ProjectHistory) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Items in work at each of the last week ends, oldest first, the last being now."""
    states = known.states
    started_us = np.where(states.exists, states.started_us, NEVER)
    ended_us = np.minimum(states.finished_us, known.items.gone_us)
    is_undated_end = states.done_without_date | (started_us == NEVER)
    began, ended = np.sort(started_us[~is_undated_end]), np.sort(ended_us[~is_undated_end])
    ends_us = known.known_at_us - MICROSECONDS_PER_WEEK * np.arange(LEAST_WINDOW_WEEKS - 1, -1, -1, dtype=np.int64)
    counts = np.searchsorted(began, ends_us, side="right") - np.searchsorted(ended, ends_us, side="right")
    return counts.astype(np.int64)


def _people(known: ProjectHistory, carried: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> int | None:
    assignees = known.values_of(TrackedField.ASSIGNEE)[carried]
    named = [assignee for assignee in assignees.tolist() if assignee is not None]
    if not named or len(named) < MIN_SHARE_ASSIGNED * len(assignees):
        return None
    return len(set(named))
