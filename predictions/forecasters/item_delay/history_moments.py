"""A project's history as item moments: what is open and due now, and what was due before, each as it stood then.

1. Now: the open items whose due date, as of t, is not over yet; of more than MAX_ASKED_ITEMS those due first.
2. Before: every item that once had a due date whose day is over by t. Its moment lies somewhere between the day its
   first due date was set and that date, or the date's first change if that was earlier; where, the item's identifier
   decides, so that the past is sampled near its due dates and far from them, and the same each time.
3. An item that was done by its moment, or gone before the due day was over, is left out: nobody would have asked, or
   nobody can say.
4. Late is what was not done when the due day was over in the project's time zone; that is known from then on.

Assumes that a due date found without a date was set when it was found. Counts of comments are missing, because the
record keeps none; a field that the record holds no change of is missing, not zero.

Example: due date set on day 0 for day 10 and never moved, an identifier that says 0.5: the item is forecast on day 5.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from predictions.forecasters.item_delay.features import settled_before
from predictions.forecasters.item_delay.moments import Codes, Flags, FloatArray, ItemMoments, kind_of, priority_rank
from projects.history.calendar import WorkCalendar
from projects.history.columns import UNDATED_LAST, FieldColumns, Texts
from projects.history.instants import MICROSECONDS_PER_DAY, NEVER, Instants
from projects.history.project_history import ProjectHistory

EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; days are counted from the Monday before it."""
MAX_PAST_ITEMS = 2_500
"""The newest ones: what was due before them was another team, and time and memory stay bounded."""
MAX_ASKED_ITEMS = 500
"""Those due first: a date further away is asked about when it has come nearer, and a run stays within its second."""


@dataclass(frozen=True, slots=True, eq=False)
class HistoryMoments:
    """moments, the item of each in the history's order, its due date, and which are asked about now."""

    moments: ItemMoments
    item: Codes
    due_dates: tuple[date, ...]
    asked: Flags


@dataclass(frozen=True, slots=True)
class _Row:
    item: int
    moment_us: int
    due: date
    due_over_us: int


def history_moments(known: ProjectHistory, calendar: WorkCalendar) -> HistoryMoments:
    """The moments of a history that is restricted to t.  Raises ValueError where no moment was chosen."""
    days = _DueDays(calendar)
    now = _asked_now(known, days)
    past = sorted(_settled_before(known, days), key=lambda row: (row.moment_us, row.item))[-MAX_PAST_ITEMS:]
    rows = [*past, *now]
    moments = _as_moments(known, rows, days)
    return HistoryMoments(
        moments=moments,
        item=np.array([row.item for row in rows], dtype=np.int64),
        due_dates=tuple(row.due for row in rows),
        asked=np.arange(len(rows)) >= len(past),
    )


class _DueDays:
    """Ends of local days, each looked up once."""

    def __init__(self, calendar: WorkCalendar) -> None:
        self.calendar = calendar
        self._over: dict[date, int] = {}
        self._parsed: dict[str | None, date | None] = {}

    def parsed(self, text: str | None) -> date | None:
        """The day that a value names; None where it names none."""
        if text not in self._parsed:
            self._parsed[text] = self._day(text)
        return self._parsed[text]

    def _day(self, text: str | None) -> date | None:
        try:
            day = date.fromisoformat(text or "")
        except ValueError:
            return None
        return day if date.min.year + 1 < day.year < date.max.year else None

    def over_us(self, day: date) -> int:
        """When the day is over."""
        if day not in self._over:
            self._over[day] = self.calendar.end_of_day_us(day)
        return self._over[day]


def _asked_now(known: ProjectHistory, days: _DueDays) -> list[_Row]:
    rows = []
    values = known.values_of("due_date")
    for item in np.flatnonzero(known.states.open).tolist():
        due = days.parsed(values[item])
        if due is not None and days.over_us(due) > known.known_at_us:
            rows.append(_Row(item, known.known_at_us, due, days.over_us(due)))
    return sorted(rows, key=lambda row: row.due_over_us)[:MAX_ASKED_ITEMS]


def _settled_before(known: ProjectHistory, days: _DueDays) -> list[_Row]:
    """The first due date of each item that it could have met, if its day is over, at the sampled moment."""
    fields, moment_us = known.fields, known.known_at_us
    chosen = np.flatnonzero((fields.field == "due_date") & (fields.at_us <= moment_us))
    item, at_us = fields.item[chosen].astype(np.int64), fields.at_us[chosen]
    set_us = np.maximum(at_us, known.items.created_us[item])
    values = fields.value[chosen].tolist()
    due_of = {value: days.parsed(value) for value in set(values)}
    over_of = {value: NEVER if day is None else days.over_us(day) for value, day in due_of.items()}
    over_us = np.array([over_of[value] for value in values], dtype=np.int64)
    could_be_met = np.flatnonzero((over_us != NEVER) & (over_us > set_us))
    _, first = np.unique(item[could_be_met], return_index=True)  # rows are ordered by time within an item
    place = could_be_met[first]
    moved_us = np.append(np.where(item[1:] == item[:-1], at_us[1:], NEVER), NEVER)[place]
    until_us = np.minimum(over_us[place], np.maximum(moved_us, set_us[place]))
    asked_us = set_us[place] + (_shares_of(known, item[place]) * (until_us - set_us[place])).astype(np.int64)
    states = known.states
    was_open = (states.finished_us[item[place]] > asked_us) & ~states.done_without_date[item[place]]
    was_there = known.items.gone_us[item[place]] > over_us[place]
    kept = np.flatnonzero((over_us[place] <= moment_us) & was_open & was_there)
    return [
        _Row(int(item[place[k]]), int(asked_us[k]), _day(due_of[values[place[k]]]), int(over_us[place[k]]))
        for k in kept
    ]


def _day(day: date | None) -> date:
    if day is None:
        raise ValueError("a day that is over has a date")
    return day


def _shares_of(known: ProjectHistory, items: Codes) -> FloatArray:
    """Numbers in [0, 1) that the identifiers fix."""
    last = known.items.id_bytes[items, -4:].astype(np.uint64) @ np.array([1 << 24, 1 << 16, 1 << 8, 1], dtype=np.uint64)
    shares: FloatArray = (last * np.uint64(2_654_435_769) % np.uint64(2**32)).astype(np.float64) / 2**32
    return shares


def _as_moments(known: ProjectHistory, rows: list[_Row], days: _DueDays) -> ItemMoments:
    item = np.array([row.item for row in rows], dtype=np.int64)
    moment_us = np.array([row.moment_us for row in rows], dtype=np.int64)
    over_us = np.array([row.due_over_us for row in rows], dtype=np.int64)
    created_us = np.minimum(known.items.created_us[item], moment_us)
    late = known.states.finished_us[item] >= over_us
    known_day = np.where(over_us <= known.known_at_us, _days(over_us), np.inf)
    at = _FieldAt(known.fields, item, moment_us)
    assignee = at.codes("assignee")
    moment_day = _days(moment_us)
    share, in_hand = settled_before(assignee, moment_day, known_day, late)
    nothing = np.full(len(rows), np.nan)
    return ItemMoments(
        unit=np.zeros(len(rows), dtype=np.int64),
        number=_creation_order(known)[item],
        created_day=_days(created_us),
        moment_day=moment_day,
        due_day=np.floor(_days(over_us) - 0.5),
        due_known=np.ones(len(rows), dtype=np.bool_),
        known_day=known_day,
        late=late & (over_us <= known.known_at_us),
        kind=np.array([kind_of(value or "") for value in at.values("item_type")], dtype=np.float64),
        priority=np.array([priority_rank(value or "") for value in at.values("priority")], dtype=np.float64),
        comments=nothing,
        priority_changes=at.changes("priority"),
        version_changes=at.changes("milestone"),
        description_changes=at.changes("description"),
        discussion_days=nothing,
        assignee_late_share=share,
        assignee_open=in_hand,
    )


def _days(us: Instants) -> FloatArray:
    days: FloatArray = us / MICROSECONDS_PER_DAY + EPOCH_WEEKDAY
    return days


def _creation_order(known: ProjectHistory) -> FloatArray:
    order = np.empty(len(known.items))
    order[np.argsort(known.items.created_us, kind="stable")] = np.arange(len(known.items))
    return order


class _FieldAt:
    """Values and numbers of dated changes of fields, per item and moment, from what was true by then."""

    def __init__(self, fields: FieldColumns, item: Codes, moment_us: Instants) -> None:
        self.fields, self.item, self.moment_us = fields, item, moment_us

    def values(self, name: str) -> Texts:
        """The value in force at each moment, None where there is none."""
        rows, first, end = self._span(name)
        values = np.full(len(self.item), None, dtype=np.object_)
        has = end > first
        values[has] = rows.value[end[has] - 1]
        return values

    def codes(self, name: str) -> Codes:
        """A number per distinct value, -1 for none."""
        values = self.values(name)
        code_of = {value: code for code, value in enumerate(sorted({value for value in values if value is not None}))}
        return np.array([code_of.get(value, -1) for value in values], dtype=np.int64)

    def changes(self, name: str) -> FloatArray:
        """Dated changes until each moment; NaN where the record holds no such change at all."""
        rows, first, end = self._span(name)
        dated = rows.sequence < UNDATED_LAST
        if not bool(dated.any()):
            return np.full(len(self.item), np.nan)
        total = np.concatenate([[0], np.cumsum(dated)])
        changes: FloatArray = (total[end] - total[first]).astype(np.float64)
        return changes

    def _span(self, name: str) -> tuple[FieldColumns, Codes, Codes]:
        """Rows of a field, and for each item where its rows begin and where those after the moment begin."""
        rows = self.fields.take(self.fields.field == name)
        instants = np.unique(np.concatenate([rows.at_us, self.moment_us]))
        width = len(instants) + 1
        keys = rows.item.astype(np.int64) * width + np.searchsorted(instants, rows.at_us)
        first = np.searchsorted(keys, self.item * width)
        end = np.searchsorted(keys, self.item * width + np.searchsorted(instants, self.moment_us), side="right")
        return rows, first.astype(np.int64), end.astype(np.int64)
