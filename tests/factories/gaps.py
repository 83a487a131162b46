"""Factories of the gaps app."""

from __future__ import annotations

from datetime import UTC, datetime

import factory

from gaps.enums import AreaKind, GapCategory, GapOrigin, GapStatus, GapType, TransitionKind
from gaps.models import AffectedArea, CorrectiveAction, Evidence, Gap, GapTransition, RootCause
from predictions.enums import ActionStatus, Priority, Severity
from tests.factories.base import TenantModelFactory, register
from tests.factories.predictions import sha256_of

IDENTIFIED_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@register
class GapFactory(TenantModelFactory[Gap]):
    """An open gap in the timeline, as a person enters it."""

    class Meta:
        model = Gap

    project = factory.SubFactory("tests.factories.projects.ProjectFactory")
    title = factory.Sequence(lambda n: f"The date will not hold {n}")
    description = "At the pace of the last weeks the scope is not done by the date."
    type = GapType.TIMELINE
    category = GapCategory.TACTICAL
    severity = Severity.HIGH
    status = GapStatus.OPEN
    current_value = factory.LazyFunction(lambda: {"value": "2026-05-20", "unit": "date"})
    target_value = factory.LazyFunction(lambda: {"value": "2026-04-30", "unit": "date"})
    impact = "The release comes three weeks late."
    effect_tolerance_units = 2.2
    confidence = 0.8
    urgency_h = 300.0
    origin = GapOrigin.MANUAL
    identified_at = IDENTIFIED_AT

    class Params:
        detected = factory.Trait(
            origin=GapOrigin.DETECTED,
            fingerprint=factory.Sequence(lambda n: sha256_of(f"fingerprint {n}")),
            detector_id="timeline",
            detector_version="1",
            inputs_hash=factory.Sequence(lambda n: sha256_of(f"facts {n}")),
            opening_effect=2.2,
            last_seen_at=IDENTIFIED_AT,
        )


@register
class GapTransitionFactory(TenantModelFactory[GapTransition]):
    """The opening of a gap."""

    class Meta:
        model = GapTransition

    gap = factory.SubFactory(GapFactory)
    kind = TransitionKind.OPENED
    to_status = GapStatus.OPEN
    to_severity = Severity.HIGH
    to_effect = 2.2
    at = IDENTIFIED_AT
    note = "Found by hand."


@register
class RootCauseFactory(TenantModelFactory[RootCause]):
    """The cause that explains most of a gap."""

    class Meta:
        model = RootCause

    gap = factory.SubFactory(GapFactory)
    rank = factory.Sequence(lambda n: n % 1000 + 1)
    code = "SCOPE_ADDED"
    description = "Nine items were added after the baseline."
    category = GapCategory.TACTICAL
    confidence = 0.7
    contribution_days = 6.0
    contribution_share = 0.4


@register
class AffectedAreaFactory(TenantModelFactory[AffectedArea]):
    """A component that the gap touches."""

    class Meta:
        model = AffectedArea

    gap = factory.SubFactory(GapFactory)
    kind = AreaKind.COMPONENT
    name = factory.Sequence(lambda n: f"Component {n}")
    impact_level = Severity.MEDIUM


@register
class EvidenceFactory(TenantModelFactory[Evidence]):
    """One status of one work item."""

    class Meta:
        model = Evidence

    gap = factory.SubFactory(GapFactory)
    object_type = "work_item"
    object_id = factory.Sequence(lambda n: str(10_000 + n))
    object_key = factory.Sequence(lambda n: f"DEMO-{n}")
    field = "status"
    value = "In Progress"
    observed_at = IDENTIFIED_AT
    url = "https://tracker.example/browse/DEMO-1"


@register
class CorrectiveActionFactory(TenantModelFactory[CorrectiveAction]):
    """A suggestion nobody has taken up."""

    class Meta:
        model = CorrectiveAction

    gap = factory.SubFactory(GapFactory)
    title = factory.Sequence(lambda n: f"Move items to the next release {n}")
    code = factory.Sequence(lambda n: f"defer-items-{n}")
    status = ActionStatus.SUGGESTED
    priority = Priority.HIGH
    effort_h = 4.0
    expected_effect_days = 5.0
