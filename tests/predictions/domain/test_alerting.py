"""Threads of warnings over the database: opened, continued, told, silenced, and never pushed twice."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from predictions.domain.alerting import (
    AlertRefused,
    alerts_for_digest,
    alerts_to_deliver,
    claim_delivery,
    decide_mute,
    dismiss_alert,
    mute_type,
    raise_alerts,
)
from predictions.domain.probation import describe_probation, types_on_probation
from predictions.enums import (
    AlertClosing,
    AlertState,
    DismissalReason,
    MuteState,
    OutcomeResult,
    PredictionType,
    PushDecision,
    PushReason,
    Severity,
)
from predictions.models import Alert, AlertDecision, AlertMute, Prediction
from projects.models import Project
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, Tenant, User
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PredictionOutcomeFactory, sha256_of
from tests.factories.projects import ProjectFactory
from tests.factories.tenants import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday; no quiet hours in UTC
DAY = timedelta(days=1)


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create()


@pytest.fixture
def person(tenant: Any) -> User:
    return UserFactory.create()


def predict(project: Project, subject: int = 0, *, at: datetime = NOON, event: str = "", **fields: Any) -> Prediction:
    """A forecast of one work item: of the item's own event, in one episode while it alarms."""
    alarming = fields.setdefault("is_alert", True)
    fields.setdefault("episode_id", UUID(int=10 * subject + 1 + alarming))
    return PredictionFactory.create(
        project=project,
        event={"claim": "It is late.", "subject": {"type": "work_item", "id": f"item {subject}"}},
        event_key=sha256_of(event or f"event of {subject}"),
        issued_at=at,
        as_of=at,
        predicted_for=fields.pop("predicted_for", NOON + 30 * DAY),
        **fields,
    )


def decisions() -> list[tuple[str, str]]:
    return list(AlertDecision.objects.order_by("id").values_list("decision", "reason"))


def test_a_warning_opens_a_thread_and_is_pushed_once(project: Project) -> None:
    prediction = predict(project)

    first = raise_alerts(project=project, at=NOON)
    again = raise_alerts(project=project, at=NOON + timedelta(hours=1))

    alert = Alert.objects.get()
    assert (first.opened, first.by_decision) == (1, Counter({PushDecision.PUSHED: 1}))
    assert (again.opened, again.closed, again.by_decision) == (0, 0, Counter())
    assert (alert.state, alert.prediction, alert.episode_id, alert.is_late) == (
        AlertState.OPEN,
        prediction,
        prediction.episode_id,
        False,
    )
    assert decisions() == [(PushDecision.PUSHED, PushReason.OPENED)]


def test_what_does_not_alarm_or_was_computed_afterwards_opens_nothing(project: Project) -> None:
    predict(project, 1, is_alert=False)
    predict(project, 2, is_retrospective=True)
    predict(project, 3, predicted_for=NOON)
    settled = predict(project, 4)
    PredictionOutcomeFactory.create(prediction=settled)

    assert raise_alerts(project=project, at=NOON).opened == 0
    assert not Alert.objects.exists()


def test_five_warnings_in_one_morning_are_three_pushes_and_two_in_the_digest(project: Project) -> None:
    for subject, impact in enumerate(["LOW", "CRITICAL", "MEDIUM", "HIGH", "LOW"]):
        predict(project, subject, impact=impact)

    raise_alerts(project=project, at=NOON)

    found = AlertDecision.objects.order_by("id").values_list("impact", "decision", "week_slot")
    assert list(found) == [
        ("CRITICAL", PushDecision.PUSHED, 1),
        ("HIGH", PushDecision.PUSHED, 2),
        ("MEDIUM", PushDecision.PUSHED, 3),
        ("LOW", PushDecision.DIGEST, None),
        ("LOW", PushDecision.DIGEST, None),
    ]
    assert [row.impact for row in alerts_to_deliver(NOON)] == ["CRITICAL", "HIGH", "MEDIUM"]
    assert [row.impact for row in alerts_for_digest(NOON)] == ["LOW", "LOW"]


def test_another_project_has_pushes_of_its_own(project: Project) -> None:
    other = ProjectFactory.create()
    for each in (project, other):
        for subject in range(4):
            predict(each, subject, event=f"{each.pk} {subject}", episode_id=UUID(int=100 + subject))
        raise_alerts(project=each, at=NOON)

    pushed = AlertDecision.objects.filter(decision=PushDecision.PUSHED).values_list("project", flat=True)
    assert Counter(pushed) == Counter({project.pk: 3, other.pk: 3})


def test_a_thread_goes_on_when_the_target_moves_and_is_told_again_only_if_it_got_worse(project: Project) -> None:
    predict(project, impact=Severity.MEDIUM)
    raise_alerts(project=project, at=NOON)
    moved = predict(project, at=NOON + DAY, event="another target", impact=Severity.MEDIUM, episode_id=UUID(int=77))
    raise_alerts(project=project, at=NOON + DAY)
    worse = predict(project, at=NOON + 2 * DAY, event="another target", impact=Severity.HIGH, episode_id=UUID(int=77))

    raise_alerts(project=project, at=NOON + 2 * DAY)

    alert = Alert.objects.get()
    assert (alert.prediction, alert.episode_id, alert.impact) == (worse, moved.episode_id, Severity.HIGH)
    assert decisions() == [
        (PushDecision.PUSHED, PushReason.OPENED),
        (PushDecision.PUSHED, PushReason.GOT_WORSE),
    ]


def test_a_thread_closes_when_it_clears_and_a_later_warning_opens_another(project: Project) -> None:
    predict(project)
    raise_alerts(project=project, at=NOON)
    predict(project, at=NOON + DAY, is_alert=False)
    assert raise_alerts(project=project, at=NOON + DAY).closed == 1
    predict(project, at=NOON + 2 * DAY, episode_id=UUID(int=99))

    raise_alerts(project=project, at=NOON + 2 * DAY)

    states = Alert.objects.order_by("id").values_list("state", "closing")
    assert list(states) == [(AlertState.CLOSED, AlertClosing.CLEARED), (AlertState.OPEN, "")]


def test_a_thread_closes_when_its_event_is_decided(project: Project) -> None:
    prediction = predict(project)
    raise_alerts(project=project, at=NOON)
    PredictionOutcomeFactory.create(prediction=prediction, result=OutcomeResult.OCCURRED)

    raise_alerts(project=project, at=NOON + DAY)

    alert = Alert.objects.get()
    assert (alert.state, alert.closing, alert.closed_at) == (AlertState.CLOSED, AlertClosing.OVER, NOON + DAY)
    assert list(alerts_to_deliver(NOON + DAY)) == []


def test_an_episode_that_goes_on_in_the_next_claim_takes_up_its_thread_untold(project: Project) -> None:
    first = predict(project, event="this month", predicted_for=NOON + 4 * DAY)
    raise_alerts(project=project, at=NOON)
    raise_alerts(project=project, at=NOON + 5 * DAY)
    predict(project, at=NOON + 6 * DAY, event="next month", episode_id=first.episode_id)

    raise_alerts(project=project, at=NOON + 6 * DAY)

    assert Alert.objects.get().state == AlertState.OPEN
    assert decisions() == [(PushDecision.PUSHED, PushReason.OPENED)]


@pytest.mark.parametrize("is_late", [True, False])
def test_a_warning_of_less_than_72_hours_is_shown_as_late_and_never_pushed(project: Project, is_late: bool) -> None:
    predict(project, predicted_for=NOON + 71 * DAY / 24, is_late=is_late)

    raise_alerts(project=project, at=NOON)

    assert Alert.objects.get().is_late
    assert decisions() == [(PushDecision.DIGEST, PushReason.LATE)]


def test_by_night_it_is_held_until_the_organisations_morning(tenant: Tenant, project: Project) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(time_zone="Asia/Tokyo")
    predict(project)

    raise_alerts(project=project, at=NOON)  # nine in the evening there

    morning = datetime(2026, 3, 4, 22, tzinfo=UTC)
    assert decisions() == [(PushDecision.HELD, PushReason.QUIET_HOURS)]
    assert AlertDecision.objects.get().deliver_at == morning
    assert list(alerts_to_deliver(morning - timedelta(seconds=1))) == []
    assert len(alerts_to_deliver(morning)) == 1


def test_a_delivery_is_taken_once(project: Project) -> None:
    predict(project)
    raise_alerts(project=project, at=NOON)
    due = alerts_to_deliver(NOON).get()

    assert [claim_delivery(due, at=NOON), claim_delivery(due, at=NOON)] == [True, False]
    assert list(alerts_to_deliver(NOON + DAY)) == []


def test_a_dismissed_thread_says_nothing_more_though_it_gets_worse(project: Project, person: User) -> None:
    predict(project, impact=Severity.LOW)
    raise_alerts(project=project, at=NOON)
    alert = Alert.objects.get()

    dismiss_alert(alert=alert, reason=DismissalReason.ACCEPTED, note="Signed off.", by=person, at=NOON)
    predict(project, at=NOON + DAY, impact=Severity.CRITICAL)
    raise_alerts(project=project, at=NOON + DAY)

    alert.refresh_from_db()
    assert (alert.state, alert.dismissed_by_id, alert.dismissal_note) == (
        AlertState.DISMISSED,
        person.pk,
        "Signed off.",
    )
    assert decisions() == [(PushDecision.PUSHED, PushReason.OPENED)]
    assert list(alerts_to_deliver(NOON + DAY)) == []
    entry = AuditEntry.objects.get_for_object(alert).get()
    assert entry.changes["dismissal_reason"] == ["", "ACCEPTED"]


def test_a_dismissal_is_refused_twice_and_without_words_for_something_else(project: Project, person: User) -> None:
    predict(project)
    raise_alerts(project=project, at=NOON)
    alert = Alert.objects.get()

    with pytest.raises(AlertRefused, match="teaches nobody") as refused:
        dismiss_alert(alert=alert, reason=DismissalReason.OTHER, note=" ", by=person, at=NOON)
    dismiss_alert(alert=alert, reason=DismissalReason.OTHER, note="Moved.", by=person, at=NOON)
    with pytest.raises(AlertRefused, match="dismissed already"):
        dismiss_alert(alert=alert, reason=DismissalReason.ACCEPTED, note="", by=person, at=NOON)

    assert refused.value.field == "note"


def dismissed(project: Project, person: User, reasons: list[DismissalReason], *, first: int = 0) -> None:
    for number, reason in enumerate(reasons, start=first):
        at = NOON + number * timedelta(minutes=1)
        predict(project, number, at=at)
        raise_alerts(project=project, at=at)
        alert = Alert.objects.get(state=AlertState.OPEN)
        dismiss_alert(alert=alert, reason=reason, note="", by=person, at=at)


def test_the_third_dismissal_for_one_reason_proposes_to_mute_and_a_person_accepts(
    project: Project, person: User
) -> None:
    known, wrong = DismissalReason.ALREADY_KNOWN, DismissalReason.WRONG_FACTS
    dismissed(project, person, [known, wrong, known])
    assert not AlertMute.objects.exists()
    dismissed(project, person, [known], first=3)

    mute = AlertMute.objects.get()
    assert (mute.state, mute.type, mute.reason) == (MuteState.PROPOSED, PredictionType.DELAY_RISK, known)
    predict(project, 4, at=NOON + DAY)
    raise_alerts(project=project, at=NOON + DAY)
    assert decisions()[-1][1] != PushReason.TYPE_MUTED  # a proposal mutes nothing

    decide_mute(mute=mute, state=MuteState.ACTIVE, note="", by=person, at=NOON + DAY)
    predict(project, 5, at=NOON + DAY)
    raise_alerts(project=project, at=NOON + DAY)

    assert decisions()[-1] == (PushDecision.MUTED, PushReason.TYPE_MUTED)
    assert list(alerts_to_deliver(NOON + DAY)) == []  # nor what was pushed before it
    assert (mute.state, mute.decided_by_id) == (MuteState.ACTIVE, person.pk)


def test_a_declined_proposal_comes_back_after_three_more_and_not_before(project: Project, person: User) -> None:
    known = DismissalReason.ALREADY_KNOWN
    dismissed(project, person, [known] * 3)
    decide_mute(
        mute=AlertMute.objects.get(), state=MuteState.DECLINED, note="", by=person, at=NOON + timedelta(minutes=2)
    )
    dismissed(project, person, [known] * 2, first=3)
    assert AlertMute.objects.count() == 1
    dismissed(project, person, [known], first=5)

    assert list(AlertMute.objects.order_by("id").values_list("state", flat=True)) == [
        MuteState.DECLINED,
        MuteState.PROPOSED,
    ]


def test_a_mute_moves_only_as_its_state_allows(project: Project, person: User) -> None:
    mute = mute_type(
        project=project,
        type=PredictionType.SCOPE_CREEP,
        reason=DismissalReason.NOT_RELEVANT,
        note="",
        by=person,
        at=NOON,
    )

    with pytest.raises(AlertRefused, match="does not follow"):
        decide_mute(mute=mute, state=MuteState.DECLINED, note="", by=person, at=NOON)
    decide_mute(mute=mute, state=MuteState.LIFTED, note="We plan again.", by=person, at=NOON)

    assert (mute.state, mute.note) == (MuteState.LIFTED, "We plan again.")


@pytest.mark.parametrize("rows", [1, 3])
def test_a_run_without_news_takes_four_queries(project: Project, rows: int, django_assert_num_queries: Any) -> None:
    for subject in range(rows):
        predict(project, subject)
    raise_alerts(project=project, at=NOON)

    with django_assert_num_queries(4):
        raise_alerts(project=project, at=NOON)


def test_nothing_of_the_other_tenant_is_raised_seen_or_delivered(project: Project, theirs: LookAlike) -> None:
    predict(project)
    with tenant_context(theirs.tenant.pk):
        before = list(Alert.objects.values())
        stranger = AlertDecision.objects.get()

    raise_alerts(project=project, at=NOON)

    assert {row.tenant_id for row in alerts_to_deliver(NOON + DAY)} == {project.tenant_id}
    assert not claim_delivery(stranger, at=NOON + DAY)
    with tenant_context(theirs.tenant.pk):
        assert list(Alert.objects.values()) == before
        assert raise_alerts(project=project, at=NOON).opened == 0


# --- probation ---


def warn_in_vain(project: Project, *, events: int, occurred: int, type: str = "DELAY_RISK") -> None:
    """So many events that were warned of twice each, decided two months before NOON, of which so many came."""
    for number in range(events):
        for day in (0, 1):
            at = NOON - (100 - day) * DAY
            prediction = predict(
                project, 100 + number, at=at, event=f"{type} {number}", type=type, predicted_for=NOON - 60 * DAY
            )
            came = number < occurred
            PredictionOutcomeFactory.create(
                prediction=prediction,
                result=OutcomeResult.OCCURRED if came else OutcomeResult.NOT_OCCURRED,
                settled_at=NOON - 59 * DAY,
                occurred_at=NOON - 60 * DAY if came else None,
            )


def test_a_type_whose_warnings_were_wrong_too_often_is_left_to_the_digest(project: Project) -> None:
    warn_in_vain(project, events=20, occurred=13)
    predict(project)

    raise_alerts(project=project, at=NOON)

    assert decisions() == [(PushDecision.DIGEST, PushReason.ON_PROBATION)]
    assert [row.prediction.project_id for row in alerts_for_digest(NOON)] == [project.pk]
    (row,) = describe_probation(NOON)
    assert (row["warned_events"], row["occurred_events"], row["precision"]) == (20, 13, 0.65)
    assert row["is_on_probation"] is True


def test_probation_is_of_a_type_and_ends_with_its_year(project: Project) -> None:
    warn_in_vain(project, events=20, occurred=0, type="SCOPE_CREEP")
    predict(project)

    raise_alerts(project=project, at=NOON)

    assert decisions() == [(PushDecision.PUSHED, PushReason.OPENED)]
    assert types_on_probation(NOON) == {"SCOPE_CREEP"}
    assert types_on_probation(NOON + 310 * DAY) == frozenset()
    assert types_on_probation(NOON - 61 * DAY) == frozenset()


def test_the_record_of_another_tenant_puts_nobody_on_probation(project: Project, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        warn_in_vain(ProjectFactory.create(), events=20, occurred=0)
        assert types_on_probation(NOON) == {"DELAY_RISK"}
    predict(project)

    raise_alerts(project=project, at=NOON)

    assert types_on_probation(NOON) == frozenset()
    assert decisions() == [(PushDecision.PUSHED, PushReason.OPENED)]


@pytest.mark.parametrize("rows", [1, 3])
def test_the_record_of_warnings_takes_one_query(project: Project, rows: int, django_assert_num_queries: Any) -> None:
    warn_in_vain(project, events=rows, occurred=0)

    with django_assert_num_queries(1):
        assert describe_probation(NOON)[0]["missing_events"] == 20 - rows
