"""From a measure that became worse to a finding: what process, technology and quality gaps have in common."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from gaps.causes.candidates import Candidate, judge_candidates
from gaps.detectors.evidence import project_fact
from gaps.detectors.finding import (
    AffectedAreaFinding,
    CorrectiveActionFinding,
    Effect,
    Finding,
    Measure,
    RootCauseFinding,
)
from gaps.detectors.ranked_causes import CauseText, ranked_causes
from gaps.detectors.severity import gap_severity
from gaps.detectors.shifts import FloatArray
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Priority
from predictions.forecasters.answers import EvidenceFact, ModelIdentity, hash_of, seed_of
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport
from tenants.enums import Role

MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class Remedy:
    """What could be done about a cause.  cause: its code, empty: in any case;  restores: share of the effect, [0, 1]"""

    code: str
    title: str
    description: str
    steps: tuple[str, ...]
    effort_h: float
    owner_role: Role = Role.TEAM_LEADER
    cause: str = ""
    restores: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredGap:
    """One measure that became worse, told by its detector.

    subject: as in the detection;  what: the measure in words;  effect: as the finding states it
    usual, recent, low, high: in unit;  share_of_effect: turns a contribution to `outcome` into the effect's unit
    outcome: weekly, more is worse;  drivers: candidate causes;  recent_weeks: the newest ones
    """

    type: GapType
    category: GapCategory
    model: ModelIdentity
    subject: str
    what: str
    unit: str
    usual: float
    recent: float
    low: float
    high: float
    effect: Effect
    confidence: float
    area: tuple[AreaKind, str]
    evidence: tuple[EvidenceFact, ...]
    outcome: FloatArray
    recent_weeks: int
    drivers: tuple[Candidate, ...] = ()
    texts: dict[str, CauseText] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()


def finding_of(gap: MeasuredGap, known: ProjectHistory, readiness: ReadinessReport, *, reconstructed: bool) -> Finding:
    """The finding, with causes tested on the weekly series."""
    at = known.as_of_moment
    inputs_hash = _inputs_hash(gap, at)
    causes = _causes(gap, at, seed=seed_of(inputs_hash))
    was, now = _said(gap.usual), _said(gap.recent)
    return Finding(
        type=gap.type,
        category=gap.category,
        title=f"{gap.what}: {now} {gap.unit}, usually {was}"[:MAX_TITLE],
        description=(
            f"{gap.what} was {now} {gap.unit} in the last {gap.recent_weeks} weeks; in the weeks before it was {was}. "
            f"{gap.confidence:.0%} sure that it is worse by more than {_said(gap.effect.tolerance)} {gap.effect.unit}."
        ),
        impact=f"{_said(gap.effect.value)} {gap.effect.unit} worse, against a tolerance of "
        f"{_said(gap.effect.tolerance)}.",
        as_of=at,
        current=Measure(gap.recent, gap.unit, gap.what, low=gap.low, high=gap.high),
        target=Measure(gap.usual, gap.unit, "as before"),
        effect=gap.effect,
        confidence=min(max(gap.confidence, 0.01), 0.99),
        affected_areas=(AffectedAreaFinding(gap.area[0], gap.area[1][:MAX_TITLE]),),
        evidence=(
            project_fact(gap.what, "recent", f"{now} {gap.unit}", at),
            project_fact(gap.what, "usual", f"{was} {gap.unit}", at),
            *gap.evidence,
        ),
        root_causes=causes,
        corrective_actions=_actions(gap, causes),
        readiness=readiness,
        is_reconstructed=reconstructed,
        model=gap.model,
        inputs_hash=inputs_hash,
    )


def _inputs_hash(gap: MeasuredGap, at: datetime) -> str:
    """Over what the finding is computed of: the moment, the weekly series and the measures."""
    numbers = [gap.usual, gap.recent, gap.low, gap.high, gap.effect.value, gap.effect.tolerance, gap.confidence]
    drivers = {driver.code: np.asarray(driver.driver).tolist() for driver in gap.drivers}
    rows = [[fact.object_id, fact.field, fact.value] for fact in gap.evidence]
    model = [gap.model.id, gap.model.version]
    return hash_of(
        {
            "at": at,
            "subject": gap.subject,
            "numbers": numbers,
            "outcome": gap.outcome.tolist(),
            "drivers": drivers,
            "rows": rows,
            "model": model,
        }
    )


def _causes(gap: MeasuredGap, at: datetime, *, seed: int) -> tuple[RootCauseFinding, ...]:
    is_late = np.arange(len(gap.outcome)) >= len(gap.outcome) - gap.recent_weeks
    known = np.isfinite(gap.outcome)
    whole = 0.0
    if (known & is_late).any() and (known & ~is_late).any():
        whole = float(gap.outcome[known & is_late].mean() - gap.outcome[known & ~is_late].mean())
    if whole <= 0:  # the weekly series does not show what the pooled measure does: nothing can be shared out
        return ranked_causes((), gap.texts, effect=gap.effect.value, at=at)
    tested = judge_candidates(gap.outcome, gap.drivers, recent=gap.recent_weeks, effect=whole, seed=seed)
    return ranked_causes(tested, gap.texts, effect=gap.effect.value, at=at, whole=whole)


def _actions(gap: MeasuredGap, causes: tuple[RootCauseFinding, ...]) -> tuple[CorrectiveActionFinding, ...]:
    """Those that meet a named cause first, then those that help in any case."""
    part_of = {cause.code: cause.contribution or 0.0 for cause in causes}
    chosen = [remedy for remedy in gap.remedies if not remedy.cause or remedy.cause in part_of]
    ranked = sorted(
        chosen,
        key=lambda remedy: (-remedy.restores * part_of.get(remedy.cause, 0.0), remedy.effort_h, remedy.code),
    )
    return tuple(_action(gap, remedy, part_of.get(remedy.cause, gap.effect.value)) for remedy in ranked)


def _action(gap: MeasuredGap, remedy: Remedy, part: float) -> CorrectiveActionFinding:
    saved = remedy.restores * part
    return CorrectiveActionFinding(
        code=remedy.code,
        title=remedy.title,
        description=remedy.description,
        priority=Priority(gap_severity(gap.effect.in_tolerances)),
        expected_effect=f"Up to {_said(saved)} of {_said(gap.effect.value)} {gap.effect.unit}; untested here",
        steps=remedy.steps,
        effort_h=remedy.effort_h,
        owner_role=remedy.owner_role,
    )


def _said(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004  # three digits either way
