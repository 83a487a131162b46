"""What became of a claimed overload: whether both series were above the limits of the claim for so many weeks in a row.

1. Limits, weeks, working days and length of the run are those of the claim.
2. Both series are measured as they were for the forecast (team_weeks), by what is known now, in the weeks that are over
   and that the record was looked at after. A week with too few people active is not above anything.
3. The first run of enough weeks: it occurred, when the last of them ended. No run when all weeks are over: not.
4. Censored, because nobody can say: the project was cancelled before, the record was not looked at for
   OBSERVATION_GRACE after the last week, or in most weeks fewer people were active than may be spoken of. And at once,
   without a look at anything, where the team no longer agrees.

Example: above both in weeks 2, 3 and 4 of six: occurred at the end of week 4. In weeks 1, 2, 4 and 5: not.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from predictions.enums import OutcomeResult
from predictions.forecasters.answers import EvidenceFact
from predictions.forecasters.capacity_series import longest_run_ends
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
from predictions.forecasters.team_weeks import TeamWeeks, team_weeks
from projects.history.calendar import DAYS_PER_WEEK, WorkCalendar
from projects.history.instants import from_us, to_us
from projects.history.project_history import ProjectHistory


@dataclass(frozen=True, slots=True)
class OverloadTerms:
    """The figures of a claim, as they were fixed at issue."""

    after_hours_limit: float
    load_limit: float
    run_weeks: int
    first_monday: date
    weeks: int
    calendar: WorkCalendar


def resolve_team_overload(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Decide a claim by what is known at `now.at`.  Raises ValueError for naive instants.

    history: unrestricted, or restricted to `now.at`
    """
    terms, ends_at = overload_terms(issued), issued.claim.ends_at
    if not now.team_signals_enabled:
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.CONSENT_WITHDRAWN, now.at)
    if terms is None:
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.FACTS_LOST, ends_at)
    known = history.as_of(now.at)
    seen = seen_until(known, now)
    measured = _measured(known, terms, seen)
    above = (measured.after_hours > terms.after_hours_limit) & (measured.load > terms.load_limit)
    end = int(longest_run_ends(above[None, :], terms.run_weeks)[0])
    if end >= 0:
        return _occurred(terms, measured, end)
    if now.at < ends_at:
        return Resolution(None, ResolutionReason.NOT_DUE)
    is_told = 2 * int(np.isfinite(measured.load).sum()) > terms.weeks
    if seen >= ends_at and is_told and not is_cancelled(ends_at, now):
        return Resolution(
            OutcomeResult.NOT_OCCURRED,
            ResolutionReason.NO_OVERLOAD,
            ends_at,
            _facts(terms, measured, range(len(above))),
        )
    return _undecided(ends_at, seen, now)


def _undecided(ends_at: datetime, seen: datetime, now: Circumstances) -> Resolution:
    """All weeks are over, and the record does not say how they were."""
    if is_cancelled(ends_at, now):
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.CANCELLED, ends_at)
    if seen >= ends_at:
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.FACTS_LOST, ends_at)
    return unobserved(ends_at, now)


def overload_terms(issued: IssuedClaim) -> OverloadTerms | None:
    """The figures of a claim; None where they are not those of an overload."""
    claim, terms = issued.claim, issued.claim.terms
    try:
        if claim.threshold is None:
            return None
        return OverloadTerms(
            after_hours_limit=claim.threshold,
            load_limit=float(str(terms["load_limit"])),
            run_weeks=int(str(terms["run_weeks"])),
            first_monday=date.fromisoformat(str(terms["first_monday"])),
            weeks=int(str(terms["weeks"])),
            calendar=calendar_of(terms),
        )
    except (KeyError, ValueError):
        return None


def _measured(known: ProjectHistory, terms: OverloadTerms, seen: datetime) -> TeamWeeks:
    """The weeks of the claim that are over and were looked at."""
    weeks = 0
    while weeks < terms.weeks and _end_us(terms, weeks) <= to_us(seen):
        weeks += 1
    last = terms.first_monday + timedelta(days=DAYS_PER_WEEK * weeks - 1)
    return team_weeks(known, first_day=terms.first_monday, last_day=last, calendar=terms.calendar)


def _end_us(terms: OverloadTerms, week: int) -> int:
    return terms.calendar.start_of_day_us(terms.first_monday + timedelta(weeks=week + 1))


def _occurred(terms: OverloadTerms, measured: TeamWeeks, end: int) -> Resolution:
    facts = _facts(terms, measured, range(end - terms.run_weeks + 1, end + 1))
    moment = from_us(_end_us(terms, end))
    return Resolution(OutcomeResult.OCCURRED, ResolutionReason.OVERLOAD_OCCURRED, moment, facts)


def _facts(terms: OverloadTerms, measured: TeamWeeks, weeks: range) -> tuple[EvidenceFact, ...]:
    """The figures of weeks of the whole team; a week of too few people has none."""
    return tuple(
        EvidenceFact(
            "project",
            "",
            f"Week from {measured.mondays[week].isoformat()}",
            "after_hours_and_load",
            f"{measured.after_hours[week]:.1%} of hours outside, {measured.load[week]:.2f} items per person"
            if np.isfinite(measured.load[week])
            else "too few people active",
            from_us(_end_us(terms, week)),
        )
        for week in weeks
    )
