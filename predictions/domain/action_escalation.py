"""Overdue actions: found once, and kept with the people to tell.

1. An action is overdue when it is active and its due day is over in the time zone of its project.
2. It is escalated once in its life: `escalated_at` on the action, and one ActionTransition whose unique key no second
   run can pass, nor one at the same time. A due date that is moved and missed again is no new escalation.
3. To be told is the owner of the project; where there is none who can act, the active administrators.

Whoever delivers reads `escalations`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from predictions.domain.acting import keep_transition, project_path, today_in
from predictions.enums import ActionMove, ActionStatus
from predictions.models import Action, ActionTransition
from projects.models import Project
from tenants.enums import Role
from tenants.models import User

MAX_ADMINISTRATORS = 100


def escalate_overdue(*, project: Project, models: tuple[type[Action], ...], at: datetime) -> list[ActionTransition]:
    """Escalate the actions of a project whose due day is over. Idempotent; one query a model where none is overdue."""
    found = []
    for model in models:
        rows: Any = model._default_manager.select_for_update(of=("self",)).filter(
            **{project_path(model): project},
            status=ActionStatus.ACTIVE,
            due_date__lt=today_in(project, at),
            escalated_at__isnull=True,
        )
        overdue = list(rows.select_related(project_path(model)).order_by("id"))
        found += [_escalate(action, project, at) for action in overdue]
    return found


def escalations(*, since: datetime | None = None) -> QuerySet[ActionTransition]:
    """The escalations of the current tenant, the oldest first, for whoever tells people of them."""
    rows: QuerySet[ActionTransition] = ActionTransition.objects.filter(kind=ActionMove.ESCALATED).order_by("id")
    return rows if since is None else rows.filter(at__gte=since)


def people_to_tell(project: Project) -> list[UUID]:
    """The project's owner, else every administrator who can act."""
    if project.owner_id is not None:
        owner = User.objects.filter(pk=project.owner_id, is_active=True).values_list("pk", flat=True)
        if found := list(owner):
            return found
    administrators = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("id")
    return list(administrators.values_list("pk", flat=True)[:MAX_ADMINISTRATORS])


def _escalate(action: Action, project: Project, at: datetime) -> ActionTransition:
    action.escalated_at = at
    action.save(update_fields=["escalated_at", "updated_at"])
    return keep_transition(
        action=action,
        kind=ActionMove.ESCALATED,
        from_status=action.status,
        by=None,
        at=at,
        note=f"Due {action.due_date}, and not done.",
        recipient_ids=people_to_tell(project),
    )
