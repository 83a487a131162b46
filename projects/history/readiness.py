"""The data gate: whether the record can carry an answer, why not, and what would unlock it.

1. Each check looks at the record as of one moment and returns a reason, or nothing.
2. The worst reason decides: MISCONFIGURED, then INSUFFICIENT, STALE, LIMITED, OK.
3. Only OK and LIMITED carry a number. STALE carries none either: a rate that nobody has recorded for a month is not
   the present rate.

Assumes that a quiet record is an unsynchronised one; a team truly on leave for four weeks is told to say so.
Do not read OK as "the forecast is right": it says that the forecast has something to stand on.

Example: 40 items finished over 20 weeks, 30 of them in one minute of the last day. The batch is 75 % of what was
finished, so the record is INSUFFICIENT for a rate: somebody tidied a board, nobody worked that fast.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import numpy as np

from projects.enums import CARRYING, Readiness
from projects.history.calendar import WorkCalendar
from projects.history.columns import IN_PROGRESS, Flags
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, Instants, to_us
from projects.history.project_history import ProjectHistory

MIN_FINISHED, GOOD_FINISHED = 10, 30
"""Ten finished items give a rate to within a third; thirty are what makes an 85 % quantile settle. Starting values."""
MIN_WEEKS, GOOD_WEEKS = 4, 12
"""Four weeks show that weeks differ; a quarter shows how much. Starting values."""
LOOKBACK_WEEKS = 52
"""What was finished more than a year ago says little about the present rate."""
LEFT_AFTER_DAYS = 182
"""What was begun and has not been touched for half a year is not being worked on. Starting value."""
STALE_AFTER_DAYS = 28
"""Two iterations of the usual length without a trace of work."""
BULK_ITEMS, BULK_GAP_US = 10, 60_000_000
"""Ten items closed with less than a minute between one and the next: nobody finishes work that fast."""
BULK_DAY_ITEMS, BULK_DAY_FACTOR = 20, 10
"""Where only the day is recorded: at least 20 items and ten times a usual day with finishes."""
MAX_TIMES_OF_DATES, MIN_DAYS_OF_DATES = 2, 5
"""Midnight of a zone has one or two times in UTC; on fewer than five days, equal times may be one batch."""
GLANCE = 100
"""Finishes that usually tell times from days; where they do not, all are looked at."""
LIMITED_SHARE, INSUFFICIENT_SHARE = 0.2, 0.5
"""A fifth of doubtful facts is worth a word; with half of them the doubtful ones decide."""

_ORDER = (Readiness.OK, Readiness.LIMITED, Readiness.STALE, Readiness.INSUFFICIENT, Readiness.MISCONFIGURED)


class ReasonCode(StrEnum):
    """What is wrong with the record."""

    NO_ITEMS = "NO_ITEMS"
    NOTHING_REMAINING = "NOTHING_REMAINING"
    TOO_FEW_FINISHED = "TOO_FEW_FINISHED"
    HISTORY_TOO_SHORT = "HISTORY_TOO_SHORT"
    RECORD_STALE = "RECORD_STALE"
    BULK_CLOSED = "BULK_CLOSED"
    DONE_WITHOUT_DATE = "DONE_WITHOUT_DATE"
    FINISHED_BEFORE_CREATED = "FINISHED_BEFORE_CREATED"
    FUTURE_DATED = "FUTURE_DATED"
    NO_TARGET = "NO_TARGET"
    TARGET_PASSED = "TARGET_PASSED"
    NO_BASELINE = "NO_BASELINE"
    NO_PLANNED_EFFORT = "NO_PLANNED_EFFORT"
    EFFORT_NOT_RECORDED = "EFFORT_NOT_RECORDED"
    EFFORT_INVALID = "EFFORT_INVALID"
    NO_COSTS = "NO_COSTS"
    TOO_FEW_COSTS = "TOO_FEW_COSTS"
    COSTS_STALE = "COSTS_STALE"
    NO_BUDGET = "NO_BUDGET"
    BUDGET_SPENT = "BUDGET_SPENT"
    SEVERAL_CURRENCIES = "SEVERAL_CURRENCIES"
    FUTURE_COSTS = "FUTURE_COSTS"
    COSTS_REVERSED = "COSTS_REVERSED"
    NOTHING_EARNED = "NOTHING_EARNED"
    FORECASTER_FAILED = "FORECASTER_FAILED"
    NO_CAPACITY_FACTS = "NO_CAPACITY_FACTS"
    CAPACITY_HISTORY_TOO_SHORT = "CAPACITY_HISTORY_TOO_SHORT"
    TARGET_TOO_NEAR = "TARGET_TOO_NEAR"
    TEAM_SIGNALS_OFF = "TEAM_SIGNALS_OFF"
    NO_ACTIVITY = "NO_ACTIVITY"
    ACTIVITY_TOO_SHORT = "ACTIVITY_TOO_SHORT"
    ACTIVITY_STALE = "ACTIVITY_STALE"
    TIMES_WITHOUT_HOURS = "TIMES_WITHOUT_HOURS"
    TEAM_TOO_SMALL = "TEAM_TOO_SMALL"
    SCOPE_GROWN = "SCOPE_GROWN"
    SCOPE_NOT_ENTERED = "SCOPE_NOT_ENTERED"
    CREATED_IN_BULK = "CREATED_IN_BULK"
    NO_ITEM_TYPES = "NO_ITEM_TYPES"
    NO_BUG_TYPE = "NO_BUG_TYPE"
    NO_ASSIGNEES = "NO_ASSIGNEES"
    NO_CAPACITY = "NO_CAPACITY"
    NO_AREAS = "NO_AREAS"
    NO_PULSES = "NO_PULSES"
    NO_DELIVERIES = "NO_DELIVERIES"
    TOO_FEW_DELIVERIES = "TOO_FEW_DELIVERIES"
    NO_STATES = "NO_STATES"
    NO_STARTS = "NO_STARTS"
    IMPLAUSIBLE_DATE = "IMPLAUSIBLE_DATE"
    LEFT_UNTOUCHED = "LEFT_UNTOUCHED"
    ESTIMATE_UNREADABLE = "ESTIMATE_UNREADABLE"
    ZERO_TOLERANCE = "ZERO_TOLERANCE"


class UnlockStep(StrEnum):
    """What a person can do to get an answer, or a better one."""

    CONNECT_A_TOOL = "CONNECT_A_TOOL"
    ADD_REMAINING_WORK = "ADD_REMAINING_WORK"
    FINISH_MORE_ITEMS = "FINISH_MORE_ITEMS"
    WAIT_FOR_HISTORY = "WAIT_FOR_HISTORY"
    SYNCHRONISE = "SYNCHRONISE"
    EXCLUDE_BULK_CLOSED = "EXCLUDE_BULK_CLOSED"
    IMPORT_CHANGELOG = "IMPORT_CHANGELOG"
    CORRECT_DATES = "CORRECT_DATES"
    SET_TARGET_DATE = "SET_TARGET_DATE"
    APPROVE_BASELINE = "APPROVE_BASELINE"
    PLAN_EFFORT = "PLAN_EFFORT"
    RECORD_EFFORT = "RECORD_EFFORT"
    RECORD_COSTS = "RECORD_COSTS"
    APPROVE_BUDGET = "APPROVE_BUDGET"
    USE_ONE_CURRENCY = "USE_ONE_CURRENCY"
    TELL_SUPPORT = "TELL_SUPPORT"
    ENTER_CAPACITY = "ENTER_CAPACITY"
    MOVE_TARGET_DATE = "MOVE_TARGET_DATE"
    ENABLE_TEAM_SIGNALS = "ENABLE_TEAM_SIGNALS"
    CONNECT_ACTIVITY = "CONNECT_ACTIVITY"
    NOT_FOR_SMALL_TEAMS = "NOT_FOR_SMALL_TEAMS"
    APPROVE_OR_CUT_SCOPE = "APPROVE_OR_CUT_SCOPE"
    ENTER_PLANNED_SCOPE = "ENTER_PLANNED_SCOPE"
    RECORD_ITEM_TYPES = "RECORD_ITEM_TYPES"
    ASSIGN_WORK = "ASSIGN_WORK"
    NAME_AREAS = "NAME_AREAS"
    START_PULSES = "START_PULSES"
    CONNECT_DELIVERY = "CONNECT_DELIVERY"
    USE_MORE_STATES = "USE_MORE_STATES"
    CLOSE_OR_RESUME = "CLOSE_OR_RESUME"
    ESTIMATE_ITEMS = "ESTIMATE_ITEMS"
    SET_TOLERANCE = "SET_TOLERANCE"


@dataclass(frozen=True, slots=True)
class ReadinessReason:
    """One thing that limits an answer.

    measured, required: what was found and from where on it would not limit, in the unit the message names
    """

    code: ReasonCode
    readiness: Readiness
    message: str
    unlock: UnlockStep
    measured: float | None = None
    required: float | None = None


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """The verdict of the gate, with every reason for it, worst first."""

    readiness: Readiness
    reasons: tuple[ReadinessReason, ...]

    @property
    def carries_value(self) -> bool:
        """Whether a number may be given at all."""
        return self.readiness in CARRYING

    def with_reasons(self, more: Iterable[ReadinessReason]) -> "ReadinessReport":
        """The same verdict with further reasons taken into account."""
        return report((*self.reasons, *more))


def report(reasons: Iterable[ReadinessReason]) -> ReadinessReport:
    """The verdict that follows from some reasons: the worst of them, OK when there is none."""
    ordered = tuple(sorted(reasons, key=lambda reason: (-_ORDER.index(reason.readiness), reason.code)))
    return ReadinessReport(ordered[0].readiness if ordered else Readiness.OK, ordered)


def finish_readiness(history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar) -> ReadinessReport:
    """Whether the record can carry a rate of finishing and something left to finish."""
    known = history.as_of(as_of)
    if not bool(known.states.exists.any()):
        message = "The record holds no work items."
        reason = ReadinessReason(ReasonCode.NO_ITEMS, Readiness.MISCONFIGURED, message, UnlockStep.CONNECT_A_TOOL)
        return report([reason])
    worked_us = worked_finishes(known, as_of=as_of, calendar=calendar)
    checks = (
        _nothing_remaining(known),
        _stale(known),
        _too_few_finished(known, worked_us),
        _too_short(known, worked_us),
        _bulk_closed(known, worked_us),
        done_without_date(known),
        _finished_before_created(known),
        future_dated(known),
        implausible_dates(known),
        _left_untouched(known),
    )
    return report(reason for reason in checks if reason is not None)


def arrival_reasons(known: ProjectHistory) -> tuple[ReadinessReason, ...]:
    """Why a record cannot carry a rate at which items arrive: no item, none of late, or dates still to come."""
    if not bool(known.states.exists.any()):
        message = "The record holds no work items."
        return (ReadinessReason(ReasonCode.NO_ITEMS, Readiness.MISCONFIGURED, message, UnlockStep.CONNECT_A_TOOL),)
    ahead = int((known.items.created_us > known.known_at_us).sum())
    future = doubtful_share(
        doubtful=ahead,
        total=len(known.items),
        code=ReasonCode.FUTURE_DATED,
        what="carry a date of creation that had not come when it was recorded",
        unlock=UnlockStep.CORRECT_DATES,
    )
    return tuple(reason for reason in (_stale(known), future, implausible_dates(known)) if reason is not None)


def target_readiness(target_date: date | None, *, as_of: datetime, calendar: WorkCalendar) -> ReadinessReport:
    """Whether there is a target whose day is not over yet."""
    if target_date is None:
        message = "No target date is set, so there is nothing to be late for."
        code = ReasonCode.NO_TARGET
    elif calendar.end_of_day_us(target_date) <= to_us(as_of):
        message = f"The target {target_date.isoformat()} has passed; what has happened is not forecast."
        code = ReasonCode.TARGET_PASSED
    else:
        return report([])
    return report([ReadinessReason(code, Readiness.MISCONFIGURED, message, UnlockStep.SET_TARGET_DATE)])


def bulk_closed(finished_us: Instants, calendar: WorkCalendar) -> Flags:
    """Which finishes came in a batch that no work explains: shape of finished_us, which is ascending.

    By the minute where the source records times; by the day where it records days only.
    """
    if finished_us.size == 0:
        return np.zeros(0, dtype=np.bool_)
    if _holds_days_only(finished_us):
        return _bulk_days(finished_us, calendar)
    run = np.concatenate([[0], np.cumsum(np.diff(finished_us) > BULK_GAP_US)])
    flags: Flags = np.bincount(run)[run] >= BULK_ITEMS
    return flags


def _holds_days_only(finished_us: Instants) -> bool:
    """Whether the source keeps no time of day: one time (two with summer time) for all of many different days."""
    if len(np.unique(finished_us[:GLANCE] % MICROSECONDS_PER_DAY)) > MAX_TIMES_OF_DATES:
        return False
    days, times = np.divmod(finished_us, MICROSECONDS_PER_DAY)
    return len(np.unique(times)) <= MAX_TIMES_OF_DATES and len(np.unique(days)) >= MIN_DAYS_OF_DATES


def _bulk_days(finished_us: Instants, calendar: WorkCalendar) -> Flags:
    """Only days with finishes are looked at: between a date of the year 1 and the next there are many without."""
    instants, instant_of = np.unique(finished_us, return_inverse=True)
    days = np.array([calendar.local_date(int(instant)).toordinal() for instant in instants])
    _, day_of, counts = np.unique(days[instant_of], return_inverse=True, return_counts=True)
    limit = max(BULK_DAY_ITEMS, BULK_DAY_FACTOR * float(np.median(counts)))
    flags: Flags = counts[day_of] >= limit
    return flags


def worked_finishes(history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar) -> Instants:
    """Dates of the items finished by working on them, ascending: all but those closed in bulk."""
    finished_us = history.as_of(as_of).finished_us
    return finished_us[~bulk_closed(finished_us, calendar)]


def _recent(finished_us: Instants, known: ProjectHistory) -> Instants:
    return finished_us[finished_us > known.known_at_us - LOOKBACK_WEEKS * MICROSECONDS_PER_WEEK]


def _nothing_remaining(known: ProjectHistory) -> ReadinessReason | None:
    if bool(known.states.open.any()):
        return None
    message = "Every work item is done or gone, so there is nothing left to forecast."
    return ReadinessReason(
        ReasonCode.NOTHING_REMAINING, Readiness.MISCONFIGURED, message, UnlockStep.ADD_REMAINING_WORK, 0, 1
    )


def _stale(known: ProjectHistory) -> ReadinessReason | None:
    if known.last_fact_us is None:
        return None
    quiet_days = (known.known_at_us - known.last_fact_us) / MICROSECONDS_PER_DAY
    if quiet_days <= STALE_AFTER_DAYS:
        return None
    message = f"The newest fact is {quiet_days:.0f} days old."
    return ReadinessReason(
        ReasonCode.RECORD_STALE, Readiness.STALE, message, UnlockStep.SYNCHRONISE, quiet_days, STALE_AFTER_DAYS
    )


def _too_few_finished(known: ProjectHistory, worked_us: Instants) -> ReadinessReason | None:
    count = len(_recent(worked_us, known))
    if count >= GOOD_FINISHED:
        return None
    level, required = (
        (Readiness.INSUFFICIENT, MIN_FINISHED) if count < MIN_FINISHED else (Readiness.LIMITED, GOOD_FINISHED)
    )
    message = f"{count} items were finished on a known date in the last {LOOKBACK_WEEKS} weeks; {required} are needed."
    return ReadinessReason(ReasonCode.TOO_FEW_FINISHED, level, message, UnlockStep.FINISH_MORE_ITEMS, count, required)


def _too_short(known: ProjectHistory, worked_us: Instants) -> ReadinessReason | None:
    weeks = (known.known_at_us - int(worked_us[0])) / MICROSECONDS_PER_WEEK if worked_us.size else 0.0
    if weeks >= GOOD_WEEKS:
        return None
    level, required = (Readiness.INSUFFICIENT, MIN_WEEKS) if weeks < MIN_WEEKS else (Readiness.LIMITED, GOOD_WEEKS)
    message = f"Items have been finished for {weeks:.1f} weeks; {required} are needed."
    return ReadinessReason(ReasonCode.HISTORY_TOO_SHORT, level, message, UnlockStep.WAIT_FOR_HISTORY, weeks, required)


def _bulk_closed(known: ProjectHistory, worked_us: Instants) -> ReadinessReason | None:
    total = len(_recent(known.finished_us, known))
    return doubtful_share(
        doubtful=total - len(_recent(worked_us, known)),
        total=total,
        code=ReasonCode.BULK_CLOSED,
        what="were closed in bulk",
        unlock=UnlockStep.EXCLUDE_BULK_CLOSED,
    )


def done_without_date(known: ProjectHistory) -> ReadinessReason | None:
    """Too much is known to be done, and not since when."""
    undated = known.defects.done_without_date
    return doubtful_share(
        doubtful=undated,
        total=undated + int(known.states.finished.sum()),
        code=ReasonCode.DONE_WITHOUT_DATE,
        what="are done without a date",
        unlock=UnlockStep.IMPORT_CHANGELOG,
    )


def _finished_before_created(known: ProjectHistory) -> ReadinessReason | None:
    return doubtful_share(
        doubtful=known.defects.finished_before_created,
        total=int(known.states.finished.sum()),
        code=ReasonCode.FINISHED_BEFORE_CREATED,
        what="were finished before they were created",
        unlock=UnlockStep.CORRECT_DATES,
    )


def future_dated(known: ProjectHistory) -> ReadinessReason | None:
    """Too much carries a date that had not come when it was recorded."""
    future = known.defects.future_dated
    return doubtful_share(
        doubtful=future,
        total=future + len(known.finished_us),
        code=ReasonCode.FUTURE_DATED,
        what="carry a date that had not come when it was recorded",
        unlock=UnlockStep.CORRECT_DATES,
    )


def implausible_dates(known: ProjectHistory) -> ReadinessReason | None:
    """Too many items were created before anybody kept records: their tool had no date and wrote its oldest one."""
    return doubtful_share(
        doubtful=known.defects.created_before_records,
        total=int(known.states.exists.sum()),
        code=ReasonCode.IMPLAUSIBLE_DATE,
        what="were created before 1971, which is how tools write that they have no date",
        unlock=UnlockStep.CORRECT_DATES,
    )


def _left_untouched(known: ProjectHistory) -> ReadinessReason | None:
    """Too much of what is to be done was begun long ago and left: nobody can say whether it still is to be done."""
    is_open = known.states.open
    left = is_open & (known.states.category == IN_PROGRESS)
    left &= known.touched_us < known.known_at_us - LEFT_AFTER_DAYS * MICROSECONDS_PER_DAY
    return doubtful_share(
        doubtful=int(left.sum()),
        total=int(is_open.sum()),
        code=ReasonCode.LEFT_UNTOUCHED,
        of="open items",
        what=f"were begun and have not been touched for {LEFT_AFTER_DAYS} days",
        unlock=UnlockStep.CLOSE_OR_RESUME,
    )


def doubtful_share(
    *, doubtful: int, total: int, code: ReasonCode, what: str, unlock: UnlockStep, of: str = "facts"
) -> ReadinessReason | None:
    """A reason when more than a fifth of the facts that count is doubtful; with more than half there is no number."""
    share = doubtful / total if total else 0.0
    if share <= LIMITED_SHARE:
        return None
    level = Readiness.INSUFFICIENT if share > INSUFFICIENT_SHARE else Readiness.LIMITED
    message = f"{doubtful} of {total} {of} {what}."
    return ReadinessReason(code, level, message, unlock, share, LIMITED_SHARE)
