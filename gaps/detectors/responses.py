"""How long people wait for each other: questions, their answers, and what still waits. Nobody is told apart.

1. A question is a review asked for; where fewer than 30 were asked for, the last comment somebody makes before another
   takes part. Its answer is the next trace of another contributor on the same item.
2. Waits are working days of the calendar. A question on an item that is done or gone waits no more.
3. A dependency is an open item in progress that waits for another open one: asked when it was begun or linked, the
   later of both; answered by the first trace on the other one.

Assumes that answers leave traces on the item. Do not believe waits where reviews happen in another tool.

Example: asked on Friday at noon, answered on Monday at noon: one working day.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from projects.enums import ActivityKind
from projects.history.activity import ACTIVITY_CODES
from projects.history.calendar import WorkCalendar
from projects.history.columns import DONE, IN_PROGRESS, Flags, Rows
from projects.history.instants import MICROSECONDS_PER_WEEK, NEVER, Instants
from projects.history.project_history import ProjectHistory
from projects.history.two_clocks import NOBODY
from projects.history.work_clock import WorkClock

FloatArray = NDArray[np.float64]

WINDOW_WEEKS = 40
MIN_REVIEWS = 30
"""Fewer reviews asked for say little of how people answer. Starting value."""
NO_ROW = -1
_KEY_MASK = (1 << 63) - 1


@dataclass(frozen=True, eq=False)
class Questions:
    """One row per question, in order of item and time: shape (questions,) each.

    item: row of the item, NO_ROW where it is not known;  answered_us: NEVER while it waits
    over_us: when the answer is no longer waited for, NEVER while it is;  answerer: key, NOBODY while it waits
    asked_again: the asker came back
    """

    item: Rows
    asked_us: Instants
    answered_us: Instants
    over_us: Instants
    answerer: Instants
    asked_again: Flags

    def __len__(self) -> int:
        return len(self.asked_us)

    @property
    def is_answered(self) -> Flags:
        """Whether an answer came."""
        flags: Flags = self.answered_us != NEVER
        return flags

    def waiting_at(self, edge_us: int, clock: WorkClock) -> FloatArray:
        """Working days that each question had waited for at an edge; 0 for what was not waiting: shape (questions,)."""
        waits = (self.asked_us < edge_us) & (np.minimum(self.answered_us, self.over_us) >= edge_us)
        days: FloatArray = np.where(waits, clock.between(self.asked_us, np.full(len(self), edge_us)), 0.0)
        return days


def clock_of(known: ProjectHistory, calendar: WorkCalendar) -> WorkClock:
    """Working time of the window and a little before it."""
    today = calendar.local_date(known.known_at_us)
    return WorkClock(calendar, today - timedelta(weeks=WINDOW_WEEKS + 26), today)


def item_keys(known: ProjectHistory) -> Instants:
    """The keys under which activity names the items: shape (items,)."""
    halves = np.ascontiguousarray(known.items.id_bytes[:, 8:]).view(">u8").ravel()
    return (halves & np.uint64(_KEY_MASK)).astype(np.int64)


def questions(known: ProjectHistory) -> Questions:
    """The questions of the window: reviews asked for, else comments; see the module."""
    activity = known.activity
    begin = int(np.searchsorted(activity.at_us, known.known_at_us - WINDOW_WEEKS * MICROSECONDS_PER_WEEK))
    rows = np.arange(begin, len(activity))
    is_about = (activity.item[begin:] != NOBODY) & (activity.contributor[begin:] != NOBODY)
    rows = rows[is_about & (activity.kind[begin:] != ACTIVITY_CODES[ActivityKind.TOUCHPOINT])]
    rows = rows[np.argsort(activity.item[rows], kind="stable")]  # rows are ordered by instant
    item, who, at_us = activity.item[rows], activity.contributor[rows], activity.at_us[rows]
    is_review = activity.kind[rows] == ACTIVITY_CODES[ActivityKind.REVIEW_REQUESTED]
    is_comment = activity.kind[rows] == ACTIVITY_CODES[ActivityKind.COMMENT]
    reviews = int(is_review.sum()) >= MIN_REVIEWS
    run = _runs(item, who)
    asks = _first_of_run(run, is_review) if reviews else _last_of_run(run, is_comment)
    starts = np.flatnonzero(np.concatenate([[True], run[1:] != run[:-1]])) if len(run) else np.zeros(0, dtype=np.intp)
    following = run[asks] + 1
    exists = following < len(starts)
    next_row = starts[np.where(exists, following, 0)] if len(starts) else np.zeros(len(asks), dtype=np.intp)
    answered = exists & (item[next_row] == item[asks])
    if not reviews:  # a last comment that nobody took up was no question
        asks, next_row, answered = asks[answered], next_row[answered], answered[answered]
    item_row = _rows_of(known, item[asks])
    last_word = np.full(len(starts), -1, dtype=np.int64)
    words = np.flatnonzero(is_review | is_comment)
    np.maximum.at(last_word, run[words], words)
    return Questions(
        item=item_row,
        asked_us=at_us[asks],
        answered_us=np.where(answered, at_us[next_row], NEVER),
        over_us=_over_us(known, item_row),
        answerer=np.where(answered, who[next_row], NOBODY),
        asked_again=last_word[run[asks]] > asks,
    )


def dependencies(known: ProjectHistory) -> Questions:
    """What items in progress wait for; see the module."""
    links, states = known.links, known.states
    # A blocker that is done or gone has answered; an item that is done or gone does not wait.
    begun_us = states.started_us[links.item]
    asked_us = np.maximum(links.at_us, begun_us)
    is_recent = asked_us > known.known_at_us - WINDOW_WEEKS * MICROSECONDS_PER_WEEK
    needs = (states.category[links.item] == IN_PROGRESS) | states.finished[links.item]
    chosen = np.flatnonzero((begun_us != NEVER) & is_recent & needs)
    item, blocker = links.item[chosen], links.blocker[chosen]
    asked_us = asked_us[chosen]
    first_us = _first_trace_us(known, blocker, asked_us)
    over_us = np.minimum(_over_us(known, item), np.minimum(_over_us(known, blocker), links.until_us[chosen]))
    return Questions(
        item=blocker,
        asked_us=asked_us,
        answered_us=first_us,
        over_us=over_us,
        answerer=np.full(len(chosen), NOBODY, dtype=np.int64),
        asked_again=np.zeros(len(chosen), dtype=np.bool_),
    )


def _runs(item: Instants, who: Instants) -> Instants:
    """Number of the run of rows of one contributor on one item that each row is in."""
    if len(item) == 0:
        return np.zeros(0, dtype=np.int64)
    changes = (item[1:] != item[:-1]) | (who[1:] != who[:-1])
    return np.concatenate([[0], np.cumsum(changes)]).astype(np.int64)


def _first_of_run(run: Instants, chosen: Flags) -> Rows:
    rows = np.flatnonzero(chosen)
    _, first = np.unique(run[rows], return_index=True)
    return rows[first]


def _last_of_run(run: Instants, chosen: Flags) -> Rows:
    rows = np.flatnonzero(chosen)[::-1]
    _, first = np.unique(run[rows], return_index=True)
    return rows[first]


def _rows_of(known: ProjectHistory, keys: Instants) -> Rows:
    """The row of each item key, NO_ROW where no item has it."""
    own = item_keys(known)
    if len(own) == 0:
        return np.full(len(keys), NO_ROW, dtype=np.intp)
    order = np.argsort(own, kind="stable")
    place = np.clip(np.searchsorted(own[order], keys), 0, len(own) - 1)
    found: Rows = np.where(own[order][place] == keys, order[place], NO_ROW).astype(np.intp)
    return found


def _over_us(known: ProjectHistory, rows: Rows) -> Instants:
    """When nothing is to be answered any more: done, gone, or of an item that is not known (from the start)."""
    if len(known.items) == 0:
        return np.full(len(rows), -NEVER, dtype=np.int64)
    done_us = np.where(known.states.category == DONE, known.states.finished_us, NEVER)
    undated = (known.states.category == DONE) & (done_us == NEVER)
    done_us = np.where(undated, -NEVER, done_us)
    over_us = np.minimum(done_us, known.items.gone_us)[rows]
    return np.where(rows == NO_ROW, -NEVER, over_us).astype(np.int64)


def _first_trace_us(known: ProjectHistory, rows: Rows, since_us: Instants) -> Instants:
    """The first activity on each item after an instant, NEVER where there is none: shape of rows."""
    activity, keys = known.activity, item_keys(known)[rows]
    about = np.flatnonzero(np.isin(activity.item, keys))
    order = about[np.argsort(activity.item[about], kind="stable")]  # rows are ordered by instant
    item, at_us = activity.item[order], activity.at_us[order]
    first_us = np.full(len(rows), NEVER, dtype=np.int64)
    for index, (key, since) in enumerate(zip(keys.tolist(), since_us.tolist(), strict=True)):
        low, high = np.searchsorted(item, [key, key + 1])
        place = low + int(np.searchsorted(at_us[low:high], since, side="right"))
        if place < high:
            first_us[index] = at_us[place]
    return first_us
