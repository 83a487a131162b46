"""What would have been predicted when, and what came true: the delay risk, asked again at moments of the past.

1. Step by step the record is restricted to a past moment, and the served forecaster answers as it would have then.
2. The target is the one in force then: that of the plan approved last. Where there was none, the date that the forecast
   itself would have promised (P85) is held until it has passed, and then the next one. A target that stands in the
   project today is not used: nothing says since when it has been in force.
3. Each answer is settled by the rule that settles real predictions (`resolution`), from the record of today, once its
   day is over: a scope that is done early would be counted, and one that will be late would not be yet.
4. Answers about one target are one event. It was a hit when an unbroken warning covered it from at least 72 h before.

Assumes that the calendar in force today was in force then. Do not read it as a ledger: the forecaster of today was not
there, and where the record was imported later it is rebuilt from what survived (`is_reconstructed`).

Example: a plan approved in January for the end of June, asked every week, p rises over .6 in April and stays; the scope
is open in July: one hit with about ten weeks of lead time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from predictions.calibration.track_record import EARLY_ENOUGH_H
from predictions.enums import OutcomeResult
from predictions.forecasters.answers import ModelIdentity, hash_of
from predictions.forecasters.delay_risk import forecast_delay_risk
from predictions.forecasters.finish import FinishForecast, forecast_finish
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY
from predictions.forecasters.resolution import (
    Circumstances,
    Resolution,
    ResolutionReason,
    resolve_delay,
)
from predictions.forecasters.risk import Claim, IssuedClaim
from projects.history.calendar import WorkCalendar
from projects.history.instants import from_us, to_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport

MODEL = ModelIdentity("replay.delay-risk", "1")
PROMISED = 0.85
DAYS_PER_MONTH = 30.4375
MAX_MONTHS, MIN_STEP = 24, timedelta(days=1)
MAX_STEPS = 750
"""Two years day by day."""

Watcher = Callable[[int, int], object]
"""Told after each step how many of how many are done."""
Looker = Callable[[ProjectHistory, FinishForecast], object]
"""Shown what was known at each moment, and the finish forecast of then, so that others need not compute them again."""


class TargetSource(StrEnum):
    """Where the target in force came from."""

    PLAN = "PLAN"
    PROMISE = "PROMISE"


class EventVerdict(StrEnum):
    """How the warnings of one event turned out. LATE: warned less than 72 h before, which counts as a miss."""

    HIT = "HIT"
    LATE = "LATE"
    MISS = "MISS"
    FALSE_ALARM = "FALSE_ALARM"
    QUIET = "QUIET"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """Which moments of the past to ask at: every step over so many months, until a moment.

    Raises ValueError for a plan without end.
    """

    until: datetime
    months: int = MAX_MONTHS
    step: timedelta = timedelta(weeks=1)

    def __post_init__(self) -> None:
        if not 1 <= self.months <= MAX_MONTHS:
            raise ValueError(f"a replay looks back over 1 to {MAX_MONTHS} months")
        if self.step < MIN_STEP or self.count < 1:
            raise ValueError("a step is at least a day, and not longer than the replay")

    @property
    def count(self) -> int:
        """How many moments there are."""
        return int(timedelta(days=self.months * DAYS_PER_MONTH) / self.step)

    @property
    def moments(self) -> tuple[datetime, ...]:
        """The moments, oldest first; the last is one step before the end, so that something can have come true."""
        return tuple(self.until - self.step * back for back in range(self.count, 0, -1))


@dataclass(frozen=True, slots=True)
class ReplayStep:
    """What would have been said at one moment; without readiness there is a reason and no number.

    result: None while nobody can know yet;  promised_on: P85 date;  kept: whether the scope was done by it, None: open
    """

    as_of: datetime
    target: date | None
    source: TargetSource | None
    readiness: ReadinessReport
    probability: float | None = None
    base_rate: float | None = None
    is_alert: bool = False
    result: OutcomeResult | None = None
    reason: ResolutionReason | None = None
    promised_on: date | None = None
    kept: bool | None = None
    is_reconstructed: bool = False


@dataclass(frozen=True, slots=True)
class ReplayEvent:
    """One target, as often as it was asked about.  lead_time_h: None where no warning covered the event."""

    target: date
    source: TargetSource
    first_as_of: datetime
    steps: int
    result: OutcomeResult | None
    verdict: EventVerdict
    lead_time_h: float | None
    alerts: int


@dataclass(frozen=True, slots=True)
class Replay:
    """All steps of a replay, and the events they were about."""

    plan: ReplayPlan
    steps: tuple[ReplayStep, ...]
    events: tuple[ReplayEvent, ...]
    inputs_hash: str
    model: ModelIdentity = field(default=MODEL)

    @property
    def is_reconstructed(self) -> bool:
        """Whether some step leans on facts that were recorded later."""
        return any(step.is_reconstructed for step in self.steps)

    def verdicts(self, verdict: EventVerdict) -> int:
        """How many events turned out like this."""
        return sum(event.verdict == verdict for event in self.events)

    @property
    def readiness(self) -> ReadinessReport:
        """That of the best step: one answer is enough to show something."""
        answering = [step for step in self.steps if step.probability is not None]
        return (answering or self.steps)[-1].readiness


def replay_delay_risk(
    history: ProjectHistory,
    plan: ReplayPlan,
    *,
    calendar: WorkCalendar,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    observed_until: datetime | None = None,
    watch: Watcher = lambda _done, _all: None,
    look: Looker = lambda _known, _finish: None,
) -> Replay:
    """Ask the served forecaster at every moment of a plan, and settle what it would have said. Pure.

    observed_until: when the record was last looked at
    """
    judge = _Judge(history.as_of(plan.until), Circumstances(plan.until, observed_until), calendar, accepted_probability)
    steps: list[ReplayStep] = []
    promise: date | None = None
    for done, moment in enumerate(plan.moments, start=1):
        known = history.as_of(moment)
        target, source, finish = target_in_force(known, promise, calendar)
        if source == TargetSource.PROMISE:
            promise = target
        steps.append(judge.step(known, finish, source, before=steps[-1] if steps else None))
        look(known, finish)
        watch(done, plan.count)
    inputs = {
        "facts": judge.today.inputs_hash,
        "months": plan.months,
        "step": plan.step.total_seconds(),
        "observed": observed_until,
        "accepted": accepted_probability,
        "calendar": [calendar.time_zone, sorted(calendar.working_weekdays), sorted(calendar.holidays)],
    }
    return Replay(plan, tuple(steps), _events(steps, calendar), hash_of(inputs))


def target_in_force(
    known: ProjectHistory, promise: date | None, calendar: WorkCalendar
) -> tuple[date | None, TargetSource | None, FinishForecast]:
    """The target in force at the history's moment, where it came from, and the finish forecast held against it.

    promise: the date promised before by a forecast, which holds until it has passed
    """
    moment, plan = known.as_of_moment, known.baseline
    for target, source in ((plan.target_date if plan else None, TargetSource.PLAN), (promise, TargetSource.PROMISE)):
        if target is not None and _lies_ahead(known, target, calendar):
            return target, source, forecast_finish(known, as_of=moment, target_date=target, calendar=calendar)
    finish = forecast_finish(known, as_of=moment, calendar=calendar)
    target = _promised_on(finish)
    if target is None:
        return None, None, finish
    return target, TargetSource.PROMISE, forecast_finish(known, as_of=moment, target_date=target, calendar=calendar)


def _promised_on(finish: FinishForecast) -> date | None:
    quantile = finish.quantile(PROMISED)
    return None if quantile is None else quantile.finish_date


def _lies_ahead(known: ProjectHistory, day: date, calendar: WorkCalendar) -> bool:
    return calendar.end_of_day_us(day) > known.known_at_us


def resolve_once_over(today: ProjectHistory, claim: Claim, moment: datetime, now: Circumstances) -> Resolution:
    """What became of a claim of delay that would have been made at a past moment.

    Not due before its day is over, though all be done by then: else only good ends would be known early.
    """
    if claim.ends_at > now.at:
        return Resolution(None, ResolutionReason.NOT_DUE)
    return resolve_delay(today, IssuedClaim(claim, moment, moment), now)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Settles what would have been said, by the record of today."""

    today: ProjectHistory
    now: Circumstances
    calendar: WorkCalendar
    accepted: float

    def step(
        self, known: ProjectHistory, finish: FinishForecast, source: TargetSource | None, *, before: ReplayStep | None
    ) -> ReplayStep:
        moment, target = known.as_of_moment, finish.target_date
        risk = forecast_delay_risk(
            known,
            as_of=moment,
            target_date=target,
            calendar=self.calendar,
            accepted_probability=self.accepted,
            finish=finish,
        )
        if risk.probability is None or risk.claim is None:
            readiness = finish.readiness if finish.trials is None else risk.readiness
            return ReplayStep(moment, target, source, readiness, is_reconstructed=known.is_reconstructed)
        probability, promised_on = risk.probability.value, _promised_on(finish)
        was_alerting = before is not None and before.target == target and before.is_alert
        resolution = self._resolve(moment, risk.claim)
        return ReplayStep(
            as_of=moment,
            target=target,
            source=source,
            readiness=risk.readiness,
            probability=probability,
            base_rate=risk.base_rate,
            is_alert=risk.should_alert(was_alerting=was_alerting),
            result=resolution.result,
            reason=resolution.reason,
            promised_on=promised_on,
            kept=None if promised_on is None else self._was_kept(moment, risk.claim, promised_on),
            is_reconstructed=known.is_reconstructed,
        )

    def _resolve(self, moment: datetime, claim: Claim) -> Resolution:
        return resolve_once_over(self.today, claim, moment, self.now)

    def _was_kept(self, moment: datetime, claim: Claim, promised_on: date) -> bool | None:
        promise = replace(claim, ends_at=from_us(self.calendar.end_of_day_us(promised_on)))
        result = self._resolve(moment, promise).result
        return None if result in (None, OutcomeResult.CENSORED) else result == OutcomeResult.NOT_OCCURRED


def _events(steps: Iterable[ReplayStep], calendar: WorkCalendar) -> tuple[ReplayEvent, ...]:
    groups: dict[date, list[ReplayStep]] = {}
    for step in steps:
        if step.probability is not None and step.target is not None:
            groups.setdefault(step.target, []).append(step)
    return tuple(_event(target, groups[target], calendar) for target in sorted(groups))


def _event(target: date, steps: list[ReplayStep], calendar: WorkCalendar) -> ReplayEvent:
    """One event; what came of the last answer is what came of it, because that one knew the scope best."""
    ends_us, last = calendar.end_of_day_us(target), steps[-1]
    lead_time_h = None
    if last.result == OutcomeResult.OCCURRED and last.is_alert:
        streak = last
        for step in reversed(steps):
            if not step.is_alert:
                break
            streak = step
        lead_time_h = (ends_us - to_us(streak.as_of)) / 3_600_000_000
    return ReplayEvent(
        target=target,
        source=last.source or TargetSource.PLAN,
        first_as_of=steps[0].as_of,
        steps=len(steps),
        result=last.result,
        verdict=_verdict(last, lead_time_h, warned=any(step.is_alert for step in steps)),
        lead_time_h=lead_time_h,
        alerts=sum(step.is_alert for step in steps),
    )


def _verdict(last: ReplayStep, lead_time_h: float | None, *, warned: bool) -> EventVerdict:
    if last.result == OutcomeResult.NOT_OCCURRED:
        return EventVerdict.FALSE_ALARM if warned else EventVerdict.QUIET
    if last.result != OutcomeResult.OCCURRED:
        return EventVerdict.UNDECIDED
    if lead_time_h is None:
        return EventVerdict.MISS
    return EventVerdict.HIT if lead_time_h >= EARLY_ENOUGH_H else EventVerdict.LATE
