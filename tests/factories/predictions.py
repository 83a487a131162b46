"""Factories of the predictions app."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import factory

from predictions.enums import (
    ActionKind,
    ActionMove,
    ActionStatus,
    AlertState,
    DismissalReason,
    MissedEventStatus,
    MuteState,
    OutcomeResult,
    PredictionType,
    Priority,
    PushDecision,
    PushReason,
    Severity,
    Trend,
)
from predictions.models import (
    ActionTransition,
    Alert,
    AlertDecision,
    AlertMute,
    MissedEvent,
    MissedEventVerdict,
    Prediction,
    PredictionOutcome,
    PredictionOverride,
    PreventiveAction,
    RiskIndicator,
)
from projects.enums import Readiness
from tests.factories.base import TenantModelFactory, register

ISSUED_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TARGET_DATE = "2026-04-30"


def sha256_of(text: str) -> str:
    """A hash that looks like the ones analyses store; equal for equal text."""
    return hashlib.sha256(text.encode()).hexdigest()


@register
class PredictionFactory(TenantModelFactory[Prediction]):
    """A warning of delay, issued for a target eight weeks ahead, not settled."""

    class Meta:
        model = Prediction

    project = factory.SubFactory("tests.factories.projects.ProjectFactory")
    type = PredictionType.DELAY_RISK
    event = factory.LazyFunction(
        lambda: {
            "claim": "The scope is not done by the end of 2026-04-30.",
            "subject": {"type": "project"},
            "target_date": TARGET_DATE,
            "scope": {"item_count": 40, "remaining_count": 12, "as_of": ISSUED_AT.isoformat()},
        }
    )
    event_key = factory.Sequence(lambda n: sha256_of(f"event {n}"))
    episode_id = factory.Sequence(lambda n: uuid.UUID(int=n + 1))
    probability = 0.7
    probability_low = 0.6
    probability_high = 0.8
    base_rate = 0.4
    impact = Severity.HIGH
    is_alert = True
    issued_at = ISSUED_AT
    as_of = ISSUED_AT
    predicted_for = datetime(2026, 4, 30, 23, 59, tzinfo=UTC)
    time_to_occurrence_p10_h = 1000.0
    time_to_occurrence_p50_h = 1400.0
    time_to_occurrence_p90_h = 2000.0
    prevention_window_h = 300.0
    quantiles = factory.LazyFunction(
        lambda: {"unit": "date", "points": [{"p": 0.5, "value": "2026-05-04"}, {"p": 0.85, "value": "2026-05-20"}]}
    )
    drivers = factory.LazyFunction(
        lambda: [{"code": "scope_added", "text": "Items were added.", "effect": 6.0, "unit": "days"}]
    )
    assumptions = factory.LazyFunction(
        lambda: [{"code": "rate_continues", "text": "The pace of the last weeks continues.", "value": 3.5}]
    )
    evidence = factory.LazyFunction(
        lambda: [
            {
                "object_type": "work_item",
                "object_id": "10001",
                "object_key": "DEMO-1",
                "field": "status",
                "value": "In Progress",
                "observed_at": ISSUED_AT.isoformat(),
                "url": "https://tracker.example/browse/DEMO-1",
            }
        ]
    )
    readiness = Readiness.OK
    model_id = "delay_risk.mechanistic"
    model_version = "1"
    inputs_hash = factory.Sequence(lambda n: sha256_of(f"inputs {n}"))


@register
class PredictionOutcomeFactory(TenantModelFactory[PredictionOutcome]):
    """The event came."""

    class Meta:
        model = PredictionOutcome

    prediction = factory.SubFactory(PredictionFactory)
    result = OutcomeResult.OCCURRED
    settled_at = ISSUED_AT + timedelta(days=60)
    occurred_at = ISSUED_AT + timedelta(days=59)
    accuracy = 0.09


@register
class PreventiveActionFactory(TenantModelFactory[PreventiveAction]):
    """A suggestion nobody has taken up."""

    class Meta:
        model = PreventiveAction

    prediction = factory.SubFactory(PredictionFactory)
    title = factory.Sequence(lambda n: f"Leave out the least valuable items {n}")
    steps = factory.LazyFunction(lambda: ["List the items by value.", "Agree on the cut with the sponsor."])
    code = factory.Sequence(lambda n: f"reduce-scope-{n}")
    status = ActionStatus.SUGGESTED
    priority = Priority.HIGH
    effort_h = 4.0
    expected_effect_days = 5.0


@register
class RiskIndicatorFactory(TenantModelFactory[RiskIndicator]):
    """A throughput below the pace that the date demands."""

    class Meta:
        model = RiskIndicator

    prediction = factory.SubFactory(PredictionFactory)
    name = factory.Sequence(lambda n: f"Throughput {n}")
    value = 3.5
    threshold = 5.0
    unit = "items/week"
    trend = Trend.DOWN
    weight = 0.5


@register
class AlertFactory(TenantModelFactory[Alert]):
    """A live thread that somebody has dismissed."""

    class Meta:
        model = Alert

    prediction = factory.SubFactory(PredictionFactory)
    project = factory.SelfAttribute("prediction.project")
    type = factory.SelfAttribute("prediction.type")
    episode_id = factory.SelfAttribute("prediction.episode_id")
    impact = factory.SelfAttribute("prediction.impact")
    subject_key = factory.Sequence(lambda n: sha256_of(f"subject {n}"))
    state = AlertState.DISMISSED
    opened_at = ISSUED_AT
    dismissed_at = ISSUED_AT + timedelta(hours=1)
    dismissed_by_id = uuid.UUID(int=7)
    dismissal_reason = DismissalReason.ALREADY_KNOWN
    dismissal_note = "Agreed with the sponsor in January."


@register
class AlertDecisionFactory(TenantModelFactory[AlertDecision]):
    """Left to the digest: a week's pushes were spent."""

    class Meta:
        model = AlertDecision

    alert = factory.SubFactory(AlertFactory)
    project = factory.SelfAttribute("alert.project")
    prediction = factory.SelfAttribute("alert.prediction")
    impact = factory.SelfAttribute("alert.impact")
    decision = PushDecision.DIGEST
    reason = PushReason.BUDGET_SPENT
    decided_at = ISSUED_AT


@register
class AlertMuteFactory(TenantModelFactory[AlertMute]):
    """A proposal that waits for a person."""

    class Meta:
        model = AlertMute

    project = factory.SubFactory("tests.factories.projects.ProjectFactory")
    type = PredictionType.DELAY_RISK
    reason = DismissalReason.ALREADY_KNOWN
    note = "Told in every meeting."
    state = MuteState.PROPOSED
    proposed_at = ISSUED_AT


@register
class PredictionOverrideFactory(TenantModelFactory[PredictionOverride]):
    """Somebody who is surer than the model."""

    class Meta:
        model = PredictionOverride

    prediction = factory.SubFactory(PredictionFactory)
    project = factory.SelfAttribute("prediction.project")
    event_key = factory.SelfAttribute("prediction.event_key")
    probability = 0.9
    reason = "Two of the team are on leave from next week."
    made_by_id = uuid.UUID(int=7)
    made_at = ISSUED_AT + timedelta(days=1)


@register
class MissedEventFactory(TenantModelFactory[MissedEvent]):
    """A report that no claim covers and nobody has judged."""

    class Meta:
        model = MissedEvent

    project = factory.SubFactory("tests.factories.projects.ProjectFactory")
    type = PredictionType.QUALITY_ISSUE
    occurred_at = factory.Sequence(lambda n: ISSUED_AT + timedelta(days=n))
    description = "The release had to be taken back."
    status = MissedEventStatus.REPORTED
    reported_at = factory.LazyAttribute(lambda event: event.occurred_at + timedelta(days=1))
    reported_by_id = uuid.UUID(int=7)


@register
class MissedEventVerdictFactory(TenantModelFactory[MissedEventVerdict]):
    """The first step of a report."""

    class Meta:
        model = MissedEventVerdict

    missed_event = factory.SubFactory(MissedEventFactory)
    status = MissedEventStatus.REPORTED
    actor_id = uuid.UUID(int=7)
    at = ISSUED_AT + timedelta(days=2)
    note = "No claim covers the event."


@register
class ActionTransitionFactory(TenantModelFactory[ActionTransition]):
    """Somebody dropped a suggestion."""

    class Meta:
        model = ActionTransition

    project = factory.SubFactory("tests.factories.projects.ProjectFactory")
    action_kind = ActionKind.PREVENTIVE
    action_id = factory.Sequence(lambda n: uuid.UUID(int=n + 1))
    kind = ActionMove.DROPPED
    from_status = ActionStatus.SUGGESTED
    to_status = ActionStatus.DROPPED
    actor_id = uuid.UUID(int=7)
    at = ISSUED_AT + timedelta(days=2)
    note = "The sponsor does not want it."
