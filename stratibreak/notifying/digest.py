"""The digest: what was not worth a message of its own, for each destination at its own rhythm.

1. A destination's digest of a day is taken by moving its `digested_until`, in the transaction that puts the message in:
   of two workers one does it, and a day with nothing to say is over as well.
2. It holds the warnings that were left to it and are still live, gaps that opened or got worse, actions whose day is
   over, and tools that bring nothing; of the destination's project, or of all that are active.
3. An analysis dates what it finds by its beginning and commits at its end. So each digest looks some hours further back
   than the one before ended, and leaves out what that one named.
4. What a person closed, muted or dismissed since is not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from gaps.domain.acting import ACTION_MODELS
from gaps.enums import TransitionKind
from gaps.models import GapTransition
from gaps.models.gap import LIVE
from integrations.domain.outgoing.announcing import MADE_FOR, put_in
from integrations.domain.outgoing.links import page_address
from integrations.enums import DigestRhythm, EventType, IntegrationStatus
from integrations.messages.digest_times import may_be_sent, newest_digest_at
from integrations.messages.words import (
    DigestFacts,
    FailingTool,
    GapCount,
    LeftWarning,
    OverdueAction,
    digest_notice,
)
from integrations.models import Destination, Integration, OutgoingMessage
from predictions.domain.acting import project_path
from predictions.domain.alerting import alerts_for_digest, claim_delivery, push_policy
from predictions.enums import ActionStatus
from predictions.models import AlertDecision
from projects.enums import ProjectStatus
from projects.models import Project
from tenants.isolation.context import require_tenant_id
from tenants.models import Tenant

FIRST_LOOKS_BACK = timedelta(days=7)
OVERLAP = timedelta(hours=6)
"""Far longer than an analysis takes."""
MOST_ROWS = 200
WORSE = (TransitionKind.OPENED, TransitionKind.REOPENED, TransitionKind.WORSENED)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a digest is made of. told: what the next one leaves out"""

    facts: DigestFacts
    decisions: list[AlertDecision]
    data: dict[str, Any]


def due_digests(at: datetime) -> list[UUID]:
    """The destinations of the current tenant whose digest is due."""
    found = list(Destination.objects.filter(is_active=True).exclude(digest=DigestRhythm.OFF).order_by("id"))
    if not found:
        return []
    organisation = _organisation()
    return [each.pk for each in found if _due_since(each, organisation, at) is not None]


def tell_digest(*, destination_id: UUID, at: datetime) -> bool:
    """Put in the digest of a destination, where it is due and holds something. Idempotent."""
    destination = Destination.objects.select_for_update(of=("self",)).filter(pk=destination_id).first()
    organisation = _organisation()
    due_since = None if destination is None else _due_since(destination, organisation, at)
    if destination is None or due_since is None:
        return False
    since = destination.digested_until or at - FIRST_LOOKS_BACK
    Destination.objects.filter(pk=destination.pk).update(digested_until=at)
    found = _find(destination, organisation, since=since, at=at)
    if found.facts.is_empty:
        return False
    notice = digest_notice(
        found.facts,
        organisation=organisation.shown_name,
        zone=ZoneInfo(organisation.time_zone),
        link=page_address("admin:portfolio"),
    )
    message = OutgoingMessage(
        type=EventType.PREDICTION_DIGEST,
        key=f"{destination.pk} {due_since.date()}",
        project=destination.project,
        occurred_at=at,
        notice=notice.as_json(),
        thread=_thread(destination),
        data={MADE_FOR: str(destination.pk), "since": since.isoformat(), **found.data},
    )
    for decision in found.decisions:
        claim_delivery(decision, at=at)
    return put_in(message, [destination], at=at) is not None


def _due_since(destination: Destination, organisation: Tenant, at: datetime) -> datetime | None:
    """From when on its digest is due; None where it is not, or was handled."""
    policy = push_policy(organisation)
    wants_it = not destination.event_types or EventType.PREDICTION_DIGEST in destination.event_types
    if not destination.is_active or not wants_it or not may_be_sent(policy, at):
        return None
    moment = newest_digest_at(DigestRhythm(destination.digest), policy, at)
    handled_at = destination.digested_until or destination.created_at
    return None if moment is None or handled_at >= moment else moment


def _thread(destination: Destination) -> str:
    return f"digest {destination.pk}"


def _organisation() -> Tenant:
    return Tenant.objects.get(pk=require_tenant_id())


def _find(destination: Destination, organisation: Tenant, *, since: datetime, at: datetime) -> _Found:
    projects = Project.objects.filter(status=ProjectStatus.ACTIVE)
    if destination.project_id is not None:
        projects = projects.filter(pk=destination.project_id)
    told = _told_before(destination)
    names: dict[UUID, str] = dict(projects.values_list("pk", "name"))
    decisions = _warnings(projects, since - OVERLAP, at, told)
    moved = _moved_gaps(projects, since - OVERLAP, at, told)
    gaps = _counted(moved, names)
    actions = _overdue(projects, at.astimezone(ZoneInfo(organisation.time_zone)).date())
    tools = list(
        Integration.objects.filter(project__in=projects, status=IntegrationStatus.ERROR, error_count__gt=0)
        .select_related("project")
        .order_by("id")[:MOST_ROWS]
    )
    facts = DigestFacts(
        until=at,
        warnings=[_left(each) for each in _newest_of_threads(decisions)],
        gaps=[count for _, count in gaps],
        actions=[
            OverdueAction(project=names[project_id], action=title, due_date=due)
            for _, project_id, title, due in actions
        ],
        tools=[FailingTool(project=each.project.name, name=each.name, since=each.last_sync_at) for each in tools],
    )
    data = {
        "decisions": [str(each.pk) for each in decisions],
        "gap_transitions": [str(each.pk) for each in moved],
        "gaps": [
            {"project": str(project_id), "opened": count.opened, "worsened": count.worsened}
            for project_id, count in gaps
        ],
        "overdue_actions": [str(action_id) for action_id, *_ in actions],
        "failing_integrations": [str(each.pk) for each in tools],
    }
    return _Found(facts, decisions, data)


def _told_before(destination: Destination) -> set[str]:
    """What the digest before named; an older one ended before this one begins."""
    before: Any = OutgoingMessage.objects.filter(
        type=EventType.PREDICTION_DIGEST, thread=_thread(destination)
    ).order_by("-occurred_at")
    newest = before.values_list("data", flat=True).first() or {}
    return {*newest.get("decisions", []), *newest.get("gap_transitions", [])}


def _warnings(projects: QuerySet[Project], since: datetime, at: datetime, told: set[str]) -> list[AlertDecision]:
    left = alerts_for_digest(at, since=since).filter(project__in=projects)
    return [each for each in left[:MOST_ROWS] if str(each.pk) not in told]


def _newest_of_threads(decisions: Iterable[AlertDecision]) -> list[AlertDecision]:
    return list({each.alert_id: each for each in decisions}.values())


def _left(decision: AlertDecision) -> LeftWarning:
    prediction = decision.alert.prediction
    return LeftWarning(
        project=decision.project.name,
        claim=str(prediction.event["claim"]),
        probability=prediction.probability,
        base_rate=prediction.base_rate,
        predicted_for=prediction.predicted_for,
        why=decision.get_reason_display(),
    )


def _moved_gaps(projects: QuerySet[Project], since: datetime, at: datetime, told: set[str]) -> list[GapTransition]:
    """What made gaps that are live still: opened, opened again, or worse."""
    moved = GapTransition.objects.filter(
        gap__project__in=projects, gap__status__in=LIVE, kind__in=WORSE, at__gte=since, at__lte=at
    ).select_related("gap")
    return [each for each in moved.order_by("id") if str(each.pk) not in told]


def _counted(moved: Iterable[GapTransition], names: dict[UUID, str]) -> list[tuple[UUID, GapCount]]:
    """Gaps by project, each once: one that opened and got worse has opened."""
    opened: dict[UUID, set[UUID]] = defaultdict(set)
    worsened: dict[UUID, set[UUID]] = defaultdict(set)
    for each in moved:
        kinds = worsened if each.kind == TransitionKind.WORSENED else opened
        kinds[each.gap.project_id].add(each.gap_id)
    return [
        (pk, GapCount(project=name, opened=len(opened[pk]), worsened=len(worsened[pk] - opened[pk])))
        for pk, name in names.items()
        if opened[pk] or worsened[pk]
    ]


def _overdue(projects: QuerySet[Project], today: date) -> list[tuple[UUID, UUID, str, date | None]]:
    """Actions under way whose day is over: id, project, title, due day."""
    found: list[tuple[UUID, UUID, str, date | None]] = []
    for model in ACTION_MODELS:
        path = project_path(model)
        rows: Any = model._default_manager.filter(
            **{f"{path}__in": projects}, status=ActionStatus.ACTIVE, due_date__lt=today
        )
        found += rows.order_by("due_date", "id").values_list("pk", f"{path}_id", "title", "due_date")[:MOST_ROWS]
    return found
