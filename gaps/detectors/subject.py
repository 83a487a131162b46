"""One subject of a detector about people, and what its answers have in common. Nobody is named by any of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gaps.causes.candidates import JudgedCause
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.finding import AffectedAreaFinding, CorrectiveActionFinding, Effect, Finding, Measure
from gaps.detectors.ranked_causes import CauseText, ranked_causes
from gaps.detectors.severity import opens
from gaps.enums import GapCategory, GapType
from predictions.forecasters.answers import EvidenceFact, ModelIdentity, hash_of, seed_of
from projects.history.readiness import ReadinessReason, ReadinessReport

DRAWS = 2_000
"""Of quantities that are uncertain: P = .8 to within .01."""
MOST_SURE = 0.999
"""What draws can tell from certain."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What one detector is asked about one thing.  texts: how its candidate causes are told"""

    type: GapType
    model: ModelIdentity
    name: str
    context: DetectionContext
    readiness: ReadinessReport
    texts: Mapping[str, CauseText]

    @cached_property
    def inputs_hash(self) -> str:
        """SHA-256 over every fact that a gap about people can depend on, and what it is about: 64 hex digits."""
        return hash_of(
            {
                "finish": self.context.finish.inputs_hash,
                "people": self.context.known.people_hash,
                "tolerances": repr(self.context.tolerances),
                "subject": self.name,
            }
        )

    @property
    def seed(self) -> int:
        """Of its draws, fixed by the facts."""
        return seed_of(self.inputs_hash)

    def opens(self, p_beyond: float) -> bool:
        """Whether a gap opens.  p_beyond: P(effect > T)"""
        return opens(p_beyond_tolerance=p_beyond, readiness=self.readiness)

    def closed(self, *reasons: ReadinessReason) -> Detection:
        """The answer that nothing can be said, for further reasons."""
        return replace(self, readiness=self.readiness.with_reasons(reasons)).detection()

    def detection(self, effect: float | None = None, finding: Finding | None = None) -> Detection:
        """What is said about it.  effect: in tolerances, also of what is no finding"""
        return Detection(
            type=self.type,
            model=self.model,
            readiness=self.readiness,
            subject=self.name,
            effect=effect,
            finding=finding,
        )

    def found(  # noqa: PLR0913 - keyword-only: what the subjects say differently
        self,
        *,
        category: GapCategory,
        title: str,
        description: str,
        impact: str,
        current: Measure,
        target: Measure,
        effect: Effect,
        confidence: float,
        areas: Sequence[AffectedAreaFinding],
        evidence: Sequence[EvidenceFact],
        causes: Sequence[JudgedCause],
        actions: Sequence[CorrectiveActionFinding],
        whole: float | None = None,
    ) -> Detection:
        """The answer with a finding.  whole: the effect in the unit of the causes, by default the same"""
        context, parts = self.context, effect.value if whole is None else whole
        finding = Finding(
            type=self.type,
            category=category,
            title=title,
            description=description,
            impact=impact,
            as_of=context.as_of,
            current=current,
            target=target,
            effect=effect,
            confidence=confidence,
            affected_areas=tuple(areas),
            evidence=tuple(evidence),
            root_causes=ranked_causes(causes, self.texts, effect=effect.value, at=context.as_of, whole=parts),
            corrective_actions=tuple(actions),
            readiness=self.readiness,
            is_reconstructed=context.known.is_reconstructed,
            model=self.model,
            inputs_hash=self.inputs_hash,
        )
        return self.detection(effect.in_tolerances, finding)
