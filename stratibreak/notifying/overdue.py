"""Actions whose day is over: told once, those of one project in one message a day, and not at night.

An action is escalated once in its life (`predictions.domain.action_escalation`). Which escalations were told stands in
the messages: one that is in none is told, as long as it is not a week old and its action is still not done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from gaps.domain.acting import ACTION_MODELS
from integrations.domain.outgoing.announcing import active_destinations, is_wanted, put_in, wanting_destinations
from integrations.domain.outgoing.links import api_link, page_link
from integrations.enums import EventType
from integrations.messages.digest_times import may_be_sent
from integrations.messages.words import OverdueAction, overdue_notice
from integrations.models import OutgoingMessage
from predictions.domain.action_escalation import escalations
from predictions.domain.alerting import push_policy
from predictions.enums import ActionStatus
from predictions.models import Action, ActionTransition
from projects.models import Project
from stratibreak.notifying.alerts import HAS_WORDS
from tenants.isolation.context import require_tenant_id
from tenants.models import Tenant

TOLD_WITHIN = timedelta(days=7)
TOLD = "escalations"


@dataclass(frozen=True, slots=True)
class _Untold:
    escalation: ActionTransition
    action: Action


def projects_with_overdue_actions(at: datetime) -> list[UUID]:
    """The projects of the current tenant with an overdue action that somebody wants to hear of, and was not told of."""
    untold = _untold(at)
    organisation = _organisation()
    if not untold or not may_be_sent(push_policy(organisation), at):
        return []
    projects, places = Project.objects.filter(pk__in=list(untold)), active_destinations()
    wanting = [each for each in projects if any(is_wanted(place, _unwritten(each)) for place in places)]
    keys = {_key(each, organisation, at): each.pk for each in wanting}
    told_today: Any = OutgoingMessage.objects.filter(type=EventType.ACTION_OVERDUE, key__in=keys)
    told = set(told_today.values_list("key", flat=True))
    return [project_id for key, project_id in keys.items() if key not in told]


def tell_overdue(*, project: Project, at: datetime) -> int:
    """Put in one message of the project's actions that became overdue. Returns how many it names. Idempotent."""
    organisation = _organisation()
    found = _untold(at, project).get(project.pk, [])
    message = _unwritten(project)
    wanting = wanting_destinations(message)
    if not found or not wanting or not may_be_sent(push_policy(organisation), at):
        return 0
    late = [
        OverdueAction(project=project.name, action=each.action.title, due_date=each.action.due_date) for each in found
    ]
    notice = overdue_notice(project.name, late, organisation=organisation.shown_name, link=page_link(project))
    message.key, message.occurred_at, message.notice = _key(project, organisation, at), at, notice.as_json()
    message.data = {
        "project": str(project.pk),
        "actions": [str(each.action.pk) for each in found],
        TOLD: [str(each.escalation.pk) for each in found],
        "link": api_link("projects", project.pk),
    }
    return 0 if put_in(message, wanting, at=at) is None else len(found)


def _unwritten(project: Project) -> OutgoingMessage:
    return OutgoingMessage(type=EventType.ACTION_OVERDUE, project=project, notice=HAS_WORDS)


def _organisation() -> Tenant:
    return Tenant.objects.get(pk=require_tenant_id())


def _key(project: Project, organisation: Tenant, at: datetime) -> str:
    """One message a day of the organisation."""
    return f"{project.pk} {at.astimezone(ZoneInfo(organisation.time_zone)).date()}"


def _untold(at: datetime, project: Project | None = None) -> dict[UUID, list[_Untold]]:
    """Escalations that were not told and whose actions are under way still, by project."""
    found = escalations(since=at - TOLD_WITHIN)
    messages: Any = OutgoingMessage.objects.filter(
        type=EventType.ACTION_OVERDUE, occurred_at__gte=at - TOLD_WITHIN - timedelta(days=1)
    )
    if project is not None:
        found, messages = found.filter(project=project), messages.filter(project=project)
    told = {each for data in messages.values_list("data", flat=True) for each in data[TOLD]}
    untold = [each for each in found if str(each.pk) not in told]
    actions = _actions_under_way({each.action_id for each in untold})
    by_project: dict[UUID, list[_Untold]] = defaultdict(list)
    for each in untold:
        if each.action_id in actions:
            by_project[each.project_id].append(_Untold(each, actions[each.action_id]))
    return by_project


def _actions_under_way(ids: Iterable[UUID]) -> dict[UUID, Action]:
    wanted = list(ids)
    found: dict[UUID, Action] = {}
    if wanted:
        for model in ACTION_MODELS:
            rows: Any = model._default_manager.filter(pk__in=wanted, status=ActionStatus.ACTIVE)
            found |= {row.pk: row for row in rows}
    return found
