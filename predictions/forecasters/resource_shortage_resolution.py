"""What became of a claimed shortage: whether capacity was below the level of the claim for so many days in a row.

1. Source, level, days and length of the run are those of the claim; target, scope and pace are not asked again.
2. Capacity is measured as it was for the forecast, by what is known now, on the days that are over. People leave traces
   that a later synchronisation brings, so their days count as far as the record was looked at: a look, or a later fact.
3. The first run of enough days below the level: it occurred, when the last of them ended, however early that is.
4. No such run when all days are over: it did not occur.
5. Censored, because nobody can say: the project was cancelled before; the record was not looked at for
   OBSERVATION_GRACE after the last day; or it no longer says who works: there are no calendars, or items were moved in
   that time and nobody is named as having moved any.

Assumes that nobody leaves out absences to win a bet: calendars are read as they stand when the claim is settled.

Example: level 7.2, capacity 8 8 7 7 7 7 7 8 …: occurred at the end of the seventh day. With 8 on the fifth: not.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from predictions.enums import OutcomeResult
from predictions.forecasters.answers import EvidenceFact
from predictions.forecasters.capacity_series import (
    CapacityMatrix,
    CapacitySource,
    capacity_matrix,
    longest_run_ends,
)
from predictions.forecasters.claim_calendar import calendar_of
from predictions.forecasters.resolution import (
    Circumstances,
    Resolution,
    ResolutionReason,
    is_cancelled,
    seen_until,
    unobserved,
)
from predictions.forecasters.risk import IssuedClaim
from projects.history.calendar import WorkCalendar
from projects.history.instants import from_us, to_us
from projects.history.project_history import ProjectHistory

SILENT_DAYS = 7
"""If nobody is at work by the traces of a week, and items were moved in it, the record has stopped naming people."""


@dataclass(frozen=True, slots=True)
class ShortageTerms:
    """The figures of a claim, as they were fixed at issue."""

    source: CapacitySource
    level: float
    unit: str
    run_days: int
    first_day: date
    last_day: date
    calendar: WorkCalendar


def resolve_resource_shortage(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Decide a claim by what is known at `now.at`.  Raises ValueError for naive instants.

    history: unrestricted, or restricted to `now.at`
    """
    terms = shortage_terms(issued)
    ends_at = issued.claim.ends_at
    if terms is None:
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.FACTS_LOST, ends_at)
    known = history.as_of(now.at)
    seen = now.at if terms.source is CapacitySource.CALENDARS else seen_until(known, now)
    measured = _measured(known, terms, seen)
    end = int(longest_run_ends((measured.daily < terms.level)[None, :], terms.run_days)[0])
    is_named = _is_named(known, terms, measured, end)
    if end >= 0 and is_named:
        return _occurred(terms, measured, end)
    if now.at < ends_at:
        return Resolution(None, ResolutionReason.NOT_DUE)
    if seen >= ends_at and is_named and not is_cancelled(ends_at, now):
        return _not_occurred(terms, measured, ends_at)
    return _undecided(ends_at, now, is_named=is_named)


def _undecided(ends_at: datetime, now: Circumstances, *, is_named: bool) -> Resolution:
    """All days are over, and the record does not say what happened on them."""
    if is_cancelled(ends_at, now):
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.CANCELLED, ends_at)
    if not is_named:
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.FACTS_LOST, ends_at)
    return unobserved(ends_at, now)


def shortage_terms(issued: IssuedClaim) -> ShortageTerms | None:
    """The figures of a claim; None where they are not those of a shortage."""
    claim, terms = issued.claim, issued.claim.terms
    try:
        if claim.threshold is None:
            return None
        return ShortageTerms(
            source=CapacitySource(str(terms["capacity"])),
            level=claim.threshold,
            unit=claim.unit,
            run_days=int(str(terms["run_days"])),
            first_day=date.fromisoformat(str(terms["first_day"])),
            last_day=date.fromisoformat(str(terms["last_day"])),
            calendar=calendar_of(terms),
        )
    except (KeyError, ValueError):
        return None


def _measured(known: ProjectHistory, terms: ShortageTerms, seen: datetime) -> CapacityMatrix:
    """Capacity on the days of the claim that are over and were looked at."""
    last = terms.last_day
    while last >= terms.first_day and terms.calendar.end_of_day_us(last) > to_us(seen):
        last -= timedelta(days=1)
    return capacity_matrix(
        known, source=terms.source, first_day=terms.first_day, last_day=last, calendar=terms.calendar
    )


def _is_named(known: ProjectHistory, terms: ShortageTerms, measured: CapacityMatrix, end: int) -> bool:
    """Whether the record still says who works, at the end of the run or of all days (end: its position, or -1)."""
    if terms.source is CapacitySource.CALENDARS:
        return known.capacity.has_contributors
    if not measured.days or measured.daily[end] > 0:
        return True
    begin_us = terms.calendar.start_of_day_us(measured.days[end] - timedelta(days=SILENT_DAYS))
    end_us = terms.calendar.end_of_day_us(measured.days[end])
    moved = (known.statuses.at_us >= begin_us) & (known.statuses.at_us < end_us) & known.statuses.dated
    return not bool(moved.any())


def _occurred(terms: ShortageTerms, measured: CapacityMatrix, end: int) -> Resolution:
    first = end - terms.run_days + 1
    moment = from_us(terms.calendar.end_of_day_us(measured.days[end]))
    facts = tuple(_fact(terms, measured, position) for position in range(first, end + 1))
    return Resolution(OutcomeResult.OCCURRED, ResolutionReason.SHORTAGE_OCCURRED, moment, facts)


def _not_occurred(terms: ShortageTerms, measured: CapacityMatrix, ends_at: datetime) -> Resolution:
    lowest = int(np.argmin(measured.daily))
    facts = (_fact(terms, measured, lowest),)
    return Resolution(OutcomeResult.NOT_OCCURRED, ResolutionReason.NO_SHORTAGE, ends_at, facts)


def _fact(terms: ShortageTerms, measured: CapacityMatrix, position: int) -> EvidenceFact:
    day = measured.days[position]
    value = f"{measured.daily[position]:.1f} {terms.unit}"
    moment = from_us(terms.calendar.end_of_day_us(day))
    return EvidenceFact("project", "", f"Capacity on {day.isoformat()}", "capacity", value, moment)
