"""What a detector returns: a difference between intention and reality, with everything needed to check it."""

from dataclasses import dataclass
from datetime import datetime

from gaps.detectors.severity import gap_severity
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Priority, Severity
from predictions.forecasters.answers import EvidenceFact, ModelIdentity, Money
from projects.history.readiness import ReadinessReport
from tenants.enums import Role


@dataclass(frozen=True, slots=True)
class AffectedAreaFinding:
    """Where it hurts, as much as the finding is severe. Never a person."""

    kind: AreaKind
    name: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured or intended value, with its unit ("date", "share", "items/week", "EUR") and, if known, interval."""

    value: float | str | None
    unit: str
    label: str = ""
    low: float | str | None = None
    high: float | str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """The adverse effect to be expected if nothing changes.

    value, tolerance: in the same unit, tolerance above 0;  unit: "days", a currency, or what the type counts in
    """

    value: float
    tolerance: float
    unit: str

    @property
    def in_tolerances(self) -> float:
        """The effect in units of what the goal tolerates."""
        return self.value / self.tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCauseFinding:
    """One part of the effect and what it comes from.

    contribution: in the unit of the effect, negative where it eases it; all of a finding add up to its effect. None for
        a tested candidate whose part nobody can measure
    share: of the effect, may lie outside [0, 1] where causes work against each other; None for an effect of 0
    confidence: in [0, 1];  depends_on: codes of the causes that have to be dealt with before this one
    """

    code: str
    category: GapCategory
    description: str
    contribution: float | None
    share: float | None
    confidence: float
    evidence_for: tuple[EvidenceFact, ...] = ()
    evidence_against: tuple[EvidenceFact, ...] = ()
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectiveActionFinding:
    """Something a person can do about it.

    expected_effect: in words, with numbers;  days_saved: elapsed days at P85, None where nobody can say
    latest_start_h: None where it is too weak to restore the target, or nobody can say;  steps: in their order
    effort_h: of all people together;  cost: None where nobody can say;  owner_role: who could take it
    """

    code: str
    title: str
    description: str
    priority: Priority
    expected_effect: str
    days_saved: float | None = None
    latest_start_h: float | None = None
    steps: tuple[str, ...] = ()
    effort_h: float | None = None
    cost: Money | None = None
    owner_role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One gap as found at one moment.

    current, target: in the same unit;  impact: one sentence with numbers
    confidence: probability that there is a breach at all, in (0, 1);  urgency_h: hours left to act, None if unknown
    root_causes: the largest part first
    """

    type: GapType
    category: GapCategory
    title: str
    description: str
    impact: str
    as_of: datetime
    current: Measure
    target: Measure
    effect: Effect
    confidence: float
    affected_areas: tuple[AffectedAreaFinding, ...]
    evidence: tuple[EvidenceFact, ...]
    root_causes: tuple[RootCauseFinding, ...]
    corrective_actions: tuple[CorrectiveActionFinding, ...]
    readiness: ReadinessReport
    is_reconstructed: bool
    model: ModelIdentity
    inputs_hash: str
    urgency_h: float | None = None

    @property
    def severity(self) -> Severity:
        """By the one table, from the effect."""
        return gap_severity(self.effect.in_tolerances)
