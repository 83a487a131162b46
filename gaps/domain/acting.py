"""Actions of both kinds at once: overdue ones escalated, done ones measured, and what each kind was worth."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from gaps.models import CorrectiveAction
from predictions.calibration.action_efficacy import Efficacy
from predictions.domain.action_efficacy import describe_efficacy, measured_efficacy, tenant_efficacy
from predictions.domain.action_escalation import escalate_overdue
from predictions.domain.action_measuring import measure_actions
from predictions.enums import ActionStatus
from predictions.models import Action, PreventiveAction
from projects.models import Project

ACTION_MODELS: tuple[type[Action], ...] = (CorrectiveAction, PreventiveAction)


def follow_actions(*, project: Project, at: datetime) -> None:
    """Escalate what is overdue and measure what can be measured. Idempotent; four queries where there is neither."""
    escalate_overdue(project=project, models=ACTION_MODELS, at=at)
    measure_actions(project=project, models=ACTION_MODELS, at=at)


def projects_with_open_actions() -> list[UUID]:
    """The projects of the current tenant in which an action is under way, or done and not measured."""
    waiting = Q(status=ActionStatus.ACTIVE) | Q(status=ActionStatus.DONE, measured_at__isnull=True)
    corrective: Any = CorrectiveAction.objects.filter(waiting).values("gap__project_id")
    preventive: Any = PreventiveAction.objects.filter(waiting).values("prediction__project_id")
    found = Project.objects.filter(Q(pk__in=corrective) | Q(pk__in=preventive))
    return list(found.order_by("name_lower").values_list("pk", flat=True))


def efficacy_of_tenant() -> dict[str, Efficacy]:
    """What each kind of action was worth in the current tenant; two queries."""
    return tenant_efficacy(ACTION_MODELS)


def describe_action_efficacy(*rows: QuerySet[Any]) -> dict[str, Any]:
    """The ledger over some actions as JSON values, with the title that a kind of action was given last."""
    ledger = measured_efficacy(*rows)
    titles: dict[str, str] = {}
    for found in rows:
        named = found.filter(code__in=ledger).order_by("code", "-id").distinct("code")
        titles |= dict(named.values_list("code", "title"))
    return describe_efficacy(ledger, titles)
