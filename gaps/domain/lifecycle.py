"""What people may do to a gap, and the history it leaves.

`MOVES` is the whole table: a move, the states it starts from, and the state it ends in. Every move writes one
GapTransition in the same transaction. Detection goes through the same functions, with `by=None`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError

from gaps.enums import GapStatus, TransitionKind
from gaps.models import Gap, GapTransition
from tenants.domain.refusals import Refusal
from tenants.models import User


@dataclass(frozen=True, slots=True)
class Move:
    """From which states a gap may go to which."""

    sources: frozenset[GapStatus]
    target: GapStatus


MOVES: Mapping[TransitionKind, Move] = {
    TransitionKind.STARTED: Move(frozenset({GapStatus.OPEN}), GapStatus.IN_PROGRESS),
    TransitionKind.PAUSED: Move(frozenset({GapStatus.IN_PROGRESS}), GapStatus.OPEN),
    TransitionKind.RESOLVED: Move(frozenset({GapStatus.OPEN, GapStatus.IN_PROGRESS}), GapStatus.RESOLVED),
    TransitionKind.CLOSED: Move(
        frozenset({GapStatus.OPEN, GapStatus.IN_PROGRESS, GapStatus.RESOLVED}), GapStatus.CLOSED
    ),
    TransitionKind.REOPENED: Move(frozenset({GapStatus.RESOLVED, GapStatus.CLOSED}), GapStatus.OPEN),
}

NEEDS_REASON = frozenset({TransitionKind.RESOLVED, TransitionKind.REOPENED})
"""Moves that nobody can judge later without knowing why; closing needs a reason where the gap is still there."""


class GapTransitionRefused(Refusal):
    """A move that the gap's state does not allow, or that lacks its reason.  field: "kind" or "note" """


def check_can_move_gap(*, gap: Gap, kind: TransitionKind) -> None:
    """Raises GapTransitionRefused when the gap's status does not allow the move."""
    move = MOVES[kind]
    if gap.status not in move.sources:
        allowed = " or ".join(sorted(source.label.lower() for source in move.sources))
        raise GapTransitionRefused(
            f"“{kind.label}” needs a gap that is {allowed}; this one is {gap.get_status_display().lower()}.",
            field="kind",
        )


def check_identified(*, identified_at: datetime, at: datetime) -> None:
    """Raises ValidationError for a gap that nobody can have seen yet: it could not be resolved before that day."""
    if identified_at > at:
        raise ValidationError({"identified_at": "Must not lie in the future."})


def can_move_gap(*, gap: Gap, kind: TransitionKind) -> bool:
    """Whether the gap's status allows the move."""
    return gap.status in MOVES[kind].sources


def start_gap(*, gap: Gap, by: User | None, at: datetime, note: str = "") -> Gap:
    """Say that somebody works on it. Raises GapTransitionRefused unless it is open."""
    return _move(gap=gap, kind=TransitionKind.STARTED, by=by, at=at, note=note)


def pause_gap(*, gap: Gap, by: User | None, at: datetime, note: str = "") -> Gap:
    """Say that nobody works on it for now. Raises GapTransitionRefused unless it is in progress."""
    return _move(gap=gap, kind=TransitionKind.PAUSED, by=by, at=at, note=note)


def resolve_gap(*, gap: Gap, by: User | None, at: datetime, note: str) -> Gap:
    """Say that the difference is gone, and keep the evidence.

    Raises GapTransitionRefused when the gap is neither open nor in progress, or there is no reason.
    """
    return _move(gap=gap, kind=TransitionKind.RESOLVED, by=by, at=at, note=note)


def close_gap(*, gap: Gap, by: User | None, at: datetime, note: str) -> Gap:
    """Stop following it, whether it is gone or not.

    Raises GapTransitionRefused when it is closed already, and when an unresolved gap is dismissed without a reason.
    """
    check_can_move_gap(gap=gap, kind=TransitionKind.CLOSED)
    if gap.status != GapStatus.RESOLVED and not note.strip():
        raise GapTransitionRefused("Say why a gap that is still there is not followed any more.", field="note")
    return _move(gap=gap, kind=TransitionKind.CLOSED, by=by, at=at, note=note)


def reopen_gap(
    *, gap: Gap, by: User | None, at: datetime, note: str, update: Callable[[Gap], None] | None = None
) -> Gap:
    """Follow it again.

    update: sets what is new of it, so that the history tells how bad it is now and not how bad it was
    Raises GapTransitionRefused unless it is resolved or closed, or there is no reason.
    """
    return _move(gap=gap, kind=TransitionKind.REOPENED, by=by, at=at, note=note, update=update)


VERBS: Mapping[TransitionKind, Callable[..., Gap]] = {
    TransitionKind.STARTED: start_gap,
    TransitionKind.PAUSED: pause_gap,
    TransitionKind.RESOLVED: resolve_gap,
    TransitionKind.CLOSED: close_gap,
    TransitionKind.REOPENED: reopen_gap,
}
"""What makes each move, for doors that are told its kind."""


def record_transition(
    *,
    gap: Gap,
    kind: TransitionKind,
    before: GapState | None,
    by: User | None,
    at: datetime,
    note: str,
) -> GapTransition:
    """Write what happened to a gap that has changed already.

    before: the gap's state before the change, None for its opening
    """
    transition: GapTransition = GapTransition.objects.create(
        gap=gap,
        kind=kind,
        from_status=before.status if before else "",
        to_status=gap.status,
        from_severity=before.severity if before else "",
        to_severity=gap.severity,
        from_effect=before.effect if before else None,
        to_effect=gap.effect_tolerance_units,
        actor_id=by.pk if by else None,
        at=at,
        note=note,
        inputs_hash=gap.inputs_hash,
    )
    return transition


@dataclass(frozen=True, slots=True)
class GapState:
    """What a transition tells of: status, severity, and effect in units of the goal's tolerance."""

    status: str
    severity: str
    effect: float | None

    @classmethod
    def of(cls, gap: Gap) -> GapState:
        return cls(status=gap.status, severity=gap.severity, effect=gap.effect_tolerance_units)


def lock_gap(gap: Gap) -> Gap:
    """The stored gap, locked until the transaction ends. Raises Gap.DoesNotExist when it is gone."""
    locked: Gap = Gap.objects.select_for_update(of=("self",)).get(pk=gap.pk)
    return locked


def _move(
    *,
    gap: Gap,
    kind: TransitionKind,
    by: User | None,
    at: datetime,
    note: str,
    update: Callable[[Gap], None] | None = None,
) -> Gap:
    locked = lock_gap(gap)
    check_can_move_gap(gap=locked, kind=kind)
    if kind in NEEDS_REASON and not note.strip():
        raise GapTransitionRefused("Say why: the history keeps it.", field="note")
    before = GapState.of(locked)
    if update is not None:
        update(locked)
    locked.status = MOVES[kind].target
    _set_instants(locked, kind=kind, at=at)
    locked.save()
    record_transition(gap=locked, kind=kind, before=before, by=by, at=at, note=note)
    gap.refresh_from_db()
    return gap


def _set_instants(gap: Gap, *, kind: TransitionKind, at: datetime) -> None:
    if kind == TransitionKind.RESOLVED:
        gap.resolved_at = at
    elif kind == TransitionKind.CLOSED:
        gap.closed_at = at
    elif kind == TransitionKind.REOPENED:
        gap.resolved_at = gap.closed_at = gap.below_since = None
