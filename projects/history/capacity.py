"""How many hours a project's people can give on each day, from their capacity calendars.

1. Of the calendars of one contributor that cover a day, the one that starts latest counts: the hours of the exception
   of that day, else of its weekday, times the allocation.
2. The hours of a day are the sum over the contributors. A day on which the calendar of the team says zero has none.
3. Where no contributor has a calendar, the hours are those of the team's calendar. Whether they are of one person or
   of all does not matter to a share of hours.

Assumes that a day no calendar covers gives no hours: a contract that ends, ends. Do not compare hours across a day on
which calendars were first entered; use shares from one set of calendars.

Example: two people of 8 h, one of them at 50 %: 12 h a day; on a holiday of the team 0; while the first is off, 4.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from projects.history.calendar import DAYS_PER_WEEK
from projects.history.team_facts import CapacityFact

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CapacityCalendars:
    """The calendars known at a moment, each once, ordered by contributor and first day."""

    facts: tuple[CapacityFact, ...] = ()

    @property
    def has_contributors(self) -> bool:
        """Whether single contributors have calendars, and not just the team."""
        return any(fact.contributor_id is not None for fact in self.facts)

    @property
    def first_date(self) -> date | None:
        """The first day that any calendar covers; None where there is none."""
        return min((fact.first_date for fact in self.facts), default=None)

    def daily_hours(self, first: date, last: date) -> FloatArray:
        """Hours of each local day from first to last, both included: shape (days,); empty when last is before first."""
        days = max((last - first).days + 1, 0)
        of_team = self._hours_of(None, first, days)
        if not self.has_contributors:
            return np.nan_to_num(of_team, nan=0.0)
        contributors = dict.fromkeys(fact.contributor_id for fact in self.facts if fact.contributor_id is not None)
        hours = np.zeros(days)
        for contributor in contributors:
            hours += np.nan_to_num(self._hours_of(contributor, first, days), nan=0.0)
        hours[of_team == 0] = 0.0
        return hours

    def hours_by_contributor(self, first: date, last: date) -> tuple[FloatArray, FloatArray]:
        """Hours given, and hours without any exception, by contributor and day: shape (contributors, days) both.

        In the order of the calendars; a day off of the team is an exception for each. For simulations of the team: it
        is not to be shown per contributor.
        """
        days = max((last - first).days + 1, 0)
        contributors = list(
            dict.fromkeys(fact.contributor_id for fact in self.facts if fact.contributor_id is not None)
        )
        plain = CapacityCalendars(tuple(replace(fact, exceptions=()) for fact in self.facts))
        given, usual = (
            np.array([np.nan_to_num(some._hours_of(contributor, first, days)) for contributor in contributors])
            for some in (self, plain)
        )
        given, usual = given.reshape(len(contributors), days), usual.reshape(len(contributors), days)
        given[:, self._hours_of(None, first, days) == 0] = 0.0
        usual[:, plain._hours_of(None, first, days) == 0] = 0.0
        return given, usual

    def _hours_of(self, contributor: UUID | None, first: date, days: int) -> FloatArray:
        """Hours by day, NaN where no calendar covers it: later starts overwrite earlier ones."""
        hours = np.full(days, np.nan)
        for fact in self.facts:
            if fact.contributor_id == contributor:
                _write(hours, fact, first)
        return hours


def calendars_of(facts: Iterable[CapacityFact]) -> tuple[CapacityFact, ...]:
    """Every observation of a calendar in any order, in the canonical one; doubles collapse."""
    return tuple(sorted(set(facts), key=_order))


def newest_calendars(facts: Sequence[CapacityFact]) -> CapacityCalendars:
    """One fact per calendar: of several the one recorded last.  facts: as calendars_of orders them"""
    newest = {fact.id: fact for fact in sorted(facts, key=lambda fact: (fact.recorded_at, repr(fact)))}
    return CapacityCalendars(tuple(sorted(newest.values(), key=_order)))


def _order(fact: CapacityFact) -> tuple[int, date, object, str]:
    contributor = -1 if fact.contributor_id is None else fact.contributor_id.int
    return contributor, fact.first_date, fact.recorded_at, repr(fact)


def _write(hours: FloatArray, fact: CapacityFact, first: date) -> None:
    begin = max((fact.first_date - first).days, 0)
    end = len(hours) if fact.last_date is None else min((fact.last_date - first).days + 1, len(hours))
    if end <= begin:
        return
    weekdays = (first + timedelta(days=begin)).weekday() + np.arange(end - begin)
    hours[begin:end] = np.array(fact.weekly_hours)[weekdays % DAYS_PER_WEEK] * fact.allocation
    for day, given in fact.exceptions:
        offset = (day - first).days
        if begin <= offset < end:
            hours[offset] = given * fact.allocation
