"""What people may do with an action, and the history it leaves; corrective and preventive actions alike.

`MOVES` is the whole table: a move, the states it starts from, and the state it ends in. Every move writes one
ActionTransition in the same transaction, with who, when and why. Nobody becomes responsible by accident: an action is
activated with an owner and a due date that lies ahead, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from predictions.enums import ActionKind, ActionMove, ActionStatus
from predictions.models import Action, ActionTransition, PreventiveAction
from projects.models import Project
from tenants.domain.refusals import Refusal
from tenants.models import User

A = TypeVar("A", bound=Action)


@dataclass(frozen=True, slots=True)
class Move:
    """From which states an action may go to which."""

    sources: frozenset[ActionStatus]
    target: ActionStatus


MOVES: Mapping[ActionMove, Move] = {
    ActionMove.ACTIVATED: Move(frozenset({ActionStatus.SUGGESTED}), ActionStatus.ACTIVE),
    ActionMove.COMPLETED: Move(frozenset({ActionStatus.ACTIVE}), ActionStatus.DONE),
    ActionMove.DROPPED: Move(frozenset({ActionStatus.SUGGESTED, ActionStatus.ACTIVE}), ActionStatus.DROPPED),
}


class ActionRefused(Refusal):
    """A move that the action's state does not allow, or that lacks what it needs."""


def can_move_action(*, action: Action, kind: ActionMove) -> bool:
    """Whether the action's status allows the move."""
    return action.status in MOVES[kind].sources


def check_can_move_action(*, action: Action, kind: ActionMove) -> None:
    """Raises ActionRefused when the action's status does not allow the move."""
    move = MOVES[kind]
    if action.status not in move.sources:
        allowed = " or ".join(sorted(source.label.lower() for source in move.sources))
        raise ActionRefused(
            f"“{kind.label}” needs an action that is {allowed}; this one is {action.get_status_display().lower()}.",
            field="kind",
        )


def move_action(
    *,
    action: A,
    kind: ActionMove,
    by: User,
    at: datetime,
    note: str = "",
    owner: User | None = None,
    due_date: date | None = None,
) -> A:
    """Move an action on and keep who did it, and why. The stored state decides, not the copy at hand.

    owner, due_date: set with the activation, where they are given; they change nothing else
    Raises ActionRefused where the status forbids the move, an activation has no active owner or no due date ahead, or
    a dropped action has no reason.
    """
    if kind not in MOVES:
        raise ActionRefused("Only the system escalates.", field="kind")
    locked = lock_action(action)
    check_can_move_action(action=locked, kind=kind)
    if kind == ActionMove.ACTIVATED:
        _assign(locked, owner=owner, due_date=due_date, at=at)
    elif owner is not None or due_date is not None:
        raise ActionRefused(
            "Owner and due date are given with an activation; change them on the action.",
            field="owner" if owner is not None else "due_date",
        )
    if kind == ActionMove.DROPPED and not note.strip():
        raise ActionRefused("Say why it is dropped: the history keeps it.", field="note")
    before = locked.status
    locked.status = MOVES[kind].target
    if kind == ActionMove.ACTIVATED:
        locked.started_at = at
    elif kind == ActionMove.COMPLETED:
        locked.completed_at = max(at, locked.started_at or at)
    locked.save()
    keep_transition(action=locked, kind=kind, from_status=before, by=by, at=at, note=note.strip())
    action.refresh_from_db()
    return action


def keep_transition(
    *,
    action: Action,
    kind: ActionMove,
    from_status: str,
    by: User | None,
    at: datetime,
    note: str = "",
    recipient_ids: Sequence[UUID] = (),
) -> ActionTransition:
    """Write what happened to an action that has changed already."""
    transition: ActionTransition = ActionTransition.objects.create(
        project_id=project_of(action).pk,
        action_kind=kind_of(type(action)),
        action_id=action.pk,
        kind=kind,
        from_status=from_status,
        to_status=action.status,
        owner_id=action.owner_id,
        due_date=action.due_date,
        recipient_ids=[str(identifier) for identifier in recipient_ids],
        actor_id=None if by is None else by.pk,
        at=at,
        note=note,
    )
    return transition


def kind_of(model: type[Action]) -> ActionKind:
    """What actions of a model are about."""
    return ActionKind.PREVENTIVE if issubclass(model, PreventiveAction) else ActionKind.CORRECTIVE


def project_of(action: Action) -> Project:
    """The project that an action belongs to, through what it is about."""
    found: object = action
    for step in project_path(type(action)).split("__"):
        found = getattr(found, step)
    if not isinstance(found, Project):
        raise TypeError(f"{type(action).__name__} leads to no project")
    return found


def project_path(model: type[Action]) -> str:
    """The lookup from an action to its project.  Raises TypeError for a model that has none."""
    if not model.project_path:
        raise TypeError(f"{model.__name__} leads to no project")
    return model.project_path


def lock_action(action: A) -> A:
    """The stored action, locked until the transaction ends. Raises its DoesNotExist when it is gone."""
    rows: Any = type(action)._default_manager.select_for_update(of=("self",))
    locked: A = rows.select_related(project_path(type(action)), "owner").get(pk=action.pk)
    return locked


def today_in(project: Project, at: datetime) -> date:
    """The project's own day at an instant."""
    return at.astimezone(ZoneInfo(project.time_zone)).date()


def _assign(action: Action, *, owner: User | None, due_date: date | None, at: datetime) -> None:
    """Set owner and due date where they are given.  Raises ActionRefused where one is missing or of no use."""
    action.owner = owner or action.owner
    action.due_date = due_date or action.due_date
    if action.owner is None:
        raise ActionRefused("An action needs an owner before it is activated.", field="owner")
    if not action.owner.is_active:
        raise ActionRefused("The owner's account is not active; choose somebody who can act.", field="owner")
    if action.due_date is None:
        raise ActionRefused("An action needs a due date before it is activated.", field="due_date")
    if action.due_date < today_in(project_of(action), at):
        raise ActionRefused("The due date has passed already; choose one that lies ahead.", field="due_date")
