"""What rows of the gaps app may and may not say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from gaps.enums import GapOrigin, GapStatus, TransitionKind
from gaps.models import Evidence, Gap, GapTransition, RootCause
from predictions.enums import ActionStatus
from tenants.append_only import AppendOnlyRefused
from tests.factories.gaps import (
    IDENTIFIED_AT,
    AffectedAreaFactory,
    CorrectiveActionFactory,
    EvidenceFactory,
    GapFactory,
    GapTransitionFactory,
    RootCauseFactory,
)
from tests.factories.tenants import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]


def _refused_field(instance: Any) -> str:
    """The one field an invalid row is reported for; the row is refused by the database, too."""
    with pytest.raises(ValidationError) as refusal:
        instance.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        instance.save()
    (field,) = refusal.value.message_dict
    return field


@pytest.mark.parametrize(
    ("field", "value", "reported"),
    [
        ("title", "", "title"),
        ("type", "WEATHER", "type"),
        ("severity", "low", "severity"),
        ("status", "DONE", "status"),
        ("confidence", 1.01, "confidence"),
        ("confidence", float("nan"), "confidence"),
        ("effect_tolerance_units", float("inf"), "effect_tolerance_units"),
        ("urgency_h", -1.0, "urgency_h"),
        ("resolved_at", IDENTIFIED_AT, "resolved_at"),
        ("closed_at", IDENTIFIED_AT, "closed_at"),
        ("fingerprint", "short", "fingerprint"),
    ],
)
def test_gap_refuses_what_it_cannot_mean_and_names_the_field(field: str, value: Any, reported: str) -> None:
    gap = GapFactory.build(project=GapFactory.create().project, **{field: value})

    with pytest.raises(ValidationError) as refusal:
        gap.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        gap.save()

    assert reported in refusal.value.message_dict


def test_resolved_gap_needs_its_instant() -> None:
    gap = GapFactory.build(project=GapFactory.create().project, status=GapStatus.RESOLVED)

    assert _refused_field(gap) == "resolved_at"


def test_gap_is_not_resolved_before_it_was_identified() -> None:
    gap = GapFactory.build(
        project=GapFactory.create().project,
        status=GapStatus.RESOLVED,
        resolved_at=IDENTIFIED_AT - timedelta(seconds=1),
    )

    assert _refused_field(gap) == "resolved_at"


def test_detected_gap_names_its_detector_and_manual_one_has_none() -> None:
    project = GapFactory.create(detected=True).project

    assert _refused_field(GapFactory.build(project=project, origin=GapOrigin.DETECTED)) == "origin"
    assert _refused_field(GapFactory.build(project=project, detector_id="timeline")) == "origin"


def test_fingerprint_is_unique_in_its_project_only() -> None:
    first = GapFactory.create(detected=True)
    GapFactory.create(detected=True, fingerprint=first.fingerprint)

    with pytest.raises(IntegrityError), transaction.atomic():
        GapFactory.create(detected=True, project=first.project, fingerprint=first.fingerprint)

    assert Gap.objects.filter(fingerprint=first.fingerprint).count() == 2


@pytest.mark.parametrize(
    "value", [[], "late", {"value": 1}, {"value": 1, "unit": ""}, {"value": 1, "unit": "d", "colour": "red"}]
)
def test_measures_fit_their_schema_on_every_write(value: Any) -> None:
    gap = GapFactory.create()

    with pytest.raises(ValidationError) as refusal:
        Gap.objects.filter(pk=gap.pk).update(current_value=value)

    assert list(refusal.value.message_dict) == ["current_value"]


def test_transition_is_never_rewritten_nor_deleted() -> None:
    transition = GapTransitionFactory.create()

    with pytest.raises(AppendOnlyRefused):
        transition.save()
    with pytest.raises(AppendOnlyRefused):
        transition.delete()

    assert GapTransition.objects.get() == transition


def test_only_the_opening_has_no_former_status() -> None:
    gap = GapFactory.create()

    opening = GapTransitionFactory.build(gap=gap, from_status=GapStatus.OPEN)
    resolving = GapTransitionFactory.build(gap=gap, kind=TransitionKind.RESOLVED)

    assert _refused_field(opening) == "from_status"
    assert _refused_field(resolving) == "from_status"


def test_causes_of_a_gap_have_different_ranks() -> None:
    cause = RootCauseFactory.create(rank=1)
    RootCauseFactory.create(rank=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        RootCauseFactory.create(gap=cause.gap, rank=1)

    assert RootCause.objects.filter(gap=cause.gap).count() == 1


def test_contribution_in_money_needs_a_currency() -> None:
    cause = RootCauseFactory.build(gap=GapFactory.create(), contribution_money=1000)

    assert _refused_field(cause) == "contribution_currency"


def test_area_is_named_once_for_a_gap() -> None:
    area = AffectedAreaFactory.create()

    with pytest.raises(IntegrityError), transaction.atomic():
        AffectedAreaFactory.create(gap=area.gap, kind=area.kind, name=area.name)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://tracker.example/1", "tracker.example"])
def test_evidence_links_to_the_web_only(url: str) -> None:
    evidence = EvidenceFactory.build(gap=GapFactory.create(), url=url)

    assert _refused_field(evidence) == "url"


@pytest.mark.parametrize("value", [None, "In Progress", 3, 2.5, True, ["a", "b"]])
def test_evidence_keeps_the_value_as_it_was(value: Any) -> None:
    evidence = EvidenceFactory.create(value=value)

    assert Evidence.objects.get(pk=evidence.pk).value == value


@pytest.mark.parametrize("status", [ActionStatus.ACTIVE, ActionStatus.DONE])
def test_action_is_not_activated_without_owner_and_due_date(status: ActionStatus) -> None:
    gap = GapFactory.create()
    completed_at = IDENTIFIED_AT if status == ActionStatus.DONE else None
    action = CorrectiveActionFactory.build(gap=gap, status=status, completed_at=completed_at)

    with pytest.raises(ValidationError) as refusal:
        action.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        action.save()

    assert set(refusal.value.message_dict) == {"owner", "due_date"}


def test_action_with_owner_and_due_date_is_activated() -> None:
    action = CorrectiveActionFactory.create()

    action.owner = UserFactory.create()
    action.due_date = IDENTIFIED_AT.date()
    action.status = ActionStatus.ACTIVE
    action.full_clean()
    action.save()

    assert action.gap.corrective_actions.get().status == ActionStatus.ACTIVE


def test_action_is_done_exactly_when_it_has_a_completion_time() -> None:
    action = CorrectiveActionFactory.build(gap=GapFactory.create(), completed_at=IDENTIFIED_AT)

    assert _refused_field(action) == "completed_at"


def test_cost_needs_a_currency() -> None:
    action = CorrectiveActionFactory.build(gap=GapFactory.create(), cost_amount=100)

    assert _refused_field(action) == "cost_currency"


def test_suggestions_of_a_gap_are_of_different_kinds() -> None:
    action = CorrectiveActionFactory.create()
    CorrectiveActionFactory.create(gap=action.gap, code="")
    CorrectiveActionFactory.create(gap=action.gap, code="")

    with pytest.raises(IntegrityError), transaction.atomic():
        CorrectiveActionFactory.create(gap=action.gap, code=action.code)


def test_deleting_a_gap_takes_everything_it_contains() -> None:
    gap = GapFactory.create()
    for factory_class in (
        GapTransitionFactory,
        RootCauseFactory,
        AffectedAreaFactory,
        EvidenceFactory,
        CorrectiveActionFactory,
    ):
        factory_class.create(gap=gap)
    other = EvidenceFactory.create()

    gap.delete()

    assert not GapTransition.objects.exists()
    assert list(Evidence.objects.all()) == [other]
