"""What became of a claimed delay, at whichever level it was made."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import numpy as np

from predictions.enums import OutcomeResult
from predictions.forecasters.answers import EvidenceFact
from predictions.forecasters.iteration_snapshots import delivered_points
from predictions.forecasters.resolution import (
    Circumstances,
    Resolution,
    ResolutionReason,
    Resolver,
    is_cancelled,
    is_observed,
    judge_at_end,
    resolve_delay,
    unobserved,
)
from predictions.forecasters.risk import IssuedClaim
from projects.history.columns import Flags
from projects.history.instants import to_us
from projects.history.project_history import ProjectHistory
from projects.history.two_clocks import key_of


def resolve_delay_risk(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Decide a claim of delay by the rule of its level.  Raises KeyError for a level without a rule."""
    return LEVELS[issued.claim.subject.type](history, issued, now)


def resolve_item_delay(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Where one item stood when its due day was over; an item that was done and reopened by then is late.

    history: unrestricted, or restricted to `now.at`
    """
    if now.at < issued.claim.ends_at:
        return Resolution(None, ResolutionReason.NOT_DUE)
    known = history.as_of(now.at)
    scope = _item(known, issued.claim.subject.id)
    return judge_at_end(known, scope, issued, now)


def resolve_iteration_delay(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Whether the points delivered by the planned end at issue reach the share of the commitment that was claimed.

    history: unrestricted, or restricted to `now.at`
    """
    claim = issued.claim
    if now.at < claim.ends_at:
        return Resolution(None, ResolutionReason.NOT_DUE)
    if is_cancelled(claim.ends_at, now):
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.CANCELLED, claim.ends_at)
    known = history.as_of(now.at)
    return _judge_iteration(known, issued) if is_observed(known, claim.ends_at, now) else unobserved(claim.ends_at, now)


def _judge_iteration(known: ProjectHistory, issued: IssuedClaim) -> Resolution:
    claim, subject = issued.claim, issued.claim.subject
    iteration_id, starts_at = UUID(subject.id), datetime.fromisoformat(str(claim.terms["starts_at"]))
    if not bool((known.context.stays.group == key_of(iteration_id)).any()):
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.SCOPE_LOST, claim.ends_at)
    points = delivered_points(known, iteration_id, starts_us=to_us(starts_at), ends_us=to_us(claim.ends_at))
    fell_short = points < (claim.threshold or 0.0)
    fact = EvidenceFact("iteration", subject.id, subject.key, "delivered_points", f"{points:g}", claim.ends_at)
    return Resolution(
        OutcomeResult.OCCURRED if fell_short else OutcomeResult.NOT_OCCURRED,
        ResolutionReason.FELL_SHORT if fell_short else ResolutionReason.DELIVERED,
        claim.ends_at,
        (fact,),
    )


def _item(known: ProjectHistory, item_id: str) -> Flags | None:
    wanted = np.frombuffer(UUID(item_id).bytes, dtype=np.uint8)
    is_it: Flags = (known.items.id_bytes == wanted).all(axis=1)
    return is_it if bool(is_it.any()) else None


LEVELS: Mapping[str, Resolver] = MappingProxyType(
    {
        "project": resolve_delay,
        "milestone": resolve_delay,
        "iteration": resolve_iteration_delay,
        "work_item": resolve_item_delay,
    }
)
