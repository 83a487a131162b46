"""From predictions to what is pushed: few messages, early enough, one thread for one cause.

1. Of every subject (a project, an item, a milestone) and type only the newest forecast speaks. While it alarms, its
   thread is live; the levels at which it begins and ceases to alarm lie apart (`risk.ALERT_LEVELS`), so none flickers.
2. A thread has news when it opens, and when its impact is greater than anything it told before. All else is no news.
3. News is muted where its type is muted in the project; left to the digest where it would be delivered less than 72 h
   before the event, where its type is on probation, or where three pushes lie within seven days of it; held until the
   quiet hours end; otherwise pushed at once.
4. A type is on probation in an organisation while, of the events that were warned of and decided in the past year, at
   least twenty, fewer than seven of ten occurred. It goes on being forecast, warned of and settled: so it finds out.
5. The gravest news comes first: greatest impact, then highest probability, then the nearest event.

Assumes that whoever delivers asks at least once a day. A held push has its place in the week from the start: if its
thread clears over night, the place stays spent, which errs towards silence.

Example: on one morning five threads open in a project that was silent for a week. The three gravest are pushed, two are
left to the digest. On Tuesday of the next week a place is free again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from predictions.calibration.track_record import EARLY_ENOUGH_H
from predictions.enums import MAX_PUSHES_PER_WEEK, AlertClosing, PushDecision, PushReason, Severity

EARLY_ENOUGH = timedelta(hours=EARLY_ENOUGH_H)
WEEK = timedelta(days=7)
SAME_REASON_TIMES = 3
"""Dismissals of one type for one reason after which muting it is proposed."""
PROBATION_BELOW, PROBATION_EVENTS = 0.7, 20
"""Share of warnings that came true below which a type is not pushed, and how many must be decided to say so."""
PROBATION_LOOKS_BACK = timedelta(days=365)
"""So that a year of silence in the digest ends it, if nothing else does."""
IMPACT_RANK: Mapping[str, int] = {severity.value: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the newest forecast of one subject says.

    subject_key: type and subject, hashed;  as_of, predicted_for: aware
    """

    subject_key: str
    prediction_id: UUID
    episode_id: UUID
    type: str
    probability: float
    impact: str
    is_alert: bool
    is_late: bool
    as_of: datetime
    predicted_for: datetime


@dataclass(frozen=True, slots=True)
class WarningPrecision:
    """Of the events of one type that were warned of and decided, how many there were and how many occurred."""

    type: str
    warned: int
    occurred: int

    @property
    def share(self) -> float | None:
        """None while too few are decided to say."""
        return self.occurred / self.warned if self.warned >= PROBATION_EVENTS else None

    @property
    def is_on_probation(self) -> bool:
        """Whether the type is left to the digest."""
        return self.share is not None and self.share < PROBATION_BELOW


@dataclass(frozen=True, slots=True)
class PushPolicy:
    """When an organisation may be disturbed.  quiet_from equal to quiet_until: at any time"""

    time_zone: str
    quiet_from: time
    quiet_until: time


@dataclass(frozen=True, slots=True)
class PushChoice:
    """What becomes of one piece of news.

    deliver_at, week_start, week_slot: of a push, held or not; None otherwise.  week_start: a local Monday
    """

    decision: PushDecision
    reason: PushReason
    deliver_at: datetime | None = None
    week_start: date | None = None
    week_slot: int | None = None


def newest_by_subject(forecasts: Iterable[Standing]) -> dict[str, Standing]:
    """The newest forecast of each subject; of several with the same facts, the one written last."""
    newest: dict[str, Standing] = {}
    for each in sorted(forecasts, key=lambda standing: (standing.as_of, standing.prediction_id)):
        newest[each.subject_key] = each
    return newest


def closing_of(standing: Standing | None) -> AlertClosing | None:
    """Why a live thread ends; None while it goes on.  standing: of its subject, None where no claim is open"""
    if standing is None:
        return AlertClosing.OVER
    return None if standing.is_alert else AlertClosing.CLEARED


def news_reason(impact: str, told_impacts: Iterable[str]) -> PushReason | None:
    """Why a live thread has news, None where it has none.  told_impacts: of what was decided in it before"""
    told = [IMPACT_RANK[each] for each in told_impacts]
    if not told:
        return PushReason.OPENED
    return PushReason.GOT_WORSE if IMPACT_RANK[impact] > max(told) else None


def gravest_first(news: Iterable[Standing]) -> list[Standing]:
    """The order in which news takes the places of a week."""
    return sorted(news, key=lambda s: (-IMPACT_RANK[s.impact], -s.probability, s.predicted_for, s.prediction_id))


def choose(
    news: Standing,
    reason: PushReason,
    *,
    at: datetime,
    policy: PushPolicy,
    pushes: Sequence[datetime],
    is_muted: bool,
    is_late: bool,
    is_on_probation: bool = False,
) -> PushChoice:
    """Decide on one piece of news at a moment.

    reason: OPENED or GOT_WORSE;  pushes: when the project's other pushes are or were delivered
    is_late: the thread began too late
    """
    if is_muted:
        return PushChoice(PushDecision.MUTED, PushReason.TYPE_MUTED)
    deliver_at = end_of_quiet_hours(at, policy)
    moment = deliver_at or at
    is_late = is_late or news.predicted_for - moment < EARLY_ENOUGH
    if is_late or is_on_probation:
        return PushChoice(PushDecision.DIGEST, PushReason.LATE if is_late else PushReason.ON_PROBATION)
    # Both sides of the moment: a push that is held until tomorrow takes a place of today's week as well.
    if sum(abs(push - moment) < WEEK for push in pushes) >= MAX_PUSHES_PER_WEEK:
        return PushChoice(PushDecision.DIGEST, PushReason.BUDGET_SPENT)
    week_start = local_week(moment, policy)
    slot = 1 + sum(local_week(push, policy) == week_start for push in pushes)
    if slot > MAX_PUSHES_PER_WEEK:  # the organisation moved to another time zone within the week
        return PushChoice(PushDecision.DIGEST, PushReason.BUDGET_SPENT)
    if deliver_at is None:
        return PushChoice(PushDecision.PUSHED, reason, at, week_start, slot)
    return PushChoice(PushDecision.HELD, PushReason.QUIET_HOURS, deliver_at, week_start, slot)


def end_of_quiet_hours(at: datetime, policy: PushPolicy) -> datetime | None:
    """When the quiet hours that a moment lies in end, in UTC; None outside of them.

    A local time that a change of the clocks skips ends at the change; one that comes twice ends the first time.
    """
    zone = ZoneInfo(policy.time_zone)
    local = at.astimezone(zone)
    clock, begins, ends = local.time(), policy.quiet_from, policy.quiet_until
    is_overnight = begins > ends
    if begins == ends or not (clock >= begins or clock < ends if is_overnight else begins <= clock < ends):
        return None
    day = local.date() + timedelta(days=1) if is_overnight and clock >= begins else local.date()
    end = datetime.combine(day, ends, tzinfo=zone).astimezone(UTC)
    return end if end > at else None


def local_week(moment: datetime, policy: PushPolicy) -> date:
    """The Monday of the organisation's week that a moment lies in."""
    day = moment.astimezone(ZoneInfo(policy.time_zone)).date()
    return day - timedelta(days=day.weekday())


def proposes_mute(same_reason_dismissals: int) -> bool:
    """Whether so many dismissals of one type for one reason, since the last decision about it, propose to mute."""
    return same_reason_dismissals >= SAME_REASON_TIMES
