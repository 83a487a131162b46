"""How often each detector would have raised an alarm over a past: its alarms per project-year.

1. Step by step the record is restricted to a past moment, and every detector answers as it would have then, against the
   target in force then (`predictions.forecasters.replay`).
2. A finding about a subject that has no open gap opens one: an alarm. It stays open by the same rule as real gaps
   (`severity.is_below_opening`), so one episode is one alarm, however many steps it lasts.
3. A detector is judged over the time in which the record could carry an answer, not over the time it was asked.
4. An alarm of TIMELINE is settled as a claim of delay is (`predictions.forecasters.resolution`), once its day is over:
   it came true where what was open then was not done by the date.

Of other types nobody knows over a real past which alarms were false, and of a date to come nobody does yet: all alarms
but those that came true bound the false ones from above.

Example: asked every week for two years, answered in 52 of the weeks, two episodes, of which one came true: 2 alarms and
at most 1 false one in 1.0 project-years.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from gaps.detectors.detection import Detection, DetectionContext, Detector, Tolerances
from gaps.detectors.registry import ALARM_BUDGETS, DETECTORS
from gaps.detectors.severity import CLOSES_AFTER_RUNS, is_below_opening
from gaps.enums import GapType
from predictions.enums import OutcomeResult, Severity
from predictions.forecasters.delay_risk import delay_claim
from predictions.forecasters.replay import ReplayPlan, TargetSource, Watcher, resolve_once_over, target_in_force
from predictions.forecasters.resolution import Circumstances
from projects.enums import CARRYING
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory

DAYS_PER_YEAR = 365.25
LEAST_YEARS = 0.25
"""Below a quarter of a year a rate says nothing."""
STARTING_TOLERANCES = Tolerances()


@dataclass(frozen=True, slots=True)
class Alarm:
    """One episode.  closed_as_of: None while it lasts;  came_true: whether the date was missed, None: nobody can say"""

    type: GapType
    subject: str
    opened_as_of: datetime
    severity: Severity
    title: str
    closed_as_of: datetime | None = None
    came_true: bool | None = None


@dataclass(frozen=True, slots=True)
class DetectorRecord:
    """What one detector did over a past.

    moments, answered: how often it was asked, and how often the record could carry an answer
    project_years: of the answered moments;  closed_by: what the newest moment without an answer lacked
    """

    type: GapType
    moments: int
    answered: int
    project_years: float
    alarms: tuple[Alarm, ...]
    closed_by: tuple[str, ...] = ()

    @property
    def alarms_per_project_year(self) -> float | None:
        """None where less than a quarter of a year was answered: nobody can say."""
        return len(self.alarms) / self.project_years if self.project_years >= LEAST_YEARS else None

    @property
    def most_false_alarms_per_project_year(self) -> float | None:
        """All alarms but those that came true; None where less than a quarter of a year was answered."""
        might_be_false = sum(alarm.came_true is not True for alarm in self.alarms)
        return might_be_false / self.project_years if self.project_years >= LEAST_YEARS else None

    @property
    def alarm_budget(self) -> float:
        """False alarms a project-year that the detector allows itself."""
        return ALARM_BUDGETS[self.type]


@dataclass(slots=True)
class _Episode:
    """An open gap: what it opened with, and how many runs in a row saw it below half of that."""

    alarm: Alarm
    opened_at_effect: float
    runs_below: int = 0

    def has_closed(self, detection: Detection) -> bool:
        if detection.effect is None:
            return False
        is_below = detection.finding is None and is_below_opening(
            opened_at_effect=self.opened_at_effect, effect=detection.effect, breach=detection.breach
        )
        self.runs_below = self.runs_below + 1 if is_below else 0
        return self.runs_below >= CLOSES_AFTER_RUNS


@dataclass(slots=True)
class _Watch:
    """One detector's past so far."""

    type: GapType
    moments: int = 0
    answered: int = 0
    alarms: list[Alarm] = field(default_factory=list)
    open: dict[str, _Episode] = field(default_factory=dict)
    closed_by: tuple[str, ...] = ()

    def see(self, detections: tuple[Detection, ...], as_of: datetime) -> None:
        self.moments += 1
        carrying = [detection for detection in detections if detection.readiness.carries_value]
        if carrying:
            self.answered += 1
        else:
            missing = (reason for detection in detections for reason in detection.readiness.reasons)
            self.closed_by = tuple(
                dict.fromkeys(reason.message for reason in missing if reason.readiness not in CARRYING)
            )
        seen = {detection.subject: detection for detection in carrying}
        for subject, detection in seen.items():
            self._follow(subject, detection, as_of)

    def _follow(self, subject: str, detection: Detection, as_of: datetime) -> None:
        episode, finding = self.open.get(subject), detection.finding
        if episode is not None:
            if episode.has_closed(detection):
                self._close(subject, as_of)
        elif finding is not None:
            alarm = Alarm(detection.type, subject, as_of, finding.severity, finding.title)
            self.open[subject] = _Episode(alarm, finding.effect.in_tolerances)

    def _close(self, subject: str, as_of: datetime | None) -> None:
        self.alarms.append(replace(self.open.pop(subject).alarm, closed_as_of=as_of))

    def record(self, step_days: float, settled: Callable[[Alarm], Alarm]) -> DetectorRecord:
        for subject in list(self.open):
            self._close(subject, None)
        alarms = tuple(map(settled, sorted(self.alarms, key=lambda alarm: (alarm.opened_as_of, alarm.subject))))
        years = self.answered * step_days / DAYS_PER_YEAR
        return DetectorRecord(self.type, self.moments, self.answered, years, alarms, self.closed_by)


def replay_detectors(
    history: ProjectHistory,
    plan: ReplayPlan,
    *,
    calendar: WorkCalendar,
    tolerances: Tolerances = STARTING_TOLERANCES,
    detectors: Mapping[GapType, Detector] = DETECTORS,
    observed_until: datetime | None = None,
    watch: Watcher = lambda _done, _all: None,
) -> tuple[DetectorRecord, ...]:
    """Ask every detector at every moment of a plan. Pure; one record a type, in the order of the registry.

    observed_until: when the record was last looked at
    """
    watches = {gap_type: _Watch(gap_type) for gap_type in detectors}
    now = Circumstances(plan.until, observed_until)
    targets: dict[datetime, date | None] = {}
    promise: date | None = None
    for done, moment in enumerate(plan.moments, start=1):
        known = history.as_of(moment)
        target, source, finish = target_in_force(known, promise, calendar)
        promise = target if source == TargetSource.PROMISE else promise
        context = DetectionContext(known, calendar, finish, tolerances)
        targets[moment] = target
        for gap_type, detect in detectors.items():
            watches[gap_type].see(detect(context), moment)
        watch(done, plan.count)

    def settled(alarm: Alarm) -> Alarm:
        return _settled(alarm, targets[alarm.opened_as_of], history, now, calendar)

    return tuple(seen.record(plan.step.total_seconds() / 86_400, settled) for seen in watches.values())


def _settled(
    alarm: Alarm, target: date | None, history: ProjectHistory, now: Circumstances, calendar: WorkCalendar
) -> Alarm:
    """An alarm with what came of it.  target: in force when it was raised"""
    if alarm.type != GapType.TIMELINE or target is None:
        return alarm
    moment = alarm.opened_as_of
    claim = delay_claim(history.as_of(moment), target, calendar)
    result = resolve_once_over(history.as_of(now.at), claim, moment, now).result
    decided = result in (OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED)
    return replace(alarm, came_true=result == OutcomeResult.OCCURRED if decided else None)
