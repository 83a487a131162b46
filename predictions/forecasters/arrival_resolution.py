"""What claims of a level have in common: it is reached at a moment, or at the end of the horizon it was not.

1. Reached at some moment in (t0, end]: it occurred, then; what happens afterwards does not undo it.
2. Otherwise the end decides, once the record was looked at after it: it did not occur.
3. Censored, because nobody can say: the project was cancelled before the end; the level was reached only by what was
   created in one go; or nobody has looked at the record since, for OBSERVATION_GRACE.
"""

from datetime import datetime

from predictions.enums import OutcomeResult
from predictions.forecasters.answers import EvidenceFact
from predictions.forecasters.resolution import (
    Circumstances,
    Resolution,
    ResolutionReason,
    is_cancelled,
    is_observed,
    unobserved,
)
from projects.history.project_history import ProjectHistory

Evidence = tuple[EvidenceFact, ...]


def decide_level(
    known: ProjectHistory,
    ends_at: datetime,
    now: Circumstances,
    *,
    reached_at: datetime | None,
    reached_in_bulk_at: datetime | None,
    evidence: Evidence,
) -> Resolution:
    """The verdict.

    reached_at: the first moment in (t0, end] at which the level was reached, as known at now;  reached_in_bulk_at: the
    same if all that was created in one go is counted too
    """
    if reached_at is not None:
        return Resolution(OutcomeResult.OCCURRED, ResolutionReason.LEVEL_REACHED, reached_at, evidence)
    if now.at < ends_at:
        return Resolution(None, ResolutionReason.NOT_DUE)
    if is_cancelled(ends_at, now):
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.CANCELLED, ends_at)
    if reached_in_bulk_at is not None:
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.CREATED_IN_BULK, ends_at, evidence)
    if is_observed(known, ends_at, now):
        return Resolution(OutcomeResult.NOT_OCCURRED, ResolutionReason.LEVEL_NOT_REACHED, ends_at, evidence)
    return unobserved(ends_at, now)


def incomplete(ends_at: datetime) -> Resolution:
    """A claim that lacks a term cannot be settled by anybody."""
    return Resolution(OutcomeResult.CENSORED, ResolutionReason.CLAIM_INCOMPLETE, ends_at)
