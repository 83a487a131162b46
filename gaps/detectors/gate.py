"""The data gate that process, technology and quality share: enough weeks, enough finished work, a record up to date."""

from projects.enums import Readiness
from projects.history.calendar import WorkCalendar
from projects.history.instants import MICROSECONDS_PER_WEEK, Instants
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    finish_readiness,
    report,
)

OF_A_FINISH = frozenset({ReasonCode.NOTHING_REMAINING})
"""What limits only the question when the work will be done."""


def work_readiness(known: ProjectHistory, calendar: WorkCalendar) -> ReadinessReport:
    """Whether the record of the work can carry weekly measures; work may all be done."""
    of_finish = finish_readiness(known, as_of=known.as_of_moment, calendar=calendar)
    return report(reason for reason in of_finish.reasons if reason.code not in OF_A_FINISH)


def too_short(known: ProjectHistory, first_us: int | None, *, weeks: int) -> ReadinessReason | None:
    """A reason when fewer weeks lie between the first fact and now."""
    since = 0.0 if first_us is None else (known.known_at_us - first_us) / MICROSECONDS_PER_WEEK
    if since >= weeks:
        return None
    message = f"The facts reach back {max(since, 0.0):.1f} weeks; {weeks} are needed."
    return ReadinessReason(
        ReasonCode.HISTORY_TOO_SHORT, Readiness.INSUFFICIENT, message, UnlockStep.WAIT_FOR_HISTORY, since, weeks
    )


def first_of(*instants: Instants) -> int | None:
    """The earliest of some instants; None where there is none."""
    return min((int(each.min()) for each in instants if each.size), default=None)
