"""The data gate of capacity: whether the record can tell how much of it there is, why not, and what would unlock it."""

from collections.abc import Iterable

from predictions.forecasters.capacity_series import (
    TRAILING_DAYS,
    CapacitySource,
    capacity_source,
    first_trace_at,
    working_days,
)
from projects.enums import Readiness
from projects.history.calendar import WorkCalendar
from projects.history.instants import MICROSECONDS_PER_DAY, from_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, report

MIN_DAYS, GOOD_DAYS = 30, 60
"""Six weeks hold one window of the horizon; twelve show how often people are away. Starting values."""
QUIET_DAYS = 7.0
"""A week without a trace is a week off, or a record that nobody brought up to date: the two cannot be told apart."""


def capacity_readiness(known: ProjectHistory, *, calendar: WorkCalendar) -> ReadinessReport:
    """Whether capacity can be measured at the history's moment, and over how long."""
    return report(_reasons(known, calendar))


def too_near(days: int, required: int) -> ReadinessReason:
    """The target leaves no room for the event."""
    message = f"{days} working days are left until the target; a shortage lasts {required} of them."
    code, unlock = ReasonCode.TARGET_TOO_NEAR, UnlockStep.MOVE_TARGET_DATE
    return ReadinessReason(code, Readiness.MISCONFIGURED, message, unlock, days, required)


def _reasons(known: ProjectHistory, calendar: WorkCalendar) -> Iterable[ReadinessReason]:
    source = capacity_source(known)
    if source is None:
        message = "There is no capacity calendar of a contributor, and nothing says who works on the items."
        yield ReadinessReason(
            ReasonCode.NO_CAPACITY_FACTS, Readiness.MISCONFIGURED, message, UnlockStep.ENTER_CAPACITY, 0, 1
        )
        return
    today = calendar.local_date(known.known_at_us)
    began_at = first_trace_at(known)
    first = known.capacity.first_date
    if source is CapacitySource.CONTRIBUTORS:
        first = None if began_at is None else began_at.date()
        yield from _quiet(known)
    days = 0 if first is None or first >= today else len(working_days(calendar, first, today)) - 1
    if days < GOOD_DAYS:
        level, required = (Readiness.INSUFFICIENT, MIN_DAYS) if days < MIN_DAYS else (Readiness.LIMITED, GOOD_DAYS)
        message = f"Capacity is on record for {max(days, 0)} working days; {required} are needed."
        code, unlock = ReasonCode.CAPACITY_HISTORY_TOO_SHORT, UnlockStep.WAIT_FOR_HISTORY
        yield ReadinessReason(code, level, message, unlock, max(days, 0), required)


def _quiet(known: ProjectHistory) -> Iterable[ReadinessReason]:
    newest = known.last_fact_us
    activity = known.activity
    if len(activity):
        newest = max(newest or 0, int(activity.at_us[-1]))
    quiet_days = (known.known_at_us - (newest or 0)) / MICROSECONDS_PER_DAY
    if quiet_days > QUIET_DAYS:
        since = "" if newest is None else f", of {from_us(newest).date().isoformat()},"
        message = f"The newest fact{since} is {quiet_days:.0f} days old; {TRAILING_DAYS} working days must be known."
        code, unlock = ReasonCode.ACTIVITY_STALE, UnlockStep.SYNCHRONISE
        yield ReadinessReason(code, Readiness.STALE, message, unlock, quiet_days, QUIET_DAYS)
