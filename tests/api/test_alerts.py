"""Dismissing, muting, overriding and reporting through the API, and what of it the track record says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from predictions.domain.alerting import raise_alerts
from predictions.enums import OutcomeResult
from predictions.models import Alert, AlertMute, MissedEvent, Prediction, PredictionOverride
from projects.models import Project
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient
from tests.api.test_calibration import CALIBRATION, _settled
from tests.api.test_matrix import enter_project
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory
from tests.factories.projects import AnalysisRecordFactory, ProjectFactory

pytestmark = pytest.mark.django_db


def _open_prediction(world: LookAlike, **fields: Any) -> Prediction:
    now = timezone.now()
    with tenant_context(world.tenant.pk):
        prediction: Prediction = PredictionFactory.create(
            issued_at=now - timedelta(hours=1),
            as_of=now - timedelta(hours=1),
            predicted_for=now + timedelta(days=30),
            **fields,
        )
    return prediction


def _alert(world: LookAlike) -> Alert:
    prediction = _open_prediction(world)
    with tenant_context(world.tenant.pk):
        raise_alerts(project=prediction.project, at=timezone.now())
        alert: Alert = Alert.objects.get(prediction=prediction)
    return alert


def test_a_thread_is_dismissed_once_with_a_reason(ours: LookAlike, admin: ApiClient) -> None:
    alert = _alert(ours)
    path = f"/api/v1/alerts/{alert.pk}/dismissal"

    nothing = admin.send("POST", path, {"reason": "OTHER"})
    done = admin.send("POST", path, {"reason": "ACCEPTED", "note": "Signed off."})
    again = admin.send("POST", path, {"reason": "ACCEPTED"})

    assert (nothing.status_code, nothing.json()["errors"][0]["pointer"]) == (409, "#/note")
    assert (done.status_code, done.json()["state"], done.json()["dismissal_note"]) == (200, "DISMISSED", "Signed off.")
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (409, "#/reason")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "BORED"},
        {"reason": None},
        {"reason": "ACCEPTED", "note": "x" * 5_001},
        {"reason": "A\0"},
        [],
        "x",
    ],
)
def test_garbage_dismisses_nothing(body: Any, ours: LookAlike, admin: ApiClient) -> None:
    alert = _alert(ours)

    assert admin.send("POST", f"/api/v1/alerts/{alert.pk}/dismissal", body).status_code == 400
    assert admin.fetch(f"/api/v1/alerts/{alert.pk}").json()["state"] == "OPEN"


def test_what_was_pushed_and_why_can_be_read_and_exported(ours: LookAlike, admin: ApiClient) -> None:
    alert = _alert(ours)

    rows = admin.fetch("/api/v1/alert-decisions", alert=str(alert.pk)).json()["results"]

    assert [row["decision"] for row in rows] in (["PUSHED"], ["HELD"])
    assert admin.fetch("/api/v1/alert-decisions/export").status_code == 200


def test_a_type_is_muted_and_the_mute_lifted(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()
    wanted = {"project": str(project.pk), "type": "SCOPE_CREEP", "reason": "NOT_RELEVANT"}

    made = admin.send("POST", "/api/v1/alert-mutes", wanted)
    twice = admin.send("POST", "/api/v1/alert-mutes", wanted)
    path = f"/api/v1/alert-mutes/{made.json()['id']}/decision"
    wrong = admin.send("POST", path, {"state": "DECLINED"})
    lifted = admin.send("POST", path, {"state": "LIFTED", "note": "We plan again."})

    assert (made.status_code, made.json()["state"]) == (201, "ACTIVE")
    assert made.json()["decided_by_id"] == str(ours.users[Role.ADMIN].pk)
    assert twice.status_code in (400, 409)
    assert wrong.status_code == 409
    assert (lifted.status_code, lifted.json()["state"], lifted.json()["note"]) == (200, "LIFTED", "We plan again.")


def test_nobody_says_on_creation_that_a_proposal_was_accepted(ours: LookAlike, admin: ApiClient) -> None:
    proposal = ours.rows[AlertMute]

    accepted = admin.send("POST", f"/api/v1/alert-mutes/{proposal.pk}/decision", {"state": "ACTIVE"})

    assert (accepted.status_code, accepted.json()["state"]) == (200, "ACTIVE")
    assert accepted.json()["proposed_at"] is not None


def test_an_override_stands_beside_the_models_number(ours: LookAlike, admin: ApiClient) -> None:
    prediction = _open_prediction(ours)
    path = f"/api/v1/predictions/{prediction.pk}"
    before = admin.fetch(path).json()

    made = admin.send(
        "POST",
        "/api/v1/prediction-overrides",
        {"prediction": str(prediction.pk), "probability": 0.25, "reason": "Help is coming."},
    )

    after = admin.fetch(path).json()
    assert made.status_code == 201
    assert made.json()["made_by_id"] == str(ours.users[Role.ADMIN].pk)
    assert (before["override_probability"], before["override_made_at"]) == (None, None)
    assert after == before | {"override_probability": 0.25, "override_made_at": made.json()["made_at"]}
    assert after["probability"] == 0.7
    (listed,) = admin.fetch(
        "/api/v1/predictions", episode_id=str(prediction.episode_id), project=after["project"]
    ).json()["results"]
    assert listed["override_probability"] == 0.25


def test_the_forecast_shows_what_a_person_says_of_its_claim(ours: LookAlike, admin: ApiClient) -> None:
    now = timezone.now()
    prediction = _open_prediction(ours)
    path = f"/api/v1/projects/{prediction.project_id}/forecast"
    with tenant_context(ours.tenant.pk):
        results = {"quantiles": [], "target_date": prediction.event["target_date"]}
        AnalysisRecordFactory.create(
            project=prediction.project, kind="FORECAST", as_of=now, readiness="OK", results=results
        )
    before = admin.fetch(path).json()
    said = {"prediction": str(prediction.pk), "probability": 0.25, "reason": "Help is coming."}
    admin.send("POST", "/api/v1/prediction-overrides", said)

    after = admin.fetch(path).json()

    assert (before["prediction"], before["override"]) == (str(prediction.pk), None)
    assert after["override"] | said == after["override"]
    assert after["result"] == before["result"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"probability": 1.5}, (400, 409)),
        ({"probability": "NaN"}, (400,)),
        ({"probability": None}, (400,)),
        ({"reason": " "}, (400, 409)),
        ({"reason": "a\0b"}, (400,)),
        ({"made_at": "2020-01-01T00:00:00Z"}, (201,)),
    ],
)
def test_nonsense_is_no_override_and_what_the_system_keeps_is_not_sent(
    changes: dict[str, Any], status: tuple[int, ...], ours: LookAlike, admin: ApiClient
) -> None:
    prediction = _open_prediction(ours)
    body = {"prediction": str(prediction.pk), "probability": 0.25, "reason": "Help is coming."} | changes

    answer = admin.send("POST", "/api/v1/prediction-overrides", body)

    assert answer.status_code in status
    if answer.status_code == 201:
        assert answer.json()["made_at"] > "2026"


def test_over_and_foreign_predictions_are_not_overridden(ours: LookAlike, theirs: LookAlike, admin: ApiClient) -> None:
    said = {"probability": 0.25, "reason": "Help is coming."}

    over = admin.send("POST", "/api/v1/prediction-overrides", {"prediction": str(ours.rows[Prediction].pk), **said})
    foreign = admin.send(
        "POST", "/api/v1/prediction-overrides", {"prediction": str(theirs.rows[Prediction].pk), **said}
    )

    assert (over.status_code, over.json()["errors"][0]["pointer"]) == (409, "#/prediction")
    assert (foreign.status_code, foreign.json()["errors"][0]["pointer"]) == (400, "#/prediction")


def test_a_team_leader_reports_what_a_manager_then_judges(
    ours: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    with tenant_context(ours.tenant.pk):
        project, other = ProjectFactory.create(), ProjectFactory.create()
    enter_project(ours, project.pk)
    leader, manager = as_role(Role.TEAM_LEADER), as_role(Role.PROJECT_MANAGER)
    happened = {"type": "QUALITY_ISSUE", "occurred_at": "2026-11-01T09:00:00Z", "description": "Rolled back."}

    hidden = leader.send("POST", "/api/v1/missed-events", {"project": str(other.pk), **happened})
    made = leader.send("POST", "/api/v1/missed-events", {"project": str(project.pk), **happened})
    path = f"/api/v1/missed-events/{made.json()['id']}/verdicts"
    own = leader.send("POST", path, {"status": "CONFIRMED", "note": "I say so."})
    silent = manager.send("POST", path, {"status": "CONFIRMED", "note": ""})
    judged = manager.send("POST", path, {"status": "CONFIRMED", "note": "Seen in the log."})

    assert (hidden.status_code, made.status_code, own.status_code) == (400, 201, 403)
    assert (silent.status_code, judged.status_code, judged.json()["status"]) == (400, 201, "CONFIRMED")
    steps = manager.fetch("/api/v1/missed-event-verdicts", missed_event=made.json()["id"]).json()["results"]
    assert [step["status"] for step in steps] == ["CONFIRMED", "REPORTED"]
    assert as_role(Role.STAKEHOLDER).send("POST", "/api/v1/missed-events", {}).status_code == 403


def test_a_report_of_the_future_is_refused(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()
    body = {"project": str(project.pk), "type": "DELAY_RISK", "occurred_at": "2999-01-01T00:00:00Z", "description": "x"}

    answer = admin.send("POST", "/api/v1/missed-events", body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "#/occurred_at")


def test_a_key_that_writes_dismisses_and_one_that_reads_does_not(
    ours: LookAlike, key_of: Callable[..., ApiClient]
) -> None:
    path, body = f"/api/v1/alerts/{_alert(ours).pk}/dismissal", {"reason": "ACCEPTED"}

    assert key_of(Role.ADMIN, ApiScope.READ).send("POST", path, body).status_code == 403
    assert key_of(Role.ADMIN, ApiScope.WRITE).send("POST", path, body).status_code == 200


# --- the track record ---


@pytest.fixture
def scored(ours: LookAlike) -> Project:
    """Twenty events in a row that all came though .3 was said, and were warned of too rarely."""
    with tenant_context(ours.tenant.pk):
        project: Project = ProjectFactory.create()
        for number in range(20):
            as_of = timezone.now() - timedelta(days=10 * (25 - number))
            _settled(
                project,
                number,
                probability=0.3,
                result=OutcomeResult.OCCURRED,
                as_of=as_of,
                issued_at=as_of,
                predicted_for=as_of + timedelta(days=9),
            )
    return project


def test_the_record_says_since_when_forecasts_are_wrong_and_how(scored: Project, admin: ApiClient) -> None:
    (drift,) = admin.fetch(CALIBRATION, project=str(scored.pk)).json()["drift"]

    assert (drift["type"], drift["watched"], drift["is_alarming"], drift["fault"]) == (
        "DELAY_RISK",
        "probability",
        True,
        "TOO_LOW",
    )
    assert drift["since"] <= drift["alarmed_at"]


def test_confirmed_reports_count_in_recall_and_overrides_beside_the_model(
    scored: Project, ours: LookAlike, admin: ApiClient
) -> None:
    before = admin.fetch(CALIBRATION, project=str(scored.pk)).json()
    happened = {"type": "DELAY_RISK", "occurred_at": "2026-01-01T09:00:00Z", "description": "Late, and unseen."}
    for number in range(4):
        body = {"project": str(scored.pk), **happened, "occurred_at": f"2026-01-0{number + 1}T09:00:00Z"}
        made = admin.send("POST", "/api/v1/missed-events", body).json()
        if number:
            admin.send("POST", f"/api/v1/missed-events/{made['id']}/verdicts", {"status": "CONFIRMED", "note": "Seen."})
    with tenant_context(ours.tenant.pk):
        for row in Prediction.objects.filter(project=scored):
            PredictionOverride.objects.create(
                project=scored,
                prediction=row,
                event_key=row.event_key,
                probability=0.8,
                reason="We knew.",
                made_by_id=ours.users[Role.ADMIN].pk,
                made_at=row.issued_at + timedelta(days=1),
            )

    shown = admin.fetch(CALIBRATION, project=str(scored.pk), type="DELAY_RISK").json()
    other_type = admin.fetch(CALIBRATION, project=str(scored.pk), type="SCOPE_CREEP").json()

    assert (shown["reported_misses"]["CONFIRMED"], shown["reported_misses"]["REPORTED"]) == (3, 1)
    assert shown["all"]["warnings"]["reported_misses"] == 3
    assert before["all"]["warnings"]["recall_72h"]["value"] == shown["all"]["warnings"]["recall_72h"]["value"] == 0
    assert shown["all"]["warnings"]["recall_72h"]["high"] < before["all"]["warnings"]["recall_72h"]["high"]
    assert shown["overrides"]["events"] == 20
    assert shown["overrides"]["brier_people"] == pytest.approx(0.04)
    assert shown["overrides"]["brier_model"] == pytest.approx(0.49)
    assert shown["overrides"]["difference"]["high"] < 0
    assert (other_type["overrides"]["events"], other_type["overrides"]["brier_people"]) == (0, None)
    assert other_type["reported_misses"]["CONFIRMED"] == 0


def test_a_team_leader_reads_the_record_of_own_projects_only(
    scored: Project, as_role: Callable[[Role], ApiClient], ours: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        MissedEvent.objects.create(
            project=scored,
            type="DELAY_RISK",
            occurred_at=timezone.now() - timedelta(days=2),
            description="x",
            reported_at=timezone.now(),
            reported_by_id=ours.users[Role.ADMIN].pk,
        )

    shown = as_role(Role.TEAM_LEADER).fetch(CALIBRATION).json()

    assert (sum(shown["reported_misses"].values()), shown["drift"], shown["overrides"]["events"]) == (0, [], 0)
