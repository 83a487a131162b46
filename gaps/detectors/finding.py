"""What a detector returns: a difference between intention and reality, with everything needed to check it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Priority, Severity
from predictions.forecasters.answers import EvidenceFact, ModelIdentity
from projects.history.readiness import ReadinessReport


@dataclass(frozen=True, slots=True)
class AffectedAreaFinding:
    """Where it hurts. Never a person."""

    kind: AreaKind
    name: str
    impact: Severity


@dataclass(frozen=True, slots=True)
class RootCauseFinding:
    """One part of the effect and what it comes from.

    contribution_days: elapsed days of the effect; negative where it eases it;  all of a finding add up to its effect
    share: of the effect, may lie outside [0, 1] where causes work against each other; None for an effect of 0
    confidence: in [0, 1]
    """

    code: str
    category: GapCategory
    description: str
    contribution_days: float
    share: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class CorrectiveActionFinding:
    """Something a person can do about it.

    expected_effect: in words, with numbers;  days_saved: elapsed days at P85, None where P85 is beyond ten years
    latest_start_h: None where it is too weak to restore the accepted probability
    """

    code: str
    title: str
    description: str
    priority: Priority
    expected_effect: str
    days_saved: float | None
    latest_start_h: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One gap as found at one moment.

    current_value, target_value: JSON objects with units in their keys
    effect_in_tolerances: adverse effect to be expected if nothing changes, in T;  effect_days, tolerance_days: elapsed
    confidence: probability that there is a breach at all, in (0, 1);  urgency_h: hours left to act, None if unknown
    """

    type: GapType
    category: GapCategory
    title: str
    description: str
    as_of: datetime
    current_value: Mapping[str, object]
    target_value: Mapping[str, object]
    effect_days: float
    tolerance_days: float
    effect_in_tolerances: float
    severity: Severity
    confidence: float
    urgency_h: float | None
    affected_areas: tuple[AffectedAreaFinding, ...]
    evidence: tuple[EvidenceFact, ...]
    root_causes: tuple[RootCauseFinding, ...]
    corrective_actions: tuple[CorrectiveActionFinding, ...]
    readiness: ReadinessReport
    is_reconstructed: bool
    model: ModelIdentity
    inputs_hash: str
