"""Warnings that are due: each becomes one message, to all places that want it.

1. Which are due, and when, was decided by the rules of alerts when the forecast was made: at most three a week and
   project, none at night, none that a person muted or dismissed since.
2. Taking a warning and putting its message in is one transaction: a kill in between leaves both undone, and of two
   workers one does it.
3. A warning that no place wants is not taken. It waits for a week, for whoever is told of it later.
4. The words tell the newest forecast of the thread: over night it may have moved.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from gaps.domain.briefing import first_actions
from integrations.domain.outgoing.announcing import active_destinations, is_wanted, put_in, wanting_destinations
from integrations.domain.outgoing.links import api_link, page_link
from integrations.enums import EventType
from integrations.messages.words import WarningFacts, warning_notice
from integrations.models import OutgoingMessage
from predictions.domain.alerting import alerts_to_deliver, claim_delivery
from predictions.enums import PushDecision
from predictions.models import AlertDecision, Prediction, PreventiveAction
from projects.models import Project
from tenants.isolation.context import require_tenant_id
from tenants.models import Tenant

HAS_WORDS = {"title": ""}
"""Stands for the words of a message that is not written yet."""


def projects_with_warnings(at: datetime) -> list[UUID]:
    """The projects of the current tenant with a warning that is due and that somebody wants."""
    due: Any = alerts_to_deliver(at).order_by("project_id")
    projects = list(Project.objects.filter(pk__in=due.values("project_id")))
    places = active_destinations() if projects else []
    return [each.pk for each in projects if any(is_wanted(place, _unwritten(each)) for place in places)]


def tell_warnings(*, project: Project, at: datetime) -> int:
    """Put in the warnings of a project that are due. Returns how many. Idempotent."""
    if not wanting_destinations(_unwritten(project)):
        return 0
    return sum(_tell(decision, at) for decision in alerts_to_deliver(at).filter(project=project))


def _unwritten(project: Project) -> OutgoingMessage:
    return OutgoingMessage(type=EventType.PREDICTION_ALERTED, project=project, notice=HAS_WORDS)


def _tell(decision: AlertDecision, at: datetime) -> bool:
    if not claim_delivery(decision, at=at):
        return False
    message = _message(decision, at)
    return put_in(message, wanting_destinations(message), at=at) is not None


def _message(decision: AlertDecision, at: datetime) -> OutgoingMessage:
    alert, organisation = decision.alert, Tenant.objects.get(pk=require_tenant_id())
    prediction: Prediction = alert.prediction
    action = first_actions(PreventiveAction, "prediction", [prediction.pk], at=at).get(prediction.pk) or {}
    act_by = _act_by(prediction, action, at)
    facts = WarningFacts(
        project=decision.project.name,
        kind=prediction.get_type_display(),
        claim=str(prediction.event["claim"]),
        probability=prediction.probability,
        low=prediction.probability_low,
        high=prediction.probability_high,
        base_rate=prediction.base_rate,
        impact=prediction.get_impact_display(),
        predicted_for=prediction.predicted_for,
        act_by=act_by,
        action=str(action.get("title", "")),
        is_first=not AlertDecision.objects.filter(alert=alert, pk__lt=decision.pk).exists(),
        is_held=decision.decision == PushDecision.HELD,
        link=page_link(prediction),
        thread=_thread(decision),
    )
    notice = warning_notice(facts, organisation=organisation.shown_name, zone=ZoneInfo(organisation.time_zone))
    return OutgoingMessage(
        type=EventType.PREDICTION_ALERTED,
        key=str(decision.pk),
        project=decision.project,
        occurred_at=decision.decided_at,
        notice=notice.as_json(),
        thread=_thread(decision),
        data={
            "alert": str(alert.pk),
            "prediction": str(prediction.pk),
            "project": str(decision.project_id),
            "prediction_type": prediction.type,
            "impact": prediction.impact,
            "probability": prediction.probability,
            "base_rate": prediction.base_rate,
            "predicted_for": prediction.predicted_for.isoformat(),
            "act_by": None if act_by is None else act_by.isoformat(),
            "is_first": facts.is_first,
            "link": api_link("predictions", prediction.pk),
        },
    )


def _thread(decision: AlertDecision) -> str:
    return f"alert {decision.alert_id}"


def _act_by(prediction: Prediction, action: dict[str, Any], at: datetime) -> datetime | None:
    """The latest moment to begin; None where it is not known, or over."""
    latest: datetime | None = action.get("latest_start_at")
    if latest is None and prediction.prevention_window_h is not None:
        latest = prediction.as_of + timedelta(hours=prediction.prevention_window_h)
    return latest if latest is not None and latest > at else None
