"""What administrators do on the pages of alerts, predictions and reports, and what those show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from predictions.domain.alerting import raise_alerts
from predictions.enums import AlertState, MissedEventStatus, MuteState
from predictions.models import Alert, AlertMute, MissedEvent, MissedEventVerdict, Prediction, PredictionOverride
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(ours: LookAlike) -> Client:
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    return client


def _page(model: str, page: str, *args: Any) -> str:
    return reverse(f"admin:predictions_{model}_{page}", args=args)


def _open_prediction(world: LookAlike) -> Prediction:
    now = timezone.now()
    with tenant_context(world.tenant.pk):
        prediction: Prediction = PredictionFactory.create(
            issued_at=now, as_of=now - timedelta(minutes=1), predicted_for=now + timedelta(days=30)
        )
        raise_alerts(project=prediction.project, at=timezone.now())
    return prediction


def test_a_prediction_shows_its_warning_what_was_pushed_and_what_a_person_says(
    ours: LookAlike, browser: Client
) -> None:
    prediction = _open_prediction(ours)
    page = _page("prediction", "change", prediction.pk)
    before = browser.get(page).content.decode()

    answer = browser.post(
        _page("prediction", "override", prediction.pk), {"chance_percent": "25", "reason": "Help is <b>coming</b>."}
    )

    after = browser.get(page).content.decode()
    assert answer.status_code == 302
    assert "Open warning" in before
    assert "(a new warning)" in before or "(it is night)" in before
    assert "What a person says" not in before
    assert "<strong>25 %</strong>, by" in after
    assert "Help is &lt;b&gt;coming&lt;/b&gt;." in after
    assert "<strong>70 %</strong> likely" in after


@pytest.mark.parametrize(
    "typed",
    [{}, {"chance_percent": "101", "reason": "x"}, {"chance_percent": "x", "reason": "x"}, {"chance_percent": "5"}],
)
def test_nonsense_overrides_nothing_and_is_named(typed: dict[str, str], ours: LookAlike, browser: Client) -> None:
    prediction = _open_prediction(ours)

    answer = browser.post(_page("prediction", "override", prediction.pk), typed, follow=True)

    assert "Nothing was changed." in answer.content.decode()
    with tenant_context(ours.tenant.pk):
        assert not PredictionOverride.objects.filter(prediction=prediction).exists()


def test_an_alert_is_dismissed_once_on_its_page(ours: LookAlike, browser: Client) -> None:
    prediction = _open_prediction(ours)
    with tenant_context(ours.tenant.pk):
        alert = Alert.objects.get(prediction=prediction)
    url, typed = _page("alert", "dismiss", alert.pk), {"reason": "ACCEPTED", "note": "Signed off."}

    first = browser.post(url, typed, follow=True).content.decode()
    second = browser.post(url, typed, follow=True).content.decode()

    with tenant_context(ours.tenant.pk):
        alert.refresh_from_db()
    assert (alert.state, alert.dismissed_by_id) == (AlertState.DISMISSED, ours.users[Role.ADMIN].pk)
    assert "still followed and scored" in first
    assert "Hear no more of it" not in first
    assert "dismissed already" in second


def test_a_proposal_is_accepted_and_a_report_judged_on_their_pages(ours: LookAlike, browser: Client) -> None:
    mute, event = ours.rows[AlertMute], ours.rows[MissedEvent]

    browser.post(_page("alertmute", "decide", mute.pk), {"state": "ACTIVE", "note": ""})
    silent = browser.post(_page("missedevent", "judge", event.pk), {"status": "CONFIRMED", "note": ""}, follow=True)
    browser.post(_page("missedevent", "judge", event.pk), {"status": "CONFIRMED", "note": "Seen."})

    assert "Why: This field is required." in silent.content.decode()
    with tenant_context(ours.tenant.pk):
        assert AlertMute.objects.get(pk=mute.pk).state == MuteState.ACTIVE
        assert MissedEvent.objects.get(pk=event.pk).status == MissedEventStatus.CONFIRMED
        newest = MissedEventVerdict.objects.filter(missed_event=event).order_by("-id")[0]
    assert (newest.note, newest.actor_id) == ("Seen.", ours.users[Role.ADMIN].pk)


def test_people_add_reports_mutes_and_overrides_through_the_domain(ours: LookAlike, browser: Client) -> None:
    prediction = _open_prediction(ours)
    project = str(prediction.project_id)
    happened = {"occurred_at_0": "2026-01-05", "occurred_at_1": "09:00:00"}

    browser.post(
        _page("missedevent", "add"), {"project": project, "type": "DELAY_RISK", "description": "Late.", **happened}
    )
    browser.post(
        _page("alertmute", "add"), {"project": project, "type": "SCOPE_CREEP", "reason": "ACCEPTED", "note": ""}
    )
    browser.post(
        _page("predictionoverride", "add"), {"prediction": str(prediction.pk), "probability": "0.2", "reason": "Help."}
    )
    over = browser.post(
        _page("predictionoverride", "add"),
        {"prediction": str(ours.rows[Prediction].pk), "probability": "0.2", "reason": "Help."},
        follow=True,
    )

    with tenant_context(ours.tenant.pk):
        event = MissedEvent.objects.get(project=project)
        assert event.verdicts.count() == 1
        assert event.reported_by_id == ours.users[Role.ADMIN].pk
        assert AlertMute.objects.get(project=project).state == MuteState.ACTIVE
        assert PredictionOverride.objects.get(prediction=prediction).probability == 0.2
    assert "The event is over" in over.content.decode()


@pytest.mark.parametrize(
    ("model", "act", "row"),
    [
        ("prediction", "override", Prediction),
        ("alert", "dismiss", Alert),
        ("alertmute", "decide", AlertMute),
        ("missedevent", "judge", MissedEvent),
    ],
)
def test_acts_are_posted_by_who_may_and_reach_no_other_tenant(
    model: str, act: str, row: Any, ours: LookAlike, theirs: LookAlike, browser: Client
) -> None:
    url = _page(model, act, ours.rows[row].pk)

    assert browser.get(url).status_code == 405
    assert browser.post(_page(model, act, theirs.rows[row].pk), {}).status_code == 404
    assert Client(enforce_csrf_checks=True).post(url, {}).status_code in (302, 403)
    unsigned = Client(enforce_csrf_checks=True)
    unsigned.cookies = browser.cookies
    assert unsigned.post(url, {}).status_code == 403
