"""How often each detector would have raised an alarm over a past: its alarms per project-year.

1. Step by step the record is restricted to a past moment, and every detector answers as it would have then, against the
   target in force then (`predictions.forecasters.replay`).
2. A finding about a subject that has no open gap opens one: an alarm. It stays open by the same rule as real gaps
   (`severity.stays_open`), so one episode is one alarm, however many steps it lasts.
3. A detector is judged over the time in which the record could carry an answer, not over the time it was asked.

Over a real past nobody knows which alarms were false: their number bounds the false ones from above.

Example: asked every week for two years, answered in 52 of the weeks, two episodes: 2 alarms in 1.0 project-years.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from gaps.detectors.detection import Detection, DetectionContext, Detector, Tolerances
from gaps.detectors.registry import ALARM_BUDGETS, DETECTORS
from gaps.detectors.severity import stays_open
from gaps.enums import GapType
from predictions.enums import Severity
from predictions.forecasters.replay import ReplayPlan, TargetSource, Watcher, target_in_force
from projects.enums import CARRYING
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory

DAYS_PER_YEAR = 365.25
LEAST_YEARS = 0.25
"""Below a quarter of a year a rate says nothing."""
STARTING_TOLERANCES = Tolerances()


@dataclass(frozen=True, slots=True)
class Alarm:
    """One episode.  closed_as_of: None while it lasts"""

    type: GapType
    subject: str
    opened_as_of: datetime
    severity: Severity
    title: str
    closed_as_of: datetime | None = None


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
    def alarm_budget(self) -> float | None:
        """False alarms a project-year that the detector allows itself; None for one that states none."""
        return ALARM_BUDGETS.get(self.type)


@dataclass(slots=True)
class _Episode:
    """An open gap: what it opened with, and its effects since."""

    alarm: Alarm
    opened_at_effect: float
    later_effects: list[float] = field(default_factory=list)


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
            self.closed_by = tuple(
                reason.message
                for detection in detections
                for reason in detection.readiness.reasons
                if reason.readiness not in CARRYING
            )
        seen = {detection.subject: detection for detection in carrying}
        for subject, detection in seen.items():
            self._follow(subject, detection, as_of)

    def _follow(self, subject: str, detection: Detection, as_of: datetime) -> None:
        episode, finding = self.open.get(subject), detection.finding
        if episode is not None and detection.effect is not None:
            episode.later_effects.append(detection.effect)
            if finding is None and not stays_open(
                opened_at_effect=episode.opened_at_effect, later_effects=tuple(episode.later_effects)
            ):
                self._close(subject, as_of)
        elif episode is None and finding is not None:
            alarm = Alarm(detection.type, subject, as_of, finding.severity, finding.title)
            self.open[subject] = _Episode(alarm, finding.effect.in_tolerances)

    def _close(self, subject: str, as_of: datetime | None) -> None:
        alarm = self.open.pop(subject).alarm
        self.alarms.append(
            Alarm(alarm.type, alarm.subject, alarm.opened_as_of, alarm.severity, alarm.title, closed_as_of=as_of)
        )

    def record(self, step_days: float) -> DetectorRecord:
        for subject in list(self.open):
            self._close(subject, None)
        alarms = tuple(sorted(self.alarms, key=lambda alarm: (alarm.opened_as_of, alarm.subject)))
        years = self.answered * step_days / DAYS_PER_YEAR
        return DetectorRecord(self.type, self.moments, self.answered, years, alarms, self.closed_by)


def replay_detectors(
    history: ProjectHistory,
    plan: ReplayPlan,
    *,
    calendar: WorkCalendar,
    tolerances: Tolerances = STARTING_TOLERANCES,
    detectors: Mapping[GapType, Detector] = DETECTORS,
    watch: Watcher = lambda _done, _all: None,
) -> tuple[DetectorRecord, ...]:
    """Ask every detector at every moment of a plan. Pure; one record a type, in the order of the registry."""
    watches = {gap_type: _Watch(gap_type) for gap_type in detectors}
    promise: date | None = None
    for done, moment in enumerate(plan.moments, start=1):
        known = history.as_of(moment)
        target, source, finish = target_in_force(known, promise, calendar)
        promise = target if source == TargetSource.PROMISE else promise
        context = DetectionContext(known, calendar, finish, tolerances)
        for gap_type, detect in detectors.items():
            watches[gap_type].see(detect(context), moment)
        watch(done, plan.count)
    return tuple(seen.record(plan.step.total_seconds() / 86_400) for seen in watches.values())
