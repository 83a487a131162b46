"""What a detector is asked, and what it answers, whatever the type of gap."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from gaps.detectors.finding import Finding
from gaps.enums import GapType
from predictions.forecasters.answers import ModelIdentity
from predictions.forecasters.finish import FinishForecast
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport

PROJECT = "project"
"""The subject of a gap that is about the project as a whole."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What the project accepts before a difference is a gap.

    schedule_days: the least slip that counts;  schedule_percent: of the time left;  budget_percent: of the budget
    scope_percent: of the approved scope;  accepted_risk: probability of missing the date, in (0, 1)
    """

    schedule_days: float = 3.0
    schedule_percent: float = 5.0
    budget_percent: float = 5.0
    scope_percent: float = 10.0
    accepted_risk: float = 0.15

    def schedule_in_days(self, days_left: float) -> float:
        """T of the date in elapsed days: a share of the time left, but never less than the least slip that counts."""
        return max(self.schedule_days, self.schedule_percent / 100 * days_left)


@dataclass(frozen=True, slots=True, eq=False)
class DetectionContext:
    """One project at one moment, as every detector is asked about it.

    known: restricted to as_of;  finish: the finish forecast of the same moment, which also holds the target
    planned_calendar: the one that the plan was made with, where that is known
    """

    known: ProjectHistory
    calendar: WorkCalendar
    finish: FinishForecast
    tolerances: Tolerances = Tolerances()
    planned_calendar: WorkCalendar | None = None

    @property
    def as_of(self) -> datetime:
        """The moment asked about."""
        return self.finish.as_of

    @property
    def target_date(self) -> date | None:
        """The day promised, in force at that moment."""
        return self.finish.target_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What one detector says about one subject.

    subject: "project", or what in the project it is about, in words that stay the same from run to run
    effect: expected adverse effect in tolerances, also where it is too small for a finding; None: cannot be said
    breach: P(breach) over the accepted risk; None where a breach is not what the type goes by
    finding: None when there is nothing to open a gap for
    """

    type: GapType
    model: ModelIdentity
    readiness: ReadinessReport
    subject: str = PROJECT
    effect: float | None = None
    breach: float | None = None
    finding: Finding | None = None


Detector = Callable[[DetectionContext], tuple[Detection, ...]]
"""Pure, and never raises on data: where the record cannot carry an answer, the readiness says why."""
