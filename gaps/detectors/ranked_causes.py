"""Tested causes as a finding tells them: the named ones, largest first, and what nobody can explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gaps.causes.candidates import JudgedCause
from gaps.detectors.evidence import project_fact
from gaps.detectors.finding import RootCauseFinding
from gaps.enums import GapCategory
from predictions.forecasters.answers import EvidenceFact

UNEXPLAINED = "UNEXPLAINED"
NAMED_CONFIDENCE, UNEXPLAINED_CONFIDENCE = 0.7, 0.5
"""The one for a part that chance does not explain; something else may have changed in the same weeks, and that a plan
was meant as it stands is a reading of it. Starting values."""


@dataclass(frozen=True, slots=True)
class CauseText:
    """How a candidate is told.

    measured: what its driver counts, for the evidence;  after: codes of causes that bring it about or keep it up, so
    that it comes back where they are not dealt with first
    """

    category: GapCategory
    description: str
    measured: str = ""
    after: tuple[str, ...] = ()


def ranked_causes(
    tested: Sequence[JudgedCause], texts: Mapping[str, CauseText], *, effect: float, at: datetime, whole: float = 1.0
) -> tuple[RootCauseFinding, ...]:
    """Named causes and the rest, which add up to the effect.

    effect: the value of the finding's effect;  whole: what all of it is in the unit of the contributions, above 0
    """
    named = [cause for cause in tested if cause.is_named]
    codes = {cause.code for cause in named}
    found = [
        _told(cause, texts[cause.code], share=cause.contribution / whole, effect=effect, at=at, named=codes)
        for cause in named
    ]
    rest = effect - sum(cause.contribution or 0.0 for cause in found)
    others = [cause for cause in tested if not cause.is_named]
    return (*found, _not_named(rest, effect, others, texts, at))


def unexplained(
    description: str, rest: float, effect: float, *, evidence_against: tuple[EvidenceFact, ...] = ()
) -> RootCauseFinding:
    """The part of an effect that no cause explains, which is a cause of its own."""
    return RootCauseFinding(
        code=UNEXPLAINED,
        category=GapCategory.TACTICAL,
        description=description,
        contribution=rest,
        share=rest / effect if effect else None,
        confidence=UNEXPLAINED_CONFIDENCE,
        evidence_against=evidence_against,
    )


def _told(
    cause: JudgedCause, text: CauseText, *, share: float, effect: float, at: datetime, named: set[str]
) -> RootCauseFinding:
    measured = text.measured or cause.code.replace("_", " ").lower()
    for_it = [project_fact(measured, "p_value", f"{cause.p_value:.3f}", at)]
    against = []
    if cause.before is not None and cause.recent is not None:
        for_it.insert(0, project_fact(measured, "before_and_recent", f"{cause.before:.2f}, {cause.recent:.2f}", at))
    if cause.moves_within is False:
        against.append(project_fact(measured, "within_periods", "does not move with the outcome inside a period", at))
    return RootCauseFinding(
        code=cause.code,
        category=text.category,
        description=text.description,
        contribution=share * effect,
        share=share,
        confidence=NAMED_CONFIDENCE,
        evidence_for=tuple(for_it),
        evidence_against=tuple(against),
        depends_on=tuple(code for code in text.after if code in named),
    )


def _not_named(
    rest: float, effect: float, others: Sequence[JudgedCause], texts: Mapping[str, CauseText], at: datetime
) -> RootCauseFinding:
    untested = sorted(_name(cause) for cause in others if cause.p_value is None)
    tested = sorted(_name(cause) for cause in others if cause.p_value is not None)
    description = "Unexplained variation."
    description += f" Tested and not named: {', '.join(tested)}." if tested else ""
    description += f" The record cannot tell: {', '.join(untested)}." if untested else ""
    against = tuple(
        project_fact(texts[cause.code].measured or _name(cause), "p_value", f"{cause.p_value:.3f}", at)
        for cause in others
        if cause.p_value is not None
    )
    return unexplained(description, rest, effect, evidence_against=against)


def _name(cause: JudgedCause) -> str:
    return cause.code.replace("_", " ").lower()
