"""What bugs may follow from, week by week: work in progress, batches, churn, bugs still open, releases near.

1. Each covariate is a count at the end of each week, or over the four weeks before it, by the dates of the facts.
2. It is compared with its own mean over the half-year before: ln((now + 1) / (mean + 1)), within two either way. A team
   is compared with itself, so that size does not matter.
3. A release is near where a plan, milestone or deployment has its day within four weeks, before or after: 1, else 0.

Assumes nothing about cause: what follows from them is learned, and only where it predicts.

Example: 12 items in progress after half a year of 6 on average: ln(13 / 7) = 0.62.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.bug_arrivals import WINDOW_WEEKS, BugArrivals
from projects.history.calendar import WorkCalendar, counts_between
from projects.history.columns import DONE, IN_PROGRESS, Flags
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, NEVER, Instants
from projects.history.intervals import spans_of
from projects.history.project_history import ProjectHistory

FloatArray = NDArray[np.float64]

COVARIATES = ("work_in_progress", "largest_day", "churn", "open_bugs", "items_finished", "release_near")
LABELS = {
    "work_in_progress": "Items in progress",
    "largest_day": "Most items finished on one day",
    "churn": "Reopened items and changed fields",
    "open_bugs": "Bugs still open",
    "items_finished": "Items finished",
    "release_near": "A release within four weeks",
}
USUAL_WEEKS = 26
MAX_LOG_RATIO = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Covariates:
    """counts: as they are;  values: against what was usual; shape (weeks + 1, covariates), after each week"""

    counts: FloatArray
    values: FloatArray


def quality_covariates(known: ProjectHistory, arrivals: BugArrivals) -> Covariates:
    """The covariates after each week, as known at the history's moment."""
    edges_us, past = arrivals.edges_us, known.statuses.at_us <= known.known_at_us
    moves = known.statuses.take(past & known.states.exists[known.statuses.item])
    now_us = known.known_at_us
    in_progress = spans_of(moves, moves.category == IN_PROGRESS, moment_us=now_us).within(
        known.items.created_us, np.maximum(known.items.gone_us, known.items.created_us)
    )
    finished_us = known.finished_us
    weeks = len(edges_us) - 1
    counts = np.column_stack(
        [
            in_progress.count_at(edges_us).astype(np.float64),
            _largest_days(finished_us, edges_us),
            _over_window(counts_between(_churn_us(known), edges_us)),
            _open_bugs(known, arrivals.counted, edges_us),
            _over_window(counts_between(finished_us, edges_us)),
            _release_near(known, edges_us),
        ]
    ).reshape(weeks + 1, len(COVARIATES))
    values = np.column_stack([_against_usual(counts[:, place]) for place in range(len(COVARIATES) - 1)])
    return Covariates(counts, np.column_stack([values, counts[:, -1]]))


def _over_window(weekly: Instants) -> FloatArray:
    """Sums over the four weeks before each edge."""
    total = np.concatenate([[0], np.cumsum(weekly)]).astype(np.float64)
    start = np.maximum(np.arange(len(total)) - WINDOW_WEEKS, 0)
    sums: FloatArray = total - total[start]
    return sums


def _largest_days(finished_us: Instants, edges_us: Instants) -> FloatArray:
    """The most items finished on one of the 28 days before each edge."""
    days = len(edges_us) * 7 - 7
    day_edges = edges_us[-1] + MICROSECONDS_PER_DAY * np.arange(-days, 1, dtype=np.int64)
    a_week = counts_between(finished_us, day_edges).reshape(-1, 7).max(axis=1, initial=0)
    padded = np.concatenate([np.zeros(WINDOW_WEEKS, dtype=a_week.dtype), a_week])
    largest = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_WEEKS).max(axis=1)
    most: FloatArray = largest.astype(np.float64)
    return most


def _churn_us(known: ProjectHistory) -> Instants:
    """When items were reopened, or any of their other fields changed."""
    moves = known.statuses
    is_next = np.zeros(len(moves), dtype=np.bool_)
    is_next[1:] = (moves.item[1:] == moves.item[:-1]) & (moves.category[:-1] == DONE) & (moves.category[1:] != DONE)
    instants = np.concatenate([moves.at_us[is_next & moves.dated], known.fields.at_us])
    return instants[instants <= known.known_at_us]


def _open_bugs(known: ProjectHistory, bugs: Flags, edges_us: Instants) -> FloatArray:
    """Bugs that came in and were not done or gone, just before each edge."""
    over_us = np.minimum(known.states.finished_us, known.items.gone_us)[bugs]
    came = np.searchsorted(np.sort(known.items.created_us[bugs]), edges_us, side="left")
    went = np.searchsorted(np.sort(over_us), edges_us, side="left")
    open_bugs: FloatArray = np.maximum(came - went, 0).astype(np.float64)
    return open_bugs


def _release_near(known: ProjectHistory, edges_us: Instants) -> FloatArray:
    """Whether a plan, milestone or deployment has its day within four weeks of each edge, as known now."""
    calendar, milestones = WorkCalendar(), known.milestones
    planned = [calendar.end_of_day_us(day) for day in milestones.target_date.tolist() if day is not None]
    planned += [calendar.end_of_day_us(plan.target_date) for plan in known.baselines]
    released = np.concatenate([milestones.released_us, known.deployments.finished_us]).astype(np.int64)
    past = released[(released != NEVER) & (released <= known.known_at_us)]
    days = np.sort(np.concatenate([np.array(planned, dtype=np.int64), past]))
    reach = WINDOW_WEEKS * MICROSECONDS_PER_WEEK
    before, after = np.searchsorted(days, edges_us - reach), np.searchsorted(days, edges_us + reach)
    return (after > before).astype(np.float64)


def _against_usual(counts: FloatArray) -> FloatArray:
    total = np.concatenate([[0.0], np.cumsum(counts)])
    ends = np.arange(len(counts))
    starts = np.maximum(ends - USUAL_WEEKS, 0)
    usual = (total[ends] - total[starts]) / np.maximum(ends - starts, 1)
    ratio = np.log((counts + 1) / (usual + 1))
    ratio[0] = 0.0
    values: FloatArray = np.clip(ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    return values
