"""How a team worked, week by week: the share of its hours outside working hours, and the work in progress per person.

1. A week is Monday to Sunday of the project's time zone, and counts once it is over. Its people are those who changed,
   reviewed or merged something in it; what else they did in it (comments, meetings) counts as well.
2. After-hours share: of the clock hours in which a person left a trace, those outside OFFICE_HOURS or on a day off. The
   week's share is the mean over its people, so that one account, or one machine, weighs no more than one person.
3. Load: items in progress at the end of the working days of the week, on average, per person of this and the three
   weeks before (so that a week of holidays does not look like one of overload).
4. A week with fewer than MIN_PEOPLE people has neither figure: a mean of four tells of persons.

Assumes that people work in or near the project's time zone. Do not compare teams by it: it is held against the team's
own weeks only. It is a proxy of strain and never a diagnosis.

Example: five people leave traces in 8 clock hours each, two of them one of these at 22:00: share (1/8 + 1/8) / 5, that
is 5 %. Ten items in progress all week: load 2.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from predictions.forecasters.capacity_series import WORK_KINDS
from projects.history.calendar import DAYS_PER_WEEK, WorkCalendar, monday_of
from projects.history.columns import IN_PROGRESS
from projects.history.instants import MICROSECONDS_PER_SECOND, Instants
from projects.history.intervals import spans_of
from projects.history.project_history import ProjectHistory
from projects.history.two_clocks import NOBODY

FloatArray = NDArray[np.float64]
Counts = NDArray[np.int64]

OFFICE_HOURS = (7, 19)
"""From, until: whoever works within these twelve hours works within working hours, whatever their own are."""
MIN_PEOPLE = 5
ROSTER_WEEKS = 4
BASELINE_WEEKS = 26
US_PER_HOUR = 3_600 * MICROSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True, eq=False)
class TeamWeeks:
    """Complete weeks, oldest first: shape (weeks,) each; NaN where too few people were active.

    mondays: first days;  people: active in the week;  after_hours: share in [0, 1];  load: items per person
    """

    mondays: tuple[date, ...]
    people: Counts
    after_hours: FloatArray
    load: FloatArray

    def __len__(self) -> int:
        return len(self.mondays)


def team_weeks(known: ProjectHistory, *, first_day: date, last_day: date, calendar: WorkCalendar) -> TeamWeeks:
    """The complete weeks that lie within first and last day and were over at the history's moment."""
    monday = monday_of(first_day + timedelta(days=DAYS_PER_WEEK - 1))
    until = min(last_day + timedelta(days=1), calendar.local_date(known.known_at_us))
    count = max((until - monday).days // DAYS_PER_WEEK, 0)
    mondays = tuple(monday + timedelta(weeks=week) for week in range(count))
    if not mondays:
        return TeamWeeks((), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
    lead = tuple(monday - timedelta(weeks=week) for week in range(ROSTER_WEEKS - 1, 0, -1))
    people, roster, after_hours = _people(known, (*lead, *mondays), calendar)
    people, roster, after_hours = people[len(lead) :], roster[len(lead) :], after_hours[len(lead) :]
    is_small = people < MIN_PEOPLE
    load = _work_in_progress(known, mondays, calendar) / np.maximum(roster, 1)
    return TeamWeeks(mondays, people, np.where(is_small, np.nan, after_hours), np.where(is_small, np.nan, load))


def baseline_weeks(known: ProjectHistory, *, calendar: WorkCalendar) -> TeamWeeks:
    """The last BASELINE_WEEKS complete weeks before the history's moment, from when on anybody left a trace."""
    today = calendar.local_date(known.known_at_us)
    first = monday_of(today) - timedelta(weeks=BASELINE_WEEKS)
    if len(known.activity):
        first = max(first, monday_of(calendar.local_date(int(known.activity.at_us[0]))) + timedelta(weeks=1))
    return team_weeks(known, first_day=first, last_day=today, calendar=calendar)


def most_common_time_share(known: ProjectHistory) -> float:
    """Share of the traces that carry the most common time of day, to the minute: near 1 where only days are kept."""
    activity = known.activity
    if len(activity) == 0:
        return 0.0
    minutes = activity.at_us // (60 * MICROSECONDS_PER_SECOND) % (24 * 60)
    return float(np.bincount(minutes).max() / len(minutes))


def _people(
    known: ProjectHistory, mondays: tuple[date, ...], calendar: WorkCalendar
) -> tuple[Counts, Counts, FloatArray]:
    """People of each week, of the four weeks that end with it, and the share: shape (weeks,) each."""
    days = [mondays[0] + timedelta(days=offset) for offset in range(DAYS_PER_WEEK * len(mondays) + 1)]
    edges_us = np.array([calendar.start_of_day_us(day) for day in days], dtype=np.int64)
    worked = np.array([calendar.is_working_day(day) for day in days[:-1]], dtype=np.bool_)
    activity = known.activity
    inside = activity.take(
        (activity.contributor != NOBODY) & (activity.at_us >= edges_us[0]) & (activity.at_us < edges_us[-1])
    )
    names, person = np.unique(inside.contributor, return_inverse=True)
    day = np.searchsorted(edges_us, inside.at_us, side="right") - 1
    hour = (inside.at_us - edges_us[day]) // US_PER_HOUR
    shape = (len(names), len(mondays))
    is_member = np.zeros(shape, dtype=np.bool_)
    at_work = np.isin(inside.kind, WORK_KINDS)
    is_member[person[at_work], day[at_work] // DAYS_PER_WEEK] = True
    slots = np.unique(np.stack([person, day, hour], axis=1), axis=0)
    is_late = ~worked[slots[:, 1]] | (slots[:, 2] < OFFICE_HOURS[0]) | (slots[:, 2] >= OFFICE_HOURS[1])
    all_hours, late_hours = np.zeros(shape), np.zeros(shape)
    np.add.at(all_hours, (slots[:, 0], slots[:, 1] // DAYS_PER_WEEK), 1.0)
    np.add.at(late_hours, (slots[:, 0], slots[:, 1] // DAYS_PER_WEEK), is_late.astype(np.float64))
    share = np.where(is_member, late_hours / np.maximum(all_hours, 1.0), 0.0)
    people = is_member.sum(axis=0).astype(np.int64)
    passed = np.concatenate([np.zeros((len(names), 1)), np.cumsum(is_member, axis=1)], axis=1)
    before = passed[:, np.maximum(np.arange(1, len(mondays) + 1) - ROSTER_WEEKS, 0)]
    roster = (passed[:, 1:] > before).sum(axis=0).astype(np.int64)
    return people, roster, share.sum(axis=0) / np.maximum(people, 1)


def _work_in_progress(known: ProjectHistory, mondays: tuple[date, ...], calendar: WorkCalendar) -> FloatArray:
    """Items in progress at the ends of the working days of each week, on average: shape (weeks,)."""
    moves = known.statuses.take(known.statuses.at_us <= known.known_at_us)
    spans = spans_of(moves, moves.category == IN_PROGRESS, moment_us=known.known_at_us)
    spans = spans.within(known.items.created_us, np.maximum(known.items.gone_us, known.items.created_us))
    means = []
    for monday in mondays:
        week = [monday + timedelta(days=offset) for offset in range(DAYS_PER_WEEK)]
        days = [day for day in week if calendar.is_working_day(day)] or week
        means.append([calendar.end_of_day_us(day) for day in days])
    edges_us: Instants = np.array([edge for edges in means for edge in edges], dtype=np.int64)
    counts = spans.count_at(edges_us)
    starts = np.concatenate([[0], np.cumsum([len(edges) for edges in means])])
    return np.array([counts[begin:end].mean() for begin, end in pairwise(starts)])
