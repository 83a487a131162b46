"""The data gate of overload: whether the team agreed, is large enough, and left enough behind to be measured by."""

from collections.abc import Iterable

import numpy as np

from predictions.forecasters.team_weeks import MIN_PEOPLE, TeamWeeks, baseline_weeks, most_common_time_share
from projects.enums import Readiness
from projects.history.calendar import WorkCalendar
from projects.history.instants import MICROSECONDS_PER_DAY
from projects.history.project_history import CLOCK_SKEW_US, ProjectHistory
from projects.history.readiness import (
    LIMITED_SHARE,
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    doubtful_share,
    report,
)

MIN_WEEKS, GOOD_WEEKS = 10, 20
"""Natural limits need eight values; ten leave room for two weeks off. Starting values."""
QUIET_DAYS = 7.0


def overload_readiness(known: ProjectHistory, *, calendar: WorkCalendar, team_signals_enabled: bool) -> ReadinessReport:
    """Whether overload can be told at the history's moment; where the team did not agree, nothing is looked at."""
    return report(_reasons(known, calendar, enabled=team_signals_enabled))


def _reasons(known: ProjectHistory, calendar: WorkCalendar, *, enabled: bool) -> Iterable[ReadinessReason]:
    if not enabled:
        message = "The team has not agreed that its working times and load are looked at."
        yield _wrong(ReasonCode.TEAM_SIGNALS_OFF, message, UnlockStep.ENABLE_TEAM_SIGNALS)
        return
    if len(known.activity) == 0:
        message = "Nothing says when the team works: no comment, review or change names an account."
        yield _wrong(ReasonCode.NO_ACTIVITY, message, UnlockStep.CONNECT_ACTIVITY)
        return
    if not bool((known.states.exists & known.states.live).any()):
        message = "Every work item is gone, so there is no load to speak of."
        yield _wrong(ReasonCode.NO_ITEMS, message, UnlockStep.CONNECT_A_TOOL)
    yield from _future(known)
    if most_common_time_share(known) > LIMITED_SHARE:
        message = "The activity on record keeps days, not hours: too much of it carries one time of day."
        yield _wrong(ReasonCode.TIMES_WITHOUT_HOURS, message, UnlockStep.CONNECT_ACTIVITY)
    yield from _stale(known)
    yield from _span(baseline_weeks(known, calendar=calendar))


def _future(known: ProjectHistory) -> Iterable[ReadinessReason]:
    """What carries a date to come says nothing of the weeks that are over, and was left out of them."""
    everything = known.context.activity.at_us
    reason = doubtful_share(
        doubtful=int((everything > known.known_at_us + CLOCK_SKEW_US).sum()),
        total=len(everything),
        code=ReasonCode.FUTURE_DATED,
        what="of activity carry a date that had not come when it was recorded",
        unlock=UnlockStep.CORRECT_DATES,
    )
    return () if reason is None else (reason,)


def _stale(known: ProjectHistory) -> Iterable[ReadinessReason]:
    quiet_days = (known.known_at_us - int(known.activity.at_us[-1])) / MICROSECONDS_PER_DAY
    if quiet_days > QUIET_DAYS:
        message = f"The newest activity is {quiet_days:.0f} days old."
        code, unlock = ReasonCode.ACTIVITY_STALE, UnlockStep.SYNCHRONISE
        yield ReadinessReason(code, Readiness.STALE, message, unlock, quiet_days, QUIET_DAYS)


def _span(weeks: TeamWeeks) -> Iterable[ReadinessReason]:
    usable = int(np.isfinite(weeks.after_hours).sum())
    if len(weeks) and (not np.isfinite(weeks.after_hours[-1]) or usable < len(weeks) / 2):
        message = f"In too many weeks fewer than {MIN_PEOPLE} people were active; nothing is said of so few."
        yield _wrong(ReasonCode.TEAM_TOO_SMALL, message, UnlockStep.NOT_FOR_SMALL_TEAMS)
    if usable < GOOD_WEEKS:
        level, required = (Readiness.INSUFFICIENT, MIN_WEEKS) if usable < MIN_WEEKS else (Readiness.LIMITED, GOOD_WEEKS)
        message = (
            f"{usable} complete weeks of at least {MIN_PEOPLE} active people are on record; {required} are needed."
        )
        code, unlock = ReasonCode.ACTIVITY_TOO_SHORT, UnlockStep.WAIT_FOR_HISTORY
        yield ReadinessReason(code, level, message, unlock, usable, required)
    if len(weeks) and usable and not float(np.nanmax(weeks.load)) > 0:
        message = "No item was ever in progress, so there is no load to speak of."
        yield _wrong(ReasonCode.NO_ACTIVITY, message, UnlockStep.IMPORT_CHANGELOG)


def _wrong(code: ReasonCode, message: str, unlock: UnlockStep) -> ReadinessReason:
    return ReadinessReason(code, Readiness.MISCONFIGURED, message, unlock)
