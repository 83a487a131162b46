"""The data gates that detectors share: a record up to date, enough finished work, enough weeks, a source at all."""

from gaps.detectors.detection import DetectionContext
from projects.enums import CARRYING, Readiness
from projects.history.instants import MICROSECONDS_PER_WEEK, Instants
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, report

OF_A_TARGET = frozenset({ReasonCode.NO_TARGET, ReasonCode.TARGET_PASSED})
OF_A_FINISH = OF_A_TARGET | {ReasonCode.NOTHING_REMAINING}
"""What limits only the question when the work will be done."""


def record_readiness(context: DetectionContext) -> ReadinessReport:
    """The gate of the finish forecast without what it says about a target: most gaps need none."""
    return report(reason for reason in context.finish.readiness.reasons if reason.code not in OF_A_TARGET)


def work_readiness(context: DetectionContext) -> ReadinessReport:
    """Whether the record of the work can carry weekly measures; work may all be done."""
    return report(reason for reason in context.finish.readiness.reasons if reason.code not in OF_A_FINISH)


def closed_by_done_work(readiness: ReadinessReport) -> bool:
    """Whether a type has no answer for the only reason that all work is done; a target then matters no more."""
    closing = {reason.code for reason in readiness.reasons if reason.readiness not in CARRYING}
    return ReasonCode.NOTHING_REMAINING in closing and closing <= OF_A_FINISH


def not_connected(code: ReasonCode, message: str, unlock: UnlockStep) -> ReadinessReason:
    """A source that is missing and closes a type."""
    return ReadinessReason(code, Readiness.MISCONFIGURED, message, unlock)


def zero_tolerance(of: str) -> ReadinessReason:
    """A tolerance of zero has no multiples, so a difference has no size. The project's settings are at fault."""
    message = f"The tolerance of the {of} is zero, so a difference has no size."
    return not_connected(ReasonCode.ZERO_TOLERANCE, message, UnlockStep.SET_TOLERANCE)


def weeks_untold(weeks: int, required: int) -> ReadinessReason:
    """Too few complete weeks on record to know what is usual."""
    message = f"{weeks} complete weeks are on record; {required} are needed to know what is usual."
    return _too_short(message, weeks, required)


def too_short(known: ProjectHistory, first_us: int | None, *, weeks: int) -> ReadinessReason | None:
    """A reason when fewer weeks lie between the first fact and now."""
    since = 0.0 if first_us is None else (known.known_at_us - first_us) / MICROSECONDS_PER_WEEK
    if since >= weeks:
        return None
    return _too_short(f"The facts reach back {max(since, 0.0):.1f} weeks; {weeks} are needed.", since, weeks)


def first_of(*instants: Instants) -> int | None:
    """The earliest of some instants; None where there is none."""
    return min((int(each.min()) for each in instants if each.size), default=None)


def _too_short(message: str, weeks: float, required: int) -> ReadinessReason:
    return ReadinessReason(
        ReasonCode.HISTORY_TOO_SHORT, Readiness.INSUFFICIENT, message, UnlockStep.WAIT_FOR_HISTORY, weeks, required
    )
